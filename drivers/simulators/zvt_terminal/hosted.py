"""A simulated terminal in somebody's world, with a cable that can be pulled at a given moment."""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from drivers.links.tcp import TcpListener
from drivers.simulators.faults import Direction, Kind, Plan, Rule, When
from drivers.simulators.faulty import FaultyListener
from drivers.simulators.pty import PtyListener
from drivers.simulators.zvt_terminal.customers import CARDS, Customer
from drivers.simulators.zvt_terminal.ledger import Entry
from drivers.simulators.zvt_terminal.profiles import Profile, Times
from drivers.simulators.zvt_terminal.terminal import Terminal

MOMENTS = {"waiting_for_card": 0x0A, "authorizing": 0x04}
"""When the cable can be pulled: behind which 04 FF, by the word that a till reads for it."""

AWAY_S = 4.0
"""How long a pulled cable is away, in seconds of the world."""

_CUSTOMER = frozenset(each.name for each in fields(Customer))


class ControlError(ValueError):
    """A control that this terminal does not have; the message says what there is."""


class HostedTerminal:
    """One terminal behind one listener. `serve` is the task that hosts its callers."""

    def __init__(
        self,
        listener: TcpListener | PtyListener,
        profile: Profile,
        *,
        clock: Callable[[], datetime],
        times: Times | None = None,
        seed: int = 0,
    ) -> None:
        """`clock` gives the terminal's local time; `times` are the profile's if left out."""
        self._listener = listener
        self._terminal = Terminal(profile, times=times, clock=clock, seed=seed)
        self._pull_at: int | None = None
        # a When picks chunks by what is in them: the moment is known on the wire, whatever the clock says
        rule = Rule(Kind.CUT, Direction.DOWN, When(self._is_moment), times=None, seconds=AWAY_S)
        self._plan = Plan([rule], seed=seed)

    @property
    def link(self) -> str:
        """What a reader's `link` has to be; known once it listens."""
        return str(self._listener.address)

    async def open(self) -> None:
        """Be there for callers. Errors: `LinkNotOpenedError`."""
        await self._listener.open()

    async def serve(self) -> None:
        """Host every caller until cancelled."""
        serial = isinstance(self._listener, PtyListener)
        async with FaultyListener(self._listener, self._plan) as calls, asyncio.TaskGroup() as group:
            while True:
                link = await calls.accept()
                group.create_task(self._terminal.host(link, serial=serial), name="zvt terminal's caller")

    def control(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """`customer`: who comes from now on; `pull`: at which of `MOMENTS` the cable is pulled, once.

        Errors: `ControlError`.
        """
        for name, value in body.items():
            match name:
                case "customer":
                    self._terminal.device.usual = _customer(value)
                case "pull" if value is None or value in MOMENTS:
                    self._pull_at = None if value is None else MOMENTS[value]
                case "pull":
                    raise ControlError(f"the cable is pulled at {', '.join(MOMENTS)}, not at {value!r}")
                case _:
                    raise ControlError(f"a terminal has the controls customer and pull, not {name!r}")
        return {"customer": self._terminal.device.usual.card, "pull": self._pull_at}

    def ledger(self) -> list[Entry]:
        """What really became of each transaction."""
        return self._terminal.ledger()

    def _is_moment(self, data: bytes) -> bool:
        if self._pull_at is None or not re.search(
            rb"\x04\xff.%b" % re.escape(bytes((self._pull_at,))), data, re.DOTALL
        ):
            return False
        self._pull_at = None
        return True


def _customer(value: Any) -> Customer:
    if not isinstance(value, dict) or not set(value) <= _CUSTOMER:
        raise ControlError(f"a customer has {', '.join(sorted(_CUSTOMER))}, not {value!r}")
    customer = replace(Customer(), **value)
    if customer.card not in CARDS:
        raise ControlError(f"nobody has the card {customer.card!r}; there are: {', '.join(CARDS)}")
    return customer

"""The store without its gateway: clock, Stripe, terminals, lines, customers. One seed decides all of it."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextvars import Context
from datetime import datetime, timedelta
from typing import Any, Final

from drivers.links.memory import MemoryListener
from drivers.simulators.chaos.life import Life
from drivers.simulators.chaos.loop import ChaosLoop
from drivers.simulators.chaos.network import LivingNetwork
from drivers.simulators.chaos.terminal import StoreTerminal
from drivers.simulators.chaos.wire import Wire, WireFault
from drivers.simulators.fault_list import FAULTS
from drivers.simulators.stripe_api import actions
from drivers.simulators.stripe_api.core import StripeSimulator
from drivers.simulators.stripe_api.ledger import ledger
from drivers.simulators.stripe_api.settings import SimulatorSettings
from drivers.simulators.stripe_api.store import Account, Record
from drivers.simulators.stripe_api.wire import SimRequest
from drivers.simulators.virtual_time import EPOCH
from drivers.simulators.zvt_terminal.ledger import Entry

SERIAL_PATH: Final = "/dev/chaos/"
ZONE: Final = timedelta(hours=1)

_WORLD: Final = Context()
"""Whose work it is that nobody's life is: an empty context."""

_SHOWN: Final = frozenset({actions.WAIT, actions.BUSY})


class ChaosWorld:
    """Use: make it, `run` a story in it; all else is for while it runs."""

    def __init__(
        self,
        seed: int,
        terminals: Mapping[str, Mapping[str, Any]],
        *,
        shuffle: bool = True,
        note: Callable[[str, str, str], None],
        leaving: Callable[[str, str, bytes], None],
        screens: Callable[[dict[str, tuple[str, str]]], None],
        heard: Callable[[str, bytes], None],
    ) -> None:
        """`terminals`: name to `profile`, `serial` and `bad_line`.

        `note(fault, request path or terminal, body)` hears of each fault that comes true, `leaving` of each
        request before it leaves, `heard` of bytes to a terminal, `screens` of each reader's prompt (reader id
        to PaymentIntent and session) whenever it may have changed.
        """
        self.seed = seed
        self.loop = ChaosLoop(seed, shuffle=shuffle)
        self.clock_offset_s = 0.0
        self._declared = terminals
        self._note = note
        self._leaving = leaving
        self._screens = screens
        self._group: asyncio.TaskGroup | None = None
        self._serving: list[asyncio.Task[None]] = []
        chance = random.Random(seed)  # noqa: S311  # repeatable, not secret
        self._chance = chance
        self.simulator = StripeSimulator(
            now=lambda: self.now().timestamp(), settings=SimulatorSettings(busy_s=1.5), seed=seed
        )
        self.wire = Wire(
            self.simulator,
            random.Random(chance.random()),  # noqa: S311  # as above
            self._spawn,
            leaving=self._request_leaves,
            arrived=self._request_arrived,
            fired=self._wire_fired,
        )
        self.network = LivingNetwork(heard)
        self.terminals: dict[str, StoreTerminal] = {}

    # -- time and life --------------------------------------------------------------------------------

    def now(self) -> datetime:
        """The true time (UTC)."""
        return EPOCH + timedelta(seconds=self.loop.time())

    def gateway_now(self) -> datetime:
        """What the gateway's clock shows."""
        return self.now() + timedelta(seconds=self.clock_offset_s)

    def run(self, story: Callable[[], Awaitable[None]]) -> None:
        """Run a story in this world to its end; then nothing of the world runs any more."""
        unheard: list[Mapping[str, Any]] = []
        self.loop.set_exception_handler(lambda _loop, context: unheard.append(context))
        asyncio.set_event_loop(None)
        try:
            self.loop.run_until_complete(self._live(story))
        finally:
            self.simulator.close()
            self.loop.close()
        if unheard:
            raise AssertionError(f"errors nobody asked for: {unheard}")

    async def _live(self, story: Callable[[], Awaitable[None]]) -> None:
        async with asyncio.TaskGroup() as group:
            self._group = group
            for name, how in self._declared.items():
                self.terminals[name] = self._make_terminal(name, **how)
            try:
                await story()
            finally:
                for task in self._serving:
                    task.cancel()

    def _make_terminal(self, name: str, *, profile: str, serial: bool, bad_line: bool) -> StoreTerminal:
        assert self._group is not None
        listener: MemoryListener = self.network.listen(SERIAL_PATH + name if serial else name)
        terminal = StoreTerminal(
            name,
            profile,
            listener,
            serial=serial,
            clock=lambda: self.now() + ZONE,
            fired=lambda fault: self._note(fault, name, ""),
            seed=self._chance.randrange(2**31),
            bad_line=bad_line,
        )
        self._serving.append(self._group.create_task(terminal.serve(), name=f"terminal {name}"))
        return terminal

    def link_of(self, name: str) -> str:
        """The link that a reader of this name declares."""
        serial = self._declared[name]["serial"]
        return f"serial://{SERIAL_PATH}{name}" if serial else f"memory://{name}"

    def new_life(self, on_death: Callable[[Any], None]) -> Life:
        """A program that can be killed. `on_death` is told at once."""
        self.network.back()
        return Life(on_death)

    def died(self, life: Life, *, power: bool) -> None:
        """What a dead program leaves outside: requests under way, links. `power`: nobody hears of its end."""
        self.wire.died(life)
        self.network.died(life, told=not power)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Something of the world's own, whoever began it."""
        assert self._group is not None
        group = self._group
        # in a context of its own: what is called when it has ended must not be the business of a dead program
        task = Context().run(lambda: group.create_task(work, name=name))
        self._serving = [each for each in self._serving if not each.done()]
        self._serving.append(task)

    # -- Stripe ---------------------------------------------------------------------------------------

    async def request(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> tuple[int, dict[str, str], bytes]:
        """One request of the gateway to Stripe. Errors: `WireError`."""
        return await self.wire.send(method, path, dict(headers), body, timeout_s)

    def _request_leaves(self, request: SimRequest) -> None:
        self._leaving(request.method, request.path, request.body)

    def _request_arrived(self, request: SimRequest) -> None:
        if request.method == "POST":
            self._screens(self.screens())

    def _wire_fired(self, fault: str, request: SimRequest) -> None:
        self._note(fault, request.path, request.body.decode("utf-8", "replace"))

    def _readers(self) -> list[tuple[Account, Record]]:
        accounts = self.simulator.world.accounts.values()
        return [(account, reader) for account in accounts for reader in account.all("terminal.reader")]

    def reader_id(self, label: str) -> str:
        """The id at Stripe of the reader with this label; "" before it is registered."""
        return next((each.id for _, each in self._readers() if each.body["label"] == label), "")

    def screens(self) -> dict[str, tuple[str, str]]:
        """What each reader shows that can be paid: reader id to PaymentIntent and session."""
        shown: dict[str, tuple[str, str]] = {}
        for account, reader in self._readers():
            if reader.hidden["phase"] in _SHOWN:
                intent = actions.intent_of(account, reader)
                if intent is not None and intent.body["status"] == "requires_payment_method":
                    shown[reader.id] = (intent.id, intent.body["metadata"].get("tillgate_session", ""))
        return shown

    def books(self) -> list[dict[str, Any]]:
        """The simulated bank's books, a row a PaymentIntent."""
        self.simulator.catch_up()
        world = self.simulator.world
        rows: list[dict[str, Any]] = ledger(world, list(world.accounts.values()))["payment_intents"]
        return rows

    def refunds(self) -> list[dict[str, Any]]:
        """Every refund that Stripe knows."""
        accounts = self.simulator.world.accounts.values()
        return [dict(each.body) for account in accounts for each in account.all("refund")]

    def turnover(self) -> dict[str, list[Entry]]:
        """What each terminal's memory says."""
        return {name: terminal.turnover() for name, terminal in self.terminals.items()}

    # -- hands ----------------------------------------------------------------------------------------

    def expect(self, reader: str, hands: Mapping[str, Any]) -> None:
        """Who comes to a reader from now on: at Stripe's the wishes of `/_sim/readers`, else a `Customer`."""
        terminal = self.terminals.get(reader)
        if terminal is not None:
            terminal.expect(hands)
            return
        self._control(reader, hands)

    def _control(self, reader: str, wishes: Mapping[str, Any]) -> None:
        found = next(((a, r) for a, r in self._readers() if r.body["label"] == reader), None)
        if found is None:
            return
        self.simulator.catch_up()
        body = json.dumps(dict(wishes)).encode()
        handling = self.simulator.handle(SimRequest("POST", f"/_sim/readers/{found[1].id}", {}, body))
        try:
            handling.send(None)
        except StopIteration as end:
            if end.value.status != 200:
                raise AssertionError(end.value.body.decode()) from None

    def arm(self, fault: str, times: int, pattern: str = "") -> None:
        """Let the next requests suffer this, by the word of `WireFault`."""
        self.wire.arm(WireFault(fault), times, pattern)

    def line_down(self, *, down: bool) -> None:
        """Cut the line to Stripe, or mend it."""
        self.wire.cut = down

    def disturb(self, reader: str, what: str, seconds: float, seed: int) -> bool:
        """Let something happen to a reader; False: it cannot happen to this one."""
        terminal = self.terminals.get(reader)
        if terminal is None:
            return self._disturb_stripe(reader, what, seconds)
        match what:
            case "reboot":
                terminal.reboot()
            case "busy":
                terminal.occupy(seconds)
            case "unplugged" | "absent":
                self._spawn(terminal.unplug(seconds), f"unplug {reader}")
            case _ if (what := what.removeprefix("line ")) in FAULTS and terminal.plan is not None:
                if FAULTS[what].serial_only and not self._declared[reader]["serial"]:
                    return False
                terminal.line_fault(what, seconds, seed)
            case _:
                return False
        return True

    def _disturb_stripe(self, reader: str, what: str, seconds: float) -> bool:
        match what:
            case "reboot" | "vanish":
                wishes: dict[str, Any] = {"state": "vanish"}
            case "offline" | "updating":
                wishes = {"state": what}
            case "busy":
                wishes = {"state": f"busy:{seconds:g}"}
            case "connection_error" | "connection_error_authorized":
                wishes = {"next_payment": what}
            case _:
                return False
        self._control(reader, wishes)
        if wishes.get("state") in {"vanish", "offline", "updating"}:
            self.loop.call_later(seconds, self._control, reader, {"state": "online"}, context=_WORLD)
        return True

    def heal(self) -> None:
        """Nothing goes wrong any more: lines are good, readers are there."""
        self.wire.disarm()
        self.simulator.faults.clear()
        for terminal in self.terminals.values():
            terminal.heal()
        for _, reader in self._readers():
            self._control(reader.body["label"], {"state": "online", "next_payment": None})

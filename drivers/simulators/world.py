"""Everything outside a gateway in one process: the clock, Stripe, terminals, the customers' hands."""

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from drivers.links.tcp import TcpListener
from drivers.simulators.pty import PtyListener
from drivers.simulators.register import Register
from drivers.simulators.stripe_api.core import StripeSimulator
from drivers.simulators.stripe_api.server import Serving, serve
from drivers.simulators.stripe_api.settings import SimulatorSettings
from drivers.simulators.stripe_api.wire import SimRequest
from drivers.simulators.virtual_time import EPOCH, ScaledTimeLoop
from drivers.simulators.zvt_terminal.hosted import ControlError, HostedTerminal
from drivers.simulators.zvt_terminal.profiles import PROFILES


class WorldError(Exception):
    """The simulated world refused a control; the message is its own."""


class SimulatedWorld:
    """A world at `speed` times the pace of ours. Use: `new_loop`, run in it, `open`, ..., `close`."""

    def __init__(self, *, speed: float = 1.0, seed: int = 0, authorizing_s: float = 1.5) -> None:
        """`authorizing_s`: how long an issuer takes, in seconds of the world."""
        self._speed = speed
        self._seed = seed
        self._authorizing_s = authorizing_s
        self._loop: ScaledTimeLoop | None = None
        self._stripe: StripeSimulator | None = None
        self._serving: Serving | None = None
        self._terminals: dict[str, HostedTerminal] = {}
        self._registers: dict[str, Register] = {}
        self._group: asyncio.TaskGroup | None = None
        self._hosting: list[asyncio.Task[None]] = []

    def new_loop(self) -> asyncio.AbstractEventLoop:
        """An event loop at the world's pace."""
        self._loop = ScaledTimeLoop(self._speed)
        return self._loop

    def now(self) -> datetime:
        """The world's wall clock."""
        return EPOCH if self._loop is None else self._loop.now()

    async def open(self, folder: Path) -> None:
        """Start the simulators on free ports of the loopback interface, and serial ports in `folder`.

        `close` is for the same task.
        """
        self._stripe = StripeSimulator(
            now=lambda: self.now().timestamp(),
            settings=SimulatorSettings(busy_s=self._authorizing_s),
            seed=self._seed,
        )
        self._serving = await serve(self._stripe, "127.0.0.1", 0)
        self._terminals = {
            "till-4": self._terminal(PtyListener(folder / "till-4"), "standard"),
            "till-5": self._terminal(TcpListener("127.0.0.1", 0), "deferred"),
        }
        self._group = await asyncio.TaskGroup().__aenter__()
        for name, terminal in self._terminals.items():
            await terminal.open()
            self._hosting.append(self._group.create_task(terminal.serve(), name=f"terminal {name}"))

    def _terminal(self, listener: TcpListener | PtyListener, profile: str) -> HostedTerminal:
        return HostedTerminal(listener, PROFILES[profile], clock=self.now, seed=self._seed)

    async def close(self) -> None:
        """Stop the simulators."""
        for hosting in self._hosting:
            hosting.cancel()
        if self._group is not None:
            await self._group.__aexit__(None, None, None)
        if self._serving is not None:
            await self._serving.close()
        if self._stripe is not None:
            self._stripe.close()

    @property
    def stripe_url(self) -> str:
        """Where the simulated Stripe listens."""
        if self._serving is None:
            raise WorldError("the world is not open")
        return self._serving.url

    @property
    def terminals(self) -> dict[str, str]:
        """The links of the simulated ZVT terminals, by name: one on a serial port, one on TCP."""
        return {name: terminal.link for name, terminal in self._terminals.items()}

    async def control(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """`POST /_sim/PATH`, `zvt/NAME` for a terminal; raises `WorldError` with the reason."""
        kind, _, name = path.partition("/")
        if kind == "zvt":
            if name not in self._terminals:
                raise WorldError(f"{path}: there is no such terminal")
            try:
                return self._terminals[name].control(body)
            except ControlError as error:
                raise WorldError(f"{path}: {error}") from error
        return await self._ask("POST", path, json.dumps(body).encode())

    async def ring_up(self, link: str, amount: int, stop_after_s: float | None = None) -> bool:
        """A sale by a ZVT register that calls `link`; whether it was told that it is paid."""
        if link not in self._registers:
            self._registers[link] = Register(link)
        return await self._registers[link].sell(amount, stop_after_s=stop_after_s)

    async def ledger(self) -> list[dict[str, Any]]:
        """What the simulated Stripe's books say of each PaymentIntent."""
        intents: list[dict[str, Any]] = (await self._ask("GET", "ledger", b""))["payment_intents"]
        return intents

    async def turnover(self) -> dict[str, list[dict[str, Any]]]:
        """What the terminals' own memories say of each transaction, by terminal."""
        return {
            name: [dict(entry) for entry in terminal.ledger()] for name, terminal in self._terminals.items()
        }

    async def _ask(self, method: str, path: str, body: bytes) -> dict[str, Any]:
        if self._stripe is None:
            raise WorldError("the world is not open")
        answer = await self._stripe.handle(SimRequest(method, f"/_sim/{path}", {}, body))
        read: dict[str, Any] = json.loads(answer.body)
        if answer.status != 200:
            raise WorldError(f"{path}: {read['error']['message']}")
        return read

"""Everything outside a gateway in one process: the clock, the simulated Stripe, the customers' hands."""

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from drivers.simulators.stripe_api.core import StripeSimulator
from drivers.simulators.stripe_api.server import Serving, serve
from drivers.simulators.stripe_api.settings import SimulatorSettings
from drivers.simulators.stripe_api.wire import SimRequest
from drivers.simulators.virtual_time import EPOCH, ScaledTimeLoop


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

    def new_loop(self) -> asyncio.AbstractEventLoop:
        """An event loop at the world's pace."""
        self._loop = ScaledTimeLoop(self._speed)
        return self._loop

    def now(self) -> datetime:
        """The world's wall clock."""
        return EPOCH if self._loop is None else self._loop.now()

    async def open(self) -> None:
        """Start the simulators on free ports of the loopback interface."""
        self._stripe = StripeSimulator(
            now=lambda: self.now().timestamp(),
            settings=SimulatorSettings(busy_s=self._authorizing_s),
            seed=self._seed,
        )
        self._serving = await serve(self._stripe, "127.0.0.1", 0)

    async def close(self) -> None:
        """Stop the simulators."""
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

    async def control(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """`POST /_sim/PATH`; raises `WorldError` with the simulator's reason."""
        return await self._ask("POST", path, json.dumps(body).encode())

    async def ledger(self) -> list[dict[str, Any]]:
        """What the simulated Stripe's books say of each PaymentIntent."""
        intents: list[dict[str, Any]] = (await self._ask("GET", "ledger", b""))["payment_intents"]
        return intents

    async def _ask(self, method: str, path: str, body: bytes) -> dict[str, Any]:
        if self._stripe is None:
            raise WorldError("the world is not open")
        answer = await self._stripe.handle(SimRequest(method, f"/_sim/{path}", {}, body))
        read: dict[str, Any] = json.loads(answer.body)
        if answer.status != 200:
            raise WorldError(f"{path}: {read['error']['message']}")
        return read

"""The way to the simulated Stripe: requests and answers get lost, late, torn, doubled and overtaken."""

import asyncio
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from enum import Enum
from random import Random
from typing import Any, NamedTuple

from drivers.simulators.chaos.life import LIFE, Life
from drivers.simulators.stripe_api.core import StripeSimulator
from drivers.simulators.stripe_api.faults import Effect, Fault
from drivers.simulators.stripe_api.wire import ConnectionDropped, SimRequest

LATENCY_S = (0.02, 0.12)
"""One way, from the fastest to the slowest."""

FAR_S = (0.5, 25.0)
"""How much later than others something comes that is late."""

_COMMANDS = re.compile(r"/v1/terminal/readers/[^/]+/[a-z_]+$")


class WireFault(Enum):
    """What can happen to one request."""

    REFUSED = "no connection"
    LOST = "request lost"
    ANSWER_LOST = "answer lost"
    TORN = "answer torn"
    LATE = "request late"
    ANSWER_LATE = "answer late"
    DOUBLED = "request doubled"
    OVERTAKEN = "request overtaken"  # given up by the sender, and it arrives all the same, later
    IN_USE = "409"
    LIMITED = "429"
    BROKEN = "500"
    BROKEN_STORED = "500 after execution began"
    PORTAL = "HTML"
    TIMEOUT_DELIVERED = "reader time-out, delivered"
    TIMEOUT_LOST = "reader time-out, not delivered"


_FOR_COMMANDS = frozenset({WireFault.TIMEOUT_DELIVERED, WireFault.TIMEOUT_LOST})
_FOR_CHANGES = frozenset({WireFault.DOUBLED, WireFault.OVERTAKEN, WireFault.IN_USE, WireFault.BROKEN_STORED})
_INSIDE: dict[WireFault, dict[str, Any]] = {
    WireFault.IN_USE: {"effect": Effect.STATUS, "status": 409, "code": "idempotency_key_in_use"},
    WireFault.LIMITED: {"effect": Effect.STATUS, "status": 429},
    WireFault.BROKEN: {"effect": Effect.STATUS, "status": 500},
    WireFault.BROKEN_STORED: {"effect": Effect.STATUS, "status": 500, "stored": True},
    WireFault.PORTAL: {"effect": Effect.CAPTIVE_PORTAL},
    WireFault.TIMEOUT_DELIVERED: {"effect": Effect.TIMEOUT_DELIVERED},
    WireFault.TIMEOUT_LOST: {"effect": Effect.TIMEOUT_NOT_DELIVERED},
}


class WireAnswer(NamedTuple):
    """What came back; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class WireError(Exception):
    """Nothing came back; `sent`: something may have arrived."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


@dataclass(slots=True)
class _Armed:
    fault: WireFault
    left: int
    pattern: str = ""


@dataclass(slots=True)
class _Parcel:
    """One request on its way. Whoever sent it may die meanwhile."""

    request: SimRequest
    life: Life | None
    answer: asyncio.Future[WireAnswer]
    fault: WireFault | None
    fate: float = 1.0
    keep: list[Any] = field(default_factory=list)

    def give(self, answer: WireAnswer) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)

    def fail(self, message: str, *, sent: bool = True) -> None:
        if not self.answer.done():
            self.answer.set_exception(WireError(message, sent=sent))


class Wire:
    """Carries requests; `cut` is a line that is down."""

    def __init__(
        self,
        simulator: StripeSimulator,
        chance: Random,
        spawn: Callable[[Coroutine[Any, Any, None], str], None],
        *,
        leaving: Callable[[SimRequest], None],
        arrived: Callable[[SimRequest], None],
        fired: Callable[[str, SimRequest], None],
    ) -> None:
        """`leaving` hears of every request before it leaves, `arrived` when the simulator has answered it,
        `fired` of every fault that comes true.
        """
        self._simulator = simulator
        self._chance = chance
        self._spawn = spawn
        self._leaving = leaving
        self._arrived = arrived
        self._fired = fired
        self._armed: list[_Armed] = []
        self._under_way: list[_Parcel] = []
        self.cut = False

    def arm(self, fault: WireFault, times: int = 1, pattern: str = "") -> None:
        """Let it happen to the next requests that it can happen to, and whose method and path match."""
        self._armed.append(_Armed(fault, times, pattern))

    def disarm(self) -> None:
        """The line is good again."""
        self._armed.clear()
        self.cut = False

    def died(self, life: Life) -> None:
        """Whoever sent them is dead: each request is lost, or arrives, or arrives late."""
        for parcel in self._under_way:
            if parcel.life is life:
                parcel.fate = self._chance.random()

    async def send(
        self, method: str, path: str, headers: dict[str, str], body: bytes, timeout_s: float
    ) -> WireAnswer:
        """Exchange one request. Errors: `WireError`."""
        request = SimRequest(method, path, headers, body)
        self._leaving(request)
        fault = self._take(request)
        if self.cut or fault is WireFault.REFUSED:
            raise WireError("no connection", sent=False)
        loop = asyncio.get_running_loop()
        parcel = _Parcel(request, LIFE.get(), loop.create_future(), fault)
        self._under_way.append(parcel)
        self._spawn(self._carry(parcel), f"{method} {path}")
        try:
            async with asyncio.timeout(timeout_s):
                return await parcel.answer
        except TimeoutError:
            raise WireError(f"no answer within {timeout_s:g} s", sent=True) from None

    def _take(self, request: SimRequest) -> WireFault | None:
        path = request.path.partition("?")[0]
        for armed in self._armed:
            if armed.fault in _FOR_COMMANDS and not _COMMANDS.search(path):
                continue
            if armed.fault in _FOR_CHANGES and request.method != "POST":
                continue
            if armed.pattern and not re.search(armed.pattern, f"{request.method} {path}"):
                continue
            armed.left -= 1
            if armed.left == 0:
                self._armed.remove(armed)
            self._fired(armed.fault.value, request)
            return armed.fault
        return None

    async def _carry(self, parcel: _Parcel) -> None:
        try:
            await self._there_and_back(parcel)
        finally:
            if parcel in self._under_way:
                self._under_way.remove(parcel)

    async def _there_and_back(self, parcel: _Parcel) -> None:
        fault = parcel.fault
        await asyncio.sleep(self._chance.uniform(*LATENCY_S))
        if fault is WireFault.LOST:
            parcel.fail("the connection was cut before it arrived")
            return
        if fault is WireFault.OVERTAKEN:
            parcel.fail("the connection was cut")
        if fault in {WireFault.LATE, WireFault.OVERTAKEN}:
            await asyncio.sleep(self._chance.uniform(*FAR_S))
        if parcel.life is not None and parcel.life.dead:
            if parcel.fate < 0.4:
                return
            if parcel.fate < 0.6:
                await asyncio.sleep(self._chance.uniform(*FAR_S))
        answer = await self._handle(parcel)
        if fault is WireFault.DOUBLED:
            await asyncio.sleep(self._chance.choice((0.0, self._chance.uniform(*FAR_S))))
            await self._handle(parcel)
        if answer is None:
            return
        await asyncio.sleep(self._chance.uniform(*LATENCY_S))
        if fault is WireFault.ANSWER_LOST:
            parcel.fail("the connection was cut before the answer")
            return
        if fault is WireFault.ANSWER_LATE:
            await asyncio.sleep(self._chance.uniform(*FAR_S))
        if fault is WireFault.TORN:
            answer = answer._replace(body=answer.body[: self._chance.randrange(len(answer.body))])
        parcel.give(answer)

    async def _handle(self, parcel: _Parcel) -> WireAnswer | None:
        inside = None if parcel.fault is None else _INSIDE.get(parcel.fault)
        if inside is not None:
            self._simulator.faults.add(Fault("chaos", "*", "**", left=1, **inside))
        try:
            answer = await self._simulator.handle(parcel.request)
        except ConnectionDropped:
            parcel.fail("the connection was cut")
            return None
        finally:
            self._simulator.faults.clear("chaos")
            self._arrived(parcel.request)
        return WireAnswer(answer.status, dict(answer.headers), answer.body)

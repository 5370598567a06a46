"""A driver that says and does what a test wants, and the journals and lanes around it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from agent.payments.errors import JournalError
from agent.payments.journal import Journal
from agent.payments.lane import Lane
from agent.payments.model import EventKind, ReaderState, Session
from agent.payments.policy import LanePolicy
from agent.payments.writer import Pending, Writer
from drivers.contract import (
    NOTHING,
    Capability,
    Decision,
    DriverError,
    Outcome,
    PaymentRequest,
    ReaderConfig,
    ReaderInfo,
    ReaderName,
    Report,
    Verdict,
)
from drivers.links.backoff import Backoff
from drivers.simulators.virtual_time import VirtualTimeLoop
from tests.unit.agent.payments.sales import order

ALL = frozenset(Capability)
ON_THE_DEVICE = ALL - {Capability.SETTLE_REMOTELY}

PAID = Outcome(Verdict.PAID, amount_authorized=1000, amount_captured=1000)
HELD = Outcome(Verdict.AUTHORIZED, amount_authorized=1000)
RELEASED = Outcome(Verdict.RELEASED)
CANCELED = Outcome(Verdict.CANCELED)
PENDING = Outcome(Verdict.PENDING, code="in_progress", message="still there")
UNKNOWN = Outcome(Verdict.UNKNOWN, code="nobody_knows", message="who knows")
DECLINED = Outcome(Verdict.DECLINED, code="card_declined", references={"payment_intent": "pi_1"})
LOST = DriverError("the line is dead", code="line_dead")

POLICY = LanePolicy(
    payment_timeout_s=100.0,
    open_timeout_s=20.0,
    check=Backoff(1.0, 30.0),
    reach=Backoff(1.0, 30.0),
    store=Backoff(1.0, 10.0),
)

Reply = Outcome | Exception | Callable[[PaymentRequest, Report], Awaitable[Outcome]]


def now() -> datetime:
    """The virtual wall clock."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    return loop.now()


def seconds() -> float:
    """The virtual seconds."""
    return asyncio.get_running_loop().time()


@dataclass
class FakeDriver:
    """Gives the replies it was loaded with, one a call; without one, `pay` waits for `finish` or `cancel`."""

    capabilities: frozenset[Capability] = ALL
    opens: deque[Exception | float] = field(default_factory=deque)
    pays: deque[Reply] = field(default_factory=deque)
    inquiries: deque[Reply] = field(default_factory=deque)
    settlements: deque[Reply] = field(default_factory=deque)
    cancels: deque[Exception] = field(default_factory=deque)
    closes: deque[Exception | float] = field(default_factory=deque)
    calls: list[tuple[str, float]] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    requests: list[PaymentRequest] = field(default_factory=list)
    _end: asyncio.Future[Outcome] | None = None

    def _call(self, name: str) -> None:
        self.calls.append((name, seconds()))

    def count(self, name: str) -> int:
        """How often a method was called."""
        return sum(each == name for each, _ in self.calls)

    async def _wait(self, replies: deque[Exception | float]) -> None:
        if replies:
            reply = replies.popleft()
            if isinstance(reply, Exception):
                raise reply
            await asyncio.sleep(reply)

    async def open(self) -> ReaderInfo:
        self._call("open")
        await self._wait(self.opens)
        return ReaderInfo("fake_device", "SN1", self.capabilities)

    async def close(self) -> None:
        self._call("close")
        await self._wait(self.closes)

    async def _reply(
        self, replies: deque[Reply], request: PaymentRequest, report: Report, default: Outcome
    ) -> Outcome:
        self.requests.append(request)
        await asyncio.sleep(0)
        reply: Reply = replies.popleft() if replies else default
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, Outcome) else await reply(request, report)

    async def pay(self, request: PaymentRequest, report: Report) -> Outcome:
        self._call("pay")
        if self.pays:
            return await self._reply(self.pays, request, report, PAID)
        self._end = asyncio.get_running_loop().create_future()
        return await self._end

    def finish(self, outcome: Outcome) -> None:
        """End the `pay` that waits."""
        assert self._end is not None
        if not self._end.done():
            self._end.set_result(outcome)

    async def cancel(self) -> None:
        self._call("cancel")
        if self.cancels:
            raise self.cancels.popleft()
        if self._end is not None:
            self.finish(CANCELED)

    async def inquire(self, request: PaymentRequest) -> Outcome:
        self._call("inquire")
        return await self._reply(self.inquiries, request, NoReport(), PAID)

    async def settle(self, request: PaymentRequest, decision: Decision, report: Report) -> Outcome:
        self._call("settle")
        self.decisions.append(decision)
        return await self._reply(self.settlements, request, report, RELEASED)


class NoReport:
    """Nothing may be said here."""

    async def progress(self, step: object) -> None:
        raise AssertionError("a question changes nothing")

    async def reference(self, name: str, value: str) -> None:
        raise AssertionError("a question changes nothing")

    async def attempt(self, operation: str) -> int:
        raise AssertionError("a question changes nothing")


def config(name: str = "r1", driver: str = "fake", **options: str) -> ReaderConfig:
    return ReaderConfig(ReaderName(name), driver, options)


@dataclass
class FakeReader:
    """What a course sees of its lane."""

    config: ReaderConfig = field(default_factory=config)
    faults: deque[DriverError] = field(default_factory=deque)
    shown: list[tuple[ReaderState, str]] = field(default_factory=list)
    reaches: int = 0
    losses: int = 0
    when_reached: Callable[[], Awaitable[object]] | None = None

    async def reach(self) -> None:
        self.reaches += 1
        if self.when_reached is not None:
            await self.when_reached()
        if self.faults:
            raise self.faults.popleft()

    def lost(self) -> None:
        self.losses += 1

    def show(self, state: ReaderState, why: str) -> None:
        self.shown.append((state, why))

    @asynccontextmanager
    async def patience(self, seconds: float) -> AsyncIterator[None]:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                yield


class TroubledWriter:
    """A disk that refuses the next changes for a while, or takes its time."""

    def __init__(self, journal: Journal) -> None:
        self._inner: Writer = journal._writer
        self._done = journal._done
        self.refuse: Callable[[Pending], bool] = lambda _: False
        self.slow = False
        self._waiting: deque[Pending] = deque()
        journal._writer = self

    def submit(self, pending: Pending) -> None:
        if self.refuse(pending):
            self._done([pending], [JournalError("no space left")])
        elif self.slow:
            self._waiting.append(pending)
            asyncio.get_running_loop().call_later(0.5, self._submit_first)
        else:
            self._inner.submit(pending)

    def close(self) -> None:
        self._inner.close()

    def _submit_first(self) -> None:
        self._inner.submit(self._waiting.popleft())

    def refuse_next(self, count: int) -> None:
        """Refuse so many changes."""
        left = count

        def refuse(_: Pending) -> bool:
            nonlocal left
            left -= 1
            return left >= 0

        self.refuse = refuse


def open_journal(folder: Path) -> Journal:
    return Journal(folder / "journal.db", now=now, inline=True)


def make_lane(journal: Journal, driver: FakeDriver, name: str = "r1", kind: str = "fake") -> Lane:
    return Lane(
        config(name, kind), driver, journal, now=now, location="store", policy=POLICY, chance=lambda: 0.0
    )


async def started(journal: Journal, pos_key: str = "k1", **changes: Any) -> Session:
    """A session that an earlier life handed to a driver."""
    session = await journal.open_session(order(pos_key, **changes))
    return await journal.record(session.id, EventKind.STARTED, {"driver": "fake", "options": {}})


async def doubtful(journal: Journal, pos_key: str = "k1", **changes: Any) -> Session:
    """A session that an earlier life left in doubt."""
    session = await started(journal, pos_key, **changes)
    return await journal.record(session.id, EventKind.DOUBTED, {"code": "lost", "message": "lost"})


async def concluded(
    journal: Journal, pos_key: str = "k1", facts: Mapping[str, Any] = NOTHING, **changes: Any
) -> Session:
    """A session that has ended, paid unless the facts say otherwise."""
    session = await started(journal, pos_key, **changes)
    paid = {"verdict": "paid", "amount_authorized": 1000, "amount_captured": 1000}
    return await journal.record(session.id, EventKind.CONCLUDED, facts or paid)


async def held(journal: Journal, pos_key: str = "k1", **changes: Any) -> Session:
    """A session that holds money."""
    return await concluded(journal, pos_key, {"verdict": "authorized", "amount_authorized": 1000}, **changes)

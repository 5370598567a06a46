"""A desk in memory that follows the real state machine but asks no reader, with the means to play one."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from agent.payments.errors import (
    PosKeyReusedError,
    ReaderBusyError,
    UnknownReaderError,
    UnknownSessionError,
    WrongStateError,
)
from agent.payments.machine import advance, begin
from agent.payments.model import (
    Event,
    EventKind,
    Order,
    PosKey,
    ReaderState,
    ReaderStatus,
    Session,
    SessionQuery,
    State,
    TillName,
    order_facts,
    outcome_facts,
)
from agent.payments.tender import Tender
from agent.payments.tender import of as tender_of
from drivers.contract import Capability, Kind, Money, Outcome, ReaderName, SessionId

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
READER = ReaderName("till-1")


class FakeDesk:
    """`agent.pos.seams.Desk` without journal and lanes."""

    def __init__(self) -> None:
        self.events: dict[str, list[Event]] = {}
        self.sessions: dict[str, Session] = {}
        self.fault: Exception | None = None
        self.waiting = 0
        self._waiting_moved = asyncio.Event()
        self._moved = asyncio.Event()
        self._clock = START

    def _now(self) -> datetime:
        self._clock += timedelta(seconds=1)
        return self._clock

    def _fail(self) -> None:
        if self.fault is not None:
            raise self.fault

    async def open(self, order: Order) -> tuple[Session, bool]:
        self._fail()
        if order.reader != READER:
            raise UnknownReaderError(order.reader)
        if order.retry_of is not None and order.retry_of not in self.sessions:
            raise UnknownSessionError(order.retry_of)
        for session in self.sessions.values():
            if (session.order.till, session.order.pos_key) == (order.till, order.pos_key):
                if session.order != order:
                    raise PosKeyReusedError(order.pos_key, session.id, "amount")
                return session, False
            if session.state.holds_reader and session.order.reader == order.reader:
                raise ReaderBusyError(order.reader, f"session {session.id} is under way")
        session_id = SessionId(f"ses_{len(self.sessions) + 1:04d}")
        event = Event(session_id, 1, EventKind.OPENED, self._now(), order_facts(order))
        self.events[session_id] = [event]
        self.sessions[session_id] = begin(event)
        return self.sessions[session_id], True

    def tender(self, sale: str, till: TillName) -> Tender:
        self._fail()
        sessions = [
            each
            for each in self.sessions.values()
            if each.order.till == till and each.order.sale is not None and each.order.sale.id == sale
        ]
        return tender_of(sessions, sale)

    def session(self, session_id: str, till: TillName | None) -> Session:
        self._fail()
        session = self.sessions.get(session_id)
        if session is None or till not in {None, session.order.till}:
            raise UnknownSessionError(session_id)
        return session

    async def changed(self, session_id: str, seq: int, wait_s: float, till: TillName | None) -> Session:
        return await self._reached(session_id, wait_s, till, lambda session: session.seq > seq)

    async def decided(self, session_id: str, wait_s: float, till: TillName | None) -> Session:
        return await self._reached(session_id, wait_s, till, lambda session: not session.needs_lane)

    async def _reached(
        self, session_id: str, wait_s: float, till: TillName | None, wanted: Callable[[Session], bool]
    ) -> Session:
        self._count(1)
        try:
            async with asyncio.timeout(wait_s):
                while not wanted(self.session(session_id, till)):
                    await self._moved.wait()
        except TimeoutError:
            pass
        finally:
            self._count(-1)
        return self.session(session_id, till)

    def _count(self, change: int) -> None:
        self.waiting += change
        self._waiting_moved.set()
        self._waiting_moved = asyncio.Event()

    async def until_waiting(self, count: int) -> None:
        """Return when so many wait for a change."""
        async with asyncio.timeout(10):
            while self.waiting != count:
                await self._waiting_moved.wait()

    async def cancel(self, session_id: str, till: TillName | None) -> Session:
        session = self.session(session_id, till)
        if session.state.ended:
            raise WrongStateError(f"session {session_id} is {session.state} already")
        return self.move(session_id, EventKind.CANCEL_ASKED, by=till or "operator")

    async def capture(self, session_id: str, amount: int | None, till: TillName | None) -> Session:
        session = self.session(session_id, till)
        if session.state is not State.AUTHORIZED:
            raise WrongStateError(f"session {session_id} is {session.state}, there is nothing to capture")
        captured = amount or session.amount_authorized
        return self.move(
            session_id,
            EventKind.CONCLUDED,
            verdict="paid",
            amount_authorized=session.amount_authorized,
            amount_captured=captured,
        )

    async def refund(
        self, session_id: str, amount: int | None, pos_key: PosKey, till: TillName | None
    ) -> tuple[Session, bool]:
        original = self.session(session_id, None)
        by = till or TillName("operator")
        money = Money(amount or original.amount_captured, original.order.money.currency)
        return await self.open(
            Order(by, pos_key, READER, money, kind=Kind.REFUND, refund_of=SessionId(session_id))
        )

    async def rule(self, session_id: str, outcome: Outcome) -> Session:
        if self.session(session_id, None).state is not State.IN_DOUBT:
            raise WrongStateError(f"session {session_id} is not in doubt")
        return self.move(session_id, EventKind.RULED, **outcome_facts(outcome))

    def find(self, query: SessionQuery, till: TillName | None) -> Sequence[Session]:
        self._fail()
        self.last_query = query
        found = [session for session in self.sessions.values() if till in {None, session.order.till}]
        found = [session for session in found if query.state in {None, session.state}]
        found = [session for session in found if query.before is None or session.id < query.before]
        return sorted(found, key=lambda session: session.id, reverse=True)[: query.limit]

    def history(self, session_id: str) -> Sequence[Event]:
        return self.events[session_id]

    def readers(self) -> Sequence[ReaderStatus]:
        return [self.reader(READER)]

    def reader(self, name: str) -> ReaderStatus:
        if name != READER:
            raise UnknownReaderError(name)
        return ReaderStatus(
            name=READER,
            driver="stripe",
            location="berlin",
            state=ReaderState.READY,
            since_at=START,
            capabilities=frozenset({Capability.TIP, Capability.REFUND}),
        )

    def move(self, session_id: str, kind: EventKind, **facts: Any) -> Session:
        """Let something happen to a session and wake whoever waits."""
        session = self.sessions[session_id]
        event = Event(session.id, session.seq + 1, kind, self._now(), facts)
        self.sessions[session_id] = advance(session, event)
        self.events[session_id].append(event)
        self._moved.set()
        self._moved = asyncio.Event()
        return self.sessions[session_id]

    def pay(self, session_id: str) -> Session:
        """Start and pay a session."""
        session = self.move(session_id, EventKind.STARTED)
        return self.conclude(session.id, "paid", amount_captured=session.order.money.amount)

    def conclude(self, session_id: str, verdict: str, **facts: Any) -> Session:
        """Decide a session."""
        return self.move(session_id, EventKind.CONCLUDED, verdict=verdict, **facts)

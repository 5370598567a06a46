"""Any history, legal or not, with power cuts: the journal holds what it acknowledged, and nothing else."""

import asyncio
import shutil
import sqlite3
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from agent.payments.change import Conflict, ConflictError
from agent.payments.errors import JournalError
from agent.payments.journal import Journal
from agent.payments.machine import TRANSITIONS, IllegalStepError, fold
from agent.payments.model import UNIQUE_REFERENCES, Event, EventKind, Order, PosKey, Session, State, TillName
from drivers.contract import Kind, Money, ReaderName, SessionId
from tests.thoroughness import THOROUGH

READERS = ("r1", "r2", "r3")
KEYS = st.sampled_from([*(f"k{number}" for number in range(30))])

facts_of: Mapping[EventKind, st.SearchStrategy[dict[str, Any]]] = {
    EventKind.STARTED: st.just({}),
    EventKind.ATTEMPT: st.fixed_dictionaries(
        {"operation": st.sampled_from(["create", "process"]), "number": st.integers(1, 3)}
    ),
    EventKind.REFERENCE: st.fixed_dictionaries(
        {
            "name": st.sampled_from(["payment_intent", "charge", "trace_no"]),
            "value": st.sampled_from(["one", "two", "three"]),
        }
    ),
    EventKind.PROGRESS: st.just({"step": "waiting_for_card"}),
    EventKind.CANCEL_ASKED: st.just({"by": "till"}),
    EventKind.DOUBTED: st.just({"code": "timeout", "message": "no answer"}),
    EventKind.CHECKED: st.just(
        {"code": "pending", "message": "", "next_check_at": "2026-01-05T09:00:00+00:00"}
    ),
    EventKind.RESUMED: st.just({}),
    EventKind.SETTLING: st.fixed_dictionaries({"settlement": st.sampled_from(["capture", "release"])}),
    EventKind.CONCLUDED: st.fixed_dictionaries(
        {"verdict": st.sampled_from(["paid", "declined", "canceled", "failed", "authorized", "released"])},
        optional={"amount_captured": st.just(1000), "references": st.just({"charge": "three"})},
    ),
    EventKind.RULED: st.fixed_dictionaries(
        {"verdict": st.sampled_from(["paid", "failed"])}, optional={"amount_captured": st.just(1000)}
    ),
    EventKind.REFUNDED: st.fixed_dictionaries({"amount": st.sampled_from([300, 600])}),
    EventKind.RETRIED: st.just({"by": "ses_none"}),
    EventKind.TIDIED: st.just({}),
}

steps = st.sampled_from(sorted(facts_of)).flatmap(
    lambda kind: st.tuples(st.just(EventKind(kind)), facts_of[EventKind(kind)])
)

Step = tuple[EventKind, dict[str, Any]]


class JournalLife(RuleBasedStateMachine):
    """Tills, drivers and power cuts do what they like; `acknowledged` is what the journal has promised."""

    sessions: Bundle[SessionId] = Bundle("sessions")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.loop = asyncio.new_event_loop()
        self.life = 0
        self.random = 0
        self.at = datetime(2026, 1, 5, 8, tzinfo=UTC)
        self.acknowledged: dict[SessionId, list[Event]] = {}
        self.journal: Journal

    def teardown(self) -> None:
        self.journal.close()
        self.loop.close()
        shutil.rmtree(self.folder)

    def _now(self) -> datetime:
        self.at += timedelta(milliseconds=1)
        return self.at

    def _bytes(self, size: int) -> bytes:
        self.random += 1
        return self.random.to_bytes(size, "big")

    def _path(self) -> Path:
        return self.folder / f"life-{self.life}.db"

    async def _open_journal(self) -> Journal:
        return Journal(self._path(), now=self._now, inline=True, random=self._bytes)

    @initialize()
    def begin(self) -> None:
        self.journal = self.loop.run_until_complete(self._open_journal())

    def _keep(self, *sessions: Session) -> None:
        for session in sessions:
            self.acknowledged[session.id] = self.journal.history(session.id)

    @rule(target=sessions, key=KEYS, reader=st.sampled_from(READERS))
    def a_till_opens_a_sale(self, key: str, reader: str) -> Any:
        return self._open(Order(TillName("t"), PosKey(key), ReaderName(reader), Money(1000, "eur")))

    @rule(target=sessions, key=KEYS, amount=st.sampled_from([300, 600]), data=st.data())
    def a_till_asks_for_a_refund(self, key: str, amount: int, data: st.DataObject) -> Any:
        of = self._any(data, State.PAID)
        if of is None:
            return multiple()
        money = Money(amount, "eur")
        wanted = Order(TillName("t"), PosKey(key), ReaderName("r1"), money, Kind.REFUND, refund_of=of.id)
        return self._open(wanted, on_reader=False)

    @rule(target=sessions, key=KEYS, data=st.data())
    def a_till_tries_again(self, key: str, data: st.DataObject) -> Any:
        before = self._any(data, State.DECLINED)
        if before is None:
            return multiple()
        wanted = Order(
            TillName("t"), PosKey(key), before.order.reader, Money(1000, "eur"), retry_of=before.id
        )
        return self._open(wanted, references=before.references)

    def _any(self, data: st.DataObject, *states: State) -> Session | None:
        """One of the sessions that are in such a state, if there is any."""
        found = [self.journal.session(name) for name in self.acknowledged]
        fitting = [session for session in found if session.state in states]
        return data.draw(st.sampled_from(fitting)) if fitting else None

    def _open(self, order: Order, **options: Any) -> Any:
        try:
            session = self.loop.run_until_complete(self.journal.open_session(order, **options))
        except ConflictError as error:
            if error.conflict is Conflict.OTHER:
                raise
            return multiple()
        self._keep(session, *([self.journal.session(order.retry_of)] if order.retry_of else []))
        return session.id

    @rule(session=sessions, step=steps)
    def something_happens(self, session: SessionId, step: Step) -> None:
        self._record([(session, *step)])

    @rule(data=st.data())
    def what_may_happen_happens(self, data: st.DataObject) -> None:
        session = self._any(data, *State)
        if session is not None:
            kinds = [kind for kind, ways in TRANSITIONS.items() if session.state in ways]
            if kinds:
                kind = data.draw(st.sampled_from(kinds))
                self._record([(session.id, kind, data.draw(facts_of[kind]))])

    @rule(session=sessions, said=st.lists(steps, min_size=2, max_size=4))
    def several_things_happen_at_once(self, session: SessionId, said: Sequence[Step]) -> None:
        self._record([(session, *step) for step in said])

    @rule(one=sessions, other=sessions, first=steps, second=steps)
    def something_happens_to_two(self, one: SessionId, other: SessionId, first: Step, second: Step) -> None:
        self._record([(one, *first), (other, *second)])

    @rule(end=st.sampled_from(["paid", "declined", "authorized", "canceled"]))
    def what_is_under_way_comes_to_its_end(self, end: str) -> None:
        captured = {"amount_captured": 1000} if end == "paid" else {}
        for session in self.journal.unsettled():
            self._record([(session.id, EventKind.STARTED, {})])
            self._record([(session.id, EventKind.CONCLUDED, {"verdict": end, **captured})])

    def _record(self, said: Sequence[tuple[SessionId, EventKind, dict[str, Any]]]) -> None:
        names = [name for name, _, _ in said]
        before = {name: self.acknowledged[name] for name in names}
        try:
            after = self.loop.run_until_complete(self.journal.record_all(said))
        except (IllegalStepError, ConflictError):
            assert {name: self.journal.history(name) for name in names} == before
            return
        self._keep(*after)
        for name in names:
            events = self.acknowledged[name]
            assert events[: len(before[name])] == before[name]
            assert len(events) == len(before[name]) + names.count(name)

    @rule()
    def the_disk_is_full_for_a_while(self) -> None:
        writer = self.journal._store._writer
        (pages,) = writer.execute("PRAGMA page_count").fetchone()
        writer.execute(f"PRAGMA max_page_count = {pages}")
        wanted = Order(
            TillName("t" * 9000),
            PosKey("x"),
            ReaderName("somewhere else"),
            Money(1, "eur"),
            description="x" * 9000,
        )
        try:
            self.loop.run_until_complete(self.journal.open_session(wanted))
        except JournalError as error:
            assert "has no space left" in str(error)  # noqa: PT017  # either way is fine, a wrong reason is not
        else:
            raise AssertionError("a full disk took a session")
        writer.execute("PRAGMA max_page_count = 4294967294")

    @rule(forgotten=st.booleans())
    def the_power_is_cut(self, forgotten: bool) -> None:
        """The files as they are at this moment are all that the next life has."""
        old = self._path()
        self.life += 1
        for suffix in ("", "-wal"):
            if Path(f"{old}{suffix}").exists():
                shutil.copy(f"{old}{suffix}", f"{self._path()}{suffix}")
        self.journal.close()
        self.journal = self.loop.run_until_complete(self._open_journal())
        if forgotten:
            self.journal._known.clear()

    @rule(session=consumes(sessions))
    def a_session_is_of_no_more_interest(self, session: SessionId) -> None:
        assert self.journal.session(session).id == session

    @invariant()
    def what_was_acknowledged_is_there_and_nothing_else(self) -> None:
        if not hasattr(self, "journal"):
            return
        with closing(sqlite3.connect(self._path())) as connection:
            stored = connection.execute(
                "SELECT id, state, holds, settling, leftover, amount_captured FROM session"
            ).fetchall()
            owners = connection.execute(
                "SELECT name, value, id FROM reference JOIN session ON no = session"
            ).fetchall()
        assert {row[0] for row in stored} == set(self.acknowledged)
        folded = {name: fold(events) for name, events in self.acknowledged.items()}
        for name, session in folded.items():
            assert self.journal.session(name) == session
            assert [event.seq for event in self.acknowledged[name]] == list(range(1, session.seq + 1))
        for name, *row in stored:
            session = folded[name]
            assert row == [
                session.state,
                session.state.holds_reader,
                session.settling is not None,
                session.left_over,
                session.amount_captured,
            ]
        self._invariants(list(folded.values()), owners)

    def _invariants(self, sessions: list[Session], owners: list[tuple[str, str, str]]) -> None:
        holding = [each.order.reader for each in sessions if each.on_reader and each.state.holds_reader]
        assert len(holding) == len(set(holding))
        keys = [(each.order.till, each.order.pos_key) for each in sessions]
        assert len(keys) == len(set(keys))
        assert len({(name, value) for name, value, _ in owners}) == len(owners)
        known = {each.id: each for each in sessions}
        for name, value, owner in owners:
            assert known[SessionId(owner)].references[name] == value or name in UNIQUE_REFERENCES
        for sale in sessions:
            given_back = sum(
                each.order.money.amount
                for each in sessions
                if each.order.refund_of == sale.id
                and each.state not in {State.DECLINED, State.CANCELED, State.FAILED, State.RELEASED}
            )
            assert given_back <= sale.amount_captured
            assert sale.amount_refunded <= sale.amount_captured
        assert [each.id for each in self.journal.unsettled()] == [
            each.id for each in sessions if each.needs_lane
        ]


TestJournalLife = JournalLife.TestCase
TestJournalLife.settings = settings(
    max_examples=50 if THOROUGH else 20, stateful_step_count=40, deadline=None
)

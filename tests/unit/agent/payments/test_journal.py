"""The journal: numbers and heads, failures in the middle, cancellation, closing, and who is told when."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.payments import journal as journal_module
from agent.payments.change import Conflict, ConflictError, Write
from agent.payments.errors import JournalError, UnknownSessionError
from agent.payments.journal import Journal
from agent.payments.machine import IllegalStepError, fold
from agent.payments.model import EventKind, Session, SessionQuery, State
from agent.payments.store import Store
from agent.payments.writer import GroupWriter, InlineWriter, Pending
from drivers.contract import SessionId
from tests.unit.agent.payments.sales import DECLINED, PAID, FakeClock, order, raw, refund, rows

PREPARING = {"step": "preparing"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "j.db"


@pytest.fixture
async def journal(path: Path) -> AsyncIterator[Journal]:
    with closing(Journal(path, now=FakeClock(), inline=True)) as made:
        yield made


async def start(journal: Journal, **changes: Any) -> Session:
    session = await journal.open_session(order(**changes))
    return await journal.record(session.id, EventKind.STARTED)


async def decline(journal: Journal, **changes: Any) -> Session:
    session = await start(journal, **changes)
    await journal.record(session.id, EventKind.REFERENCE, {"name": "payment_intent", "value": "pi_1"})
    return await journal.record(session.id, EventKind.CONCLUDED, DECLINED)


class HeldWriter:
    """Keeps what is submitted until the test lets the disk have it, in groups of the test's choice."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.queue: list[Pending] = []
        self.fail: Callable[[Write], Exception | None] = lambda _: None

    def submit(self, pending: Pending) -> None:
        self.queue.append(pending)

    def let(self, count: int = 1) -> None:
        batch, self.queue = self.queue[:count], self.queue[count:]
        results: list[Exception | None] = []
        for each in batch:
            failure = self.fail(each.write)
            results += [failure] if failure else self._journal._store.commit([each.write])
        self._journal._done(batch, results)

    def close(self) -> None:
        self.let(len(self.queue))


@pytest.fixture
def held(journal: Journal) -> HeldWriter:
    return HeldWriter(journal)


class TestRecording:
    async def test_what_is_returned_is_on_the_disk(self, journal: Journal, path: Path) -> None:
        session = await start(journal)
        await journal.record(session.id, EventKind.ATTEMPT, {"operation": "create", "number": 1})
        await journal.record(session.id, EventKind.REFERENCE, {"name": "payment_intent", "value": "pi_1"})
        paid = await journal.record(session.id, EventKind.CONCLUDED, PAID)
        assert paid.state is State.PAID
        assert journal.session(session.id) is paid
        assert fold(journal.history(session.id)) == paid
        shutil.copy(path, path.with_name("copy.db"))
        shutil.copy(f"{path}-wal", path.with_name("copy.db-wal"))
        assert rows(path.with_name("copy.db"), "SELECT state, amount_captured FROM session") == [
            ("paid", 1000)
        ]
        assert rows(path, "SELECT name, value, session FROM reference") == [("payment_intent", "pi_1", 1)]

    async def test_several_steps_of_several_sessions_are_one_change(self, journal: Journal) -> None:
        one, two = await start(journal), await start(journal, pos_key="k2", reader="r2")
        after = await journal.record_all(
            [
                (one.id, EventKind.PROGRESS, PREPARING),
                (two.id, EventKind.CANCEL_ASKED, {"by": "till"}),
                (one.id, EventKind.CONCLUDED, PAID),
            ]
        )
        assert [(session.id, session.seq) for session in after] == [(one.id, 3), (two.id, 3), (one.id, 4)]
        assert journal.session(one.id).state is State.PAID
        assert journal.session(two.id).cancel_asked == "till"

    async def test_an_illegal_step_leaves_nothing_of_its_change(self, journal: Journal) -> None:
        one, two = await start(journal), await journal.open_session(order("k2", "r2"))
        with pytest.raises(IllegalStepError):
            await journal.record_all(
                [(one.id, EventKind.PROGRESS, PREPARING), (two.id, EventKind.DOUBTED, {})]
            )
        with pytest.raises(TypeError, match="not iterable"):
            await journal.record(one.id, EventKind.ATTEMPT, {"operation": "a", "number": 1, "what": object()})
        assert (await journal.record(one.id, EventKind.PROGRESS, PREPARING)).seq == 3

    async def test_an_illegal_step_keeps_what_was_submitted_before(
        self, journal: Journal, held: HeldWriter
    ) -> None:
        session = await start(journal)
        journal._writer = held
        journal.note(session.id, EventKind.PROGRESS, PREPARING)
        with pytest.raises(IllegalStepError):
            await journal.record_all(
                [(session.id, EventKind.PROGRESS, PREPARING), (session.id, EventKind.RESUMED, {})]
            )
        journal.note(session.id, EventKind.PROGRESS, PREPARING)
        held.let(2)
        assert [event.seq for event in journal.history(session.id)] == [1, 2, 3, 4]
        assert journal.session(session.id).seq == 4

    async def test_a_note_is_not_waited_for(self, journal: Journal) -> None:
        session = await start(journal)
        journal.note(session.id, EventKind.PROGRESS, PREPARING)
        assert journal.session(session.id).seq == 3

    async def test_conflicts_are_named(self, journal: Journal) -> None:
        session = await start(journal)
        for wanted, conflict in [
            (order(reader="r2"), Conflict.POS_KEY),
            (order("k2"), Conflict.READER),
            (refund(session, "k3"), Conflict.REFUND),
        ]:
            with pytest.raises(ConflictError) as caught:
                await journal.open_session(wanted)
            assert caught.value.conflict is conflict
        assert journal.totals() == {"in_flight": 1}
        assert journal.trouble == ""

    async def test_ids_differ_whatever_the_clock_says(self, path: Path) -> None:
        for year in (1969, 1970, 2026, 9999):
            clock = FakeClock()
            clock.at = datetime(year, 1, 1, tzinfo=UTC)
            with closing(Journal(path, now=clock, inline=True)) as journal:
                session = await journal.open_session(order(f"k{year}", f"r{year}"))
                assert session.id.startswith("ses_")
                assert len(session.id) == 28
                assert journal.find(SessionQuery(limit=1), None)[0].id == session.id
                assert journal.history(session.id)[0].at == session.created_at

    async def test_a_clock_that_goes_back_breaks_no_order(self, path: Path) -> None:
        clock = FakeClock()
        with closing(Journal(path, now=clock, inline=True)) as journal:
            session = await start(journal)
            clock.at -= timedelta(days=400)
            await journal.record(session.id, EventKind.PROGRESS, PREPARING)
            later = await journal.open_session(order("k2", "r2"))
            assert [event.seq for event in journal.history(session.id)] == [1, 2, 3]
            assert [found.id for found in journal.find(SessionQuery(), None)] == [later.id, session.id]
            assert [found.id for found in journal.unsettled()] == [session.id, later.id]


class TestRetries:
    async def test_a_retry_takes_the_references_and_the_declined_sale_is_over(self, journal: Journal) -> None:
        declined = await decline(journal)
        assert [session.id for session in journal.untidied(declined.created_at + timedelta(1), 5)] == [
            declined.id
        ]
        again = await journal.open_session(order("k2", retry_of=declined.id), references=declined.references)
        assert journal.session(declined.id).tidied
        assert journal.untidied(declined.created_at + timedelta(1), 5) == []
        started = await journal.record(again.id, EventKind.STARTED)
        assert started.references == {"payment_intent": "pi_1"}
        with pytest.raises(ConflictError) as caught:
            await journal.open_session(order("k3", "r3", retry_of=declined.id))
        assert caught.value.conflict is Conflict.RETRY

    async def test_a_retry_that_is_refused_does_not_use_up_the_declined_sale(self, journal: Journal) -> None:
        declined = await decline(journal)
        await start(journal, pos_key="k2")
        with pytest.raises(ConflictError):
            await journal.open_session(order("k3", retry_of=declined.id))
        assert not journal.session(declined.id).tidied
        assert (await journal.open_session(order("k4", "r2", retry_of=declined.id))).seq == 1
        with pytest.raises(UnknownSessionError):
            await journal.open_session(order("k5", "r5", retry_of=SessionId("ses_none")))


class TestReading:
    async def test_unknown_sessions(self, journal: Journal) -> None:
        for ask in (journal.session, journal.history):
            with pytest.raises(UnknownSessionError):
                ask("ses_none")
        assert journal.by_pos_key("till-1", "k1") is None
        session = await start(journal)
        assert journal.by_pos_key("till-1", "k1") == session
        assert journal.by_reference("payment_intent", "pi_1") is None

    async def test_a_reference_leads_to_the_session_that_owns_it_now(self, journal: Journal) -> None:
        declined = await start(journal)
        facts = {**DECLINED, "references": {"payment_intent": "pi_1"}}
        declined = await journal.record(declined.id, EventKind.CONCLUDED, facts)
        assert journal.by_reference("payment_intent", "pi_1") == declined
        retried = await journal.open_session(
            order("k2", retry_of=declined.id), references={"payment_intent": "pi_1"}
        )
        assert journal.by_reference("payment_intent", "pi_1") == retried

    async def test_what_was_forgotten_is_read_again(
        self, journal: Journal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(journal_module, "REMEMBERED", 2)
        sessions = [await start(journal, pos_key=f"k{number}", reader=f"r{number}") for number in range(5)]
        assert len(journal._known) == 2
        assert [journal.session(session.id) for session in sessions] == sessions
        for session in sessions:
            assert (await journal.record(session.id, EventKind.CONCLUDED, PAID)).seq == 3
        assert len(journal._known) == 2

    async def test_events_that_make_no_session_are_damage(self, journal: Journal, path: Path) -> None:
        session = await start(journal)
        with raw(path) as other:
            other.execute("INSERT INTO event VALUES (1, 3, 0, 'resumed', '{}')")
        journal._known.clear()
        with pytest.raises(JournalError, match=r"make no session .*resumed cannot happen.*: keep it"):
            journal.session(session.id)

    async def test_a_new_life_knows_all_that_was_acknowledged(self, path: Path) -> None:
        with closing(Journal(path, now=FakeClock(), inline=True)) as journal:
            session = await start(journal)
            doubted = await journal.record(session.id, EventKind.DOUBTED, {"code": "c", "message": "m"})
            journal.close()
        with closing(Journal(path, now=FakeClock(), inline=True)) as journal:
            assert journal.unsettled() == [doubted]
            assert (await journal.record(session.id, EventKind.RESUMED)).seq == 4


class TestWatching:
    async def test_a_watcher_sees_the_next_change(self, journal: Journal) -> None:
        session = await start(journal)
        assert (await journal.changed(session.id, 1)).seq == 2
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(journal.changed(session.id, 3), name=f"watch {n}") for n in range(3)]
            await asyncio.sleep(0)
            tasks[0].cancel()
            await asyncio.sleep(0)
            await journal.record(session.id, EventKind.PROGRESS, PREPARING)
            await asyncio.sleep(0)
            await journal.record(session.id, EventKind.PROGRESS, PREPARING)
        assert [task.result().seq for task in tasks[1:]] == [4, 4]
        assert journal._watchers == {}

    async def test_who_waits_for_something_is_woken_for_nothing_else(self, journal: Journal) -> None:
        session = await start(journal)
        asked = 0

        def canceled(known: Session) -> bool:
            nonlocal asked
            asked += 1
            return bool(known.cancel_asked)

        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(journal.reached(session.id, canceled), name="watch")
            await asyncio.sleep(0)
            for _ in range(3):
                await journal.record(session.id, EventKind.PROGRESS, PREPARING)
            await asyncio.sleep(0)
            assert (waiting.done(), asked) == (False, 4)
            await journal.record(session.id, EventKind.CANCEL_ASKED, {"by": "till"})
        assert waiting.result().cancel_asked == "till"
        assert journal._watchers == {}

    async def test_watchers_that_go_away_leave_nothing(self, journal: Journal) -> None:
        session = await start(journal)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(journal.changed(session.id, 2), name=f"watch {n}") for n in range(2)]
            await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
        assert journal._watchers == {}

    async def test_a_watcher_canceled_at_the_moment_of_the_change(self, journal: Journal) -> None:
        session = await start(journal)
        async with asyncio.TaskGroup() as group:
            before, after = (
                group.create_task(journal.changed(session.id, 2), name=name) for name in ("before", "after")
            )
            await asyncio.sleep(0)
            before.cancel()
            await journal.record(session.id, EventKind.PROGRESS, PREPARING)
            after.cancel()
        assert before.cancelled()
        assert after.cancelled()
        assert journal._watchers == {}


class TestFailures:
    async def submit(
        self, group: asyncio.TaskGroup, journal: Journal, session: Session, count: int
    ) -> Sequence[asyncio.Task[Session | Exception]]:
        async def one() -> Session | Exception:
            try:
                return await journal.record(session.id, EventKind.PROGRESS, PREPARING)
            except JournalError as error:
                return error

        tasks = [group.create_task(one(), name=f"progress {number}") for number in range(count)]
        await asyncio.sleep(0)
        return tasks

    async def test_a_commit_that_failed_and_is_on_the_disk_all_the_same_is_followed_by_the_next(
        self, journal: Journal
    ) -> None:
        session = await start(journal)

        def commit(writes: Sequence[Write]) -> list[Exception | None]:
            assert journal._store.commit(writes) == [None]
            return [JournalError("disk I/O error")]

        good, journal._writer = journal._writer, InlineWriter(commit, journal._done)
        with pytest.raises(JournalError):
            await journal.record(session.id, EventKind.PROGRESS, PREPARING)
        journal._writer = good
        assert journal.session(session.id).seq == session.seq + 1
        after = await journal.record(session.id, EventKind.PROGRESS, PREPARING)
        assert after.seq == session.seq + 2
        assert fold(journal.history(session.id)) == after

    async def test_what_follows_a_failed_change_fails_and_what_begins_after_it_does_not(
        self, journal: Journal, held: HeldWriter
    ) -> None:
        session = await start(journal)
        other = await start(journal, pos_key="k2", reader="r2")
        journal._writer = held
        full = JournalError("no space left")
        async with asyncio.TaskGroup() as group:
            early = await self.submit(group, journal, session, 3)  # numbers 3, 4, 5
            beside = await self.submit(group, journal, other, 1)
            held.fail = lambda _: full
            held.let()
            held.fail = lambda _: None
            late = await self.submit(group, journal, session, 2)  # number 3 again, and 4
            held.let()  # number 4 of the first three, in vain
            later = await self.submit(group, journal, session, 1)  # number 5: follows the late ones
            held.let(10)
        assert early[0].result() is full
        for task in early[1:]:
            assert isinstance(task.result(), JournalError)
            assert "an earlier change was not stored" in str(task.result())
        results = [task.result() for task in (*late, *later)]
        assert [result.seq for result in results if isinstance(result, Session)] == [3, 4, 5]
        assert isinstance(beside[0].result(), Session)
        assert [event.seq for event in journal.history(session.id)] == [1, 2, 3, 4, 5]
        assert journal._heads == {}
        assert journal._broken == {}

    async def test_a_failed_change_of_two_sessions_sets_both_back(
        self, journal: Journal, held: HeldWriter
    ) -> None:
        one, two = await start(journal), await start(journal, pos_key="k2", reader="r2")
        journal._writer = held
        held.fail = lambda write: JournalError("no space") if len(write.after) == 2 else None
        async with asyncio.TaskGroup() as group:
            both = group.create_task(
                self.fails(
                    journal.record_all([(each.id, EventKind.PROGRESS, PREPARING) for each in (one, two)])
                ),
                name="both",
            )
            await asyncio.sleep(0)
            doomed = await self.submit(group, journal, two, 1)
            held.let(2)
            again = await self.submit(group, journal, two, 1)
            held.let()
        assert both.result() == "no space"
        assert isinstance(doomed[0].result(), JournalError)
        assert isinstance(again[0].result(), Session)

    async def fails(self, call: Any) -> str:
        with pytest.raises(JournalError) as caught:
            await call
        return str(caught.value)

    async def test_trouble_is_told_until_a_change_is_stored(self, journal: Journal, held: HeldWriter) -> None:
        session = await start(journal)
        journal._writer = held
        journal.note(session.id, EventKind.PROGRESS, PREPARING)
        journal.note(session.id, EventKind.PROGRESS, PREPARING)
        held.fail = lambda _: JournalError("no space left")
        held.let()
        assert journal.trouble == "no space left"
        held.fail = lambda _: None
        held.let()
        assert journal.trouble == "no space left"
        journal.note(session.id, EventKind.PROGRESS, PREPARING)
        held.let()
        assert journal.trouble == ""

    async def test_a_real_full_disk_is_told_and_gets_over(self, journal: Journal) -> None:
        session = await start(journal)
        writer = journal._store._writer
        (pages,) = writer.execute("PRAGMA page_count").fetchone()
        writer.execute(f"PRAGMA max_page_count = {pages}")
        said = {**PREPARING, "said": "x" * 500}
        for _ in range(100):
            journal.note(session.id, EventKind.PROGRESS, said)
        assert "has no space left" in journal.trouble
        acknowledged = journal.session(session.id)
        assert 2 <= acknowledged.seq < 102
        with pytest.raises(JournalError, match="has no space left"):
            await journal.record(session.id, EventKind.PROGRESS, said)
        assert journal.session(session.id) == acknowledged
        assert fold(journal.history(session.id)) == acknowledged
        writer.execute("PRAGMA max_page_count = 100000")
        paid = await journal.record(session.id, EventKind.CONCLUDED, PAID)
        assert paid.seq == acknowledged.seq + 1
        assert journal.trouble == ""

    async def test_a_canceled_caller_does_not_take_its_change_back(
        self, journal: Journal, held: HeldWriter
    ) -> None:
        session = await start(journal)
        journal._writer = held
        async with asyncio.TaskGroup() as group:
            tasks = await self.submit(group, journal, session, 2)
            for task in tasks:
                task.cancel()
        held.let()
        held.fail = lambda _: JournalError("no space left")
        held.let()
        assert journal.session(session.id).seq == 3
        assert journal._heads == {}

    async def test_a_session_seen_on_the_disk_before_its_opener_is_told(
        self, journal: Journal, held: HeldWriter
    ) -> None:
        journal._writer = held
        async with asyncio.TaskGroup() as group:
            opener = group.create_task(journal.open_session(order()), name="opener")
            await asyncio.sleep(0)
            (pending,) = held.queue
            held.queue.clear()
            journal._store.commit([pending.write])
            found = journal.by_pos_key("till-1", "k1")
            assert found is not None
            starter = group.create_task(journal.record(found.id, EventKind.STARTED), name="starter")
            await asyncio.sleep(0)
            held.let()
            journal._done([pending], [None])
        assert (opener.result().seq, starter.result().seq) == (1, 2)
        assert journal.session(found.id).seq == 2


class TestClosing:
    async def test_a_closed_journal_takes_nothing(self, journal: Journal) -> None:
        session = await start(journal)
        journal.close()
        journal.close()
        for call in (
            journal.record(session.id, EventKind.PROGRESS, PREPARING),
            journal.open_session(order("k2", "r2")),
        ):
            with pytest.raises(JournalError, match=r"is closed; nothing was stored"):
                await call
        with pytest.raises(JournalError, match="is closed"):
            journal.note(session.id, EventKind.PROGRESS, PREPARING)
        with pytest.raises(JournalError, match="cannot be used"):
            journal.totals()

    @pytest.mark.real_time
    async def test_closing_finishes_what_is_queued_and_tells_who_waits(self, path: Path) -> None:
        journal = Journal(path, now=FakeClock())
        session = await start(journal)
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(
                journal.record(session.id, EventKind.PROGRESS, PREPARING), name="waits"
            )
            await asyncio.sleep(0)
            journal.close()
        assert waiting.result().seq == 3
        assert rows(path, "SELECT max(seq) FROM event") == [(3,)]

    def test_without_a_loop_nothing_is_opened(self, path: Path) -> None:
        with pytest.raises(RuntimeError, match="no running event loop"):
            Journal(path, now=FakeClock())
        assert not path.exists()


@pytest.mark.real_time
async def test_many_at_once_through_the_thread(path: Path) -> None:
    async def sale(journal: Journal, number: int) -> Session:
        session = await start(journal, pos_key=f"k{number}", reader=f"r{number}")
        for attempt in (1, 2, 3):
            await journal.record(session.id, EventKind.ATTEMPT, {"operation": "create", "number": attempt})
            journal.note(session.id, EventKind.PROGRESS, PREPARING)
        return await journal.record(session.id, EventKind.CONCLUDED, PAID)

    with closing(Journal(path, now=FakeClock())) as journal:
        assert isinstance(journal._writer, GroupWriter)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(sale(journal, number), name=f"sale {number}") for number in range(40)]
        assert journal._heads == {}
    with closing(Store(path)) as store:
        for task in tasks:
            assert fold(store.history(task.result().id)) == task.result()
        assert store.totals() == {"paid": 40}


KILLED = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from agent.payments.journal import Journal
from agent.payments.model import EventKind
from tests.unit.agent.payments.sales import order

async def sell(journal, number):
    session = await journal.open_session(order(f"k{number}", f"r{number}"))
    session = await journal.record(session.id, EventKind.STARTED)
    while True:
        print(session.id, session.seq, flush=True)
        session = await journal.record(session.id, EventKind.PROGRESS, {"step": "preparing"})

async def main():
    journal = Journal(Path(sys.argv[1]), now=lambda: datetime.now(UTC))
    async with asyncio.TaskGroup() as group:
        for number in range(4):
            group.create_task(sell(journal, number))
asyncio.run(main())
"""


def test_what_a_killed_process_acknowledged_is_there(path: Path) -> None:
    acknowledged: dict[str, int] = {}
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True
    ) as life:
        assert life.stdout is not None
        for _ in range(400):
            name, seq = life.stdout.readline().split()
            acknowledged[name] = int(seq)
        life.kill()
        for line in life.stdout:
            if line.endswith("\n"):
                name, seq = line.split()
                acknowledged[name] = int(seq)
    assert Path(f"{path}-wal").stat().st_size > 0
    with closing(Store(path)) as store:
        assert len(store.unsettled()) == 4
        for name, number in acknowledged.items():
            events = store.history(name)
            assert number <= len(events) <= number + 1
            assert fold(events).seq == len(events)

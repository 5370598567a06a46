"""The journal's database: invariants that hold against any SQL, changes stored as a whole or not at all."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.payments.change import Conflict, ConflictError, Write
from agent.payments.errors import JournalError
from agent.payments.machine import fold
from agent.payments.model import EventKind, Session, SessionQuery, State, TillName
from agent.payments.store import NUMBERED, WIDEST, Store
from drivers.contract import Money, SessionId
from tests.unit.agent.payments.sales import DECLINED, MORNING, PAID, opened, order, raw, refund, rows, then

PROGRESS = {"step": "preparing"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "j.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with closing(Store(path)) as made:
        yield made


def put(store: Store, *writes: Write) -> None:
    assert store.commit(writes) == [None] * len(writes)


def put_new(store: Store, name: str, *steps: tuple[EventKind, Any], **options: Any) -> Session:
    session, write = opened(name, **options)
    put(store, write)
    for kind, facts in steps:
        session, write = then(session, kind, facts)
        put(store, write)
    return session


def put_paid(store: Store, name: str = "ses_1", pos_key: str = "k1") -> Session:
    return put_new(store, name, (EventKind.STARTED, {}), (EventKind.CONCLUDED, PAID), wanted=order(pos_key))


def conflict(result: Exception | None) -> Conflict:
    assert isinstance(result, ConflictError)
    return result.conflict


def dump(path: Path) -> list[Any]:
    return [rows(path, f"SELECT * FROM {table} ORDER BY 1, 2") for table in ("session", "event", "reference")]


class TestCommit:
    def test_what_was_written_is_read_back(self, store: Store) -> None:
        session = put_paid(store)
        events = store.history("ses_1")
        assert [event.kind for event in events] == ["opened", "started", "concluded"]
        assert fold(events) == session
        assert store.history("ses_2") == []

    def test_a_group_of_everything_is_one_transaction(self, store: Store, path: Path) -> None:
        sessions, group = [], []
        for number in range(WIDEST + 7):
            session, write = opened(f"ses_{number}", order(f"k{number}", f"r{number}"))
            group.append(write)
            started, write = then(session, EventKind.STARTED)
            group.append(write)
            known, write = then(started, EventKind.REFERENCE, {"name": "charge", "value": f"ch_{number}"})
            group.append(write)
            sessions.append(known)
        statements: list[str] = []
        store._writer.set_trace_callback(statements.append)
        put(store, *group)
        assert [text for text in statements if text in {"BEGIN IMMEDIATE", "COMMIT"}] == [
            "BEGIN IMMEDIATE",
            "COMMIT",
        ]
        assert [fold(store.history(session.id)) for session in sessions] == sessions
        assert rows(path, "SELECT DISTINCT state FROM session") == [("in_flight",)]

    @pytest.mark.parametrize("count", [1, 2, 3, 31, 64, 100])
    def test_events_alone_take_the_short_way(self, store: Store, count: int) -> None:
        session = put_new(store, "ses_1", (EventKind.STARTED, {}))
        group = []
        for _ in range(count):
            session, write = then(session, EventKind.PROGRESS, PROGRESS)
            group.append(write._replace(rows=()))
        put(store, *group)
        assert fold(store.history("ses_1")) == session

    def test_one_bad_change_does_not_hurt_its_neighbours(self, store: Store, path: Path) -> None:
        first = put_new(store, "ses_1", (EventKind.STARTED, {}))
        good, write_good = then(first, EventKind.PROGRESS, PROGRESS)
        gap = write_good._replace(events=tuple((n, seq + 5, *rest) for n, seq, *rest in write_good.events))  # type: ignore[misc]  # a row again
        _, twice = opened("ses_2", order("k1", "r2"))
        _, busy = opened("ses_3", order("k3", "r1"))
        _, huge = opened("ses_4", order("k4", "r4", money=Money(2**70, "eur")))
        _, odd = opened("ses_5", order("\ud800", "r5"))
        _, stranger = then(opened("ses_6", order("k6", "r6"))[0], EventKind.STARTED)
        _, unknown_kind = opened("ses_7", order("k7", "r7", money=Money(0, "eur")))
        fine, write_fine = opened("ses_8", order("k8", "r8"))
        results = store.commit([gap, write_good, twice, busy, huge, odd, stranger, unknown_kind, write_fine])
        assert isinstance(results[0], JournalError)
        assert "an earlier change was not stored, nor is this one" in str(results[0])
        assert results[1] is None
        assert conflict(results[2]) is Conflict.POS_KEY
        assert conflict(results[3]) is Conflict.READER
        assert isinstance(results[4], OverflowError)
        assert isinstance(results[5], UnicodeError)
        assert isinstance(results[6], JournalError)
        assert conflict(results[7]) is Conflict.OTHER
        assert results[8] is None
        assert fold(store.history("ses_1")) == good
        assert fold(store.history("ses_8")) == fine
        assert rows(path, "SELECT id FROM session ORDER BY no") == [("ses_1",), ("ses_8",)]

    def test_a_bad_change_alone_is_told_why_and_leaves_nothing(self, store: Store, path: Path) -> None:
        put_new(store, "ses_1")
        before = dump(path)
        for write, kind in [
            (opened("ses_2", order("k1", "r2"))[1], ConflictError),
            (opened("ses_3", order("\ud800", "r3"))[1], UnicodeError),
            (opened("ses_4", order("k4", "r4"), references={"charge": "\ud800"})[1], UnicodeError),
        ]:
            (result,) = store.commit([write])
            assert isinstance(result, kind)
            assert dump(path) == before
        assert not store._writer.in_transaction
        put_new(store, "ses_5", wanted=order("k5", "r5"))

    def test_all_of_a_change_or_nothing(self, store: Store, path: Path) -> None:
        one = put_new(store, "ses_1", (EventKind.STARTED, {}))
        two = put_new(store, "ses_2", (EventKind.STARTED, {}), wanted=order("k2", "r2"))
        _, first = then(one, EventKind.REFERENCE, {"name": "charge", "value": "ch_1"})
        put(store, first)
        _, good = then(two, EventKind.PROGRESS, PROGRESS)
        _, bad = then(two, EventKind.REFERENCE, {"name": "charge", "value": "ch_1"})
        before = dump(path)
        (result,) = store.commit([bad])
        assert conflict(result) is Conflict.REFERENCE
        assert "charge ch_1" in str(result)
        assert dump(path) == before
        assert store.commit([good])[0] is None

    def test_a_reader_that_the_same_group_frees_can_be_taken(self, store: Store) -> None:
        first = put_new(store, "ses_1", (EventKind.STARTED, {}))
        _, ends = then(first, EventKind.CONCLUDED, PAID)
        _, begins = opened("ses_2", order("k2"))
        put(store, ends, begins)
        assert store.totals() == {"paid": 1, "opened": 1}

    def test_row_numbers_are_found_again_when_forgotten(self, store: Store) -> None:
        session = put_new(store, "ses_1", (EventKind.STARTED, {}))
        store._numbers.clear()
        session, write = then(session, EventKind.CONCLUDED, PAID)
        put(store, write)
        store._numbers.update({SessionId(f"x{number}"): number for number in range(NUMBERED)})
        put_new(store, "ses_2", wanted=order("k2"))
        assert len(store._numbers) == 1

    def test_row_numbers_go_on_after_a_restart(self, path: Path) -> None:
        with closing(Store(path)) as store:
            session = put_new(store, "ses_1")
        with closing(Store(path)) as store:
            _, write = then(session, EventKind.STARTED)
            put(store, write)
            put_new(store, "ses_2", wanted=order("k2", "r2"))
        assert rows(path, "SELECT no, id FROM session") == [(1, "ses_1"), (2, "ses_2")]


class TestTheDiskFails:
    def test_a_full_database_loses_nothing_and_goes_on_when_there_is_room(
        self, store: Store, path: Path
    ) -> None:
        session = put_new(store, "ses_1", (EventKind.STARTED, {}))
        (pages,) = store._writer.execute("PRAGMA page_count").fetchone()
        store._writer.execute(f"PRAGMA max_page_count = {pages}")
        stored = [session]
        refused = 0
        while not refused:
            group = []
            after = stored[-1]
            for _ in range(8):
                after, write = then(after, EventKind.PROGRESS, {**PROGRESS, "said": "x" * 200})
                group.append(write)
            results = store.commit(group)
            refused = sum(result is not None for result in results)
            if not refused:
                stored.append(after)
        assert refused == 8
        assert "has no space left" in str(results[0])
        assert "free space on its disk; nothing was stored" in str(results[0])
        assert results[0] is not results[1]  # each waiter raises an error of its own
        assert fold(store.history("ses_1")) == stored[-1]
        store._writer.execute("PRAGMA max_page_count = 1000000")
        put(store, *group)
        assert fold(store.history("ses_1")) == after

    def test_a_rollback_that_fails_is_made_good_before_anything_is_acknowledged(
        self, store: Store, path: Path
    ) -> None:
        session = put_new(store, "ses_1", (EventKind.STARTED, {}))
        refused = 0
        for after in range(1, 60):
            left = after

            def tick() -> int:
                nonlocal left
                left -= 1
                return int(left <= 0)  # from then on every statement is interrupted, the rollback too

            changed, write = then(session, EventKind.DOUBTED, {"code": "x", "message": "y"})
            store._writer.set_progress_handler(tick, 1)
            results = store.commit([write])
            broken = store._writer.in_transaction
            store._writer.set_progress_handler(None, 0)
            refused += broken
            if results == [None]:
                session = changed
                break
            session, note = then(session, EventKind.PROGRESS, PROGRESS)
            put(store, note)
            assert not store._writer.in_transaction
        assert refused
        seen = sqlite3.connect(path)  # another connection sees what is committed, and nothing else
        (events,) = seen.execute("SELECT count(*) FROM event").fetchone()
        seen.close()
        assert events == session.seq

    def test_a_write_error_of_the_system_loses_nothing(self, path: Path) -> None:
        """RLIMIT_FSIZE: the kernel itself refuses to let the log grow."""
        script = """
import resource, signal, sys
from pathlib import Path
from agent.payments.model import EventKind
from agent.payments.store import Store
from tests.unit.agent.payments.sales import opened, then
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = Store(Path(sys.argv[1]))
session, write = opened()
assert store.commit([write]) == [None]
session, write = then(session, EventKind.STARTED)
assert store.commit([write]) == [None]
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
while True:
    after, write = then(session, EventKind.PROGRESS, {"step": "preparing", "said": "x" * 3000})
    (result,) = store.commit([write])
    if result is not None:
        break
    session = after
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(type(result).__name__, result)
print(session.seq, store.history("ses_1")[-1].seq)
assert store.commit([write]) == [None]
print(store.history("ses_1")[-1].seq)
"""
        done = subprocess.run(
            [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        said, numbers, later = done.stdout.splitlines()
        assert said.startswith("JournalError the journal")
        assert str(path) in said
        acknowledged, seen = (int(number) for number in numbers.split())
        assert acknowledged == seen
        with closing(Store(path)) as store:
            assert [event.seq for event in store.history("ses_1")] == list(range(1, int(later) + 1))

    def test_a_real_full_disk_loses_nothing(self, tmp_path: Path) -> None:
        disk = tmp_path / "disk"
        disk.mkdir()
        if (
            os.geteuid() != 0
            or subprocess.run(
                ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", disk], capture_output=True, check=False
            ).returncode
        ):
            pytest.skip("only root may mount a small disk; the two tests above fill a disk by other means")
        try:
            with closing(Store(disk / "j.db")) as store:
                session = put_new(store, "ses_1", (EventKind.STARTED, {}))
                result: Exception | None = None
                while result is None:
                    after, write = then(session, EventKind.PROGRESS, {**PROGRESS, "said": "x" * 9000})
                    (result,) = store.commit([write])
                    session = after if result is None else session
                assert isinstance(result, JournalError)
                assert fold(store.history("ses_1")) == session
            with closing(Store(disk / "j.db")) as store:
                assert fold(store.history("ses_1")) == session
        finally:
            subprocess.run(["umount", disk], check=True)

    def test_a_writer_from_outside_is_named(self, store: Store, path: Path) -> None:
        store._writer.execute("PRAGMA busy_timeout = 0")
        _, write = opened()
        with raw(path) as other:
            other.execute("BEGIN IMMEDIATE")
            (result,) = store.commit([write])
            assert isinstance(result, JournalError)
            assert "is being written by another program" in str(result)
            other.execute("ROLLBACK")
        put(store, write)

    def test_a_closed_store_says_so(self, path: Path) -> None:
        store = Store(path)
        store.close()
        store.close()
        with pytest.raises(JournalError, match="closed database"):
            store.totals()
        (result,) = store.commit([opened()[1]])
        assert result is not None

    def test_damage_found_at_opening_frees_the_lock(self, path: Path) -> None:
        with closing(Store(path)) as store:
            put_paid(store)
        ((root, size),) = rows(
            path, "SELECT rootpage, page_size FROM sqlite_schema, pragma_page_size WHERE name = 'session'"
        )
        with path.open("r+b") as file:
            file.seek((root - 1) * size)
            file.write(b"\x55" * size)
        for _ in range(2):
            with pytest.raises(JournalError, match=r"is damaged .*; keep the file"):
                Store(path)

    def test_an_event_that_cannot_be_read_is_damage(self, store: Store, path: Path) -> None:
        put_new(store, "ses_1")
        with raw(path) as other:
            other.execute("INSERT INTO event VALUES (1, 2, 0, 'sold', '{}')")
        with pytest.raises(JournalError, match=r"an event of ses_1 that cannot be read .*newer version"):
            store.history("ses_1")


class TestQuestions:
    @pytest.fixture
    def full(self, store: Store) -> Store:
        put_paid(store)
        put_new(
            store,
            "ses_0",  # opened later: the clock went back in between
            (EventKind.STARTED, {}),
            (EventKind.REFERENCE, {"name": "payment_intent", "value": "pi_1"}),
            (EventKind.CONCLUDED, DECLINED),
            wanted=order("k2", "r2"),
        )
        put_new(
            store,
            "ses_3",
            (EventKind.STARTED, {}),
            (EventKind.CONCLUDED, {"verdict": "authorized", "amount_authorized": 1000}),
            (EventKind.SETTLING, {"settlement": "capture"}),
            wanted=order("k3", "r2", till=TillName("till-2")),
        )
        put_new(store, "ses_4", wanted=order("k4", "r2"))
        return store

    def test_what_a_lane_must_look_after_comes_oldest_first(self, full: Store) -> None:
        assert full.unsettled() == ["ses_3", "ses_4"]

    def test_what_is_left_over(self, full: Store) -> None:
        assert full.untidied(MORNING.replace(year=2027), 9) == ["ses_0"]
        assert full.untidied(MORNING, 9) == []

    def test_a_key_finds_its_session(self, full: Store) -> None:
        assert full.by_pos_key("till-1", "k1") == "ses_1"
        assert full.by_pos_key("till-2", "k1") is None
        assert full.by_pos_key("till-1", "\ud800") is None

    @pytest.mark.parametrize(
        ("query", "till", "found"),
        [
            (SessionQuery(), None, ["ses_4", "ses_3", "ses_0", "ses_1"]),
            (SessionQuery(), "till-2", ["ses_3"]),
            (SessionQuery(pos_key="k4"), "till-1", ["ses_4"]),
            (SessionQuery(state=State.DECLINED), None, ["ses_0"]),
            (SessionQuery(reader="r2", limit=2), None, ["ses_4", "ses_3"]),
            (SessionQuery(before=SessionId("ses_3")), None, ["ses_0", "ses_1"]),
            (SessionQuery(before=SessionId("ses_unknown")), None, []),
            (SessionQuery(since=MORNING), None, ["ses_4", "ses_3", "ses_0", "ses_1"]),
            (SessionQuery(since=MORNING.replace(year=2027)), None, []),
            (SessionQuery(limit=2**70), None, []),
        ],
    )
    def test_sessions_are_found_newest_first(
        self, full: Store, query: SessionQuery, till: str | None, found: list[str]
    ) -> None:
        assert full.find(query, till) == found

    def test_they_are_counted_by_state(self, full: Store) -> None:
        assert full.totals() == {"paid": 1, "declined": 1, "authorized": 1, "opened": 1}

    def test_no_question_scans_the_whole_journal(self, full: Store, path: Path) -> None:
        for sql in (
            "SELECT no FROM session WHERE holds = 1 AND on_reader = 1",
            "SELECT no FROM session WHERE settling = 1 OR (holds = 1 AND on_reader = 0)",
            "SELECT id FROM session WHERE leftover = 1 AND created_at < 0 ORDER BY no DESC LIMIT 1",
            "SELECT id FROM session WHERE reader = 'r1' ORDER BY no DESC LIMIT 1",
            "SELECT id FROM session WHERE till = 't' AND pos_key = 'k' ORDER BY no DESC",
            "SELECT * FROM event WHERE session = 1 ORDER BY seq",
        ):
            plans = [row[3] for row in rows(path, f"EXPLAIN QUERY PLAN {sql}")]
            assert any("USING INDEX session_" in plan or "event_number" in plan for plan in plans), plans
            assert not any("TEMP B-TREE" in plan for plan in plans), plans


class TestInvariants:
    """Raw SQL, as if every line of Python were wrong."""

    @pytest.fixture
    def sql(self, store: Store, path: Path) -> Iterator[sqlite3.Connection]:
        put_paid(store)  # no 1
        put_new(store, "ses_2", (EventKind.STARTED, {}), wanted=order("k2"))  # no 2 holds r1
        put_new(
            store, "ses_3", (EventKind.STARTED, {}), (EventKind.CONCLUDED, DECLINED), wanted=order("k3", "r3")
        )
        with raw(path) as connection:
            connection.execute("PRAGMA recursive_triggers = ON")
            connection.execute("INSERT INTO reference VALUES ('payment_intent', 'pi_3', 3)")
            yield connection

    NEW = (
        "INSERT INTO session (id, till, pos_key, reader, kind, state, holds, on_reader, amount, currency,"
        " refund_of, retry_of, created_at) VALUES "
    )

    @pytest.mark.parametrize(
        ("statement", "words"),
        [
            ("UPDATE event SET facts = '{}'", "events are append-only"),
            ("DELETE FROM event WHERE session = 1 AND seq = 3", "events are append-only"),
            ("INSERT INTO event VALUES (1, 5, 0, 'tidied', '{}')", "an event is missing"),
            ("INSERT INTO event VALUES (1, 3, 0, 'tidied', '{}')", "an event is missing"),
            ("REPLACE INTO event VALUES (1, 3, 0, 'tidied', '{}')", "an event is missing"),
            ("INSERT OR IGNORE INTO event VALUES (1, 9, 0, 'tidied', '{}')", "an event is missing"),
            ("INSERT INTO event VALUES (2, 4, 0, 'x', '{}'), (2, 3, 0, 'x', '{}')", "an event is missing"),
            ("INSERT INTO event VALUES (9, 1, 0, 'opened', '{}')", "FOREIGN KEY"),
            ("INSERT INTO event VALUES (1, 'four', 0, 'opened', '{}')", "cannot store TEXT"),
            ("DELETE FROM session WHERE no = 3", "sessions are kept"),
            ("UPDATE session SET amount = 1 WHERE no = 1", "orders are never changed"),
            ("UPDATE session SET pos_key = 'k9' WHERE no = 1", "orders are never changed"),
            ("UPDATE session SET id = 'ses_9' WHERE no = 1", "orders are never changed"),
            ("UPDATE session SET on_reader = 0 WHERE no = 2", "orders are never changed"),
            ("UPDATE session SET state = 'in_flight', holds = 1 WHERE no = 3", "the session has ended"),
            ("UPDATE session SET amount_captured = 1 WHERE no = 1", "the session has ended"),
            ("UPDATE session SET amount_captured = 1 WHERE no = 2", "CHECK"),
            ("UPDATE session SET amount_captured = -1, state = 'paid', holds = 0 WHERE no = 2", "CHECK"),
            ("UPDATE session SET state = 'lost' WHERE no = 2", "CHECK"),
            ("UPDATE session SET holds = 0 WHERE no = 2", "CHECK"),
            ("UPDATE session SET state = 'paid' WHERE no = 2", "CHECK"),
            ("UPDATE session SET settling = 2 WHERE no = 2", "CHECK"),
            (NEW + "('s','till-1','k1','r9','payment','opened',1,1,5,'eur',NULL,NULL,0)", "session.pos_key"),
            (NEW + "('s','till-1','k9','r1','payment','opened',1,1,5,'eur',NULL,NULL,0)", "session.reader"),
            (NEW + "('s','till-1','k9','r1','payment','in_doubt',1,1,5,'eur',NULL,NULL,0)", "session.reader"),
            (NEW + "('s','till-1','k9','r9','payment','opened',0,1,5,'eur',NULL,NULL,0)", "CHECK"),
            (NEW + "('s','till-1','k9','r9','payment','opened',1,1,0,'eur',NULL,NULL,0)", "CHECK"),
            (NEW + "('s','till-1','k9','r9','payment','opened',1,1,5,'euro',NULL,NULL,0)", "CHECK"),
            (
                NEW + "('s','till-1','k9','r9','payment','opened',1,1,1.5,'eur',NULL,NULL,0)",
                "cannot store REAL",
            ),
            (NEW + "('s','till-1','k9','r9','gift','opened',1,1,5,'eur',NULL,NULL,0)", "CHECK"),
            (NEW + "('s','till-1','k9','r9','payment','opened',1,1,5,'eur','ses_1',NULL,0)", "CHECK"),
            (NEW + "('s','till-1','k9','r9','refund','opened',1,0,5,'eur',NULL,NULL,0)", "refund exceeds"),
            (
                NEW + "('s','till-1','k9','r9','refund','opened',1,0,1001,'eur','ses_1',NULL,0)",
                "refund exceeds",
            ),
            (NEW + "('s','till-1','k9','r9','refund','opened',1,0,5,'usd','ses_1',NULL,0)", "refund exceeds"),
            (NEW + "('s','till-1','k9','r9','refund','opened',1,0,5,'eur','ses_2',NULL,0)", "refund exceeds"),
            (NEW + "('s','till-1','k9','r9','payment','opened',1,1,5,'eur',NULL,'ses_9',0)", "FOREIGN KEY"),
            (
                "REPLACE" + NEW[6:] + "('ses_2','t','k9','r1','payment','opened',1,1,5,'eur',NULL,NULL,0)",
                "kept",
            ),
            ("INSERT INTO reference VALUES ('payment_intent', 'pi_3', 1)", "UNIQUE"),
            ("UPDATE reference SET session = 1", "belongs to another session"),
            ("UPDATE reference SET value = 'pi_4'", "belongs to another session"),
            ("DELETE FROM reference", "references are kept"),
        ],
    )
    def test_the_database_itself_refuses(
        self, sql: sqlite3.Connection, path: Path, statement: str, words: str
    ) -> None:
        before = dump(path)
        with pytest.raises(sqlite3.IntegrityError, match=words):
            sql.execute(statement)
        assert dump(path) == before

    def test_two_refunds_together_never_exceed_the_payment(self, sql: sqlite3.Connection) -> None:
        values = "('{}','till-1','{}','r9','refund','opened',1,0,{},'eur','ses_1',NULL,0)"
        sql.execute(self.NEW + values.format("a", "ka", 600))
        with pytest.raises(sqlite3.IntegrityError, match="refund exceeds payment"):
            sql.execute(self.NEW + values.format("b", "kb", 401))
        sql.execute("UPDATE session SET state = 'failed', holds = 0 WHERE id = 'a'")
        sql.execute(self.NEW + values.format("c", "kc", 1000))

    def test_a_declined_sale_is_taken_up_once_and_its_references_with_it(
        self, sql: sqlite3.Connection
    ) -> None:
        values = "('{}','till-1','{}','{}','payment','opened',1,1,5,'eur',NULL,'ses_3',0)"
        sql.execute(self.NEW + values.format("ses_4", "k4", "r4"))
        with pytest.raises(sqlite3.IntegrityError, match=r"session\.retry_of"):
            sql.execute(self.NEW + values.format("ses_5", "k5", "r5"))
        sql.execute("UPDATE reference SET session = 4 WHERE value = 'pi_3'")


def test_refunds_and_retries_over_the_booked_limits_are_named(store: Store) -> None:
    paid = put_paid(store)
    _, first = opened("ses_2", refund(paid, "k2", 600), on_reader=False)
    _, second = opened("ses_3", refund(paid, "k3", 500), on_reader=False)
    results = store.commit([first, second])
    assert results[0] is None
    assert conflict(results[1]) is Conflict.REFUND


def test_references_move_to_a_retry_and_no_further(store: Store) -> None:
    known = {"payment_intent": "pi_1"}
    put_new(
        store,
        "ses_1",
        (EventKind.STARTED, {}),
        (EventKind.REFERENCE, {"name": "payment_intent", "value": "pi_1"}),
        (EventKind.CONCLUDED, DECLINED),
    )
    put_new(store, "ses_2", wanted=replace(order("k2"), retry_of=SessionId("ses_1")), references=known)
    _, stranger = opened("ses_3", order("k3", "r3"), references=known)
    _, again = opened("ses_4", replace(order("k4", "r4"), retry_of=SessionId("ses_1")))
    results = store.commit([stranger, again])
    assert [conflict(result) for result in results] == [Conflict.REFERENCE, Conflict.RETRY]

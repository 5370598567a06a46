"""A power cut at every byte of a commit: an acknowledged event is never lost, a torn one never half-seen.

A disk that keeps its word has, after a cut, all that was written before the last fsync, and of what was
written since any part. So: note what the files hold at each acknowledgement; build every file that a cut in
the middle of the next change can leave; open it as a restarted gateway would; compare.
"""

import asyncio
import json
import os
import random
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from agent.payments.change import moment
from agent.payments.journal import Journal
from agent.payments.machine import fold
from agent.payments.model import Event, EventKind, Order, PosKey, Session, TillName
from agent.payments.store import Store
from drivers.contract import Kind, Money, ReaderName, SessionId
from tests.thoroughness import THOROUGH, sample

PAGE = 512
"""The smallest page SQLite knows, so that a commit is short enough to be cut at every byte."""

SECTOR = 512
"""What a disk writes as a whole."""

EVERYDAY_CUTS = 400
"""Of a commit's bytes, where not all are tried."""

Row = tuple[Any, ...]
Content = tuple[tuple[Row, ...], tuple[Row, ...], tuple[Row, ...]]

TABLES = (
    "SELECT id, seq, at, event.kind, facts FROM event JOIN session ON no = session ORDER BY no, seq",
    "SELECT id, state, holds, settling, leftover, amount_captured FROM session ORDER BY no",
    "SELECT name, value, id FROM reference JOIN session ON no = session ORDER BY name, value",
)


@dataclass(frozen=True)
class Moment:
    """The files and what they mean at the moment of an acknowledgement."""

    what: str
    database: bytes
    log: bytes
    content: Content


@pytest.fixture(scope="module")
def morning(tmp_path_factory: pytest.TempPathFactory) -> list[Moment]:
    """Sales whose log is checkpointed and begun anew several times on the way."""
    path = tmp_path_factory.mktemp("morning") / "j.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA page_size = {PAGE}")
        connection.execute("PRAGMA user_version = 0")  # writes the first page
    moments: list[Moment] = []
    asyncio.run(_sell(path, moments))
    return moments


async def _sell(path: Path, moments: list[Moment]) -> None:
    seconds = iter(range(10**6))
    journal = Journal(
        path,
        now=lambda: datetime(2026, 1, 5, 8, tzinfo=UTC) + timedelta(seconds=next(seconds)),
        inline=True,
        random=lambda size: bytes([next(seconds) % 256] * size),
    )
    with closing(journal):
        # The database grows by checkpoints while we watch: every 30 pages of log instead of 1000.
        journal._store._writer.execute("PRAGMA wal_autocheckpoint = 30")

        def noted(what: str, session: Session) -> SessionId:
            log = path.with_name(path.name + "-wal").read_bytes()
            moments.append(Moment(what, path.read_bytes(), log, _content(journal._store._file.reader)))
            return session.id

        for number in range(5):
            order = Order(TillName("till-1"), PosKey(f"k{number}"), ReaderName("r1"), Money(1000, "eur"))
            name = noted("opened", await journal.open_session(order))
            for kind, facts in STEPS:
                said = json.loads(json.dumps(facts).replace("?", str(number)))
                noted(kind.value, await journal.record(name, kind, said))
        refund = Order(
            TillName("till-1"),
            PosKey("back"),
            ReaderName("r1"),
            Money(400, "eur"),
            Kind.REFUND,
            refund_of=name,
        )
        back = noted("refund opened", await journal.open_session(refund, on_reader=False))
        noted("refund started", await journal.record(back, EventKind.STARTED))
        after = await journal.record_all(
            [
                (back, EventKind.CONCLUDED, {"verdict": "paid", "amount_captured": 400}),
                (name, EventKind.REFUNDED, {"amount": 400}),
            ]
        )
        noted("both sides of the refund", after[0])


STEPS: tuple[tuple[EventKind, dict[str, Any]], ...] = (
    (EventKind.STARTED, {}),
    (EventKind.ATTEMPT, {"operation": "create", "number": 1}),
    (EventKind.REFERENCE, {"name": "payment_intent", "value": "pi_?"}),
    (EventKind.CONCLUDED, {"verdict": "paid", "amount_captured": 1000, "references": {"charge": "ch_?"}}),
)


def _content(connection: sqlite3.Connection) -> Content:
    events, sessions, references = (tuple(connection.execute(table).fetchall()) for table in TABLES)
    return events, sessions, references


class Wreck:
    """The files of a gateway whose power was cut, and what a restart makes of them."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "wreck.db"

    def put(self, database: bytes, log: bytes) -> None:
        self.path.write_bytes(database)
        Path(f"{self.path}-wal").write_bytes(log)

    def recovered(self, database: bytes, log: bytes) -> Content:
        """What SQLite's own recovery makes of it; a restart without our code around, so that it is quick."""
        self.put(database, log)
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA synchronous = OFF")
            return _content(connection)

    def restarted(self, database: bytes, log: bytes) -> Content:
        """The same through the gateway's own door, with a check of the whole file."""
        self.put(database, log)
        with closing(Store(self.path)) as store:
            assert store._writer.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert store._writer.execute("PRAGMA foreign_key_check").fetchall() == []
            return _content(store._writer)


@pytest.fixture
def wreck() -> Iterator[Wreck]:
    memory = Path("/dev/shm")  # nothing here depends on a real disk
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Wreck(Path(folder))


@cache
def consistent(content: Content) -> bool:
    """The rows are the sum of the events; numbers have no gap; one session holds a reader; refunds fit."""
    events, sessions, references = content
    histories: dict[str, list[Event]] = {}
    for name, seq, at, kind, facts in events:
        event = Event(SessionId(name), seq, EventKind(kind), moment(at), json.loads(facts))
        histories.setdefault(name, []).append(event)
    folded = [fold(histories[name]) for name, *_ in sessions]  # raises for a gap or an illegal step
    held = [session.order.reader for session in folded if session.on_reader and session.state.holds_reader]
    owned = {(name, value): owner for name, value, owner in references}
    return (
        len(histories) == len(sessions)
        and len(held) == len(set(held))
        and all(session.amount_refunded <= session.amount_captured for session in folded)
        and [tuple(row) for row in sessions] == [_row(session) for session in folded]
        and owned
        == {
            (name, value): session.id
            for session in folded
            for name, value in session.references.items()
            if name in {"payment_intent", "charge"}
        }
    )


def _row(session: Session) -> Row:
    flags = (session.state.holds_reader, session.settling is not None, session.left_over)
    return (session.id, session.state.value, *map(int, flags), session.amount_captured)


def torn(before: bytes, after: bytes, kept: int, tail: str = "old") -> bytes:
    """A file of which only the first bytes of what was written since `before` reached the disk."""
    match tail:
        case "old":
            rest = before[kept:]
        case "zeros":
            rest = bytes(len(after) - kept)
        case _:
            rest = random.Random(kept).randbytes(len(after) - kept)
    return after[:kept] + rest


def first_difference(before: bytes, after: bytes) -> int:
    shared = min(len(before), len(after))
    return next((at for at in range(shared) if before[at] != after[at]), shared)


def pairs(morning: Sequence[Moment]) -> list[tuple[Moment, Moment]]:
    return list(pairwise(morning))


def appended(morning: Sequence[Moment]) -> list[tuple[Moment, Moment]]:
    """Commits after which the database is as before: only the log was written."""
    return [(before, after) for before, after in pairs(morning) if before.database == after.database]


def test_the_morning_has_all_kinds_of_commits(morning: list[Moment]) -> None:
    checkpoints = [after for before, after in pairs(morning) if before.database != after.database]
    anew = [
        after
        for before, after in appended(morning)
        if first_difference(before.log, after.log) < len(before.log)
    ]
    assert len(checkpoints) >= 3
    assert len(anew) >= 3
    assert all(consistent(each.content) for each in morning)
    assert len({each.content for each in morning}) == len(morning)


def test_a_log_cut_at_every_byte_of_the_last_commits(morning: list[Moment], wreck: Wreck) -> None:
    anew = [
        (before, after)
        for before, after in appended(morning)
        if first_difference(before.log, after.log) < len(before.log)
    ]
    cuts = half_way = 0
    for before, after in [*appended(morning)[-2:], anew[-1]]:
        start = first_difference(before.log, after.log)
        end = last_difference(before.log, after.log)
        for kept in sample(range(start, end + 1), EVERYDAY_CUTS):
            found = wreck.recovered(before.database, torn(before.log, after.log, kept))
            assert found in {before.content, after.content}, f"{after.what} cut after byte {kept}"
            cuts += 1
            half_way += found == before.content
        assert wreck.recovered(before.database, after.log) == after.content
    assert cuts > (3000 if THOROUGH else 2 * EVERYDAY_CUTS)
    assert cuts > half_way > cuts // 2  # a commit counts with its very last frame, not before


def last_difference(before: bytes, after: bytes) -> int:
    """Where the bytes end that were written since."""
    if len(after) > len(before):
        return len(after)
    return max(at for at in range(len(after)) if before[at] != after[at]) + 1


@pytest.mark.parametrize("tail", ["zeros", "garbage"])
def test_a_log_that_ends_in_rubbish(morning: list[Moment], wreck: Wreck, tail: str) -> None:
    """A file system may have made the file longer without having written what belongs there."""
    for before, after in appended(morning)[-6:]:
        start = first_difference(before.log, after.log)
        for kept in range(start, len(after.log), 211):
            found = wreck.restarted(before.database, torn(before.log, after.log, kept, tail))
            assert found in {before.content, after.content}, f"{after.what} cut after byte {kept}"
            assert consistent(found)


def test_sectors_that_reach_the_disk_in_any_order(morning: list[Moment], wreck: Wreck) -> None:
    chance = random.Random(7)
    seen = set()
    for before, after in appended(morning):
        sectors = range(0, len(after.log), SECTOR)
        for _ in range(12):
            log = bytearray(after.log)
            for sector in sectors:
                if chance.random() < 0.3:
                    old = before.log[sector : sector + SECTOR]
                    log[sector : sector + SECTOR] = old.ljust(len(log[sector : sector + SECTOR]), b"\0")
            found = wreck.recovered(before.database, bytes(log))
            assert found in {before.content, after.content}, after.what
            assert consistent(found)
            seen.add(found == after.content)
    assert seen == {True, False}


def test_a_checkpoint_cut_anywhere_loses_nothing(morning: list[Moment], wreck: Wreck) -> None:
    """The log is complete and fsync'd before a page is copied, and kept until the copies are."""
    chance = random.Random(11)
    checked = 0
    for before, after in pairs(morning):
        if before.database == after.database:
            continue
        pages = range(0, len(after.database), PAGE)
        for _ in range(25):
            database = bytearray(after.database)
            for page in pages:
                old = before.database[page : page + PAGE].ljust(PAGE, b"\0")
                part = chance.choice((0, 0, PAGE, chance.randrange(PAGE)))  # new, old or torn
                database[page : page + part] = old[:part]
            assert wreck.recovered(bytes(database), after.log) == after.content
            checked += 1
        for kept in range(0, len(after.database) + 1, PAGE // 2):
            cut = torn(before.database, after.database, kept)
            assert wreck.restarted(cut, after.log) == after.content
    assert checked >= 75


def test_every_restart_finds_rows_that_are_the_sum_of_the_events(morning: list[Moment], wreck: Wreck) -> None:
    for before, after in appended(morning):
        start, end = first_difference(before.log, after.log), last_difference(before.log, after.log)
        for kept in (start, (start + end) // 2, end - 1, end):
            found = wreck.restarted(before.database, torn(before.log, after.log, kept))
            assert found in {before.content, after.content}
            assert consistent(found)


def test_this_test_can_fail(morning: list[Moment], wreck: Wreck) -> None:
    """Without fsync a cut may take bytes that were acknowledged: the comparison must see the loss."""
    lost = 0
    for earlier, before in appended(morning):
        start = first_difference(earlier.log, before.log)
        end = last_difference(earlier.log, before.log)
        for kept in (start, (start + end) // 2, end - 1):
            found = wreck.recovered(earlier.database, torn(earlier.log, before.log, kept))
            lost += found != before.content
    assert lost == 3 * len(appended(morning))
    events, sessions, references = morning[-1].content
    assert not consistent((events[:-1], sessions, references))
    assert not consistent((events, sessions, references[1:]))

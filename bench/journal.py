"""What the journal costs beside the least that is safe: a bare INSERT a commit, fsync'd, by the caller."""

import asyncio
import json
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from agent.payments.journal import Journal
from agent.payments.model import EventKind, Order, PosKey, TillName
from drivers.contract import Money, ReaderName

TOGETHER = 32
"""Sessions at once."""

APPENDS_A_SALE = 8


@dataclass(frozen=True, slots=True)
class JournalFigures:
    """Medians of the rounds; times in microseconds. The ratios compare within a round and are the result."""

    bytes_per_append: float
    bare_p50_us: float
    bare_p99_us: float
    bare_per_s: float
    append_p50_us: float
    append_p99_us: float
    appends_per_s: float
    cpu_per_append_us: float
    p50_ratio: float
    throughput_ratio: float


def measure(folder: Path, *, rounds: int = 5, sales: int = 100, sales_together: int = 15) -> JournalFigures:
    """Run the rounds in files below `folder`, which should be on the disk that the journal will be on.

    A round: `sales` sales one after the other, `sales_together` on each of 32 readers at once, and bare
    commits of the same number of bytes. An append is timed where its caller waits for it.
    """
    figures = []
    for number in range(rounds):
        place = folder / f"round-{number}"
        place.mkdir()
        figures.append(_round(place, sales, sales_together))
    columns = [asdict(figure) for figure in figures]
    return JournalFigures(**{name: median(column[name] for column in columns) for name in columns[0]})


def _round(folder: Path, sales: int, sales_together: int) -> JournalFigures:
    alone = asyncio.run(_alone(folder / "alone.db", sales))
    together_s, cpu_s = asyncio.run(_together(folder / "together.db", sales_together))
    appends = TOGETHER * sales_together * APPENDS_A_SALE
    size = _bytes_per_append(folder / "alone.db", sales * APPENDS_A_SALE)
    bare = _bare(folder / "bare.db", round(size), sales * APPENDS_A_SALE)
    bare_per_s = len(bare) / sum(bare)
    return JournalFigures(
        bytes_per_append=size,
        bare_p50_us=median(bare) * 1e6,
        bare_p99_us=quantiles(bare, n=100)[98] * 1e6,
        bare_per_s=bare_per_s,
        append_p50_us=median(alone) * 1e6,
        append_p99_us=quantiles(alone, n=100)[98] * 1e6,
        appends_per_s=appends / together_s,
        cpu_per_append_us=cpu_s / appends * 1e6,
        p50_ratio=median(alone) / median(bare),
        throughput_ratio=appends / together_s / bare_per_s,
    )


def _bare(path: Path, size: int, commits: int) -> list[float]:
    text = "x" * size
    spent = []
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE line (no INTEGER PRIMARY KEY, text TEXT NOT NULL)")
        for _ in range(commits):
            before = time.perf_counter()
            connection.execute("INSERT INTO line (text) VALUES (?)", (text,))
            spent.append(time.perf_counter() - before)
    return spent


async def _alone(path: Path, sales: int) -> list[float]:
    spent: list[float] = []
    with closing(_journal(path)) as journal:
        for number in range(sales):
            await _sale(journal, "till-1", number, spent)
    return spent


async def _together(path: Path, sales: int) -> tuple[float, float]:
    with closing(_journal(path)) as journal:
        before, cpu_before = time.perf_counter(), time.process_time()
        async with asyncio.TaskGroup() as group:
            for number in range(TOGETHER):
                group.create_task(_sales(journal, f"till-{number}", sales), name=f"reader {number}")
        return time.perf_counter() - before, time.process_time() - cpu_before


def _journal(path: Path) -> Journal:
    return Journal(path, now=lambda: datetime.now(UTC))


async def _sales(journal: Journal, name: str, sales: int) -> None:
    for number in range(sales):
        await _sale(journal, name, number, [])


async def _sale(journal: Journal, name: str, number: int, spent: list[float]) -> None:
    """The appends of an ordinary sale as a lane makes them: progress is noted, all else awaited.

    A noted append is in the disk's next group at the latest; the awaited ones are timed.
    """
    order = Order(TillName(name), PosKey(f"{name}-{number:06}"), ReaderName(name), Money(1999, "eur"))
    before = time.perf_counter()
    session = (await journal.open_session(order)).id
    spent.append(time.perf_counter() - before)
    intent = f"pi_{session[4:]}"
    steps: list[tuple[EventKind, dict[str, Any]]] = [
        (EventKind.STARTED, {}),
        (EventKind.ATTEMPT, {"operation": "create", "number": 1}),
        (EventKind.REFERENCE, {"name": "payment_intent", "value": intent}),
        (EventKind.ATTEMPT, {"operation": "process", "number": 1}),
        (EventKind.PROGRESS, {"step": "waiting_for_card"}),
        (EventKind.PROGRESS, {"step": "authorizing"}),
        (
            EventKind.CONCLUDED,
            {
                "verdict": "paid",
                "amount_authorized": 1999,
                "amount_captured": 1999,
                "references": {"charge": f"ch_{session[4:]}"},
                "card": {"brand": "visa", "last4": "4242", "read_method": "contactless_emv"},
            },
        ),
    ]
    for kind, facts in steps:
        if kind is EventKind.PROGRESS:
            journal.note(session, kind, facts)
            continue
        before = time.perf_counter()
        await journal.record(session, kind, facts)
        spent.append(time.perf_counter() - before)


def _bytes_per_append(path: Path, appends: int) -> float:
    """What was said, without what SQLite adds: the texts, and eight bytes a number."""
    with closing(sqlite3.connect(path)) as connection:
        total = 0
        for table in ("event", "session", "reference"):
            for row in connection.execute(f"SELECT * FROM {table}"):  # noqa: S608  # the names are above
                total += sum(
                    len(value) if isinstance(value, str) else 8 for value in row if value is not None
                )
    return total / appends


def main() -> None:
    """Print the figures as JSON; the first argument is the folder to work in (default: here)."""
    where = sys.argv[1] if len(sys.argv) > 1 else "."
    with tempfile.TemporaryDirectory(dir=where, prefix="bench-journal-") as folder:
        figures = measure(Path(folder))
    sys.stdout.write(json.dumps({k: round(v, 2) for k, v in asdict(figures).items()}, indent=2) + "\n")


if __name__ == "__main__":
    main()

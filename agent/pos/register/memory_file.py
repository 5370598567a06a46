"""The file of all tills' memories: one small database beside the journal; writes are gathered and flushed."""

import asyncio
import os
import secrets
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from agent.payments.errors import JournalError

APPLICATION_ID = 0x54494C52
"""TILR: so that no other database is taken for this one."""

FORMAT = 1

_SCHEMA = """
CREATE TABLE fact (till TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (till, name))
    STRICT, WITHOUT ROWID;
CREATE TABLE entry (id INTEGER PRIMARY KEY, till TEXT NOT NULL, live INTEGER NOT NULL,
    stands INTEGER NOT NULL, moves INTEGER NOT NULL, batch INTEGER NOT NULL, receipt INTEGER,
    original INTEGER, order_number TEXT, sequence TEXT, body TEXT NOT NULL) STRICT;
CREATE INDEX entry_live ON entry (till, id) WHERE live = 1;
CREATE INDEX entry_receipt ON entry (till, receipt, id) WHERE stands = 1 AND receipt IS NOT NULL;
CREATE INDEX entry_order ON entry (till, order_number, id) WHERE stands = 1 AND order_number IS NOT NULL;
CREATE INDEX entry_last ON entry (till, id) WHERE stands = 1 AND receipt IS NOT NULL;
CREATE INDEX entry_batch ON entry (till, batch, id) WHERE stands = 1 AND moves = 1;
CREATE INDEX entry_original ON entry (original) WHERE stands = 1 AND original IS NOT NULL;
CREATE INDEX entry_sequence ON entry (till, sequence) WHERE sequence IS NOT NULL;
"""

FACT = "REPLACE INTO fact (till, name, value) VALUES (?, ?, ?)"
ENTRY = (
    "REPLACE INTO entry (id, till, live, stands, moves, batch, receipt, original, order_number, sequence,"
    " body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_STANDING = "SELECT id, body FROM entry WHERE till = ? AND stands = 1"

Row = tuple[str, Sequence[object]]
"""A statement and its values."""


class MemoryFileError(JournalError):
    """What registers were told cannot be read or written; the message says why and what to do."""

    code = "register_memory_unavailable"


class MemoryFile:
    """Read on the event loop, written on a thread; whatever gathers meanwhile goes into one transaction."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Errors: `MemoryFileError`."""
        self._path = path
        self._waiting: list[tuple[Sequence[Row], asyncio.Future[None]]] = []
        self._writing: asyncio.Future[None] | None = None
        try:
            self._writer = _connect(path)
            fresh = _prepare(self._writer, path)
            self._reader = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            [(last,)] = self._reader.execute("SELECT coalesce(max(id), 0) FROM entry").fetchall()
        except (sqlite3.Error, OSError) as error:
            raise MemoryFileError(_trouble(path, error)) from error
        self._last_id: int = last
        self.fresh = fresh
        """Whether the file was made just now: what an earlier one knew is only in the journal."""
        self.era = secrets.token_hex(4)
        """Part of every key of this life: a file that was lost or put back from a copy repeats none."""

    def close(self) -> None:
        """Let go of the file; what is being written is finished first."""
        self._reader.close()
        self._writer.close()

    def next_id(self) -> int:
        """A number no entry has."""
        self._last_id += 1
        return self._last_id

    async def write(self, rows: Sequence[Row]) -> None:
        """Make these rows durable, all or nothing. Errors: `MemoryFileError`."""
        if not rows:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((rows, waiter))
        if self._writing is None:
            self._flush()
        await waiter

    async def flushed(self) -> None:
        """Wait until nothing is being written."""
        while self._writing is not None:
            await asyncio.wait([self._writing])
            await asyncio.sleep(0)

    def _flush(self) -> None:
        batch, self._waiting = self._waiting, []
        loop = asyncio.get_running_loop()
        rows = [row for each, _ in batch for row in each]
        self._writing = writing = loop.run_in_executor(None, self._store, rows)
        writing.add_done_callback(lambda done: self._written([waiter for _, waiter in batch], done))

    def _written(self, waiters: Iterable[asyncio.Future[None]], done: asyncio.Future[None]) -> None:
        error = done.exception()
        for waiter in waiters:
            if not waiter.done():
                if error is None:
                    waiter.set_result(None)
                else:
                    waiter.set_exception(MemoryFileError(str(error)))
        self._writing = None
        if self._waiting:
            self._flush()

    def _store(self, rows: Sequence[Row]) -> None:
        writer = self._writer
        try:
            writer.execute("BEGIN IMMEDIATE")
            for statement, values in rows:
                writer.execute(statement, values)
            writer.execute("COMMIT")
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):  # SQLite may have rolled back by itself
                writer.execute("ROLLBACK")
            raise MemoryFileError(_trouble(self._path, error)) from error

    # -- reading --------------------------------------------------------------------------------------

    def facts(self, till: str) -> list[tuple[str, str]]:
        """Names and values, as JSON."""
        return self._read("SELECT name, value FROM fact WHERE till = ?", till)

    def live(self, till: str) -> list[tuple[int, str]]:
        """Entries that are unsettled or hold money, oldest first."""
        return self._read("SELECT id, body FROM entry WHERE till = ? AND live = 1 ORDER BY id", till)

    def last(self, till: str) -> list[tuple[int, str]]:
        """The last standing entry with a receipt."""
        return self._read(f"{_STANDING} AND receipt IS NOT NULL ORDER BY id DESC LIMIT 1", till)

    def by_receipt(self, till: str, receipt: int) -> list[tuple[int, str]]:
        """The last standing entry with this receipt number."""
        return self._read(f"{_STANDING} AND receipt = ? ORDER BY id DESC LIMIT 1", till, receipt)

    def by_order(self, till: str, order_number: str) -> list[tuple[int, str]]:
        """The last standing entry with this order number."""
        return self._read(f"{_STANDING} AND order_number = ? ORDER BY id DESC LIMIT 1", till, order_number)

    def by_sequence(self, till: str, sequence: str) -> list[tuple[int, str]]:
        """The entry that was begun by the message with this number."""
        sql = "SELECT id, body FROM entry WHERE till = ? AND sequence = ? ORDER BY id DESC LIMIT 1"
        return self._read(sql, till, sequence)

    def follower(self, original: int) -> list[tuple[int, str]]:
        """The last standing entry that undoes, books or releases this one."""
        sql = "SELECT id, body FROM entry WHERE original = ? AND stands = 1 ORDER BY id DESC LIMIT 1"
        return self._read(sql, original)

    def of_batch(self, till: str, batch: int, limit: int = -1) -> list[tuple[int, str]]:
        """Standing entries of a batch that move money, oldest first; -1: all."""
        return self._read(f"{_STANDING} AND moves = 1 AND batch = ? ORDER BY id LIMIT ?", till, batch, limit)

    def _read(self, sql: str, *values: object) -> list[Any]:
        try:
            return self._reader.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise MemoryFileError(_trouble(self._path, error)) from error


def _trouble(path: Path, error: Exception) -> str:
    return f"what registers were told cannot be kept in {path}: {error}; look at its disk, owner and mode"


def _connect(path: Path) -> sqlite3.Connection:
    # for our own user only: it holds sales
    os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)


def _prepare(db: sqlite3.Connection, path: Path) -> bool:
    """Make it writing safely; whether it is new."""
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (found,) = db.execute("PRAGMA user_version").fetchone()
    (tables,) = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != APPLICATION_ID and (application or tables or found):
        raise MemoryFileError(f"{path} is a database of another program; name another journal path")
    if found > FORMAT:
        raise MemoryFileError(
            f"{path} has format {found}, this gateway knows {FORMAT}; install the newer version again, "
            "nothing was changed"
        )
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    if not found:
        db.execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA.split(";"):
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {FORMAT}")
        db.execute("COMMIT")
    return not found

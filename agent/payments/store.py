"""The journal's file: SQLite in WAL mode with synchronous=FULL. Plain blocking calls, no asyncio."""

import errno
import fcntl
import json
import os
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Any

from agent.payments.errors import JournalError, JournalLockedError, JournalVersionError
from agent.payments.model import UNIQUE_REFERENCES, Event, EventKind, Session, SessionQuery
from drivers.contract import SessionId

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Conflict(StrEnum):
    """Which invariant of the database a change would have broken."""

    POS_KEY = "pos_key"
    READER = "reader"
    REFUND = "refund"
    REFERENCE = "reference"
    RETRY = "retry"
    OTHER = "other"


class ConflictError(Exception):
    """The database refused a change because an invariant would not hold."""

    def __init__(self, conflict: Conflict, message: str) -> None:
        super().__init__(message)
        self.conflict = conflict


@dataclass(frozen=True, slots=True)
class Write:
    """One atomic change: events, and the sessions as they stand after them.

    `rows` are those whose row changed; `opens` says that the first session is new.
    """

    events: tuple[Event, ...]
    after: tuple[Session, ...]
    rows: tuple[Session, ...] = ()
    opens: bool = False
    owns: tuple[tuple[str, str, SessionId], ...] = ()


_INSERT_EVENT = (
    "INSERT INTO event (session, seq, at, kind, facts) SELECT no, ?, ?, ?, ? FROM session WHERE id = ?"
)
_UPDATE_SESSION = "UPDATE session SET state = ?, settling = ?, leftover = ?, amount_captured = ? WHERE id = ?"
_INSERT_SESSION = (
    "INSERT INTO session (id, till, pos_key, reader, kind, state, on_reader, amount, currency, refund_of,"
    " retry_of, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_OWN_REFERENCE = (
    "INSERT INTO reference (name, value, session) VALUES (?, ?, ?) ON CONFLICT (name, value) DO UPDATE SET"
    " session = excluded.session WHERE session = excluded.session"
    " OR session = (SELECT retry_of FROM session WHERE id = excluded.session)"
)
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=dict).encode


def _stamp(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def _time(stamp: int) -> datetime:
    return _EPOCH + stamp * _MICROSECOND


def _event_row(event: Event) -> tuple[int, int, str, str, str]:
    return (event.seq, _stamp(event.at), event.kind.value, _encode(event.facts), event.session)


def _session_row(session: Session) -> tuple[str, bool, bool, int, str]:
    return (
        session.state.value,
        session.settling is not None,
        session.left_over,
        session.amount_captured,
        session.id,
    )


def owned_references(
    session: SessionId, references: Iterable[tuple[str, str]]
) -> tuple[tuple[str, str, SessionId], ...]:
    """Those references that must belong to one session only."""
    return tuple((name, value, session) for name, value in references if name in UNIQUE_REFERENCES)


class Store:
    """An open journal file. `commit` is called by one thread at a time, the reading calls by another."""

    def __init__(self, path: Path) -> None:
        """Open or create the file; raises `JournalError` and its kinds with what to do."""
        self.path = path
        self._lock = _take_lock(path)
        try:
            self._writer = _connect(path)
            _migrate(self._writer, path)
            self._reader = sqlite3.connect(f"file:{_quoted(path)}?mode=ro", uri=True, isolation_level=None)
            self._reader.execute("PRAGMA query_only = ON")
        except sqlite3.Error as error:
            os.close(self._lock)
            raise JournalError(_explain(path, error)) from error
        except JournalError:
            os.close(self._lock)
            raise

    def close(self) -> None:
        """Close both connections and let go of the lock; safe to call twice."""
        self._reader.close()
        self._writer.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def commit(self, writes: Sequence[Write]) -> list[Exception | None]:
        """Make the changes durable in one transaction; per change `None`, or why it was left out.

        When this returns, what it accepted survives a power cut.
        """
        try:
            if len(writes) > 1 and not any(write.opens or write.owns for write in writes):
                try:
                    return self._commit_together(writes)
                except ConflictError:
                    self._rollback()
            return self._commit_one_by_one(writes)
        except sqlite3.Error as error:
            self._rollback()
            failure = JournalError(_explain(self.path, error))
            return [failure] * len(writes)

    def _rollback(self) -> None:
        if self._writer.in_transaction:
            self._writer.execute("ROLLBACK")

    def _commit_together(self, writes: Sequence[Write]) -> list[Exception | None]:
        """The fast way: two statements for the whole group. Any conflict undoes all of it."""
        events = [_event_row(event) for write in writes for event in write.events]
        rows = [_session_row(session) for write in writes for session in write.rows]
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            self._writer.executemany(_INSERT_EVENT, events)
            if rows:
                self._writer.executemany(_UPDATE_SESSION, rows)
        except sqlite3.IntegrityError as error:
            raise ConflictError(_conflict(error), str(error)) from error
        self._writer.execute("COMMIT")
        return [None] * len(writes)

    def _commit_one_by_one(self, writes: Sequence[Write]) -> list[Exception | None]:
        results: list[Exception | None] = []
        self._writer.execute("BEGIN IMMEDIATE")
        for write in writes:
            self._writer.execute("SAVEPOINT change")
            try:
                self._apply(write)
            except sqlite3.IntegrityError as error:
                self._writer.execute("ROLLBACK TO change")
                results.append(ConflictError(_conflict(error), str(error)))
            except ConflictError as error:
                self._writer.execute("ROLLBACK TO change")
                results.append(error)
            else:
                results.append(None)
            self._writer.execute("RELEASE change")
        self._writer.execute("COMMIT")
        return results

    def _apply(self, write: Write) -> None:
        if write.opens:
            session = write.after[0]
            order = session.order
            self._writer.execute(
                _INSERT_SESSION,
                (
                    session.id,
                    order.till,
                    order.pos_key,
                    order.reader,
                    order.kind.value,
                    session.state.value,
                    session.on_reader,
                    order.money.amount,
                    order.money.currency,
                    order.refund_of,
                    order.retry_of,
                    _stamp(session.created_at),
                ),
            )
        for event in write.events:
            self._writer.execute(_INSERT_EVENT, _event_row(event))
        for owned in write.owns:
            if self._writer.execute(_OWN_REFERENCE, owned).rowcount != 1:
                raise ConflictError(Conflict.REFERENCE, f"{owned[0]} {owned[1]} belongs to another session")
        for session in write.rows:
            self._writer.execute(_UPDATE_SESSION, _session_row(session))

    def history(self, session: str) -> list[Event]:
        """All events of a session in order; empty if there is no such session."""
        rows = self._read(
            "SELECT seq, at, kind, facts FROM event"
            " WHERE session = (SELECT no FROM session WHERE id = ?) ORDER BY seq",
            (session,),
        )
        name = SessionId(session)
        return [
            Event(name, seq, EventKind(kind), _time(at), json.loads(facts)) for seq, at, kind, facts in rows
        ]

    def unsettled(self) -> list[SessionId]:
        """Sessions that a lane must look after, oldest first."""
        rows = self._read(
            "SELECT id FROM session WHERE settling = 1 OR state IN ('opened', 'in_flight', 'in_doubt')"
            " ORDER BY id",
            (),
        )
        return [SessionId(row[0]) for row in rows]

    def untidied(self, before: datetime, limit: int) -> list[SessionId]:
        """Declined sales that nobody tried again, opened before a moment, newest first."""
        rows = self._read(
            "SELECT id FROM session WHERE leftover = 1 AND created_at < ? ORDER BY id DESC LIMIT ?",
            (_stamp(before), limit),
        )
        return [SessionId(row[0]) for row in rows]

    def by_pos_key(self, till: str, pos_key: str) -> SessionId | None:
        """The session a till's key already belongs to."""
        rows = self._read("SELECT id FROM session WHERE till = ? AND pos_key = ?", (till, pos_key))
        return SessionId(rows[0][0]) if rows else None

    def find(self, query: SessionQuery, till: str | None) -> list[SessionId]:
        """Ids that match, newest first."""
        terms: list[tuple[str, Any]] = [
            ("till = ?", till),
            ("pos_key = ?", query.pos_key),
            ("state = ?", query.state),
            ("reader = ?", query.reader),
            ("created_at >= ?", None if query.since is None else _stamp(query.since)),
            ("id < ?", query.before),
        ]
        wanted = [(term, value) for term, value in terms if value is not None]
        where = " AND ".join(term for term, _ in wanted) or "1"
        rows = self._read(
            f"SELECT id FROM session WHERE {where} ORDER BY id DESC LIMIT ?",  # noqa: S608  # the terms are ours
            (*(value for _, value in wanted), query.limit),
        )
        return [SessionId(row[0]) for row in rows]

    def totals(self) -> dict[str, int]:
        """How many sessions there are in each state."""
        return dict(self._read("SELECT state, count(*) FROM session GROUP BY state", ()))

    def _read(self, sql: str, values: Sequence[Any]) -> list[Any]:
        try:
            return self._reader.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise JournalError(_explain(self.path, error)) from error


_CONFLICTS = (
    ("session.till", Conflict.POS_KEY),
    ("session.reader", Conflict.READER),
    ("session.retry_of", Conflict.RETRY),
    ("refund exceeds payment", Conflict.REFUND),
    ("reference.name", Conflict.REFERENCE),
)


def _conflict(error: sqlite3.IntegrityError) -> Conflict:
    text = str(error)
    return next((conflict for words, conflict in _CONFLICTS if words in text), Conflict.OTHER)


def _quoted(path: Path) -> str:
    return str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _take_lock(path: Path) -> int:
    """One gateway a journal: the second refuses, and the kernel frees the lock whatever kills the first."""
    lock_path = path.with_name(path.name + ".lock")
    try:
        lock = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise JournalError(
            f"cannot create {lock_path}: {error.strerror}; the journal's folder must exist and be writable"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        if error.errno not in {errno.EWOULDBLOCK, errno.EAGAIN}:
            raise JournalError(
                f"cannot lock {lock_path}: {error.strerror}; use a local file system"
            ) from error
        raise JournalLockedError(
            f"another gateway uses the journal {path}; two on one journal are refused"
        ) from error
    return lock


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
    connection.execute("PRAGMA foreign_keys = ON")
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise JournalError(
            f"the journal {path} cannot use a write-ahead log (mode {mode}); use a local file system"
        )
    # FULL: a commit returns after the log is on the disk. With NORMAL a power cut loses acknowledged commits.
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def schema_steps() -> list[str]:
    """The numbered steps of the schema, first to last."""
    folder = resources.files("agent.payments").joinpath("schema")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [folder.joinpath(name).read_text(encoding="utf-8") for name in names]


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    steps = schema_steps()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(steps):
        raise JournalVersionError(
            f"the journal {path} has schema {version}, this gateway knows {len(steps)}; "
            "install the newer version again, nothing was changed"
        )
    for number, step in enumerate(steps[version:], start=version + 1):
        try:
            connection.executescript(f"BEGIN IMMEDIATE;\n{step}\nPRAGMA user_version = {number};\nCOMMIT;")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _explain(path: Path, error: sqlite3.Error) -> str:
    text = str(error)
    if "readonly" in text:
        return f"the journal {path} is read-only: {text}; check its owner, its mode and the mount"
    if "full" in text:
        return f"no space left for the journal {path}: {text}; free space on its disk, nothing was stored"
    if "malformed" in text or "not a database" in text:
        return f"the journal {path} is damaged: {text}; keep the file, restore a copy, call support"
    return f"the journal {path} cannot be used: {text}"

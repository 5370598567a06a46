"""The journal's database: changes in, durable on return; questions out. Plain blocking calls, no asyncio."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import chain, groupby
from pathlib import Path
from typing import Any

from agent.payments.change import (
    Conflict,
    ConflictError,
    EventRow,
    Write,
    event_from,
    owned_references,
    stamp,
)
from agent.payments.errors import JournalError
from agent.payments.journal_file import JournalFile, explain, schema_steps
from agent.payments.model import Event, SessionQuery
from drivers.contract import SessionId

__all__ = ["Conflict", "ConflictError", "Store", "Write", "owned_references", "schema_steps"]

NUMBERED = 10_000
"""Sessions whose row number is remembered; the others are looked up."""

WIDEST = 64
"""Events in one statement at most; smaller groups are powers of two, so that few statements are prepared."""

_INSERT_EVENTS = "INSERT INTO event (session, seq, at, kind, facts) VALUES "
_UPDATE_STATE = "UPDATE session SET state = ? WHERE no = ?"
_UPDATE_SESSION = (
    "UPDATE session SET state = ?, holds = ?, settling = ?, leftover = ?, amount_captured = ? WHERE no = ?"
)
_INSERT_SESSION = (
    "INSERT INTO session (no, id, till, pos_key, reader, kind, state, holds, on_reader, amount, currency,"
    " refund_of, retry_of, created_at, sale, sale_amount)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_UNSETTLED = (  # in two halves, so that each is read from the index that holds it
    "SELECT id FROM (SELECT no, id FROM session WHERE holds = 1 AND on_reader = 1 UNION"
    " SELECT no, id FROM session WHERE settling = 1 OR (holds = 1 AND on_reader = 0)) ORDER BY no"
)
_OWN_REFERENCE = (
    "INSERT INTO reference (name, value, session) VALUES (?, ?, ?) ON CONFLICT (name, value) DO UPDATE SET"
    " session = excluded.session WHERE session = excluded.session OR session = (SELECT no FROM session"
    " WHERE id = (SELECT retry_of FROM session WHERE no = excluded.session))"
)
_REFUSALS = (
    ConflictError,
    JournalError,  # the event before it is missing
    sqlite3.IntegrityError,
    sqlite3.DataError,  # this and the rest: a value that no database could take
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    OverflowError,
    UnicodeError,
)
"""What is the fault of one change, not of the disk."""


class Store:
    """An open journal. `commit` is called by one thread at a time, the reading calls by another."""

    def __init__(self, path: Path) -> None:
        """Open or create the file; raises `JournalError` and its kinds with what to do."""
        self._file = JournalFile(path)
        self.path = self._file.path
        self._writer = self._file.writer
        self._numbers: dict[SessionId, int] = {}
        self._inserts: dict[int, str] = {}
        try:
            self._last = int(self._read("SELECT coalesce(max(no), 0) FROM session", ())[0][0])
        except JournalError:
            self._file.close()
            raise

    def close(self) -> None:
        """Close both connections and let go of the lock; safe to call twice."""
        self._file.close()

    def commit(self, writes: Sequence[Write]) -> list[Exception | None]:
        """Make the changes durable in one transaction; per change `None`, or why it was left out.

        When this returns, what it accepted survives a power cut. It never raises.
        """
        try:
            if self._writer.in_transaction:
                # The last rollback failed, too. Whatever is written into what it left would look committed.
                self._writer.execute("ROLLBACK")
            try:
                self._commit_together(writes)
            except _REFUSALS as error:
                self._rollback()
                return [_refusal(error)] if len(writes) == 1 else self._commit_one_by_one(writes)
        except sqlite3.Error as error:
            self._rollback()
            failure = explain(self.path, error)
            return [JournalError(failure) for _ in writes]
        return [None] * len(writes)

    def _rollback(self) -> None:
        self._numbers.clear()
        with suppress(sqlite3.Error):  # SQLite may have rolled back by itself
            self._writer.execute("ROLLBACK")

    def _commit_together(self, writes: Sequence[Write]) -> None:
        """All of it in as few statements as can be. Whatever goes wrong undoes all of it."""
        events = [row for write in writes for row in write.events]
        only_events = not any(write.opens or write.owns or write.rows for write in writes)
        if only_events and len(events) <= WIDEST and len(events).bit_count() == 1:
            self._append(events)  # one statement is a transaction of its own
            return
        self._writer.execute("BEGIN IMMEDIATE")
        self._apply(writes, events)
        self._writer.execute("COMMIT")

    def _apply(self, writes: Sequence[Write], events: Sequence[EventRow]) -> None:
        sessions = [self._session_row(write) for write in writes if write.opens]
        if sessions:
            self._writer.executemany(_INSERT_SESSION, sessions)
        self._append(events)
        owned = [
            (name, value, self._number(session)) for write in writes for name, value, session in write.owns
        ]
        if owned:
            changed = self._writer.executemany(_OWN_REFERENCE, owned).rowcount
            if changed != len(owned):
                names = ", ".join(f"{name} {value}" for name, value, _ in owned)
                raise ConflictError(Conflict.REFERENCE, f"belongs to another session: {names}")
        rows = [row for write in writes for row in write.rows]
        for only_state, run in groupby(rows, lambda row: row[2] is None):
            self._writer.executemany(
                _UPDATE_STATE if only_state else _UPDATE_SESSION,
                [(state, *(others or ()), self._number(session)) for session, state, others in run],
            )

    def _append(self, events: Sequence[EventRow]) -> None:
        start = 0
        while start < len(events):
            width = min(WIDEST, 1 << ((len(events) - start).bit_length() - 1))
            rows = events[start : start + width]
            self._writer.execute(self._insert(width), list(self._values(rows)))
            start += width

    def _values(self, rows: Sequence[EventRow]) -> Iterator[Any]:
        number = self._number
        return chain.from_iterable(
            (number(session), seq, at, kind, facts) for session, seq, at, kind, facts in rows
        )

    def _insert(self, width: int) -> str:
        known = self._inserts.get(width)
        if known is None:
            known = _INSERT_EVENTS + ", ".join(["(?, ?, ?, ?, ?)"] * width)
            self._inserts[width] = known
        return known

    def _number(self, session: SessionId) -> int:
        """The row number of a session; whoever asks is the writing thread."""
        known = self._numbers.get(session)
        if known is not None:
            return known
        row = self._writer.execute("SELECT no FROM session WHERE id = ?", (session,)).fetchone()
        if row is None:
            raise JournalError(f"{_GAP}: session {session} is not on disk")
        return self._remember(session, row[0])

    def _remember(self, session: SessionId, number: int) -> int:
        if len(self._numbers) >= NUMBERED:
            self._numbers.clear()
        self._numbers[session] = number
        return number

    def _session_row(self, write: Write) -> tuple[Any, ...]:
        (session,) = write.opens
        order = session.order
        self._last += 1
        return (
            self._remember(session.id, self._last),
            session.id,
            order.till,
            order.pos_key,
            order.reader,
            str(order.kind),
            str(session.state),
            session.state.holds_reader,
            session.on_reader,
            order.money.amount,
            order.money.currency,
            order.refund_of,
            order.retry_of,
            stamp(session.created_at),
            order.sale and order.sale.id,
            order.sale and order.sale.amount,
        )

    def _commit_one_by_one(self, writes: Sequence[Write]) -> list[Exception | None]:
        """After a group was refused: find out which of its changes cannot be, and store the others."""
        results: list[Exception | None] = []
        self._writer.execute("BEGIN IMMEDIATE")
        for write in writes:
            self._writer.execute("SAVEPOINT change")
            try:
                self._apply([write], write.events)
            except _REFUSALS as error:
                self._numbers.clear()
                self._writer.execute("ROLLBACK TO change")
                results.append(_refusal(error))
            else:
                results.append(None)
            self._writer.execute("RELEASE change")
        self._writer.execute("COMMIT")
        return results

    def history(self, session: str) -> list[Event]:
        """All events of a session in order; empty if there is no such session."""
        rows = self._read(
            "SELECT seq, at, kind, facts FROM event"
            " WHERE session = (SELECT no FROM session WHERE id = ?) ORDER BY seq",
            (session,),
        )
        name = SessionId(session)
        try:
            return [event_from(name, row) for row in rows]
        except ValueError as error:
            raise JournalError(
                f"the journal {self.path} holds an event of {session} that cannot be read ({error}); "
                "a newer version may have written it, or the file is damaged: keep it, call support"
            ) from error

    def unsettled(self) -> list[SessionId]:
        """Sessions that a lane must look after, oldest first."""
        return self._ids(_UNSETTLED, ())

    def untidied(self, before: datetime, limit: int) -> list[SessionId]:
        """Declined sales that nobody tried again, opened before a moment, newest first."""
        return self._ids(
            "SELECT id FROM session WHERE leftover = 1 AND created_at < ? ORDER BY no DESC LIMIT ?",
            (stamp(before), limit),
        )

    def by_pos_key(self, till: str, pos_key: str) -> SessionId | None:
        """The session a till's key already belongs to."""
        found = self._ids("SELECT id FROM session WHERE till = ? AND pos_key = ?", (till, pos_key))
        return found[0] if found else None

    def of_sale(self, till: str, sale: str) -> list[SessionId]:
        """The sessions that pay one sale of a till together, oldest first."""
        return self._ids("SELECT id FROM session WHERE till = ? AND sale = ? ORDER BY no", (till, sale))

    def by_reference(self, name: str, value: str) -> SessionId | None:
        """The session that owns a reference now; of those that name one thing in the whole world only."""
        found = self._ids(
            "SELECT id FROM session WHERE no = (SELECT session FROM reference WHERE name = ? AND value = ?)",
            (name, value),
        )
        return found[0] if found else None

    def find(self, query: SessionQuery, till: str | None) -> list[SessionId]:
        """Ids that match, newest first: in the order of opening, whatever the clock said."""
        terms: list[tuple[str, Any]] = [
            ("till = ?", till),
            ("pos_key = ?", query.pos_key),
            ("state = ?", query.state),
            ("reader = ?", query.reader),
            ("created_at >= ?", None if query.since is None else stamp(query.since)),
            ("no < (SELECT no FROM session WHERE id = ?)", query.before),
        ]
        wanted = [(term, value) for term, value in terms if value is not None]
        where = " AND ".join(term for term, _ in wanted) or "1"
        return self._ids(
            f"SELECT id FROM session WHERE {where} ORDER BY no DESC LIMIT ?",  # noqa: S608  # the terms are ours
            (*(value for _, value in wanted), query.limit),
        )

    def totals(self) -> dict[str, int]:
        """How many sessions there are in each state."""
        return dict(self._read("SELECT state, count(*) FROM session GROUP BY state", ()))

    def _ids(self, sql: str, values: Sequence[Any]) -> list[SessionId]:
        return [SessionId(row[0]) for row in self._read(sql, values)]

    def _read(self, sql: str, values: Sequence[Any]) -> list[Any]:
        try:
            return self._file.reader.execute(sql, values).fetchall()
        except (UnicodeError, OverflowError):
            return []  # no row can have a value that cannot be stored
        except sqlite3.Error as error:
            raise JournalError(explain(self.path, error)) from error


_CONFLICTS = (
    ("session.till", Conflict.POS_KEY),
    ("session.reader", Conflict.READER),
    ("session.retry_of", Conflict.RETRY),
    ("refund exceeds payment", Conflict.REFUND),
    ("reference.name", Conflict.REFERENCE),
    ("the sale has another amount", Conflict.SALE),
    ("the sale would be overpaid", Conflict.SALE),
)
_GAP = "an earlier change was not stored, nor is this one"


def _refusal(error: Exception) -> Exception:
    """Why a change was left out, in words that its author understands."""
    if not isinstance(error, sqlite3.IntegrityError):
        return error
    text = str(error)
    if "an event is missing" in text:
        return JournalError(f"{_GAP}: {text}")
    return ConflictError(
        next((conflict for words, conflict in _CONFLICTS if words in text), Conflict.OTHER), text
    )

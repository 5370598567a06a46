"""Orders, clocks and raw looks into a journal's file, for the tests of payments."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from agent.payments.change import Write, event_row, owned_references, state_row
from agent.payments.machine import advance, begin
from agent.payments.model import Event, EventKind, Order, PosKey, Session, TillName, order_facts
from drivers.contract import NOTHING, Capture, Kind, Money, ReaderName, SessionId

MORNING = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)

PAID = {"verdict": "paid", "amount_authorized": 1000, "amount_captured": 1000}
DECLINED = {"verdict": "declined", "code": "card_declined", "decline_code": "insufficient_funds"}


class FakeClock:
    """A clock that goes on by a second at every look, or wherever it is told to be."""

    def __init__(self) -> None:
        self.at = MORNING

    def __call__(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


def order(pos_key: str = "k1", reader: str = "r1", **changes: Any) -> Order:
    values: dict[str, Any] = {
        "till": TillName("till-1"),
        "pos_key": PosKey(pos_key),
        "reader": ReaderName(reader),
        "money": Money(1000, "eur"),
        **changes,
    }
    return Order(**values)


def refund(of: Session, pos_key: str, amount: int = 1000) -> Order:
    return order(pos_key, kind=Kind.REFUND, refund_of=of.id, money=Money(amount, "eur"))


def opened(name: str = "ses_1", wanted: Order | None = None, **options: Any) -> tuple[Session, Write]:
    """A new session and the change that stores it, without a journal."""
    references = options.get("references", NOTHING)
    event = Event(SessionId(name), 1, EventKind.OPENED, MORNING, order_facts(wanted or order(), **options))
    session = begin(event)
    owns = owned_references(session.id, references.items())
    return session, Write((session,), (event_row(event),), opens=(session,), owns=owns)


def then(session: Session, kind: EventKind, facts: Any = NOTHING) -> tuple[Session, Write]:
    """The session one event later and the change that stores it."""
    event = Event(session.id, session.seq + 1, kind, MORNING + timedelta(seconds=session.seq), facts)
    after = advance(session, event)
    owns = owned_references(session.id, after.references.items() - session.references.items())
    return after, Write((after,), (event_row(event),), rows=(state_row(session, after),), owns=owns)


@contextmanager
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    """The file as any SQL client sees it, with foreign keys on."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        yield connection


def rows(path: Path, sql: str, *values: Any) -> list[Any]:
    with raw(path) as connection:
        return connection.execute(sql, values).fetchall()


MANUAL = Capture.MANUAL

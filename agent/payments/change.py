"""What one atomic change of the journal consists of, in the shape in which the database takes it."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from agent.payments.model import UNIQUE_REFERENCES, Event, EventKind, Session
from drivers.contract import SessionId

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# ASCII only, so that any text can be stored, even half a surrogate pair that somebody's JSON carried in.
_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), allow_nan=False, default=dict).encode


class Conflict(StrEnum):
    """Which invariant of the database a change would have broken."""

    POS_KEY = "pos_key"
    READER = "reader"
    REFUND = "refund"
    REFERENCE = "reference"
    RETRY = "retry"
    SALE = "sale"
    OTHER = "other"


class ConflictError(Exception):
    """The database refused a change because an invariant would not hold."""

    def __init__(self, conflict: Conflict, message: str) -> None:
        super().__init__(message)
        self.conflict = conflict


EventRow = tuple[SessionId, int, int, str, str]
"""Session, number, microseconds since 1970, kind, facts as JSON."""

StateRow = tuple[SessionId, str, tuple[bool, bool, bool, int] | None]
"""Session, state, and if they differ too: holds its reader, is settling, has left overs, amount captured."""

Owned = tuple[str, str, SessionId]
"""Name and value of a reference, and the session to which it belongs from now on."""

ROW_CHANGES = frozenset(EventKind) - {
    EventKind.ATTEMPT,
    EventKind.REFERENCE,
    EventKind.PROGRESS,
    EventKind.CANCEL_ASKED,
    EventKind.CHECKED,
    EventKind.REFUNDED,
}
"""Events after which the session's row differs; the others are appended and nothing else."""


class Write(NamedTuple):
    """One atomic change: events, and what follows from them. `after` are the sessions as they then stand."""

    after: tuple[Session, ...]
    events: tuple[EventRow, ...]
    opens: tuple[Session, ...] = ()
    rows: tuple[StateRow, ...] = ()
    owns: tuple[Owned, ...] = ()


def stamp(at: datetime) -> int:
    """Microseconds since 1970 (UTC)."""
    return (at - _EPOCH) // _MICROSECOND


def moment(microseconds: int) -> datetime:
    """The UTC datetime that `stamp` made a number of."""
    return _EPOCH + timedelta(microseconds=microseconds)


def event_row(event: Event) -> EventRow:
    """An event as it is stored. Raises `TypeError` or `ValueError` for facts that JSON cannot say."""
    facts = event.facts
    return (event.session, event.seq, stamp(event.at), str(event.kind), _encode(facts) if facts else "{}")


def state_row(before: Session, after: Session) -> StateRow:
    """What of the database's row of a session an event changed."""
    others = _others(after)
    return (after.id, str(after.state), None if others == _others(before) else others)


def _others(session: Session) -> tuple[bool, bool, bool, int]:
    return (
        session.state.holds_reader,
        session.settling is not None,
        session.left_over,
        session.amount_captured,
    )


def owned_references(session: SessionId, references: Iterable[tuple[str, str]]) -> tuple[Owned, ...]:
    """Those references that must belong to one session only."""
    return tuple((name, value, session) for name, value in references if name in UNIQUE_REFERENCES)


def event_from(session: SessionId, row: tuple[int, int, str, str]) -> Event:
    """The event of a stored row; raises `ValueError` if this version does not understand it."""
    seq, at, kind, text = row
    facts: Mapping[str, Any] = json.loads(text)
    return Event(session, seq, EventKind(kind), moment(at), facts)

"""The journal's file read by plain SQL: no line of the product that writes it stands between."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_SESSIONS = (
    "SELECT no, id, till, pos_key, reader, kind, state, amount, amount_captured, refund_of, retry_of, holds,"
    " on_reader, settling FROM session ORDER BY no"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One event as it is stored; `at` in microseconds since 1970."""

    seq: int
    at: int
    kind: str
    facts: Mapping[str, Any]


@dataclass(slots=True)
class Kept:
    """One session as its row has it, and its events."""

    no: int
    id: str
    till: str
    key: str
    reader: str
    kind: str
    state: str
    amount: int
    captured: int
    refund_of: str | None
    retry_of: str | None
    holds: int
    on_reader: int
    settling: int
    events: list[Entry] = field(default_factory=list)

    def last(self, *kinds: str) -> Mapping[str, Any] | None:
        """The facts of the last event of these kinds."""
        return next((each.facts for each in reversed(self.events) if each.kind in kinds), None)

    def has(self, kind: str) -> bool:
        """Whether there is an event of this kind."""
        return any(each.kind == kind for each in self.events)


def read(path: Path) -> dict[str, Kept]:
    """Every session in the file, by id."""
    if not path.exists() or not path.stat().st_size:
        return {}
    database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        found: dict[int, Kept] = {}
        for row in database.execute(_SESSIONS):
            found[row[0]] = Kept(*row)
        for number, seq, at, kind, text in database.execute(
            "SELECT session, seq, at, kind, facts FROM event ORDER BY session, rowid"
        ):
            found[number].events.append(Entry(seq, at, kind, json.loads(text)))
    finally:
        database.close()
    return {kept.id: kept for kept in found.values()}


_PROMISED = (
    "SELECT 1 FROM event e JOIN reference r ON r.session = e.session WHERE r.name = 'payment_intent'"
    " AND r.value = ? AND e.kind = ? AND json_extract(e.facts, ?) = ? LIMIT 1"
)
_ATTEMPTED = (
    "SELECT 1 FROM event e JOIN session s ON s.no = e.session WHERE s.id = ? AND e.kind = 'attempt' LIMIT 1"
)
_ATTEMPTED_AT = (
    "SELECT 1 FROM session s WHERE s.reader = ? AND (s.holds = 1 OR s.settling = 1)"
    " AND EXISTS (SELECT 1 FROM event e WHERE e.session = s.no AND e.kind = 'attempt') LIMIT 1"
)


class Peephole:
    """The journal's file looked into while the gateway writes it."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)

    def close(self) -> None:
        """Look no more."""
        self._database.close()

    def promised(self, intent: str, *, settlement: str = "") -> bool:
        """Whether the number of a prompt, or a settlement, of this PaymentIntent is written down."""
        if settlement:
            return self._found(_PROMISED, intent, "settling", "$.settlement", settlement)
        return self._found(_PROMISED, intent, "attempt", "$.operation", "process")

    def attempted(self, session: str) -> bool:
        """Whether a numbered try of this session is written down."""
        return self._found(_ATTEMPTED, session)

    def attempted_at(self, reader: str) -> bool:
        """Whether a numbered try of the session that holds this reader is written down."""
        return self._found(_ATTEMPTED_AT, reader)

    def _found(self, sql: str, *values: str) -> bool:
        return self._database.execute(sql, values).fetchone() is not None

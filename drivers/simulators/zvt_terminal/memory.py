"""The terminal's turnover memory: numbers, transactions and settings, on disk before they count."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from drivers.zvt.unique_id import RECEIPT_LAST

FORMAT: Final = 1
NUMBER_LAST: Final = 999_999
"""Trace and turnover numbers have six digits; after the last one they begin again with 1."""

_SCHEMA: Final = """
CREATE TABLE record (id INTEGER PRIMARY KEY, body TEXT);
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
"""


class MemoryFileError(Exception):
    """The state file cannot be used; the message says why and what to do."""


class Kind(StrEnum):
    """What a transaction does with money."""

    PAYMENT = "payment"
    REFUND = "refund"
    REVERSAL = "reversal"
    HOLD = "hold"
    EXTENSION = "extension"
    BOOKING = "booking"
    RELEASE = "release"


class State(StrEnum):
    """How far a transaction has come."""

    STARTED = "started"
    """The customer may have been asked; the host has not said yes."""
    DECLINED = "declined"
    ABORTED = "aborted"
    APPROVED = "approved"
    """The host said yes; the register has not acknowledged it."""
    STORED = "stored"
    """Final."""
    REVERSED = "reversed"
    """Was approved, and undone by the terminal itself."""


STANDING = frozenset({State.APPROVED, State.STORED})
"""States in which money has moved or is held."""


@dataclass(slots=True)
class Record:
    """One transaction; amounts in minor units, `status` the bytes of its 04 0F in hexadecimal.

    `original` is the id of the record that this one undoes, extends or books.
    """

    id: int
    kind: Kind
    amount: int
    currency: int
    batch: int
    state: State = State.STARTED
    result: int | None = None
    acknowledged: bool = False
    prompts: int = 0
    receipt: int | None = None
    trace: int | None = None
    turnover: int | None = None
    card: str = ""
    status: str = ""
    original: int | None = None
    order_number: str | None = None

    @property
    def stands(self) -> bool:
        """Whether its money has moved or is held."""
        return self.state in STANDING


@dataclass(slots=True)
class Facts:
    """What else outlives a power cut. `skew_s`: how far the terminal's clock is ahead of the world's."""

    terminal_id: str = ""
    receipt: int = 0
    trace: int = 0
    turnover: int = 0
    batch: int = 1
    first_receipt: int = 1
    lock: int = 0
    language: int = 0
    skew_s: float = 0.0
    closing: str = ""
    password: str | None = None


class Memory:
    """All transactions and facts; with a path, on disk when `save` returns, whatever kills the process."""

    def __init__(self, path: Path | None = None) -> None:
        """Errors: `MemoryFileError`."""
        self.facts = Facts()
        self.records: list[Record] = []
        self._saved: dict[str, object] = {}
        self._db = None if path is None else _open(path)
        if self._db is not None:
            self._load(self._db)

    def begin(
        self,
        kind: Kind,
        amount: int,
        currency: int,
        *,
        original: Record | None = None,
        order_number: str | None = None,
    ) -> Record:
        """Write down that a transaction begins."""
        number = self.records[-1].id + 1 if self.records else 1
        record = Record(number, kind, amount, currency, self.facts.batch)
        record.original = None if original is None else original.id
        record.order_number = order_number
        self.records.append(record)
        self.save(record)
        return record

    def next_trace(self) -> int:
        """The next trace number; becomes durable with the next `save`."""
        self.facts.trace = self.facts.trace % NUMBER_LAST + 1
        return self.facts.trace

    def next_turnover(self) -> int:
        """The next turnover number; becomes durable with the next `save`."""
        self.facts.turnover = self.facts.turnover % NUMBER_LAST + 1
        return self.facts.turnover

    def next_receipt(self) -> int:
        """The next receipt number; becomes durable with the next `save`."""
        self.facts.receipt = self.facts.receipt % RECEIPT_LAST + 1
        return self.facts.receipt

    def receipt_back(self) -> None:
        """Use the last receipt number again."""
        self.facts.receipt = self.facts.receipt - 1 if self.facts.receipt > 1 else RECEIPT_LAST

    def save(self, *records: Record) -> None:
        """Make these records and all facts durable, all or nothing."""
        if self._db is None:
            return
        facts = asdict(self.facts)
        changed = [
            (name, json.dumps(value)) for name, value in facts.items() if self._saved.get(name) != value
        ]
        self._db.execute("BEGIN")
        self._db.executemany(
            "REPLACE INTO record VALUES (?, ?)",
            [(record.id, json.dumps(asdict(record))) for record in records],
        )
        self._db.executemany("REPLACE INTO fact VALUES (?, ?)", changed)
        self._db.execute("COMMIT")
        self._saved = facts

    def get(self, number: int | None) -> Record | None:
        """The record with this id."""
        return next((record for record in self.records if record.id == number), None)

    def last_stored(self) -> Record | None:
        """The last transaction that stands and has a receipt: what 06 20 repeats."""
        return next(self._standing(), None)

    def by_receipt(self, receipt: int) -> Record | None:
        """The standing transaction with this receipt number since the last end of day."""
        found = (record for record in self._standing() if record.receipt == receipt)
        return next((record for record in found if record.batch == self.facts.batch), None)

    def follower(self, record: Record) -> Record | None:
        """What stands of a reversal, booking or release of this record."""
        undoing = {Kind.REVERSAL, Kind.BOOKING, Kind.RELEASE}
        found = (each for each in self._standing() if each.original == record.id and each.kind in undoing)
        return next(found, None)

    def held(self, record: Record) -> int:
        """What a pre-authorisation holds, with its extensions."""
        more = (each for each in self._standing() if each.original == record.id)
        return record.amount + sum(each.amount for each in more if each.kind is Kind.EXTENSION)

    def open_holds(self) -> list[Record]:
        """Pre-authorisations that are neither booked nor released, oldest first."""
        holds = (record for record in self.records if record.kind is Kind.HOLD and record.stands)
        return [record for record in holds if self.follower(record) is None]

    def of_batch(self) -> list[Record]:
        """The standing transactions since the last end of day that move money, oldest first."""
        moving = {Kind.PAYMENT, Kind.REFUND, Kind.REVERSAL, Kind.BOOKING}
        return [
            record
            for record in self.records
            if record.stands and record.batch == self.facts.batch and record.kind in moving
        ]

    def unacknowledged(self) -> list[Record]:
        """What the host approved and the register has not acknowledged."""
        return [record for record in self.records if record.state is State.APPROVED]

    def close(self) -> None:
        """Let go of the file."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _standing(self) -> Iterator[Record]:
        return (record for record in reversed(self.records) if record.stands and record.receipt is not None)

    def _load(self, db: sqlite3.Connection) -> None:
        for name, value in db.execute("SELECT name, value FROM fact"):
            setattr(self.facts, name, json.loads(value))
        for (body,) in db.execute("SELECT body FROM record ORDER BY id"):
            record = Record(**json.loads(body))
            record.kind, record.state = Kind(record.kind), State(record.state)
            self.records.append(record)


def _open(path: Path) -> sqlite3.Connection:
    try:
        db = sqlite3.connect(path, isolation_level=None, timeout=0.1)
        db.execute("PRAGMA locking_mode=EXCLUSIVE")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        (found,) = db.execute("PRAGMA user_version").fetchone()
        (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if found != FORMAT and (found or tables):
            db.close()
            raise MemoryFileError(f"{path} is not a terminal's memory of this version: use another path")
        if found == 0:
            db.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version={FORMAT};COMMIT;")
    except sqlite3.Error as error:
        raise MemoryFileError(
            f"cannot use {path} as the terminal's memory: {error}. Is another terminal using it? Else choose "
            "another path."
        ) from error
    return db

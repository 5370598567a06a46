"""Which transaction of a terminal is newer than which, by its numbers and its clock (PA00P015 chapter 4)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from drivers.zvt.commands.reports import StatusInformation
from drivers.zvt.unique_id import RECEIPT_LAST
from drivers.zvt.values import ANY_RECEIPT

NUMBER_LAST = 999_999
"""Trace and turnover numbers have six digits and begin again with 1."""

NEAR = 1000
"""A number that went on by more than this is no successor: two registers, or a memory that was cleared."""

SKEW_TOLERANCE = timedelta(seconds=120)
"""Clocks drift between two looks at them, and a minute's difference decides nothing."""


class Age(StrEnum):
    """How a record stands to a mark."""

    SAME = "same"
    NEWER = "newer"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Mark:
    """What the terminal's last transaction was, as far as it can be told apart from the next one.

    `none`: the result code with which it said that it has none to show. All None: nobody knows.
    `totals`: transactions and their sum in 06 10, where that is all there is.
    """

    receipt: int | None = None
    trace: int | None = None
    turnover: int | None = None
    at: str | None = None
    none: int | None = None
    totals: str | None = None

    @classmethod
    def of(cls, status: StatusInformation) -> "Mark":
        """The mark that a 04 0F leaves."""
        receipt = None if status.receipt == ANY_RECEIPT else status.receipt
        at = f"{status.date}{status.time}" if status.date and status.time else None
        return cls(receipt, status.trace_number or None, status.turnover or None, at)

    def to_text(self) -> str:
        """For a reference of a session."""
        return " ".join(f"{name}={value}" for name, value in self._facts().items() if value is not None)

    @classmethod
    def from_text(cls, text: str) -> "Mark":
        """What `to_text` wrote; what is not understood counts as not known."""
        found = dict(part.split("=", 1) for part in text.split() if "=" in part)
        return cls(
            receipt=_number(found, "receipt"),
            trace=_number(found, "trace"),
            turnover=_number(found, "turnover"),
            at=found.get("at"),
            none=_number(found, "none"),
            totals=found.get("totals"),
        )

    @property
    def known(self) -> bool:
        """Whether anything is known at all."""
        return any(value is not None for value in self._facts().values())

    def with_totals(self, totals: str | None) -> "Mark":
        """The same mark with what 06 10 said."""
        return replace(self, totals=totals)

    def age(self, record: "Mark") -> Age:
        """How a record of the terminal stands to this mark."""
        steps = [
            step
            for step in (
                _step(self.trace, record.trace, NUMBER_LAST),
                _step(self.turnover, record.turnover, NUMBER_LAST),
            )
            if step is not None
        ]
        receipt = _step(self.receipt, record.receipt, RECEIPT_LAST)
        if not steps:
            return self._age_by_receipt(receipt, record)
        if not any(steps):
            return Age.SAME if not receipt and self._at_one_time(record) else Age.UNCLEAR
        # receipt numbers may begin again after an end of day, so they say nothing beside these
        return Age.NEWER if all(0 < step <= NEAR for step in steps) else Age.UNCLEAR

    def precedes_trace(self, trace: int | None) -> bool:
        """Whether a trace number was given after this transaction."""
        step = _step(self.trace, trace, NUMBER_LAST)
        return step is not None and 0 < step <= NEAR

    def _age_by_receipt(self, step: int | None, record: "Mark") -> Age:
        if step is None:
            return Age.UNCLEAR
        if step == 0:
            return Age.SAME if self.at is not None and record.at == self.at else Age.UNCLEAR
        return Age.NEWER if step <= NEAR else Age.UNCLEAR

    def _at_one_time(self, record: "Mark") -> bool:
        return self.at is None or record.at is None or self.at == record.at

    def _facts(self) -> dict[str, int | str | None]:
        return {
            "receipt": self.receipt,
            "trace": self.trace,
            "turnover": self.turnover,
            "at": self.at,
            "none": self.none,
            "totals": self.totals,
        }


def _step(before: int | None, after: int | None, last: int) -> int | None:
    """How far a counter went on that begins again with 1 after `last`; None when it cannot be told."""
    return None if before is None or after is None else (after - before) % last


def _number(found: Mapping[str, str], name: str) -> int | None:
    text = found.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else None


def terminal_time(date: str | None, time: str | None, near: datetime) -> datetime | None:
    """A terminal's MMDD and HHMMSS as a naive local time: of the year that brings it nearest to `near`."""
    if date is None or time is None:
        return None
    found: list[datetime] = []
    for year in (near.year - 1, near.year, near.year + 1):
        try:
            found.append(datetime.strptime(f"{year}{date}{time}", "%Y%m%d%H%M%S"))  # noqa: DTZ007 - local
        except ValueError:
            continue
    return min(found, key=lambda each: abs(each - near), default=None)


@dataclass(frozen=True, slots=True)
class Before:
    """What was known when a command that moves money was about to be sent: one reference of the session.

    `sent_at` is UTC; `skew` is the terminal's local clock less UTC, None where it was never seen.
    """

    mark: Mark
    sent_at: datetime
    skew: timedelta | None = None

    def to_text(self) -> str:
        """For the journal."""
        skew = "" if self.skew is None else f" skew_s={round(self.skew.total_seconds())}"
        return f"sent_at={self.sent_at.isoformat(timespec='seconds')}{skew} {self.mark.to_text()}".rstrip()

    @classmethod
    def from_text(cls, text: str) -> "Before | None":
        """What `to_text` wrote; None when there is no time in it."""
        found = dict(part.split("=", 1) for part in text.split() if "=" in part)
        try:
            sent_at = datetime.fromisoformat(found["sent_at"])
            skew = timedelta(seconds=int(found["skew_s"])) if "skew_s" in found else None
        except (KeyError, ValueError):
            return None
        return cls(Mark.from_text(text), sent_at, skew)

    def since(self, status: StatusInformation) -> timedelta | None:
        """How long after the command the terminal says it happened; None where the clocks say nothing."""
        if self.skew is None:
            return None
        sent = self.sent_at.replace(tzinfo=None) + self.skew
        at = terminal_time(status.date, status.time, sent)
        return None if at is None else at - sent

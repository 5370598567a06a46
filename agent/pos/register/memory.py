"""What the terminal that a till sees must not forget: its numbers, its transactions, its last closing.

Whether money moved is not in here: that is the journal's. Here is under which numbers a register was told.
"""

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from agent.pos.register.memory_file import ENTRY, FACT, MemoryFile, Row

NUMBER_LAST = 999_999
"""Trace and turnover numbers have six digits and begin again at 1."""

RECEIPT_LAST = 9999
"""Receipt numbers have four."""


class Deed(StrEnum):
    """What a transaction did."""

    PAYMENT = "payment"
    REVERSAL = "reversal"
    REFUND = "refund"
    HOLD = "hold"
    BOOKING = "booking"
    RELEASE = "release"


class Fate(StrEnum):
    """What became of a transaction, as the register knows it."""

    OPEN = "open"
    """Under way, or broken off and not yet looked after."""
    STANDS = "stands"
    """The register has acknowledged it: its money has moved, is held, or will be before long."""
    VOID = "void"
    """Nothing moved, or what had moved was given back."""


_TURNOVER = frozenset({Deed.PAYMENT, Deed.REVERSAL, Deed.REFUND, Deed.BOOKING})
_ENDS_HOLD = frozenset({Deed.BOOKING, Deed.RELEASE})


@dataclass(slots=True)
class Entry:
    """One transaction; amounts in minor units, `status` the bytes of its 04 0F in hexadecimal.

    `key` is the `pos_key` of its session (of the hold's, for what books or releases it); `original` the id of
    the entry that it undoes, books or releases. `unsettled`: something is left to be done about its money.
    """

    id: int
    deed: Deed
    amount: int
    currency: str
    batch: int
    key: str
    at: str
    fate: Fate = Fate.OPEN
    unsettled: bool = True
    receipt: int | None = None
    trace: int | None = None
    turnover: int | None = None
    status: str = ""
    card_type: int = 0
    receipt_lines: dict[str, list[list[Any]]] = field(default_factory=dict)
    original: int | None = None
    order_number: str | None = None
    sequence: int | None = None
    epoch: int = 0

    @property
    def stands(self) -> bool:
        """Whether the register counts on it."""
        return self.fate is Fate.STANDS

    @property
    def signed(self) -> int:
        """What it adds to the merchant's money."""
        if self.deed in {Deed.PAYMENT, Deed.BOOKING}:
            return self.amount
        return -self.amount if self.deed in {Deed.REVERSAL, Deed.REFUND} else 0


@dataclass(slots=True)
class Facts:
    """What else is kept for a till. `registration` and `closing` are APDUs in hexadecimal.

    `epoch` counts registrations with message numbers (1F73): only numbers of one epoch can be compared.
    """

    terminal_id: str = ""
    receipt: int = 0
    trace: int = 0
    turnover: int = 0
    batch: int = 1
    language: str = ""
    registration: str = ""
    closing: str = ""
    closing_lines: list[list[Any]] = field(default_factory=list)
    closed_at: str = ""
    epoch: int = 0
    heard: int = 0
    password: str = ""


_ENTRY = tuple(Entry.__dataclass_fields__)
_FACTS = tuple(Facts.__dataclass_fields__)
_encode = json.JSONEncoder(separators=(",", ":")).encode


class Memory:
    """One till's memory. What `save` was awaited for is on the disk."""

    def __init__(self, file: MemoryFile, till: str) -> None:
        """Read what there is. Errors: `MemoryFileError`."""
        self._file = file
        self.fresh = file.fresh
        self._till = till
        self._turn = asyncio.Lock()
        self._saved: dict[str, str] = {}
        self.facts = Facts()
        for name, text in file.facts(till):
            if name in Facts.__dataclass_fields__:
                self._saved[name] = text
                setattr(self.facts, name, json.loads(text))
        self.entries: list[Entry] = [_entry(number, body) for number, body in file.live(till)]
        """Those that are unsettled or still hold money, oldest first; the others are on the disk."""

    # -- writing --------------------------------------------------------------------------------------

    async def begin(
        self,
        deed: Deed,
        amount: int,
        currency: str,
        at: str,
        *,
        original: Entry | None = None,
        order_number: str | None = None,
        sequence: int | None = None,
        key: str = "",
        receipt: int | None = None,
    ) -> Entry:
        """Write down that a transaction begins; one from before has its `key` and `receipt` already.

        Errors: `MemoryFileError`; then nothing was begun.
        """
        number = self._file.next_id()
        booked = original is not None and deed in _ENDS_HOLD
        if original is not None and booked:
            key = original.key
        key = key or f"zvt-{self._file.era}-{number}"
        entry = Entry(number, deed, amount, currency, self.facts.batch, key, at, receipt=receipt)
        self.facts.receipt = max(
            self.facts.receipt, receipt or 0
        )  # a number that is in use is not given again
        entry.original = None if original is None else original.id
        entry.order_number, entry.sequence, entry.epoch = order_number, sequence, self.facts.epoch
        await self.save(entry)
        self.entries.append(entry)
        return entry

    async def save(self, *entries: Entry) -> None:
        """Make these entries and all facts durable, all or nothing. Errors: `MemoryFileError`."""
        facts = {name: _encode(getattr(self.facts, name)) for name in _FACTS}
        changed = {name: text for name, text in facts.items() if self._saved.get(name) != text}
        rows: list[Row] = [(FACT, (self._till, name, text)) for name, text in changed.items()]
        # what ends a hold takes it out of the open ones
        ended = [each for each in self.entries if any(entry.original == each.id for entry in entries)]
        every = {entry.id: entry for entry in (*ended, *entries)}
        live = {number: self._is_live(entry, entries) for number, entry in every.items()}
        rows += [(ENTRY, self._row(entry, live=live[entry.id])) for entry in every.values()]
        await self._file.write(rows)
        self._saved.update(changed)
        self.entries = [entry for entry in self.entries if live.get(entry.id, True)]

    def _is_live(self, entry: Entry, saved: Iterable[Entry]) -> bool:
        """Whether anything may still be done with it by itself, or by a booking."""
        ended = any(each.original == entry.id and each.stands for each in saved)
        return entry.unsettled or (not ended and self._holds(entry))

    def _row(self, entry: Entry, *, live: bool) -> tuple[object, ...]:
        number = None if entry.sequence is None else f"{entry.epoch}:{entry.sequence}"
        return (
            entry.id,
            self._till,
            live,
            entry.stands,
            entry.deed in _TURNOVER,
            entry.batch,
            entry.receipt,
            entry.original,
            entry.order_number,
            number,
            # a copy of every line, as `asdict` makes it, costs more than all the rest
            _encode({name: getattr(entry, name) for name in _ENTRY}),
        )

    def number(self, entry: Entry, *, receipt: bool = True) -> None:
        """Give a transaction its numbers; durable with the next `save`."""
        facts = self.facts
        facts.trace = entry.trace = facts.trace % NUMBER_LAST + 1
        if receipt:
            facts.receipt = entry.receipt = facts.receipt % RECEIPT_LAST + 1
            facts.turnover = entry.turnover = facts.turnover % NUMBER_LAST + 1

    def receipt_back(self) -> None:
        """Use the last receipt number again (PA00P015 chapter 4.2)."""
        self.facts.receipt = self.facts.receipt - 1 if self.facts.receipt > 1 else RECEIPT_LAST

    def restore(self, entry: Entry) -> None:
        """Look after an entry that was settled again: something is left to be done about it."""
        if self.get(entry.id) is None:
            self.entries.insert(0, entry)

    async def close_batch(self, closing: str, lines: list[list[Any]], at: str) -> None:
        """End of day: what was turned over is kept as `closing`, counting begins anew."""
        facts = self.facts
        before = facts.closing, facts.closing_lines, facts.closed_at, facts.batch
        facts.closing, facts.closing_lines, facts.closed_at = closing, lines, at
        facts.batch += 1
        try:
            await self.save()
        except Exception:
            facts.closing, facts.closing_lines, facts.closed_at, facts.batch = before
            raise

    # -- looking --------------------------------------------------------------------------------------

    def last_stands(self) -> Entry | None:
        """The last transaction that stands and has a receipt: what 06 20 repeats."""
        return self._newest(
            lambda entry: entry.stands and entry.receipt is not None, self._file.last(self._till)
        )

    def by_receipt(self, receipt: int) -> Entry | None:
        """The last standing transaction with this receipt number."""
        stored = self._file.by_receipt(self._till, receipt)
        return self._newest(lambda entry: entry.stands and entry.receipt == receipt, stored)

    def by_order(self, order_number: str) -> Entry | None:
        """The last standing payment of this order number."""
        stored = self._file.by_order(self._till, order_number)
        return self._newest(lambda entry: entry.stands and entry.order_number == order_number, stored)

    def by_sequence(self, sequence: int) -> Entry | None:
        """The transaction that was begun by the message with this number since the registration."""
        epoch = self.facts.epoch
        stored = self._file.by_sequence(self._till, f"{epoch}:{sequence}")
        return self._newest(lambda entry: (entry.sequence, entry.epoch) == (sequence, epoch), stored)

    def follower(self, entry: Entry) -> Entry | None:
        """What undid, booked or released this transaction."""
        stored = self._file.follower(entry.id)
        return self._newest(lambda each: each.original == entry.id and each.stands, stored)

    def get(self, number: int | None) -> Entry | None:
        """The entry with this id, of those in memory."""
        return self._last(lambda entry: entry.id == number)

    def open_holds(self) -> list[Entry]:
        """Pre-authorisations that are neither booked nor released, oldest first."""
        return [entry for entry in self.entries if self._holds(entry)]

    def unsettled(self) -> list[Entry]:
        """What something is left to be done about, oldest first."""
        return [entry for entry in self.entries if entry.unsettled]

    def of_batch(self) -> list[Entry]:
        """The standing transactions since the last end of day that move money, oldest first."""
        return [_entry(*row) for row in self._file.of_batch(self._till, self.facts.batch)]

    def first_of_batch(self) -> Entry | None:
        """The first of them."""
        return self._found(self._file.of_batch(self._till, self.facts.batch, 1))

    def _holds(self, entry: Entry) -> bool:
        return entry.deed is Deed.HOLD and entry.stands and self.follower(entry) is None

    def _newest(self, wanted: Callable[[Entry], bool], stored: Iterable[tuple[int, str]]) -> Entry | None:
        """The newest that fits, as it is in memory or else as it was stored."""
        found, here = self._found(stored), self._last(wanted)
        if here is None or (found is not None and found.id > here.id):
            known = None if found is None else self.get(found.id)
            # what is in memory is newer than the disk: it may have ceased to fit
            return found if known is None else (known if wanted(known) else here)
        return here

    def _last(self, wanted: Callable[[Entry], bool]) -> Entry | None:
        return next((entry for entry in reversed(self.entries) if wanted(entry)), None)

    def _found(self, rows: Iterable[tuple[int, str]]) -> Entry | None:
        return next((_entry(number, body) for number, body in rows), None)


def _entry(number: int, body: str) -> Entry:
    """The entry that was stored; what a newer version added to it is left out."""
    told = {name: value for name, value in json.loads(body).items() if name in Entry.__dataclass_fields__}
    entry = Entry(**{**told, "id": number})
    entry.deed, entry.fate = Deed(entry.deed), Fate(entry.fate)
    return entry

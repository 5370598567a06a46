"""What the terminal tells while it is master (PA00P015 chapter 3)."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Self

from drivers.zvt.cards import SEE_TAG_41
from drivers.zvt.commands.face import Face, Place, bmp, param, tag
from drivers.zvt.commands.payments import APPROVAL
from drivers.zvt.results import OK
from drivers.zvt.statuses import REMOVE_CARD, intermediate_text
from drivers.zvt.values import (
    AMOUNT,
    BYTE,
    BYTES,
    CARD_NUMBER,
    CURRENCY,
    NAME,
    RECEIPT,
    TEXT,
    TOTALS,
    Codec,
    Totals,
    bcd,
    digits,
    number,
    pack,
    padded,
    unpack,
)


def _pack_long(value: int) -> bytes:
    """As many bytes as it takes, four at least: terminals send eight digits or more."""
    return pack(value, max(4, (len(str(value)) + 1) // 2))


_LONG_TRACE = Codec(unpack, _pack_long)
_BIG = Codec(lambda value: int.from_bytes(value, "big"), lambda value: value.to_bytes(2, "big"))


@dataclass(frozen=True, slots=True)
class StatusInformation(Face):
    """04 0F: how it went. Only `result` is certain to be there, and after reading a card not even that.

    `trace` is 0 where the long one (`long_trace`) counts. `time` and `date` (MMDD, no year) are of the
    terminal's own clock. `card_number` is masked by E as the terminal sends it. Amounts in minor units.
    """

    result: int | None = None
    amount: int | None = None
    trace: int | None = None
    original_trace: int | None = None
    time: str | None = None
    date: str | None = None
    expiry: str | None = None
    card_sequence: str | None = None
    handling: int | None = None
    card_number: str | None = None
    terminal_id: str | None = None
    approval: str | None = None
    currency: int | None = None
    receipt: int | None = None
    card_type: int | None = None
    merchant: str | None = None
    additional: str | None = None
    host_result: int | None = None
    turnover: int | None = None
    card_name: str | None = None
    totals: Totals | None = None
    application_id: bytes | None = None
    application_id_nested: bytes | None = None
    verification: int | None = None
    verification_nested: int | None = None
    technology: int | None = None
    technology_nested: int | None = None
    wide_card_type: int | None = None
    unique_id: bytes | None = None
    long_trace: int | None = None
    texts: tuple[str, ...] = ()

    COMMAND: ClassVar[int] = 0x040F
    # the order of chapter 3.1.1, which old registers rely on
    PLACES: ClassVar[tuple[Place, ...]] = (
        bmp("result", 0x27, BYTE),
        bmp("amount", 0x04, AMOUNT),
        bmp("trace", 0x0B, bcd(3)),
        bmp("original_trace", 0x37, bcd(3)),
        bmp("time", 0x0C, digits(3)),
        bmp("date", 0x0D, digits(2)),
        bmp("expiry", 0x0E, digits(2)),
        bmp("card_sequence", 0x17, digits(2)),
        bmp("handling", 0x19, BYTE),
        bmp("card_number", 0x22, CARD_NUMBER),
        bmp("terminal_id", 0x29, digits(4)),
        bmp("approval", 0x3B, APPROVAL),
        bmp("currency", 0x49, CURRENCY),
        bmp("totals", 0x60, TOTALS),
        bmp("receipt", 0x87, RECEIPT),
        bmp("card_type", 0x8A, BYTE),
        bmp("merchant", 0x2A, padded(15, b" ")),
        bmp("additional", 0x3C, TEXT),
        bmp("host_result", 0xA0, BYTE),
        bmp("turnover", 0x88, bcd(3)),
        bmp("card_name", 0x8B, NAME),
        tag("texts", TEXT, 0x24, 0x07, many=True),
        tag("application_id", BYTES, 0x43),
        tag("application_id_nested", BYTES, 0x60, 0x43),
        tag("verification", BYTE, 0x1F10),
        tag("verification_nested", BYTE, 0x2F, 0x1F10),
        tag("technology", BYTE, 0x1F12),
        tag("technology_nested", BYTE, 0x2F, 0x1F12),
        tag("wide_card_type", _BIG, 0x41),
        tag("unique_id", BYTES, 0x1F1F),
        tag("long_trace", _LONG_TRACE, 0x1F2B),
    )

    @property
    def approved(self) -> bool:
        """Whether the money moves (once the register has said yes); a host code in A0 is a refusal too."""
        return self.result == OK and not self.host_result

    @property
    def trace_number(self) -> int | None:
        """The trace number, whichever form was sent."""
        return self.long_trace if self.long_trace is not None else self.trace

    @property
    def card_kind(self) -> int | None:
        """The card type, from tag 41 where BMP 8A points there."""
        return self.wide_card_type if self.card_type in {None, SEE_TAG_41} else self.card_type

    @property
    def card_technology(self) -> int | None:
        """00 stripe, 01 chip, 02 contactless; makers disagree on where it stands."""
        return self.technology if self.technology is not None else self.technology_nested

    @property
    def cardholder_check(self) -> int | None:
        """Tag 1F10: 00 none, 01 signature, 02 online PIN, ...; makers disagree on where it stands."""
        return self.verification if self.verification is not None else self.verification_nested

    @property
    def aid(self) -> bytes | None:
        """The card's application id."""
        return self.application_id if self.application_id is not None else self.application_id_nested


@dataclass(frozen=True, slots=True)
class IntermediateStatus(Face):
    """04 FF: what is going on. `minutes` sets T4 until the command has ended; `status` FF: see `texts`."""

    status: int
    minutes: int | None = None
    texts: tuple[str, ...] = ()

    COMMAND: ClassVar[int] = 0x04FF
    PLACES: ClassVar[tuple[Place, ...]] = (
        param("status", BYTE),
        param("minutes", bcd(1), "timeout_min"),
        tag("texts", TEXT, 0x24, 0x07, many=True),
    )

    @property
    def remove_card(self) -> bool:
        """Whether the customer is to take the card out."""
        return self.status == 0x0B or (REMOVE_CARD < self.status <= 0x67)

    @property
    def text(self) -> str:
        """The terminal's own words, else ours."""
        return " ".join(self.texts) or intermediate_text(self.status)


@dataclass(frozen=True, slots=True)
class Completion(Face):
    """06 0F: done, the register is master again. `status` and `sw_version` only after 05 01.

    `flags` is BMP 19 (`config.CompletionStatus`), `sequence` the echo of 1F73, `action` 1F79 (01: register
    again).
    """

    sw_version: str | None = None
    status: int | None = None
    result: int | None = None
    flags: int | None = None
    terminal_id: str | None = None
    currency: int | None = None
    permitted: tuple[int, ...] = ()
    charsets: tuple[int, ...] = ()
    max_apdu: int | None = None
    printer_width: int | None = None
    sequence: bytes | None = None
    action: int | None = None
    device_name: str | None = None
    device_version: str | None = None
    serial_number: str | None = None

    COMMAND: ClassVar[int] = 0x060F
    PLACES: ClassVar[tuple[Place, ...]] = (
        param("sw_version", TEXT, "sw"),
        param("status", BYTE),
        bmp("result", 0x27, BYTE),
        bmp("flags", 0x19, BYTE),
        bmp("terminal_id", 0x29, digits(4)),
        bmp("currency", 0x49, CURRENCY),
        tag("printer_width", bcd(1), 0x12),
        tag("max_apdu", _BIG, 0x1A),
        tag("permitted", number(2), 0x26, 0x0A, many=True),
        tag("charsets", BYTE, 0x27, 0x14, many=True),
        tag("sequence", BYTES, 0x1F73),
        tag("action", BYTE, 0x1F79),
        tag("device_name", TEXT, 0xE4, 0x1F40),
        tag("device_version", TEXT, 0xE4, 0x1F41),
        tag("serial_number", Codec(lambda value: value.hex().upper(), bytes.fromhex), 0xE4, 0x1F42),
    )


@dataclass(frozen=True, slots=True)
class Abort(Face):
    """06 1E: it did not work; `result` says why. After 06 23 with FF FF, B8 and `receipt` are the answer."""

    result: int
    currency: int | None = None
    receipt: int | None = None
    open_receipts: tuple[int, ...] = ()
    error_code: bytes | None = None
    error_text: str | None = None

    COMMAND: ClassVar[int] = 0x061E
    PLACES: ClassVar[tuple[Place, ...]] = (
        param("result", BYTE),
        param("currency", CURRENCY, "cc"),
        bmp("receipt", 0x87, RECEIPT),
        tag("open_receipts", RECEIPT, 0x23, 0x08, many=True),
        tag("error_code", BYTES, 0x1F16),
        tag("error_text", TEXT, 0x1F17),
    )


@dataclass(frozen=True, slots=True)
class SetRegisterClock(Face):
    """04 01: the terminal offers its host's date YYMMDD and time HHMMSS; acknowledging is enough."""

    date: str
    time: str

    COMMAND: ClassVar[int] = 0x0401
    PLACES: ClassVar[tuple[Place, ...]] = (bmp("date", 0xAA, digits(3)), bmp("time", 0x0C, digits(3)))

    @classmethod
    def at(cls, local: datetime) -> Self:
        """Offer this local time."""
        return cls(f"{local:%y%m%d}", f"{local:%H%M%S}")

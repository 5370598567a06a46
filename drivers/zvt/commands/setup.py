"""Registration and administration, as the register says them (PA00P015 chapter 2)."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Self

from drivers.zvt.commands.face import Face, Place, bmp, param, tag
from drivers.zvt.config import Config
from drivers.zvt.currency import EURO
from drivers.zvt.values import BYTE, BYTES, CURRENCY, RECEIPT, Codec, bcd, digits, number

PASSWORD = digits(3)
FACTORY_PASSWORD = "000000"  # noqa: S105 - printed in every manual

_CONFIG = Codec(lambda value: Config(value[0]), lambda config: bytes((int(config),)))
_COMMAND = number(2)
_PASSWORD_PLACE = param("password", PASSWORD)


@dataclass(frozen=True, slots=True)
class Registration(Face):
    """06 00: who we are and how the terminal is to behave. `container` alone already permits TLV.

    `receipt_tags` (40) asks for receipt data in 04 0F; `receipt_wishes` (1F04) and `transaction_wishes`
    (1F05) are bit fields of chapter 9.4.
    """

    password: str
    config: Config
    currency: int | None = EURO
    service: int | None = None
    printer_width: int | None = None
    max_apdu: int | None = None
    permitted: tuple[int, ...] = ()
    charsets: tuple[int, ...] = ()
    receipt_tags: bytes | None = None
    receipt_wishes: bytes | None = None
    transaction_wishes: bytes | None = None
    sequence: bytes | None = None
    container: bool = False

    COMMAND: ClassVar[int] = 0x0600
    PLACES: ClassVar[tuple[Place, ...]] = (
        _PASSWORD_PLACE,
        param("config", _CONFIG),
        param("currency", CURRENCY, "cc"),
        bmp("service", 0x03, BYTE),
        tag("printer_width", bcd(1), 0x12),
        tag("max_apdu", number(2), 0x1A),
        tag("permitted", _COMMAND, 0x26, 0x0A, many=True),
        tag("charsets", BYTE, 0x27, 0x14, many=True),
        tag("receipt_tags", BYTES, 0x40),
        tag("receipt_wishes", BYTES, 0x1F04),
        tag("transaction_wishes", BYTES, 0x1F05),
        tag("sequence", BYTES, 0x1F73),
    )


@dataclass(frozen=True, slots=True)
class LogOff(Face):
    """06 02: end what 06 00 began; the config byte falls back to 86."""

    COMMAND: ClassVar[int] = 0x0602
    PLACES: ClassVar[tuple[Place, ...]] = ()


@dataclass(frozen=True, slots=True)
class StatusEnquiry(Face):
    """05 01: is the terminal there, what is its state; never tells what became of a payment."""

    password: str | None = None
    service: int | None = None

    COMMAND: ClassVar[int] = 0x0501
    PLACES: ClassVar[tuple[Place, ...]] = (_PASSWORD_PLACE, bmp("service", 0x03, BYTE))


@dataclass(frozen=True, slots=True)
class EndOfDay(Face):
    """06 50: close the books. `mode` 0 normal, 1 forced, 2 automatic (tag 1F26)."""

    password: str
    mode: int | None = None

    COMMAND: ClassVar[int] = 0x0650
    PLACES: ClassVar[tuple[Place, ...]] = (_PASSWORD_PLACE, tag("mode", BYTE, 0x1F26))


@dataclass(frozen=True, slots=True)
class TurnoverTotals(Face):
    """06 10: the totals so far, without closing."""

    password: str

    COMMAND: ClassVar[int] = 0x0610
    PLACES: ClassVar[tuple[Place, ...]] = (_PASSWORD_PLACE,)


@dataclass(frozen=True, slots=True)
class ReprintReceipts(Face):
    """06 12: print the receipts of some transactions again."""

    password: str
    first: int | None = None
    last: int | None = None

    COMMAND: ClassVar[int] = 0x0612
    PLACES: ClassVar[tuple[Place, ...]] = (
        _PASSWORD_PLACE,
        tag("first", RECEIPT, 0x1F02),
        tag("last", RECEIPT, 0x1F03),
    )


@dataclass(frozen=True, slots=True)
class RepeatReceipt(Face):
    """06 20: the last receipt again; with service bit 01 its 04 0F too, which settles doubt (4.1)."""

    password: str
    service: int | None = None
    receipt_id: int | None = None
    first: int | None = None
    last: int | None = None

    COMMAND: ClassVar[int] = 0x0620
    PLACES: ClassVar[tuple[Place, ...]] = (
        _PASSWORD_PLACE,
        bmp("service", 0x03, BYTE),
        tag("receipt_id", BYTE, 0x1F01),
        tag("first", RECEIPT, 0x1F02),
        tag("last", RECEIPT, 0x1F03),
    )


@dataclass(frozen=True, slots=True)
class Diagnosis(Face):
    """06 70: call the host; the terminal may set our clock on the way."""

    kind: int | None = None

    COMMAND: ClassVar[int] = 0x0670
    PLACES: ClassVar[tuple[Place, ...]] = (tag("kind", BYTE, 0x1B),)


@dataclass(frozen=True, slots=True)
class Initialisation(Face):
    """06 93: set the terminal up with its network."""

    password: str

    COMMAND: ClassVar[int] = 0x0693
    PLACES: ClassVar[tuple[Place, ...]] = (_PASSWORD_PLACE,)


@dataclass(frozen=True, slots=True)
class Reset(Face):
    """06 18: restart the terminal; it forgets the registration."""

    password: str | None = None

    COMMAND: ClassVar[int] = 0x0618
    PLACES: ClassVar[tuple[Place, ...]] = (_PASSWORD_PLACE,)


@dataclass(frozen=True, slots=True)
class PrintConfiguration(Face):
    """06 1A: print how the terminal is set up."""

    COMMAND: ClassVar[int] = 0x061A
    PLACES: ClassVar[tuple[Place, ...]] = ()


@dataclass(frozen=True, slots=True)
class SetTerminalClock(Face):
    """06 91: date YYMMDD and time HHMMSS of the terminal's own place."""

    password: str | None
    date: str
    time: str

    COMMAND: ClassVar[int] = 0x0691
    PLACES: ClassVar[tuple[Place, ...]] = (
        _PASSWORD_PLACE,
        bmp("date", 0xAA, digits(3)),
        bmp("time", 0x0C, digits(3)),
    )

    @classmethod
    def at(cls, local: datetime, password: str | None = None) -> Self:
        """Set it to this local time."""
        return cls(password, f"{local:%y%m%d}", f"{local:%H%M%S}")


@dataclass(frozen=True, slots=True)
class SelectLanguage(Face):
    """08 30: the terminal's language, as numbered in `config.LANGUAGES`; stays after power-off."""

    language: int

    COMMAND: ClassVar[int] = 0x0830
    PLACES: ClassVar[tuple[Place, ...]] = (param("language", BYTE, "value"),)


@dataclass(frozen=True, slots=True)
class StopRunning(Face):
    """06 B0: end what the terminal is doing; its outcome still comes by 04 0F and 06 1E."""

    COMMAND: ClassVar[int] = 0x06B0
    PLACES: ClassVar[tuple[Place, ...]] = ()

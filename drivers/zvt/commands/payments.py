"""Payments and what undoes them, as the register says them (PA00P015 chapter 2). Amounts in minor units."""

from dataclasses import dataclass
from typing import ClassVar

from drivers.zvt.commands.face import Face, Place, bmp, param, tag
from drivers.zvt.commands.setup import PASSWORD
from drivers.zvt.values import AMOUNT, ANY_RECEIPT, BYTE, BYTES, CURRENCY, RECEIPT, TEXT, bcd, padded

APPROVAL = padded(8, b"\0")
TRACE = bcd(3)

_AMOUNT = bmp("amount", 0x04, AMOUNT)
_CURRENCY = bmp("currency", 0x49, CURRENCY)
_KIND = bmp("kind", 0x19, BYTE)
_RECEIPT = bmp("receipt", 0x87, RECEIPT)
_UNIQUE_ID = tag("unique_id", BYTES, 0x1F1F)


@dataclass(frozen=True, slots=True)
class Authorisation(Face):
    """06 01: take a payment. `goods_timeout_s` and `repetitions` govern the answer to 04 0F (2.2.6).

    `kind` is a `config.PaymentType`. `unique_id` is the receipt number mirrored in 1F1F: b"" says that there
    is no history; see `unique_id.mirror`.
    """

    amount: int
    currency: int | None = None
    kind: int | None = None
    goods_timeout_s: int | None = None
    repetitions: int | None = None
    additional: str | None = None
    unique_id: bytes | None = None
    order_number: str | None = None
    tip: int | None = None
    container: bool = False

    COMMAND: ClassVar[int] = 0x0601
    PLACES: ClassVar[tuple[Place, ...]] = (
        _AMOUNT,
        _CURRENCY,
        _KIND,
        bmp("goods_timeout_s", 0x01, BYTE),
        bmp("repetitions", 0x02, BYTE),
        bmp("additional", 0x3C, TEXT),
        tag("order_number", TEXT, 0x1F0D),
        _UNIQUE_ID,
        tag("tip", AMOUNT, 0x1F36),
    )


@dataclass(frozen=True, slots=True)
class PreAuthorisation(Face):
    """06 22: hold an amount."""

    amount: int | None = None
    currency: int | None = None
    kind: int | None = None
    trace: int | None = None
    approval: str | None = None
    reservation: int | None = None
    unique_id: bytes | None = None

    COMMAND: ClassVar[int] = 0x0622
    PLACES: ClassVar[tuple[Place, ...]] = (
        _AMOUNT,
        _CURRENCY,
        _KIND,
        bmp("trace", 0x0B, TRACE),
        bmp("approval", 0x3B, APPROVAL),
        tag("reservation", BYTE, 0x1F06),
        _UNIQUE_ID,
    )


@dataclass(frozen=True, slots=True)
class PartialReversal(Face):
    """06 23: of a pre-authorisation, release `amount`, the part that was not used."""

    receipt: int
    amount: int | None = None
    currency: int | None = None
    kind: int | None = None
    unique_id: bytes | None = None

    COMMAND: ClassVar[int] = 0x0623
    PLACES: ClassVar[tuple[Place, ...]] = (_RECEIPT, _AMOUNT, _CURRENCY, _KIND, _UNIQUE_ID)

    @classmethod
    def ask_for_open(cls) -> "PartialReversal":
        """The question whether pre-authorisations are open; always answered by an abort with B8 (2.10.1)."""
        return cls(ANY_RECEIPT)


@dataclass(frozen=True, slots=True)
class BookTotal(Face):
    """06 24: of a pre-authorisation, book `amount`, the part that was used."""

    receipt: int
    amount: int | None = None
    currency: int | None = None
    kind: int | None = None
    unique_id: bytes | None = None

    COMMAND: ClassVar[int] = 0x0624
    PLACES: ClassVar[tuple[Place, ...]] = (_RECEIPT, _AMOUNT, _CURRENCY, _KIND, _UNIQUE_ID)


@dataclass(frozen=True, slots=True)
class ReleasePreAuthorisation(Face):
    """06 25: release a pre-authorisation altogether."""

    receipt: int
    amount: int | None = None
    currency: int | None = None
    kind: int | None = None
    unique_id: bytes | None = None

    COMMAND: ClassVar[int] = 0x0625
    PLACES: ClassVar[tuple[Place, ...]] = (_RECEIPT, _AMOUNT, _CURRENCY, _KIND, _UNIQUE_ID)


@dataclass(frozen=True, slots=True)
class Reversal(Face):
    """06 30: undo the payment with this receipt number; the terminal checks the amount if it is given."""

    password: str
    receipt: int
    amount: int | None = None
    currency: int | None = None
    kind: int | None = None
    unique_id: bytes | None = None

    COMMAND: ClassVar[int] = 0x0630
    PLACES: ClassVar[tuple[Place, ...]] = (
        param("password", PASSWORD),
        _RECEIPT,
        _AMOUNT,
        _CURRENCY,
        _KIND,
        _UNIQUE_ID,
    )


@dataclass(frozen=True, slots=True)
class Refund(Face):
    """06 31: pay back to a card, tied to no payment."""

    password: str
    amount: int
    currency: int | None = None
    kind: int | None = None
    unique_id: bytes | None = None

    COMMAND: ClassVar[int] = 0x0631
    PLACES: ClassVar[tuple[Place, ...]] = (param("password", PASSWORD), _AMOUNT, _CURRENCY, _KIND, _UNIQUE_ID)

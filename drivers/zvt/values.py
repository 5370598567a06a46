"""How the bytes of fields become Python values and back; reading is lenient, writing is strict."""

from collections.abc import Callable
from typing import Any, NamedTuple

from drivers.zvt.charset import decode_text, encode_text
from drivers.zvt.errors import LocalProtocolError
from drivers.zvt.fields import NO_RECEIPT

ANY_RECEIPT = 0xFFFF
"""BMP 87 with FF FF: no receipt, or in 06 23 the question for open pre-authorisations."""


class Codec(NamedTuple):
    """A pair of functions; `decode` never raises, `encode` raises LocalProtocolError."""

    decode: Callable[[bytes], Any]
    encode: Callable[[Any], bytes]


def pack(number: int, size: int) -> bytes:
    """A number as `size` bytes of packed digits, with leading zeros."""
    if not 0 <= number < 10 ** (2 * size):
        raise LocalProtocolError(f"{number} does not fit in {2 * size} digits")
    return bytes.fromhex(f"{number:0{2 * size}}")


def unpack(value: bytes) -> int | None:
    """The number that packed digits spell; None where they are none."""
    digits = value.hex()
    return int(digits) if digits.isdigit() else None


def digits(size: int) -> Codec:
    """Packed digits that are a name rather than a number, such as a terminal id: text, two for a byte."""

    def write(text: str) -> bytes:
        if len(text) != 2 * size:
            raise LocalProtocolError(f"{text!r} is not {2 * size} digits")
        try:
            return bytes.fromhex(text)
        except ValueError:
            raise LocalProtocolError(f"{text!r} is not {2 * size} digits") from None

    return Codec(lambda value: value.hex().upper(), write)


def bcd(size: int) -> Codec:
    """Packed digits that are a number; None for digits that are none."""
    return Codec(unpack, lambda number: pack(number, size))


def number(size: int) -> Codec:
    """Unsigned, big endian, `size` bytes."""

    def write(value: int) -> bytes:
        try:
            return value.to_bytes(size, "big")
        except OverflowError:
            raise LocalProtocolError(f"{value} does not fit in {size} bytes") from None

    return Codec(lambda value: int.from_bytes(value, "big"), write)


def padded(size: int, filler: bytes) -> Codec:
    """ASCII filled up to `size` bytes."""

    def write(text: str) -> bytes:
        value = text.encode("ascii", errors="replace")
        if len(value) > size:
            raise LocalProtocolError(f"{text!r} is longer than {size} characters")
        return value.ljust(size, filler)

    return Codec(lambda value: value.decode("ascii", errors="replace").rstrip("\0 "), write)


def _write_receipt(receipt: int) -> bytes:
    return NO_RECEIPT if receipt == ANY_RECEIPT else pack(receipt, 2)


def _read_receipt(value: bytes) -> int | None:
    return ANY_RECEIPT if value == NO_RECEIPT else unpack(value)


def _write_card_number(text: str) -> bytes:
    try:
        return bytes.fromhex(text + "F" * (len(text) % 2))
    except ValueError:
        raise LocalProtocolError("a card number has digits, E for a hidden one and D as separator") from None


AMOUNT = bcd(6)
CURRENCY = bcd(2)
BYTE = number(1)
RECEIPT = Codec(_read_receipt, _write_receipt)
CARD_NUMBER = Codec(lambda value: value.hex().upper().rstrip("F"), _write_card_number)
TEXT = Codec(lambda value: decode_text(value).rstrip("\0"), encode_text)
NAME = Codec(lambda value: decode_text(value).rstrip("\0"), lambda text: encode_text(text) + b"\0")
"""BMP 8B: a text that ends with NUL."""
BYTES = Codec(bytes, bytes)


class Total(NamedTuple):
    """Number of transactions and sum (minor units) of one kind of card."""

    transactions: int
    amount: int


class Totals(NamedTuple):
    """BMP 60: the receipts of a day and what was turned over with each kind of card."""

    first_receipt: int
    last_receipt: int
    cards: tuple[Total, ...]


TOTAL_KINDS = ("girocard", "jcb", "mastercard", "amex", "visa", "diners", "others")
_TOTAL_SIZE = 7
_TOTALS_SIZE = 4 + len(TOTAL_KINDS) * _TOTAL_SIZE


def _read_totals(value: bytes) -> Totals | None:
    if len(value) != _TOTALS_SIZE:
        return None
    cards = tuple(
        Total(value[at], unpack(value[at + 1 : at + _TOTAL_SIZE]) or 0)
        for at in range(4, _TOTALS_SIZE, _TOTAL_SIZE)
    )
    return Totals(unpack(value[:2]) or 0, unpack(value[2:4]) or 0, cards)


def _write_totals(totals: Totals) -> bytes:
    if len(totals.cards) != len(TOTAL_KINDS):
        raise LocalProtocolError(f"totals have {len(TOTAL_KINDS)} kinds of cards, not {len(totals.cards)}")
    parts = [pack(totals.first_receipt, 2), pack(totals.last_receipt, 2)]
    # one byte counts the transactions; a bigger count can only be shown as the largest
    parts += [bytes((min(total.transactions, 0xFF),)) + pack(total.amount, 6) for total in totals.cards]
    return b"".join(parts)


TOTALS = Codec(_read_totals, _write_totals)

"""The data elements (BMPs) of a message: their table, parsing, building (PA00P015 chapters 1, 12, 13)."""

from collections.abc import Iterable
from enum import StrEnum
from itertools import product
from typing import NamedTuple

from drivers.zvt.errors import DecodeError, LocalProtocolError
from drivers.zvt.tlv import Tlv, Value, encode_head, encode_tlv, parse_tlv, read_length

LLVAR_MAX = 99
"""Fx Fy: two decimal digits (chapter 12)."""

LLLVAR_MAX = 999
"""Fx Fy Fz: three decimal digits (chapter 12)."""

FIELDS_MAX = 512
"""A message of the standard has at most some thirty; more is noise that would only cost memory."""

CONTAINER = 0x06


class Format(StrEnum):
    """How the length of a field is known."""

    FIXED = "fixed"
    LLVAR = "LLVAR"
    LLLVAR = "LLLVAR"
    TLV = "TLV"


class Bmp(NamedTuple):
    """What is known of one field: its name, how long it is, what its bytes are."""

    name: str
    format: Format
    size: int = 0
    digits: bool = False
    """Must be decimal digits. Only where money depends on it: terminals put other nibbles into numbers and
    dates, and a 04 0F that is refused for such a thing is a payment reversed."""


def _fixed(name: str, size: int, *, digits: bool = False) -> Bmp:
    return Bmp(name, Format.FIXED, size, digits)


BMPS: dict[int, Bmp] = {
    0x01: _fixed("goods time-out (s)", 1),
    0x02: _fixed("status repetitions", 1),
    0x03: _fixed("service byte", 1),
    0x04: _fixed("amount", 6, digits=True),
    0x05: _fixed("pump", 1),
    0x06: Bmp("TLV", Format.TLV),
    0x0B: _fixed("trace number", 3),
    0x0C: _fixed("time", 3),
    0x0D: _fixed("date (MMDD)", 2),
    0x0E: _fixed("expiry (YYMM)", 2),
    0x17: _fixed("card sequence number", 2),
    0x19: _fixed("payment type or status", 1),
    0x22: Bmp("card number", Format.LLVAR),
    0x23: Bmp("track 2", Format.LLVAR),
    0x24: Bmp("track 3", Format.LLLVAR),
    0x27: _fixed("result", 1),
    0x29: _fixed("terminal id", 4),
    0x2A: _fixed("merchant contract", 15),
    0x2D: Bmp("track 1", Format.LLVAR),
    0x2E: Bmp("synchronous chip data", Format.LLLVAR),
    0x37: _fixed("original trace number", 3),
    0x3A: _fixed("card check value", 2),
    0x3B: _fixed("approval code", 8),
    0x3C: Bmp("additional text", Format.LLLVAR),
    0x3D: _fixed("password", 3),
    0x49: _fixed("currency", 2, digits=True),
    0x4C: Bmp("blocked goods groups", Format.LLVAR),
    0x60: Bmp("totals", Format.LLLVAR),
    0x70: _fixed("image id", 4),
    0x71: _fixed("image size", 4),
    0x72: _fixed("image type", 1),
    0x73: _fixed("image coding", 1),
    0x74: _fixed("image chunks", 1),
    0x75: _fixed("image chunk", 1),
    0x87: _fixed("receipt number", 2),
    0x88: _fixed("turnover number", 3),
    0x8A: _fixed("card type", 1),
    0x8B: Bmp("card name", Format.LLVAR),
    0x8C: _fixed("operator's card type", 1),
    0x92: Bmp("offline chip parameters", Format.LLLVAR),
    0x9A: Bmp("purse record", Format.LLLVAR),
    0xA0: _fixed("host result", 1),
    0xA7: Bmp("EF_ID", Format.LLVAR),
    0xAA: _fixed("date (YYMMDD)", 3),
    0xAF: Bmp("EF_Info", Format.LLLVAR),
    0xBA: _fixed("AID parameter", 5),
    0xD0: _fixed("PIN algorithm", 1),
    0xD1: Bmp("PIN data", Format.LLVAR),
    0xD2: _fixed("card output", 1),
    0xD3: _fixed("DUKPT key", 1),
    0xE0: _fixed("minimum input", 1),
    **{0xE0 + line: Bmp(f"second text, line {line}", Format.LLVAR) for line in range(1, 9)},
    0xE9: _fixed("maximum input", 1),
    0xEA: _fixed("echo", 1),
    0xEB: _fixed("MAC", 8),
    0xF0: _fixed("display time (s)", 1),
    **{0xF0 + line: Bmp(f"text, line {line}", Format.LLVAR) for line in range(1, 9)},
    0xF9: _fixed("beeps", 1),
    0xFA: _fixed("card reader", 1),
    0xFB: _fixed("OK key", 1),
    0xFC: _fixed("dialogue control", 1),
    0xFD: _fixed("display", 1),
}

STATUS_ORDER: tuple[int, ...] = (
    0x27, 0x04, 0x0B, 0x37, 0x0C, 0x0D, 0x0E, 0x17, 0x19, 0x22, 0x29, 0x3B, 0x49, 0x4C, 0x87, 0x8A, 0x8C,
    0x9A, 0xBA, 0x2A, 0x3C, 0xA0, 0x88, 0x8B, 0x06,
)  # fmt: skip
"""Order in which 04 0F lists its fields; old registers rely on it (chapter 3.1.1, note)."""

_UNKNOWN, _TLV, _LLVAR, _LLLVAR = 0, -1, -2, -3

# One number per possible id: > 0 is a fixed size. A list index is the fastest table there is.
_SIZES: list[int] = [_UNKNOWN] * 256
for _id, _bmp in BMPS.items():
    _SIZES[_id] = {
        Format.FIXED: _bmp.size,
        Format.TLV: _TLV,
        Format.LLVAR: _LLVAR,
        Format.LLLVAR: _LLLVAR,
    }[_bmp.format]

_DIGITS: list[bool] = [number in BMPS and BMPS[number].digits for number in range(256)]
_BCD = bytes(tens << 4 | ones for tens in range(10) for ones in range(10))
_IDS: dict[int, bytes] = {number: bytes((number,)) for number in BMPS}

# By the number of digits: how each length is written, and what is written as which length.
_LENGTHS: dict[int, list[bytes]] = {
    digits: [bytes(spelt) for spelt in product(range(0xF0, 0xFA), repeat=digits)] for digits in (2, 3)
}
_READ: dict[bytes, int] = {
    spelt: length for lengths in _LENGTHS.values() for length, spelt in enumerate(lengths)
}

NO_RECEIPT = b"\xff\xff"


class Field(NamedTuple):
    """One BMP of a message; `value` is bytes, or the objects of the container 06.

    `width` is 0, or the number of length bytes of the container where fewer would have done.
    """

    id: int
    value: Value
    width: int = 0


def var_length(data: bytes, position: int, digits: int, end: int) -> int:
    """The length that `digits` bytes F0-F9 spell out; raises DecodeError for anything else."""
    length = 0
    for offset in range(position, position + digits):
        if offset >= end:
            raise DecodeError("length bytes are cut off", offset, f"{digits} bytes F0-F9")
        byte = data[offset]
        if not 0xF0 <= byte <= 0xF9:
            kind = "LLVAR" if digits == 2 else "LLLVAR"
            raise DecodeError(
                f"{kind} length bytes must be F0-F9, not {byte:02X}", offset, "one decimal digit a byte"
            )
        length = length * 10 + byte - 0xF0
    return length


def encode_var(value: bytes, digits: int) -> bytes:
    """The value behind its LLVAR (2) or LLLVAR (3) length."""
    lengths = _LENGTHS[digits]
    if len(value) >= len(lengths):
        raise LocalProtocolError(f"{len(value)} bytes do not fit behind {digits} length digits")
    return lengths[len(value)] + value


def parse_fields(data: bytes, position: int = 0, end: int | None = None) -> tuple[Field, ...]:
    """Fields that fill data[position:end] exactly, in their order.

    An id the standard does not know makes the rest unreadable and is refused (84 83, chapter 2.3); a known id
    is read wherever it stands, wanted there or not (chapter 13).
    """
    stop = len(data) if end is None else end
    fields: list[Field] = []
    # this is the innermost loop of everything: the named tuple is made without its keyword-taking constructor
    new, sizes, digits = tuple.__new__, _SIZES, _DIGITS
    while position < stop:
        number = data[position]
        size = sizes[number]
        start = position + 1
        if size > 0:
            position = start + size
            value = data[start:position]
            # what is left when all pairs of digits are taken away is not BCD
            if digits[number] and value.translate(None, _BCD) and position <= stop:
                raise DecodeError(
                    f"non BCD nibble in BMP {number:02X} ({BMPS[number].name})", start, "digits 0-9"
                )
        elif size <= _LLVAR:
            start -= size
            length = _READ.get(data[start + size : start])
            if length is None or start > stop:
                length = var_length(data, start + size, -size, stop)
            position = start + length
            value = data[start:position]
        elif size == _TLV:
            length, start, width = read_length(data, start, stop)
            position = start + length
            if position <= stop:
                fields.append(Field(number, parse_tlv(data, start, position), width))
                continue
        else:
            raise DecodeError(f"unknown BMP {number:02X}", position, "a BMP of the standard")
        if position > stop:
            raise _too_short(number, position - start, start, stop)
        fields.append(new(Field, (number, value, 0)))
    if len(fields) > FIELDS_MAX:
        raise DecodeError(f"more than {FIELDS_MAX} fields", position, "a shorter message")
    return tuple(fields)


def _too_short(number: int, length: int, start: int, stop: int) -> DecodeError:
    """The error for a field that is longer than what is left."""
    size, left = _SIZES[number], stop - start
    if size == _TLV:
        reason = f"TLV container has {length} bytes, {left} are left"
    elif size > 0:
        reason = f"BMP {number:02X} has {length} bytes, {left} are left"
    else:
        reason = f"BMP {number:02X} announces {length} bytes, {left} are left"
    return DecodeError(reason, start, f"{length} bytes")


def encode_fields(fields: Iterable[Field]) -> bytes:
    """Bytes of the fields in their order; a value that does not fit its format is a LocalProtocolError."""
    parts: list[bytes] = []
    ids = _IDS
    for number, value, width in fields:
        size = _SIZES[number] if number in ids else _UNKNOWN
        if isinstance(value, bytes):
            if size > 0:
                if len(value) != size:
                    raise LocalProtocolError(f"BMP {number:02X} takes {size} bytes, not {len(value)}")
                parts.append(ids[number] + value)
                continue
            if size <= _LLVAR:
                parts.append(ids[number] + encode_var(value, -size))
                continue
        elif size == _TLV:
            body = encode_tlv(value)
            parts.append(encode_head(CONTAINER, len(body), width) + body)
            continue
        raise LocalProtocolError(f"BMP {number:02X} cannot carry {type(value).__name__}")
    return parts[0] if len(parts) == 1 else b"".join(parts)


def container(*objects: Tlv) -> Field:
    """The TLV container with these objects."""
    return Field(CONTAINER, objects)


def bmp_name(number: int) -> str:
    """The field's name, or its number in hexadecimal where the standard has none."""
    known = BMPS.get(number)
    return known.name if known else f"BMP {number:02X}"

"""Card numbers, track data and secrets made unreadable, with every length kept."""

import re
from collections.abc import Callable
from dataclasses import replace

from drivers.zvt.fields import Field
from drivers.zvt.message import Message
from drivers.zvt.tags import TAGS, Kind
from drivers.zvt.tlv import Tlv, Value

PAN_MIN = 13
"""The shortest card number (ISO/IEC 7812); shorter runs of digits are dates, receipt and trace numbers."""

_KEEP_FIRST = 6
_KEEP_LAST = 4
"""What rules for card data let be shown of a number."""

_HIDDEN_NIBBLE = "E"
"""The nibble by which terminals mask a number themselves (BMP 22)."""

_ALONE = re.compile(rb"[0-9]{%d,}" % PAN_MIN)
_GROUPED = re.compile(rb"(?<![0-9A-Za-z])[0-9]{3,7}(?:[ -][0-9]{2,7}){1,5}(?![0-9A-Za-z])")
_BEHIND_SEPARATOR = re.compile(rb"(?<=[0-9*]{4})([=D^])([^?\r\n]+)")
_DIGITS = bytes.maketrans(b"0123456789", b"*" * 10)


def mask_digits(digits: str, hidden: str = _HIDDEN_NIBBLE) -> str:
    """A card number of which only the first six and last four digits stay; of a short one, the last four."""
    first = _KEEP_FIRST if len(digits) >= PAN_MIN else 0
    last = min(_KEEP_LAST, max(0, len(digits) - _KEEP_LAST))
    return digits[:first] + hidden * (len(digits) - first - last) + digits[len(digits) - last :]


def mask_bcd(value: bytes) -> bytes:
    """A number or a track in packed digits: D separates the number from what must not be shown at all."""
    text = value.hex().upper()
    number = text.rstrip("F")
    padding = "F" * (len(text) - len(number))
    number, separator, rest = number.partition("D")
    return bytes.fromhex(mask_digits(number) + separator + _HIDDEN_NIBBLE * len(rest) + padding)


def mask_track(value: bytes) -> bytes:
    """A track in packed digits; only the first six stay where no separator tells where the number ends.

    A track the terminal has masked itself is left as it is.
    """
    text = value.hex().upper()
    if "D" in text or "EEEEEE" in text:
        return mask_bcd(value)
    return bytes.fromhex(text[:_KEEP_FIRST] + _HIDDEN_NIBBLE * (len(text) - _KEEP_FIRST))


def hide(value: bytes) -> bytes:
    """Nothing of it left but its length."""
    return b"\xee" * len(value)


def hide_text(value: bytes) -> bytes:
    """Nothing of a text left but its length."""
    return b"*" * len(value)


def _luhn(digits: bytes) -> bool:
    total = 0
    for index, byte in enumerate(reversed(digits)):
        digit = byte - 0x30
        total += digit if index % 2 == 0 else digit * 2 - 9 * (digit > 4)
    return total % 10 == 0


def _mask_run(match: re.Match[bytes]) -> bytes:
    run = match[0]
    text = match.string
    before = _WORD_END.search(text, max(0, match.start() - _WORD_MAX), match.start())
    after = _WORD_START.match(text, match.end(), match.end() + _WORD_MAX)
    letters = (before[0] if before else b"") + (after[0] if after else b"")
    if letters and (run.startswith(b"0") or not _luhn(run) or _is_hash(letters)):
        return run
    return mask_digits(run.decode(), "*").encode()


_WORD_MAX = 64
_WORD_END = re.compile(rb"[0-9A-Za-z]+\Z")
_WORD_START = re.compile(rb"[0-9A-Za-z]+")
_HASH = re.compile(rb"[0-9A-Fa-f]+")
_HASH_LETTERS = 3


def _is_hash(word: bytes) -> bool:
    """Whether these are the hexadecimal neighbours of digits in an application id, a hash or a cryptogram.

    A track begins with one letter before the number, which must not save it.
    """
    return bool(_HASH.fullmatch(word)) and sum(byte in b"ABCDEFabcdef" for byte in word) >= _HASH_LETTERS


def _mask_groups(match: re.Match[bytes]) -> bytes:
    run = match[0]
    digits = run.translate(None, b" -")
    if not PAN_MIN <= len(digits) <= 19 or not _luhn(digits):
        return run
    hidden = iter(mask_digits(digits.decode(), "*").encode())
    return bytes(byte if byte in b" -" else next(hidden) for byte in run)


def mask_text(value: bytes) -> bytes:
    """A text with every run of digits hidden that could be a card number, and what follows it on a track."""
    if len(value) < PAN_MIN:
        return value
    value = _GROUPED.sub(_mask_groups, value)
    masked = _ALONE.sub(_mask_run, value)
    if masked == value:
        return value
    return _BEHIND_SEPARATOR.sub(lambda match: match[1] + match[2].translate(_DIGITS), masked)


_EMV: dict[int, Callable[[bytes], bytes]] = {
    0x56: hide,
    0x57: mask_track,
    0x5A: mask_bcd,
    0x5F20: hide,
    0x9F0B: hide,
    0x9F1F: hide,
    0x9F20: hide,
    0x9F6B: mask_track,
}
"""Card number, tracks and holder's name by EMV's tags: some terminals pass on what the chip says."""

_EMV_IN_BYTES = re.compile(rb"(?:\x5A(?=[\x07-\x0A])|(?:\x57|\x9F\x6B)(?=[\x0A-\x13]))", re.DOTALL)
_PACKED = re.compile(r"[0-9]{12,}(?:D[0-9]*)?F*")


def mask_bytes(value: bytes) -> bytes:
    """Bytes of which nobody knows what they are: masked as a text, and EMV's card data in them hidden."""
    value = mask_text(value)
    for match in _EMV_IN_BYTES.finditer(value):
        start = match.end() + 1
        stop = start + value[match.end()]
        if stop <= len(value) and _PACKED.fullmatch(value[start:stop].hex().upper()):
            value = value[:start] + hide(value[start:stop]) + value[stop:]
    return value


_BY_FIELD: dict[int, Callable[[bytes], bytes]] = {
    0x22: mask_bcd,
    0x23: mask_track,
    0x24: mask_track,
    0x2D: hide_text,
    0x2E: hide,
    0x3A: hide,
    0x3C: mask_text,
    0x8B: mask_text,
    0x9A: hide,
    0xA7: mask_bcd,
    0xAF: hide,
    0xD1: hide,
    **dict.fromkeys((*range(0xE1, 0xE9), *range(0xF1, 0xF9)), mask_text),
}


def _mask_object(item: Tlv) -> Tlv:
    if not isinstance(item.value, bytes):
        return item._replace(value=tuple(_mask_object(child) for child in item.value))
    if item.tag in _EMV:
        return item._replace(value=_EMV[item.tag](item.value))
    known = TAGS.get(item.tag)
    match known.kind if known else None:
        case Kind.CARD | Kind.HIDDEN:
            value = hide(item.value)
        case Kind.BCD | Kind.NUMBER | Kind.BITS:
            value = item.value
        case Kind.TEXT | Kind.ASCII:
            value = mask_text(item.value)
        case _:
            value = mask_bytes(item.value)
    return item._replace(value=value)


def _mask_field(field: Field) -> Field:
    value: Value = field.value
    if not isinstance(value, bytes):
        return field._replace(value=tuple(_mask_object(item) for item in value))
    mask = _BY_FIELD.get(field.id)
    return field if mask is None else field._replace(value=mask(value))


def mask(message: Message) -> Message:
    """The same message, fit for logs and screens."""
    return replace(
        message,
        params={
            name: mask_bytes(value) if name in {"text", "sw", "raw"} else value
            for name, value in message.params.items()
        },
        fields=tuple(_mask_field(field) for field in message.fields),
    )

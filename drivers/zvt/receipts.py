"""Receipts: from print commands to lines, and from lines to print commands (PA00P015 chapters 3.4, 3.5)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from drivers.zvt.apdu import DATA_MAX
from drivers.zvt.charset import Charset, charset_code, charset_of, decode_text, encode_text, guess_charset
from drivers.zvt.commands.table import PRINT_BLOCK, PRINT_LINE
from drivers.zvt.errors import DecodeError, LocalProtocolError
from drivers.zvt.fields import CONTAINER, container, parse_fields
from drivers.zvt.message import Message
from drivers.zvt.tlv import Tlv, encode_tlv, find_bytes

CENTRED = 0x40
DOUBLE_WIDTH = 0x20
DOUBLE_HEIGHT = 0x10
INDENT = 0x0F
LAST_LINE = 0x80
"""In an attribute: the receipt ends here (80 alone is reserved, FF means line feeds)."""

END_OF_RECEIPT = 0x81
LINE_FEEDS = 0xFF
FEEDS_MAX = 255

_TEXTS, _LINE, _ATTRIBUTE, _BARCODE = 0x25, 0x07, 0x09, 0xE3
_KIND, _PROPERTIES, _CHARSET = 0x1F07, 0x1F37, 0x14
_BLOCK_OVERHEAD = 32
"""Bytes of a block that are not lines: header, kind, properties, character set and four lengths."""


class Line(NamedTuple):
    """One printed line and its attribute (bits above)."""

    text: str
    attribute: int = 0


@dataclass(frozen=True, slots=True)
class Print:
    """What one print command adds to a receipt; `ends` when it is the receipt's last."""

    lines: tuple[Line, ...]
    kind: int | None = None
    ends: bool = False


def _ends(attribute: int) -> bool:
    return attribute & LAST_LINE != 0 and attribute not in {LAST_LINE, LINE_FEEDS}


def _hidden_container(text: bytes) -> tuple[bytes, tuple[Tlv, ...]]:
    """One maker appends the container with the receipt's kind to the text of 06 D1: split it off."""
    at = text.rfind(b"\x06\x04\x1f\x07\x01")
    if at >= 0:
        try:
            fields = parse_fields(text, at)
        except DecodeError:
            return text, ()
        value = fields[0].value
        if len(fields) == 1 and fields[0].id == CONTAINER and not isinstance(value, bytes):
            return text[:at], value
    return text, ()


def _decode(text: bytes, charset: Charset | None) -> str:
    return decode_text(text, charset or guess_charset(text)).rstrip("\0")


def read_print(message: Message, charset: Charset | None = None) -> Print:
    """The lines of a 06 D1 or 06 D3. Without `charset`, tag 14 decides, else the text itself is judged."""
    if message.command == PRINT_LINE:
        return _read_line(message, charset)
    if message.command == PRINT_BLOCK:
        return _read_block(message, charset)
    raise LocalProtocolError(f"{message.command:04X} prints nothing")


def _read_line(message: Message, charset: Charset | None) -> Print:
    attribute = message.params["attr"][0]
    text, objects = _hidden_container(message.params["text"])
    kind = find_bytes(objects, _KIND)
    if attribute == LINE_FEEDS:
        lines = (Line(""),) * (text[0] if text else 1)
    elif not text and _ends(attribute):
        lines = ()
    else:
        lines = (Line(_decode(text, charset), attribute),)
    return Print(lines, kind[0] if kind else None, _ends(attribute))


def _read_block(message: Message, charset: Charset | None) -> Print:
    told = message.find_bytes(_CHARSET)
    chosen = charset or (charset_of(told[0]) if told else None)
    kind = message.find_bytes(_KIND)
    texts = message.find(_TEXTS)
    lines: list[Line] = []
    attribute = 0
    ends = False
    for item in texts if texts is not None and not isinstance(texts, bytes) else ():
        if item.tag == _ATTRIBUTE and item.value and isinstance(item.value, bytes):
            attribute = item.value[0]
            # makers end a receipt with 81, 8F or FF as the last attribute of its last block
            ends = _ends(attribute) or attribute == LINE_FEEDS
            if attribute == LINE_FEEDS:
                lines.append(Line(""))
        elif item.tag == _LINE and isinstance(item.value, bytes):
            ends = False
            shown = 0 if attribute == LINE_FEEDS else attribute
            lines.append(Line(_decode(item.value, chosen), shown))
    return Print(tuple(lines), kind[0] if kind else None, ends)


def print_lines(lines: Iterable[Line], charset: Charset = Charset.CP437) -> list[Message]:
    """The receipt as 06 D1, one for each line and one to end it."""
    messages = [_line(line.attribute & 0x7F, encode_text(line.text, charset)) for line in lines]
    return [*messages, _line(END_OF_RECEIPT, b"")]


def _line(attribute: int, text: bytes) -> Message:
    return Message(PRINT_LINE, {"attr": bytes((attribute,)), "text": text})


def print_blocks(
    lines: Sequence[Line],
    kind: int,
    *,
    charset: Charset = Charset.CP437,
    declare_charset: bool = False,
    properties: int | None = None,
    max_apdu: int = DATA_MAX,
) -> list[Message]:
    """The receipt as 06 D3, cut so that no block is larger than the receiver's tag 1A allows."""
    head = [Tlv(_KIND, bytes((kind,)))]
    if properties is not None:
        head.append(Tlv(_PROPERTIES, bytes((properties,))))
    if declare_charset:
        head.append(Tlv(_CHARSET, bytes((charset_code(charset),))))
    room = min(max_apdu, DATA_MAX) - _BLOCK_OVERHEAD
    blocks: list[list[Tlv]] = [[]]
    used = 0
    attribute: int | None = None
    for line in lines:
        objects: list[Tlv] = []
        if line.attribute != attribute:
            objects.append(Tlv(_ATTRIBUTE, bytes((line.attribute & 0x7F,))))
        objects.append(Tlv(_LINE, encode_text(line.text, charset)))
        size = len(encode_tlv(objects))
        if used + size > room:
            if not blocks[-1]:
                raise LocalProtocolError(f"a line of {size} bytes does not fit into a block of {max_apdu}")
            blocks.append([])
            used = 0
            # an attribute holds within its block only
            objects = [Tlv(_ATTRIBUTE, bytes((line.attribute & 0x7F,))), objects[-1]]
            size = len(encode_tlv(objects))
        blocks[-1] += objects
        used += size
        attribute = line.attribute
    blocks[-1].append(Tlv(_ATTRIBUTE, bytes((END_OF_RECEIPT,))))
    return [Message(PRINT_BLOCK, fields=(container(*head, Tlv(_TEXTS, tuple(block))),)) for block in blocks]

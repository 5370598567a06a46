"""One readable line for each message."""

from collections.abc import Iterator

from drivers.zvt.cards import card_type_text
from drivers.zvt.charset import Charset, charset_of, decode_text, guess_charset
from drivers.zvt.commands import table
from drivers.zvt.currency import amount_text
from drivers.zvt.fields import bmp_name
from drivers.zvt.message import Message
from drivers.zvt.results import result_text
from drivers.zvt.statuses import intermediate_text, terminal_state_text
from drivers.zvt.tags import RAW_CONSTRUCTED, TAGS, Kind, tag_name
from drivers.zvt.tlv import Tlv, is_constructed

LINE_MAX = 400
"""A line for people; a receipt of thousands of characters would bury the rest of a listing."""

_TEXT_LINE = 0x07
_CHARSET = 0x14
_SILENT = frozenset({0x24, 0x25, 0x2B, 0x2C})
_TEXT_FIELDS = frozenset({0x2A, 0x3B, 0x3C, 0x8B, *range(0xE1, 0xE9), *range(0xF1, 0xF9)})


def summarise(message: Message) -> str:
    """What a message says, for people; masks nothing, so it is given messages that are masked already."""
    charset = _charset(message)
    parts = [part for part in _parts(message, charset) if part]
    line = _one_line(", ".join(parts))
    return line if len(line) <= LINE_MAX else line[: LINE_MAX - 3] + "..."


def _one_line(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _charset(message: Message) -> Charset | None:
    chosen = message.find_bytes(_CHARSET)
    return charset_of(chosen[0]) if chosen else None


def _text(value: bytes, charset: Charset | None) -> str:
    return decode_text(value, charset or guess_charset(value)).strip("\0 \t\r\n")


def _parts(message: Message, charset: Charset | None) -> Iterator[str]:
    command = message.command
    yield f"{_head(message)}{_params(message, charset)}"
    currency = message.get(0x49)
    number = int(currency.hex()) if currency else None
    for field in message.fields:
        value = field.value
        if not isinstance(value, bytes):
            yield from _objects(value, charset)
        elif field.id == 0x04:
            yield amount_text(int(value.hex()), number)
        elif field.id == 0x49:
            if message.get(0x04) is None:
                yield f"currency {value.hex()}"
        elif field.id == 0x27:
            yield f"result {value.hex().upper()}: {result_text(value[0])}"
        elif field.id == 0x8A:
            yield card_type_text(value[0])
        elif field.id == 0x87 and command == 0x0623 and value == b"\xff\xff":
            yield "are any open?"
        elif field.id in _TEXT_FIELDS:
            yield f"{bmp_name(field.id)} '{_text(value, charset)}'"
        else:
            yield f"{bmp_name(field.id)} {value.hex().upper() or 'empty'}"


def _head(message: Message) -> str:
    command = message.command
    row = table.row_of(command)
    if command >> 8 == table.NEGATIVE_CLASS and command & 0xFF:
        code = command & 0xFF
        return f"refused {code:02X}: {result_text(code)}" if code not in {0x9C, 0x9D} else result_text(code)
    if row.command != command:
        return row.name if table.is_answer(command) else f"{row.name} {command:04X}"
    return row.name


def _params(message: Message, charset: Charset | None) -> str:
    told: list[str] = []
    for name, value in message.params.items():
        if name == "status" and message.command == table.INTERMEDIATE_STATUS:
            told.append(intermediate_text(value[0]))
        elif name == "status":
            told.append(terminal_state_text(value[0]))
        elif name == "result":
            told.append(f"{value.hex().upper()}, {result_text(value[0])}")
        elif name == "timeout_min":
            told.append(f"wait {value.hex()} min")
        elif name == "timeout":
            told.append(f"{value[0]} s")
        elif name in {"text", "sw"}:
            told.append(f"'{_text(value, charset)}'")
        elif name in {"password", "new_password"}:
            continue
        else:
            told.append(f"{name} {value.hex().upper()}")
    return f" ({'; '.join(told)})" if told else ""


def _objects(objects: tuple[Tlv, ...], charset: Charset | None) -> Iterator[str]:
    for item in objects:
        if isinstance(item.value, bytes):
            yield _object(item.tag, item.value, charset)
        elif item.tag in _SILENT:
            yield from _objects(item.value, charset)
        else:
            inside = ", ".join(part for part in _objects(item.value, charset) if part)
            yield f"{tag_name(item.tag)} [{inside}]"


def _object(tag: int, value: bytes, charset: Charset | None) -> str:
    if tag == _TEXT_LINE:
        text = _text(value, charset)
        return f"'{text}'" if text else ""
    if value and is_constructed(tag) and tag not in RAW_CONSTRUCTED:
        return f"{tag_name(tag)} not well formed {value.hex().upper()}"
    known = TAGS.get(tag)
    kind = known.kind if known else Kind.BYTES
    if kind is Kind.TEXT or kind is Kind.ASCII:
        return f"{tag_name(tag)} '{_text(value, charset)}'"
    if kind is Kind.NUMBER:
        return f"{tag_name(tag)} {int.from_bytes(value, 'big')}" if value else f"{tag_name(tag)} empty"
    return f"{tag_name(tag)} {value.hex().upper() or 'empty'}"


def display_lines(message: Message) -> tuple[str, ...]:
    """The text lines of 04 FF for a display (tag 24), in the order they came."""
    texts = message.find(0x24)
    if texts is None or isinstance(texts, bytes):
        return ()
    charset = _charset(message)
    return tuple(
        _text(item.value, charset)
        for item in texts
        if item.tag == _TEXT_LINE and isinstance(item.value, bytes)
    )

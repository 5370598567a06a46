"""Messages as plain JSON values and back: the analyser's notation.

`{"cmd": "0601", "len": 10, "bmp": {"04": "000000001234", "49": "0978"}}`; values are hexadecimal, a container
is a list of `[tag, value or list of children]`, a quote mark is appended to the id of a repeated BMP. What
stands in front of the fields has a key of its own. `extlen` marks the extended length. `wire` is there only
for messages whose TLV lengths are longer than need be: the width of each, in reading order (0: the shortest).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from drivers.zvt.apdu import SHORT_LENGTH_MAX
from drivers.zvt.charset import DEFAULT, Charset, decode_text, encode_text
from drivers.zvt.commands.codec import to_apdu
from drivers.zvt.commands.table import row_of
from drivers.zvt.errors import ZvtError
from drivers.zvt.fields import CONTAINER, Field
from drivers.zvt.message import Message
from drivers.zvt.tlv import DEPTH_MAX, Tlv, Value

Notation = dict[str, Any]

_TEXTS = frozenset({"text", "sw"})
_NUMBERS = frozenset({"timeout"})
AMOUNT = 0x04


class NotationError(ZvtError):
    """A JSON value that does not describe a message; the text says which key and why."""


def to_notation(message: Message, length: int, charset: Charset = DEFAULT) -> Notation:
    """The message as JSON values; `length` is the number of its data bytes."""
    result: Notation = {"cmd": f"{message.command:04X}", "len": length}
    if message.long_form or length > SHORT_LENGTH_MAX:
        result["extlen"] = True
    for name, value in message.params.items():
        if name in _TEXTS and charset is not DEFAULT:
            if encode_text(decode_text(value, charset), charset) == value:
                result["charset"] = charset.value
            else:
                # only the default set has a character for every byte, and no byte may be lost
                charset = DEFAULT
        result[name] = _parameter(name, value, charset)
    if message.fields:
        bmp: dict[str, Any] = {}
        for field in message.fields:
            key = f"{field.id:02X}"
            while key in bmp:
                key += "'"
            bmp[key] = _value(field.value)
        result["bmp"] = bmp
        amount = message.get(AMOUNT)
        if amount is not None:
            result["amount_minor"] = int(amount.hex())
        widths = list(_widths(message.fields))
        if any(widths):
            result["wire"] = {"lengths": widths}
    return result


def _parameter(name: str, value: bytes, charset: Charset) -> str | int:
    if name in _TEXTS:
        return decode_text(value, charset)
    if name in _NUMBERS:
        return int.from_bytes(value, "big")
    return value.hex() if name == "raw" else value.hex().upper()


def _value(value: Value) -> str | list[Any]:
    if isinstance(value, bytes):
        return value.hex().upper()
    return [[f"{item.tag:02X}", _value(item.value)] for item in value]


def _widths(items: Sequence[Field] | Sequence[Tlv]) -> Iterator[int]:
    for item in items:
        if isinstance(item, Tlv) or item.id == CONTAINER:
            yield item.width
        if not isinstance(item.value, bytes):
            yield from _widths(item.value)


def from_notation(source: Mapping[str, Any]) -> Message:
    """The message that a JSON object describes; keys that only explain (`len`, `text`, `crc`) are not needed.

    Raises NotationError naming the key.
    """
    command = _hex(source.get("cmd"), "cmd")
    if len(command) != 2:
        raise NotationError(f"cmd: two bytes such as 0601, not {source.get('cmd')!r}")
    number = int.from_bytes(command, "big")
    charset = _charset(source.get("charset", DEFAULT.value))
    params: dict[str, bytes] = {}
    for name in row_of(number).layout.params:
        if name in source:
            params[name] = _parse_parameter(name, source[name], charset)
    bmp = source.get("bmp", {})
    if not isinstance(bmp, Mapping):
        raise NotationError("bmp: an object of id and value")
    widths = _parse_widths(source.get("wire"))
    fields = tuple(_parse_field(str(key), value, widths) for key, value in bmp.items())
    if widths is not None and next(widths, None) is not None:
        raise NotationError("wire.lengths: more widths than the message has TLV lengths")
    message = Message(number, params, fields)
    if source.get("extlen", False) and len(to_apdu(message).data) <= SHORT_LENGTH_MAX:
        # data that needs the extended length has it anyway
        return replace(message, long_form=True)
    return message


def _charset(name: Any) -> Charset:
    try:
        return Charset(name)
    except ValueError:
        raise NotationError(f"charset: one of {', '.join(Charset)}, not {name!r}") from None


def _hex(value: Any, key: str) -> bytes:
    if not isinstance(value, str):
        raise NotationError(f"{key}: hexadecimal text, not {value!r}")
    try:
        return bytes.fromhex(value)
    except ValueError:
        raise NotationError(f"{key}: hexadecimal text, not {value!r}") from None


def _parse_parameter(name: str, value: Any, charset: Charset) -> bytes:
    if name in _TEXTS:
        if not isinstance(value, str):
            raise NotationError(f"{name}: text, not {value!r}")
        data = encode_text(value, charset)
        if decode_text(data, charset) != value:
            raise NotationError(f"{name}: has a character that is not in {charset.value}")
        return data
    if name in _NUMBERS:
        if type(value) is not int or not 0 <= value <= 0xFF:
            raise NotationError(f"{name}: a number 0-255, not {value!r}")
        return bytes((value,))
    return _hex(value, name)


def _parse_widths(wire: Any) -> Iterator[int] | None:
    if wire is None:
        return None
    lengths = wire.get("lengths") if isinstance(wire, Mapping) else None
    if not isinstance(lengths, list) or not all(type(width) is int and 0 <= width <= 3 for width in lengths):
        raise NotationError("wire.lengths: a list of numbers 0-3")
    return iter(lengths)


def _next_width(widths: Iterator[int] | None) -> int:
    if widths is None:
        return 0
    width = next(widths, None)
    if width is None:
        raise NotationError("wire.lengths: fewer widths than the message has TLV lengths")
    return width


def _parse_field(key: str, value: Any, widths: Iterator[int] | None) -> Field:
    number = _hex(key.rstrip("'"), f"bmp {key}")
    if len(number) != 1:
        raise NotationError(f"bmp {key}: an id of one byte")
    if number[0] == CONTAINER:
        width = _next_width(widths)
        return Field(CONTAINER, _parse_objects(value, key, widths, 0), width)
    return Field(number[0], _hex(value, f"bmp {key}"))


def _parse_objects(value: Any, key: str, widths: Iterator[int] | None, depth: int) -> tuple[Tlv, ...]:
    if depth >= DEPTH_MAX:
        raise NotationError(f"bmp {key}: nested deeper than {DEPTH_MAX}")
    if not isinstance(value, list):
        raise NotationError(f"bmp {key}: a list of [tag, value], not {value!r}")
    objects: list[Tlv] = []
    for item in value:
        if not isinstance(item, list) or len(item) != 2:
            raise NotationError(f"bmp {key}: [tag, value or list of children], not {item!r}")
        tag = int.from_bytes(_hex(item[0], f"bmp {key}: tag") or b"\0", "big")
        width = _next_width(widths)
        content = item[1]
        child: Value = (
            _parse_objects(content, key, widths, depth + 1)
            if isinstance(content, list)
            else _hex(content, f"bmp {key}: tag {item[0]}")
        )
        objects.append(Tlv(tag, child, width))
    return tuple(objects)

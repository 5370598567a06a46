"""Texts on the display, keys, input, printed lines (PA00P015 chapters 2.36 to 2.40, 3.4, 3.5)."""

from dataclasses import dataclass
from typing import ClassVar

from drivers.zvt.charset import Charset, decode_text, encode_text
from drivers.zvt.commands.face import Face, Place, bmp, param, tag
from drivers.zvt.values import BYTE, BYTES, CURRENCY, TEXT, Codec, number

_LINE = Codec(
    lambda value: decode_text(value, Charset.SEVEN_BIT), lambda text: encode_text(text, Charset.SEVEN_BIT)
)
_LINES = tuple(bmp(f"line{row}", 0xF0 + row, _LINE) for row in range(1, 9))


@dataclass(frozen=True, slots=True)
class DisplayText(Face):
    """06 E0: show up to eight lines for `seconds` (0: for ever)."""

    line1: str | None = None
    line2: str | None = None
    line3: str | None = None
    line4: str | None = None
    line5: str | None = None
    line6: str | None = None
    line7: str | None = None
    line8: str | None = None
    seconds: int | None = None
    beeps: int | None = None

    COMMAND: ClassVar[int] = 0x06E0
    PLACES: ClassVar[tuple[Place, ...]] = (bmp("seconds", 0xF0, BYTE), *_LINES, bmp("beeps", 0xF9, BYTE))


@dataclass(frozen=True, slots=True)
class AskKey(Face):
    """06 E1: show up to eight lines and wait for a key, whose `config.Key` comes in the answer's data."""

    line1: str | None = None
    line2: str | None = None
    line3: str | None = None
    line4: str | None = None
    line5: str | None = None
    line6: str | None = None
    line7: str | None = None
    line8: str | None = None
    seconds: int | None = None
    beeps: int | None = None
    card_reader: int | None = None
    ok_key: int | None = None

    COMMAND: ClassVar[int] = 0x06E1
    PLACES: ClassVar[tuple[Place, ...]] = (
        bmp("seconds", 0xF0, BYTE),
        *_LINES,
        bmp("beeps", 0xF9, BYTE),
        bmp("card_reader", 0xFA, BYTE),
        bmp("ok_key", 0xFB, BYTE),
    )


@dataclass(frozen=True, slots=True)
class PrintLine(Face):
    """06 D1: one line; see `receipts` for the attribute and for what makers hide behind the text."""

    attribute: int
    text: bytes = b""

    COMMAND: ClassVar[int] = 0x06D1
    PLACES: ClassVar[tuple[Place, ...]] = (param("attribute", BYTE, "attr"), param("text", BYTES))


@dataclass(frozen=True, slots=True)
class InputRequest(Face):
    """04 0D: the terminal asks the register for input; answered by `answers.input_answer`."""

    texts: tuple[str, ...] = ()
    mode: int | None = None
    timeout_s: int | None = None
    currency: int | None = None
    decimals: int | None = None

    COMMAND: ClassVar[int] = 0x040D
    PLACES: ClassVar[tuple[Place, ...]] = (
        tag("texts", TEXT, 0x32, 0x24, 0x07, many=True),
        tag("mode", BYTE, 0x32, 0x1F38),
        tag("timeout_s", number(2), 0x32, 0x1F39),
        tag("currency", CURRENCY, 0x32, 0x1F21),
        tag("decimals", BYTE, 0x32, 0x1F1E),
    )

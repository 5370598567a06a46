"""Character sets of texts: CP437 by default, others by tag 14 or 27 (PA00P015 chapters 9.4, 14)."""

from enum import StrEnum

from drivers.zvt.errors import LocalProtocolError


class Charset(StrEnum):
    """The sets a terminal or a register can be told to use; values are Python's codec names but for two."""

    ASCII = "ascii"
    LATIN_1 = "iso8859-1"
    LATIN_2 = "iso8859-2"
    LATIN_3 = "iso8859-3"
    LATIN_4 = "iso8859-4"
    CYRILLIC = "iso8859-5"
    ARABIC = "iso8859-6"
    GREEK = "iso8859-7"
    HEBREW = "iso8859-8"
    LATIN_5 = "iso8859-9"
    LATIN_6 = "iso8859-10"
    THAI = "iso8859-11"
    LATIN_7 = "iso8859-13"
    LATIN_8 = "iso8859-14"
    LATIN_9 = "iso8859-15"
    LATIN_10 = "iso8859-16"
    UTF_8 = "utf-8"
    CP437 = "cp437"
    SEVEN_BIT = "zvt-7bit"
    """ASCII with umlauts in place of brackets and braces: what display texts are documented in."""


DEFAULT = Charset.CP437

CODES: dict[int, Charset] = {
    0x00: Charset.ASCII,
    0x01: Charset.LATIN_1,
    0x02: Charset.LATIN_2,
    0x03: Charset.LATIN_3,
    0x04: Charset.LATIN_4,
    0x05: Charset.CYRILLIC,
    0x06: Charset.ARABIC,
    0x07: Charset.GREEK,
    0x08: Charset.HEBREW,
    0x09: Charset.LATIN_5,
    0x0A: Charset.LATIN_6,
    0x0B: Charset.THAI,
    # 0C would be ISO 8859-12, which was never published
    0x0D: Charset.LATIN_7,
    0x0E: Charset.LATIN_8,
    0x0F: Charset.LATIN_9,
    0x10: Charset.LATIN_10,
    0xFE: Charset.UTF_8,
    0xFF: Charset.CP437,
}
"""Values of tag 14."""

NUMBERS: dict[Charset, int] = {charset: code for code, charset in CODES.items()}

_SEVEN_BIT = str.maketrans(dict(zip("[\\]{|}~", "ÄÖÜäöüß", strict=True)))
_SEVEN_BIT_BACK = str.maketrans(dict(zip("ÄÖÜäöüß", "[\\]{|}~", strict=True)))


def decode_text(data: bytes, charset: Charset = DEFAULT) -> str:
    """The text of these bytes; a byte the set does not know becomes U+FFFD, for texts are only shown."""
    if charset is Charset.SEVEN_BIT:
        # codes above 7F are CP437 in this set too
        return data.decode("cp437").translate(_SEVEN_BIT)
    return data.decode(charset.value, errors="replace")


def encode_text(text: str, charset: Charset = DEFAULT) -> bytes:
    """Bytes of the text; a character the set does not have becomes a question mark."""
    if charset is Charset.SEVEN_BIT:
        return text.translate(_SEVEN_BIT_BACK).encode("cp437", errors="replace")
    return text.encode(charset.value, errors="replace")


def charset_of(code: int) -> Charset:
    """The set that a value of tag 14 stands for; an unknown code is the default set, as if not agreed on."""
    return CODES.get(code, DEFAULT)


def charset_code(charset: Charset) -> int:
    """The value of tag 14 for a set; the 7-bit set has none, it can only be configured."""
    try:
        return NUMBERS[charset]
    except KeyError:
        raise LocalProtocolError(f"{charset.value} has no code in tag 14") from None


def guess_charset(data: bytes) -> Charset:
    """The likeliest set of a terminal's texts when nothing was agreed on: UTF-8, ISO 8859-1 or CP437.

    German receipts decide it: the umlauts of ISO 8859-1 are box drawings and Greek letters in CP437.
    """
    high = [byte for byte in data if byte >= 0x80]
    if not high:
        return DEFAULT
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        latin = sum(byte in b"\xc4\xd6\xdc\xe4\xf6\xfc\xdf\xa7\xb0" for byte in high)
        cp437 = sum(byte in b"\x8e\x99\x9a\x84\x94\x81\xe1\x15\xf8" for byte in high)
        return Charset.LATIN_1 if latin > cp437 else DEFAULT
    return Charset.UTF_8

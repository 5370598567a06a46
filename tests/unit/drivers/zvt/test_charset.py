"""Character sets."""

import pytest

from drivers.zvt.charset import (
    CODES,
    Charset,
    charset_code,
    charset_of,
    decode_text,
    encode_text,
    guess_charset,
)
from drivers.zvt.errors import LocalProtocolError


@pytest.mark.parametrize(
    ("data", "charset", "text"),
    [
        (b"Gr\x81n", Charset.CP437, "Grün"),
        (b"Gr\xfcn", Charset.LATIN_1, "Grün"),
        (b"Gr\xc3\xbcn", Charset.UTF_8, "Grün"),
        (b"Gr}n [~]", Charset.SEVEN_BIT, "Grün ÄßÜ"),
        (b"\xe8\xea", Charset.LATIN_2, "čę"),
        (b"Gr?n", Charset.ASCII, "Gr?n"),
    ],
)
def test_texts_both_ways(data: bytes, charset: Charset, text: str) -> None:
    assert decode_text(data, charset) == text
    assert encode_text(text, charset) == data


def test_the_default_set_has_a_character_for_every_byte() -> None:
    every = bytes(range(256))
    assert encode_text(decode_text(every)) == every


def test_what_a_set_does_not_have_is_replaced() -> None:
    assert decode_text(b"a\xff", Charset.ASCII) == "a\ufffd"
    assert encode_text("a€", Charset.LATIN_1) == b"a?"
    assert encode_text("€[", Charset.SEVEN_BIT) == b"?["


def test_codes_of_tag_14() -> None:
    assert charset_of(0x01) is Charset.LATIN_1
    assert charset_of(0xFE) is Charset.UTF_8
    assert charset_of(0x0C) is Charset.CP437
    for code, charset in CODES.items():
        assert charset_code(charset) == code
    with pytest.raises(LocalProtocolError, match="no code"):
        charset_code(Charset.SEVEN_BIT)


@pytest.mark.parametrize(
    ("data", "charset"),
    [
        (b"plain", Charset.CP437),
        (b"H\xc4NDLER", Charset.LATIN_1),
        (b"f\x81r", Charset.CP437),
        ("für".encode(), Charset.UTF_8),
        (b"\xff\xfe", Charset.CP437),
    ],
)
def test_guessing_from_umlauts(data: bytes, charset: Charset) -> None:
    assert guess_charset(data) is charset

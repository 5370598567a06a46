"""Messages as JSON and back: what the notation keeps, and what it refuses."""

import json
from typing import Any

import pytest

from drivers.zvt.charset import Charset
from drivers.zvt.commands.codec import decode_bytes, encode
from drivers.zvt.notation import NotationError, from_notation, to_notation
from drivers.zvt.tlv import encode_length


def both_ways(wire: str, charset: Charset = Charset.CP437) -> dict[str, Any]:
    data = bytes.fromhex(wire)
    message = decode_bytes(data)
    header = 5 if data[2] == 0xFF else 3
    shown = to_notation(message, len(data) - header, charset)
    assert encode(from_notation(json.loads(json.dumps(shown)))) == data
    return shown


def test_repeated_fields_get_a_quote_mark() -> None:
    shown = both_ways("06E00CF1F0F141F1F0F142F1F0F143")
    assert shown["bmp"] == {"F1": "41", "F1'": "42", "F1''": "43"}


def test_repeated_containers() -> None:
    shown = both_ways("060F0A06031401010603140102")
    assert shown["bmp"] == {"06": [["14", "01"]], "06'": [["14", "02"]]}


def test_an_extended_length_that_was_not_needed() -> None:
    assert both_ways("060FFF01000A") == {"cmd": "060F", "len": 1, "extlen": True, "status": "0A"}


def test_long_messages_need_no_mark_to_be_written() -> None:
    shown = both_ways("06D1FF0001" + "20" * 256)
    assert shown["extlen"] is True
    del shown["extlen"]
    assert encode(from_notation(shown)) == bytes.fromhex("06D1FF0001" + "20" * 256)


def test_longer_tlv_lengths_than_need_be_are_kept_apart() -> None:
    shown = both_ways("060110" + "06810D" + "24820004" + "07024142" + "1F7300" + "0700")
    assert shown["bmp"] == {"06": [["24", [["07", "4142"]]], ["1F73", ""], ["07", ""]]}
    assert shown["wire"] == {"lengths": [2, 3, 0, 0, 0]}


def test_texts_in_another_character_set() -> None:
    shown = both_ways("06D10840" + b"K\xc4UFER\xdf".hex(), Charset.LATIN_1)
    assert shown["text"] == "KÄUFERß"
    assert shown["charset"] == "iso8859-1"


def test_no_byte_is_lost_to_a_character_set_that_does_not_have_it() -> None:
    shown = both_ways("06D10240FF", Charset.UTF_8)
    assert "charset" not in shown


def test_every_kind_of_parameter() -> None:
    assert both_ways("06C0010F")["timeout"] == 15
    assert both_ways("060F07F0F0F3312E3000")["sw"] == "1.0"
    assert both_ways("0FA1020ABC")["raw"] == "0abc"


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ({}, "cmd"),
        ({"cmd": "06"}, "two bytes"),
        ({"cmd": "06zz"}, "cmd"),
        ({"cmd": 601}, "cmd"),
        ({"cmd": "0601", "bmp": []}, "bmp"),
        ({"cmd": "0601", "bmp": {"0400": "00"}}, "an id of one byte"),
        ({"cmd": "0601", "bmp": {"04": 1}}, "bmp 04"),
        ({"cmd": "0601", "bmp": {"06": "00"}}, "a list"),
        ({"cmd": "0601", "bmp": {"06": [["14"]]}}, "tag, value"),
        ({"cmd": "0601", "bmp": {"06": [["14", 1]]}}, "tag 14"),
        ({"cmd": "0601", "bmp": {"06": [["xx", ""]]}}, "tag"),
        ({"cmd": "0601", "bmp": {"06": [["14", "01"]]}, "wire": {"lengths": [0]}}, "fewer"),
        ({"cmd": "0601", "bmp": {"06": []}, "wire": {"lengths": [0, 0]}}, "more"),
        ({"cmd": "0601", "wire": []}, "wire.lengths"),
        ({"cmd": "0601", "wire": {"lengths": [9]}}, "wire.lengths"),
        ({"cmd": "06C0", "timeout": 256}, "0-255"),
        ({"cmd": "06C0", "timeout": True}, "0-255"),
        ({"cmd": "06D1", "attr": "40", "text": 1}, "text"),
        ({"cmd": "06D1", "attr": "40", "text": "€"}, "not in cp437"),
        ({"cmd": "06D1", "attr": "40", "text": "", "charset": "ebcdic"}, "charset"),
    ],
)
def test_what_is_no_message(source: dict[str, Any], complaint: str) -> None:
    with pytest.raises(NotationError, match=complaint):
        from_notation(source)


def test_nesting_as_deep_as_it_is_read_comes_back() -> None:
    deep = b"\x07\x01A"
    for _ in range(60):
        deep = b"\x24" + encode_length(len(deep)) + deep
    body = b"\x06" + encode_length(len(deep)) + deep
    both_ways((b"\x06\x01" + bytes((len(body),)) + body).hex())


def test_nesting_is_limited() -> None:
    deep: list[Any] = []
    for _ in range(40):
        deep = [["24", deep]]
    with pytest.raises(NotationError, match="nested deeper"):
        from_notation({"cmd": "0601", "bmp": {"06": deep}})


def test_an_empty_tag_is_tag_zero() -> None:
    assert encode(from_notation({"cmd": "0601", "bmp": {"06": [["", "AA"]]}})) == bytes.fromhex(
        "06010506030001AA"
    )

"""BER-TLV: tags, lengths, nesting, exceptions, limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.zvt.errors import DecodeError, LocalProtocolError
from drivers.zvt.tlv import (
    DEPTH_MAX,
    HEADS,
    HEADS_MAX,
    Tlv,
    encode_length,
    encode_tag,
    encode_tlv,
    every,
    find,
    find_bytes,
    is_constructed,
    parse_tlv,
    read_length,
)


def parse(text: str) -> tuple[Tlv, ...]:
    data = bytes.fromhex(text)
    return parse_tlv(data, 0, len(data))


LEAVES = st.tuples(
    st.sampled_from([0x07, 0x14, 0x1F07, 0xC1, 0x1F8000, 0x9F1F]), st.binary(max_size=300)
).map(lambda pair: Tlv(*pair))
BOXES = st.sampled_from([0x24, 0x25, 0x60, 0x3F21, 0xE4, 0xFF01])
TREES: st.SearchStrategy[Tlv] = st.recursive(
    LEAVES,
    lambda children: st.tuples(BOXES, st.lists(children, max_size=4).map(tuple)).map(lambda pair: Tlv(*pair)),
    max_leaves=12,
)


@given(st.lists(TREES, max_size=4).map(tuple))
def test_what_is_written_is_read(objects: tuple[Tlv, ...]) -> None:
    data = encode_tlv(objects)
    assert parse_tlv(data, 0, len(data)) == objects


@pytest.mark.parametrize(
    ("length", "written"),
    [(0, "00"), (127, "7F"), (128, "8180"), (255, "81FF"), (256, "820100"), (65535, "82FFFF")],
)
def test_lengths_take_their_shortest_form(length: int, written: str) -> None:
    data = bytes.fromhex(written)
    assert encode_length(length) == data
    assert read_length(data, 0, len(data)) == (length, len(data), 0)


@pytest.mark.parametrize(("written", "width"), [("810A", 2), ("82000A", 3), ("820080", 3)])
def test_longer_lengths_are_read_and_remembered(written: str, width: int) -> None:
    data = bytes.fromhex(written)
    length, _, seen = read_length(data, 0, len(data))
    assert seen == width
    assert encode_length(length, width) == data
    whole = b"\x07" + data + bytes(length)
    objects = parse_tlv(whole, 0, len(whole))
    assert objects == (Tlv(0x07, bytes(length), width),)
    assert encode_tlv(objects) == whole


@pytest.mark.parametrize(("length", "width"), [(128, 1), (256, 2), (1, 4)])
def test_a_width_that_cannot_be_is_our_mistake(length: int, width: int) -> None:
    with pytest.raises(LocalProtocolError):
        encode_length(length, width)


def test_too_long_a_value_is_our_mistake() -> None:
    with pytest.raises(LocalProtocolError, match="65535"):
        encode_tlv([Tlv(0x07, bytes(65536))])


@pytest.mark.parametrize("tag", [-1, 1 << 32])
def test_impossible_tags_are_our_mistake(tag: int) -> None:
    with pytest.raises(LocalProtocolError, match="no TLV tag"):
        encode_tag(tag)


def test_tags_of_one_to_four_bytes() -> None:
    objects = parse("0001AA 1F0701BB 1F800001CC 1F81800001DD")
    assert [item.tag for item in objects] == [0x00, 0x1F07, 0x1F8000, 0x1F818000]
    assert encode_tag(0) == b"\x00"


def test_constructed_tags_tell_by_their_first_byte() -> None:
    assert is_constructed(0x24)
    assert is_constructed(0x3F21)
    assert is_constructed(0xFF01)
    assert not is_constructed(0x1F07)
    assert not is_constructed(0x07)


def test_one_makers_constructed_tags_carry_bytes() -> None:
    assert parse("FF4003123456") == (Tlv(0xFF40, bytes.fromhex("123456")),)
    # even where the bytes would be an object
    assert parse("FF41030701AA") == (Tlv(0xFF41, bytes.fromhex("0701AA")),)


def test_unknown_constructed_tags_fall_back_to_bytes() -> None:
    assert parse("F203FFFFFF") == (Tlv(0xF2, b"\xff\xff\xff"),)
    assert parse("F2030701AA") == (Tlv(0xF2, (Tlv(0x07, b"\xaa"),)),)


def test_what_is_wrong_inside_does_not_spoil_what_is_around() -> None:
    assert parse("2404 0A0406D3 1F100100") == (Tlv(0x24, bytes.fromhex("0A0406D3")), Tlv(0x1F10, b"\0"))


def test_nesting_is_limited() -> None:
    deep = b""
    for _ in range(1000):
        deep = b"\x24" + encode_length(len(deep)) + deep
    objects = parse_tlv(deep, 0, len(deep))
    assert encode_tlv(objects) == deep
    levels = 1
    value = objects[0].value
    while not isinstance(value, bytes):
        levels += 1
        value = value[0].value
    assert levels == DEPTH_MAX
    with pytest.raises(DecodeError, match="nested deeper"):
        parse_tlv(deep, 0, len(deep), DEPTH_MAX)


def test_finding_goes_down_a_path() -> None:
    objects = parse("2F08 1F100100 1F110101 07024142 07024344 2403070145")
    assert find_bytes(objects, 0x2F, 0x1F10) == b"\x00"
    assert find_bytes(objects, 0x07) == b"AB"
    assert every(objects, 0x07) == [b"AB", b"CD"]
    assert find(objects, 0x24) == (Tlv(0x07, b"E"),)
    assert find_bytes(objects, 0x24) is None
    assert find(objects, 0x2F, 0x99) is None
    assert find(objects, 0x07, 0x01) is None


@given(st.binary(max_size=60))
def test_any_bytes_are_objects_or_a_decode_error(data: bytes) -> None:
    try:
        objects = parse_tlv(data, 0, len(data))
    except DecodeError as error:
        where = error.position
        assert 0 <= where <= len(data)
    else:
        assert encode_tlv(objects) == data


def test_a_strangers_tags_do_not_fill_the_memory() -> None:
    objects = tuple(Tlv(0x1F8100 + number, b"x") for number in range(100))
    assert parse_tlv(encode_tlv(objects), 0, 5 * 100) == objects
    assert len(HEADS) <= HEADS_MAX

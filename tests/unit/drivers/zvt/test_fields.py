"""BMPs: every one of the table, formats, limits, refusals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.zvt.errors import DecodeError, LocalProtocolError
from drivers.zvt.fields import (
    BMPS,
    CONTAINER,
    FIELDS_MAX,
    STATUS_ORDER,
    Bmp,
    Field,
    Format,
    bmp_name,
    container,
    encode_fields,
    encode_var,
    parse_fields,
)
from drivers.zvt.tlv import Tlv


def values(number: int, bmp: Bmp) -> st.SearchStrategy[Field]:
    match bmp.format:
        case Format.FIXED if bmp.digits:
            digits = st.text("0123456789", min_size=2 * bmp.size, max_size=2 * bmp.size)
            return digits.map(lambda text: Field(number, bytes.fromhex(text)))
        case Format.FIXED:
            return st.binary(min_size=bmp.size, max_size=bmp.size).map(lambda value: Field(number, value))
        case Format.LLVAR:
            return st.binary(max_size=99).map(lambda value: Field(number, value))
        case Format.LLLVAR:
            return st.binary(max_size=999).map(lambda value: Field(number, value))
        case Format.TLV:
            return st.binary(max_size=40).map(lambda value: container(Tlv(0x07, value)))


FIELDS = st.sampled_from(sorted(BMPS)).flatmap(lambda number: values(number, BMPS[number]))


@given(st.lists(FIELDS, max_size=8).map(tuple))
def test_what_is_written_is_read(fields: tuple[Field, ...]) -> None:
    assert parse_fields(encode_fields(fields)) == fields


@pytest.mark.parametrize("number", sorted(BMPS))
def test_every_field_of_the_table(number: int) -> None:
    bmp = BMPS[number]
    field = container() if bmp.format is Format.TLV else Field(number, b"\x00" * bmp.size)
    data = encode_fields([field])
    assert data[0] == number
    assert parse_fields(data) == (field,)
    assert bmp_name(number) == bmp.name


def test_ids_outside_of_the_table_are_refused() -> None:
    for number in set(range(256)) - set(BMPS):
        with pytest.raises(DecodeError, match=f"unknown BMP {number:02X}"):
            parse_fields(bytes((number, 0, 0, 0)))
    assert bmp_name(0x99) == "BMP 99"


def test_lengths_of_one_decimal_digit_a_byte() -> None:
    assert encode_var(b"x" * 7, 2)[:2] == b"\xf0\xf7"
    assert encode_var(b"x" * 99, 2)[:2] == b"\xf9\xf9"
    assert encode_var(b"x" * 123, 3)[:3] == b"\xf1\xf2\xf3"
    for digits, size in ((2, 100), (3, 1000)):
        with pytest.raises(LocalProtocolError, match="do not fit"):
            encode_var(bytes(size), digits)


def test_only_money_must_be_digits() -> None:
    assert parse_fields(bytes.fromhex("87FFFF")) == (Field(0x87, b"\xff\xff"),)
    assert parse_fields(bytes.fromhex("0DFFFF")) == (Field(0x0D, b"\xff\xff"),)
    for wire in ("0400000000123A", "490A78"):
        with pytest.raises(DecodeError, match="non BCD nibble"):
            parse_fields(bytes.fromhex(wire))


def test_a_part_of_the_data_can_be_read() -> None:
    assert parse_fields(bytes.fromhex("FF2700FF"), 1, 3) == (Field(0x27, b"\x00"),)


def test_the_containers_own_length_keeps_its_form() -> None:
    data = bytes.fromhex("06820003070141")
    fields = parse_fields(data)
    assert fields == (Field(CONTAINER, (Tlv(0x07, b"A"),), 3),)
    assert encode_fields(fields) == data


@pytest.mark.parametrize(
    "field",
    [Field(0x04, b"\x00"), Field(0x99, b""), Field(0x06, b"raw"), Field(0x27, ()), Field(0x1FF, b"")],
)
def test_fields_that_cannot_be_are_our_mistake(field: Field) -> None:
    with pytest.raises(LocalProtocolError):
        encode_fields([field])


def test_fields_are_written_in_their_order() -> None:
    fields = (Field(0x27, b"\x00"), Field(0x8B, b"VISA\0"), Field(0x3C, b"ok"), container(Tlv(0x14, b"\x01")))
    assert encode_fields(fields) == bytes.fromhex("27008BF0F556495341003CF0F0F26F6B0603140101")


def test_too_many_fields_are_noise() -> None:
    with pytest.raises(DecodeError, match="more than"):
        parse_fields(bytes.fromhex("2700") * (FIELDS_MAX + 1))
    assert len(parse_fields(bytes.fromhex("2700") * FIELDS_MAX)) == FIELDS_MAX


def test_the_order_of_status_information_has_only_known_fields() -> None:
    assert set(STATUS_ORDER) <= set(BMPS)
    assert len(set(STATUS_ORDER)) == len(STATUS_ORDER)


@given(st.binary(max_size=80))
def test_any_bytes_are_fields_or_a_decode_error(data: bytes) -> None:
    try:
        fields = parse_fields(data)
    except DecodeError as error:
        where = error.position
        assert 0 <= where <= len(data)
    else:
        assert encode_fields(fields) == data

"""Card data never come through, and everything else does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.zvt.commands.codec import decode_bytes, encode
from drivers.zvt.fields import Field, container
from drivers.zvt.masking import mask, mask_bcd, mask_bytes, mask_digits, mask_text, mask_track
from drivers.zvt.message import Message
from drivers.zvt.tlv import Tlv

PAN = "4012888888881881"
PARTS = (PAN[6:12].encode(), PAN[:12].encode())


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        (PAN, "401288EEEEEE1881"),
        ("6725900000000000003", "672590EEEEEEEEE0003"),
        ("123456789012", "EEEEEEEE9012"),
        ("12345", "EEEE5"),
        ("1234", "EEEE"),
        ("", ""),
    ],
)
def test_first_six_and_last_four_stay(number: str, masked: str) -> None:
    assert mask_digits(number) == masked


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        (PAN, "401288EEEEEE1881"),
        (PAN + "D26121010000000F", "401288EEEEEE1881DEEEEEEEEEEEEEEF"),
        ("424242EEEEEE4242", "424242EEEEEE4242"),
        ("EEEEEEEEEEEEEEE4281F", "EEEEEEEEEEEEEEE4281F"),
        ("", ""),
    ],
)
def test_packed_numbers(value: str, masked: str) -> None:
    assert mask_bcd(bytes.fromhex(value)) == bytes.fromhex(masked)


def test_tracks() -> None:
    assert mask_track(bytes.fromhex(PAN + "D2612101")) == bytes.fromhex("401288EEEEEE1881DEEEEEEE")
    assert mask_track(bytes.fromhex(PAN + "2612101F")) == bytes.fromhex("401288" + "E" * 18)
    assert mask_track(bytes.fromhex("672590" + "E" * 28 + "860F")) == bytes.fromhex(
        "672590" + "E" * 28 + "860F"
    )


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Card 4242424242424242 ok", "Card 424242******4242 ok"),
        ("Card4242424242424242", "Card424242******4242"),
        ("4242 4242 4242 4242", "4242 42** **** 4242"),
        ("4242-4242-4242-4242", "4242-42**-****-4242"),
        ("3782 822463 10005", "3782 82**** *0005"),
        ("B4242424242424242^DOE/J^2612101", "B424242******4242^DOE/J^*******"),
        (";4242424242424242=26121010000000?", ";424242******4242=**************?"),
        ("00004242424242424242", "000042**********4242"),
        # not card numbers
        ("Trace 000731 TID 12345678", "Trace 000731 TID 12345678"),
        ("A0000000043060 0C614239C90BE3A54", "A0000000043060 0C614239C90BE3A54"),
        ("4242 4242 4242 4243", "4242 4242 4242 4243"),
        ("hash a54abf87975294068522f1ab", "hash a54abf87975294068522f1ab"),
        ("card 1234567890123x", "card 1234567890123x"),
        ("05.04.2023 22:55:58 1,00 2,00", "05.04.2023 22:55:58 1,00 2,00"),
        ("100 200 300", "100 200 300"),
        ("short", "short"),
    ],
)
def test_texts(text: str, masked: str) -> None:
    assert mask_text(text.encode()).decode() == masked


FULL = Message(
    0x040F,
    fields=(
        Field(0x22, bytes.fromhex(PAN)),
        Field(0x23, bytes.fromhex(PAN + "D26121010000000F")),
        Field(0x24, bytes.fromhex(PAN + "D26121010000000F")),
        Field(0x2D, b"B4012888888881881^DOE/JANE^2612101"),
        Field(0x2E, PAN.encode()),
        Field(0x3A, bytes.fromhex("123F")),
        Field(0x3C, b"paid with 4012888888881881"),
        Field(0x8B, b"VISA\0"),
        Field(0x9A, PAN.encode()),
        Field(0xA7, bytes.fromhex(PAN)),
        Field(0xAF, PAN.encode()),
        Field(0xD1, bytes.fromhex("0123456789")),
        Field(0xF1, PAN.encode()),
        container(
            Tlv(0x1F08, b"B4012888888881881^DOE"),
            Tlv(0x1F09, PAN.encode()),
            Tlv(0x1F31, b"\x01\x02"),
            Tlv(0x24, (Tlv(0x07, PAN.encode()),)),
            Tlv(0xDF99, PAN.encode()),
            Tlv(0x1F2B, bytes.fromhex("10000731")),
            Tlv(0x14, b"\x01"),
        ),
    ),
)


def test_nothing_of_a_full_message_comes_through() -> None:
    masked = mask(FULL)
    wire = encode(masked)
    for part in PARTS:
        assert part not in wire
    assert bytes.fromhex(PAN[6:12]) not in wire
    assert len(wire) == len(encode(FULL))
    assert masked.get(0x8B) == b"VISA\0"
    assert masked.get(0x3A) == b"\xee\xee"
    assert masked.find_bytes(0x1F2B) == bytes.fromhex("10000731")
    assert masked.find_bytes(0x1F31) == b"\xee\xee"
    assert masked.find_bytes(0x1F08) == b"\xee" * 21


def test_parameters_that_are_texts_are_masked_too() -> None:
    for wire in ("06D11140" + PAN.encode().hex(), "0FA110" + PAN.encode().hex()):
        assert PARTS[0] not in encode(mask(decode_bytes(bytes.fromhex(wire))))
    password = decode_bytes(bytes.fromhex("065003123456"))
    assert mask(password) == password


@pytest.mark.parametrize("tag", [0x56, 0x57, 0x5A, 0x5F20, 0x9F0B, 0x9F1F, 0x9F20, 0x9F6B])
@pytest.mark.parametrize("box", [0x60, 0x2F, 0xE4])
def test_what_the_chip_calls_card_data_is_hidden(tag: int, box: int) -> None:
    said = Message(0x040F, fields=(container(Tlv(box, (Tlv(tag, bytes.fromhex(PAN + "D2612101")),))),))
    masked = encode(mask(said))
    assert bytes.fromhex(PAN[6:12]) not in masked
    assert len(masked) == len(encode(said))


@pytest.mark.parametrize(
    "value",
    [
        "5A08" + PAN,  # EMV objects in bytes that nobody can read
        "9F6B0C" + PAN + "D2612101",
        "01570B" + PAN + "D26121",
        "99995A08" + PAN + "99",
    ],
)
def test_card_data_in_bytes_without_a_meaning_are_hidden(value: str) -> None:
    data = bytes.fromhex(value)
    broken = Message(0x040F, fields=(container(Tlv(0x60, data), Tlv(0x4E, data)),))
    for message in (broken, Message(0x0FA1, {"raw": data}), Message(0x8000, {"raw": data})):
        assert bytes.fromhex(PAN[2:12]) not in encode(mask(message))


@pytest.mark.parametrize("value", ["5A0841", "5A08" + "AB" * 8, "5A0A" + PAN, "5A02" + PAN])
def test_other_bytes_stay(value: str) -> None:
    assert mask_bytes(bytes.fromhex(value)) == bytes.fromhex(value)


@given(st.binary(max_size=80))
def test_lengths_never_change(value: bytes) -> None:
    assert len(mask_text(value)) == len(value)
    assert len(mask_bytes(value)) == len(value)
    assert len(mask_bcd(value)) == len(value)
    assert len(mask_track(value)) == len(value)

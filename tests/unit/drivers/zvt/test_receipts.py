"""Receipts from and to print commands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.zvt.charset import Charset
from drivers.zvt.commands.codec import decode_bytes, encode
from drivers.zvt.config import ReceiptKind
from drivers.zvt.errors import LocalProtocolError
from drivers.zvt.message import Message
from drivers.zvt.receipts import CENTRED, Line, Print, print_blocks, print_lines, read_print


def read(wire: str, charset: Charset | None = None) -> Print:
    return read_print(decode_bytes(bytes.fromhex(wire)), charset)


@pytest.mark.parametrize(
    ("wire", "found"),
    [
        ("06D10640544F54414C", Print((Line("TOTAL", 0x40),))),
        ("06D10140", Print((Line("", 0x40),))),
        ("06D10181", Print((), ends=True)),
        ("06D10481425945", Print((Line("BYE", 0x81),), ends=True)),
        ("06D102FF03", Print((Line(""),) * 3)),
        ("06D101FF", Print((Line(""),))),
        ("06D10180", Print((Line("", 0x80),))),
        ("06D1084041" + "06041F070101", Print((Line("A", 0x40),), kind=1)),
        ("06D1078106041F070102", Print((), kind=2, ends=True)),
        # what only looks like a hidden container is text
        ("06D1094041" + "06041F07010142", Print((Line("A\x06\x04\x1f\x07\x01\x01B", 0x40),))),
        ("06D10A4041" + "06041F0701012700", Print((Line("A\x06\x04\x1f\x07\x01\x01'", 0x40),))),
    ],
)
def test_print_lines_are_read(wire: str, found: Print) -> None:
    assert read(wire) == found


def test_print_blocks_are_read() -> None:
    wire = "06D31E061C1F0701022516090140070548656C6C6F09010007000702C4DF090181"
    assert read(wire) == Print((Line("Hello", 0x40), Line("", 0), Line("Äß", 0)), kind=2, ends=True)


@pytest.mark.parametrize(
    ("objects", "found"),
    [
        ("", Print(())),
        ("0901FF" + "070141", Print((Line(""), Line("A")))),
        ("070141" + "0901FF", Print((Line("A"), Line("")), ends=True)),
        ("070141" + "09018F", Print((Line("A"),), ends=True)),
        ("090181" + "070141", Print((Line("A", 0x81),))),
        ("0900" + "E300" + "070141", Print((Line("A"),))),
    ],
)
def test_attributes_in_blocks(objects: str, found: Print) -> None:
    size = len(objects) // 2
    assert read(f"06D3{size + 4:02X}06{size + 2:02X}25{size:02X}{objects}") == found


def test_a_block_without_texts() -> None:
    assert read("06D306" + "0604" + "1F070101") == Print((), kind=1)


def test_the_character_set_is_told_named_or_guessed() -> None:
    block = "06D30B0609140105" + "2504" + "0702" + "B0B1"
    assert read(block).lines[0].text == "АБ"
    assert read(block, Charset.LATIN_1).lines[0].text == "°±"


def test_other_commands_print_nothing() -> None:
    with pytest.raises(LocalProtocolError, match="0601 prints nothing"):
        read_print(Message(0x0601))


LINES = st.lists(
    st.builds(
        Line,
        st.text("ABC äöüß.,0123", max_size=30),
        st.sampled_from([0x00, CENTRED, 0x30]),
    ),
    max_size=40,
)


@given(LINES, st.integers(min_value=100, max_value=300))
def test_a_receipt_survives_blocks_of_any_size(lines: list[Line], max_apdu: int) -> None:
    blocks = print_blocks(lines, ReceiptKind.CUSTOMER, declare_charset=True, properties=1, max_apdu=max_apdu)
    assert all(len(encode(block)) <= max_apdu for block in blocks)
    prints = [read_print(decode_bytes(encode(block))) for block in blocks]
    assert [line for part in prints for line in part.lines] == lines
    assert [part.ends for part in prints] == [False] * (len(prints) - 1) + [True]
    assert {part.kind for part in prints} == {2}


@given(LINES)
def test_a_receipt_survives_lines(lines: list[Line]) -> None:
    prints = [read_print(message, Charset.CP437) for message in print_lines(lines)]
    assert [line for part in prints for line in part.lines] == lines
    assert [part.ends for part in prints] == [False] * len(lines) + [True]


def test_a_long_receipt_is_cut_and_every_block_repeats_the_attribute() -> None:
    lines = [Line("x" * 40, CENTRED)] * 3
    blocks = [read_print(block) for block in print_blocks(lines, ReceiptKind.MERCHANT, max_apdu=100)]
    assert [part.lines for part in blocks] == [(lines[0],), (lines[0],), (lines[0],)]
    assert [part.ends for part in blocks] == [False, False, True]
    assert encode(print_blocks(lines[:1], 3, declare_charset=True, properties=1)[0]).endswith(b"\x09\x01\x81")


def test_lines_end_with_a_cut() -> None:
    assert [encode(message).hex().upper() for message in print_lines([Line("A", CENTRED)])] == [
        "06D1024041",
        "06D10181",
    ]


def test_a_line_that_fits_nowhere_is_our_mistake() -> None:
    with pytest.raises(LocalProtocolError, match="does not fit"):
        print_blocks([Line("x" * 100)], ReceiptKind.MERCHANT, max_apdu=80)

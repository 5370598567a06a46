"""Every message of the cases both ways, every command of the table, every refusal."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drivers.zvt.apdu import CLASSES, Apdu, parse_apdu
from drivers.zvt.commands.codec import decode, decode_bytes, encode, to_apdu
from drivers.zvt.commands.layout import Layout
from drivers.zvt.commands.table import ROWS
from drivers.zvt.errors import DecodeError, LocalProtocolError
from drivers.zvt.message import Message
from drivers.zvt.notation import from_notation, to_notation
from tests.unit.drivers.zvt.cases import ids, load

MESSAGES = load("messages.json")
MALFORMED = load("malformed.json")

BODIES: dict[Layout, str] = {
    Layout.PASSWORD: "123456",
    Layout.MAYBE_PASSWORD: "000000",
    Layout.REGISTRATION: "123456BE0978",
    Layout.NEW_PASSWORD: "000000123456",
    Layout.CARD_TIMEOUT: "1E",
    Layout.VALUE: "01",
    Layout.PRINT_LINE: "4041",
    Layout.INTERMEDIATE: "0A",
    Layout.ABORT: "6C",
    Layout.COMPLETION: "2700",
    Layout.ANY: "31323334",
}


@pytest.mark.parametrize("case", MESSAGES, ids=ids(MESSAGES))
def test_cases_both_ways(case: dict[str, Any]) -> None:
    wire = bytes.fromhex(case["wire"])
    message = decode_bytes(wire)
    shown = to_notation(message, case["shown"]["len"])
    assert shown == case["shown"]
    assert encode(message) == wire
    assert from_notation(shown) == message


@pytest.mark.parametrize("case", MALFORMED, ids=ids(MALFORMED))
def test_malformed_cases_are_refused_with_the_reason(case: dict[str, Any]) -> None:
    with pytest.raises(DecodeError) as caught:
        decode_bytes(bytes.fromhex(case["wire"]))
    assert case["reason"] in caught.value.reason
    assert caught.value.position == case["position"]


@pytest.mark.parametrize("command", sorted(ROWS), ids=lambda command: f"{command:04X}")
def test_every_command_of_the_overview(command: int) -> None:
    row = ROWS[command]
    body = "06031401FF" if row.layout is Layout.PLAIN else BODIES[row.layout]
    apdu = Apdu(command, bytes.fromhex(body))
    message = decode(apdu)
    assert message.command == command
    assert message.params or message.fields
    assert set(message.params) <= set(row.layout.params)
    assert to_apdu(message) == apdu


@given(
    st.sampled_from(sorted(ROWS)) | st.integers(min_value=0, max_value=0xFFFF),
    st.binary(max_size=60),
    st.booleans(),
    st.sampled_from([None, 0x0501, 0x06E1, 0x06E7, 0x0FA1]),
)
@example(0x060F, b"\xf0\xf0\xf3abc\x00", False, None)
def test_any_body_is_read_losslessly_or_refused(
    command: int, body: bytes, long_form: bool, after: int | None
) -> None:
    apdu = Apdu(command, body, long_form)
    try:
        message = decode(apdu, after)
    except DecodeError as error:
        where = error.position
        assert 0 <= where <= len(body) + 5
    else:
        assert encode(message) == apdu.encode()
        assert from_notation(to_notation(message, len(body))) == message


@given(st.sampled_from(sorted(CLASSES)), st.binary(max_size=60))
def test_any_bytes_are_a_message_or_refused(first: int, rest: bytes) -> None:
    data = bytes((first,)) + rest
    try:
        message = decode_bytes(data)
    except DecodeError:
        return
    assert encode(message) == data


def test_parameters_a_command_does_not_have_are_our_mistake() -> None:
    with pytest.raises(LocalProtocolError, match="0601 has no parameter password"):
        encode(Message(0x0601, {"password": b"\0\0\0"}))


def test_positions_count_from_the_first_byte_in_both_forms() -> None:
    for wire, position in (("060103990000", 3), ("0601FF0300990000", 5)):
        with pytest.raises(DecodeError) as caught:
            decode_bytes(bytes.fromhex(wire))
        assert caught.value.position == position
    long = Apdu(0x0601, b"\x99" * 300).encode()
    with pytest.raises(DecodeError) as caught:
        decode_bytes(long)
    assert caught.value.position == 5


@pytest.mark.parametrize("case", MALFORMED, ids=ids(MALFORMED))
def test_a_refused_message_leaves_the_next_one_alone(case: dict[str, Any]) -> None:
    wire = bytes.fromhex(case["wire"])
    try:
        apdu = parse_apdu(wire)
    except DecodeError:
        return  # not one whole message: where the next begins cannot be known
    with pytest.raises(DecodeError):
        decode(apdu)
    assert decode_bytes(bytes.fromhex("060F00")).command == 0x060F

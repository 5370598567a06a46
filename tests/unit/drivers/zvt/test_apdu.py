"""Cutting a stream into APDUs, whole or in pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.zvt.apdu import APDU_MAX, CLASSES, DATA_MAX, Apdu, ApduReader, measure, parse_apdu
from drivers.zvt.errors import DecodeError, ForeignProtocolError, IncompleteError, LocalProtocolError

COMMANDS = st.builds(
    lambda high, low: high << 8 | low,
    st.sampled_from(sorted(CLASSES)),
    st.integers(min_value=0, max_value=255),
)
APDUS = st.builds(Apdu, COMMANDS, st.binary(max_size=600)) | st.builds(
    Apdu, COMMANDS, st.binary(max_size=254), st.just(True)
)


def chop(data: bytes, cuts: list[int]) -> list[bytes]:
    """The data in pieces, cut at these positions."""
    at = sorted({cut % (len(data) + 1) for cut in cuts})
    return [data[start:stop] for start, stop in zip([0, *at], [*at, len(data)], strict=True)]


@pytest.mark.parametrize(
    ("size", "header"),
    [(0, "06D100"), (254, "06D1FE"), (255, "06D1FFFF00"), (256, "06D1FF0001"), (65535, "06D1FFFFFF")],
)
def test_the_shortest_length_is_written_and_read(size: int, header: str) -> None:
    apdu = Apdu(0x06D1, bytes(size))
    data = apdu.encode()
    assert data.startswith(bytes.fromhex(header))
    assert parse_apdu(data) == apdu
    assert measure(data) == len(data)


def test_an_extended_length_that_was_not_needed_is_kept() -> None:
    apdu = parse_apdu(bytes.fromhex("060FFF0100DC"))
    assert apdu == Apdu(0x060F, b"\xdc", long_form=True)
    assert apdu.encode() == bytes.fromhex("060FFF0100DC")


def test_more_data_than_an_apdu_can_carry_is_our_mistake() -> None:
    with pytest.raises(LocalProtocolError, match="65535"):
        Apdu(0x06D3, bytes(DATA_MAX + 1)).encode()


@pytest.mark.parametrize(
    ("data", "missing"), [("", 3), ("06", 2), ("060F", 1), ("06D3FF", 2), ("06D3FF01", 1)]
)
def test_a_header_that_is_cut_off_says_what_is_missing(data: str, missing: int) -> None:
    with pytest.raises(IncompleteError) as caught:
        parse_apdu(bytes.fromhex(data))
    assert caught.value.missing == missing


def test_bytes_behind_the_message_are_refused() -> None:
    with pytest.raises(DecodeError, match="1 more follow at byte 3"):
        parse_apdu(bytes.fromhex("06020000"))


@given(st.lists(APDUS, max_size=6), st.lists(st.integers(min_value=0), max_size=30))
def test_any_chopping_gives_the_same_messages(apdus: list[Apdu], cuts: list[int]) -> None:
    data = b"".join(apdu.encode() for apdu in apdus)
    reader = ApduReader()
    assert [apdu for piece in chop(data, cuts) for apdu in reader.feed(piece)] == apdus
    assert reader.pending == b""


def test_a_reader_keeps_no_more_than_one_message() -> None:
    reader = ApduReader()
    whole = Apdu(0x06D3, bytes(DATA_MAX)).encode()
    for at in range(0, len(whole) - 1, 997):
        assert reader.feed(whole[at : min(at + 997, len(whole) - 1)]) == []
    assert len(reader.pending) == APDU_MAX - 1
    assert len(reader.feed(whole[-1:] + bytes.fromhex("060F00"))) == 2
    assert reader.pending == b""


def test_messages_before_a_foreign_byte_are_handed_over() -> None:
    reader = ApduReader()
    frames, error = reader.drain(bytes.fromhex("800000 060F00 3C68746D6C3E"))
    assert [frame.command for frame in frames] == [0x8000, 0x060F]
    assert error is not None
    assert error.protocol == "an HTTP server"
    assert error.position == 6
    with pytest.raises(ForeignProtocolError):
        ApduReader().feed(b"\x77")


@given(st.binary(max_size=40))
def test_anything_is_either_a_message_or_a_decode_error(data: bytes) -> None:
    try:
        apdu = parse_apdu(data)
    except DecodeError as error:
        where = error.position
        assert 0 <= where <= len(data)
    else:
        assert apdu.encode() == data

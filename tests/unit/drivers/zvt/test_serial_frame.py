"""Serial frames: stuffing, CRC, signals, garbage, any chopping."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.zvt.serial_frame import (
    FRAME_MAX,
    GARBAGE_MAX,
    BrokenFrame,
    Frame,
    FrameReader,
    Garbage,
    Piece,
    Signal,
    crc,
    encode_frame,
)
from tests.unit.drivers.zvt.cases import ids, load
from tests.unit.drivers.zvt.test_apdu import chop

CASES = load("frames.json")


def read(*pieces: bytes) -> list[Piece]:
    reader = FrameReader()
    return [found for piece in pieces for found in reader.feed(piece)]


def slow_crc(data: bytes) -> bytes:
    value = 0
    for byte in (*data, 0x03):
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x8408 if value & 1 else 0)
    return value.to_bytes(2, "little")


@pytest.mark.parametrize("case", CASES, ids=ids(CASES))
def test_cases(case: dict[str, Any]) -> None:
    apdu, wire = bytes.fromhex(case["apdu"]), bytes.fromhex(case["wire"])
    assert encode_frame(apdu) == wire
    assert read(wire) == [Frame(apdu)]
    assert read(*(wire[at : at + 1] for at in range(len(wire)))) == [Frame(apdu)]


@given(st.binary(max_size=200))
def test_the_fast_crc_is_the_bitwise_one(data: bytes) -> None:
    assert crc(data) == slow_crc(data)


@given(
    st.lists(st.binary(max_size=60) | st.sampled_from([Signal.ACK, Signal.NAK]), max_size=6),
    st.lists(st.integers(min_value=0), max_size=30),
)
def test_any_chopping_gives_the_same_pieces(sent: list[bytes | Signal], cuts: list[int]) -> None:
    signals = {Signal.ACK: b"\x06", Signal.NAK: b"\x15"}
    wire = b"".join(signals[item] if isinstance(item, Signal) else encode_frame(item) for item in sent)
    expected = [item if isinstance(item, Signal) else Frame(item) for item in sent]
    assert read(*chop(wire, cuts)) == expected


@given(st.binary(max_size=60), st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_one_changed_byte_is_never_taken_for_the_frame(apdu: bytes, at: int, change: int) -> None:
    wire = bytearray(encode_frame(apdu))
    wire[at % len(wire)] ^= change
    assert Frame(apdu) not in read(bytes(wire))


def test_a_wrong_crc() -> None:
    wire = bytearray(encode_frame(bytes.fromhex("060F00")))
    wire[-1] ^= 1
    [broken] = read(bytes(wire))
    assert broken == BrokenFrame("bad crc C632, computed C633", bytes(wire))


def test_a_dle_that_was_not_doubled_spoils_its_own_frame_only() -> None:
    bad = bytes.fromhex("1002 06010A 0400000001 1000 490978 1003 F2FF")
    good = encode_frame(bytes.fromhex("800000"))
    assert read(bad + good) == [BrokenFrame("bad DLE escape 10 00", bad), Frame(bytes.fromhex("800000"))]


def test_the_first_of_several_faults_is_told() -> None:
    [broken] = read(bytes.fromhex("1002 1001 1007 1003 0000"))
    assert isinstance(broken, BrokenFrame)
    assert broken.reason == "bad DLE escape 10 01"


def test_a_frame_whose_end_was_lost_gives_way_to_its_repeat() -> None:
    wire = encode_frame(bytes.fromhex("060F00"))
    assert read(wire[:4] + wire) == [
        BrokenFrame("another frame begins inside", wire[:4]),
        Frame(bytes.fromhex("060F00")),
    ]


def test_garbage_is_told_apart_from_signals() -> None:
    assert read(b"\xff\xfe\x06\x15\x10\x00\x10\x10\x02" + bytes.fromhex("060F001003C633") + b"z") == [
        Garbage(b"\xff\xfe"),
        Signal.ACK,
        Signal.NAK,
        Garbage(b"\x10\x00\x10"),
        Frame(bytes.fromhex("060F00")),
        Garbage(b"z"),
    ]


def test_a_storm_of_garbage_comes_in_pieces() -> None:
    assert read(b"\xaa" * (2 * GARBAGE_MAX + 1)) == [
        Garbage(b"\xaa" * GARBAGE_MAX),
        Garbage(b"\xaa" * GARBAGE_MAX),
        Garbage(b"\xaa"),
    ]


def test_a_frame_that_never_ends_is_given_up() -> None:
    reader = FrameReader()
    pieces = reader.feed(b"\x10\x02" + b"x" * FRAME_MAX)
    assert [type(piece) for piece in pieces] == [BrokenFrame]
    assert not reader.inside
    assert reader.feed(encode_frame(b"ok")) == [Frame(b"ok")]


def test_giving_up_what_has_begun() -> None:
    reader = FrameReader()
    assert reader.abandon() is None
    reader.feed(b"\x10")
    assert reader.inside
    assert reader.abandon() == Garbage(b"\x10")
    reader.feed(b"\x10\x02\x06")
    assert reader.abandon() == BrokenFrame("frame is cut off", b"\x10\x02\x06")
    reader.feed(b"\x10\x02\x10\x01\x05")
    assert reader.abandon() == BrokenFrame("bad DLE escape 10 01", b"\x10\x02\x10\x01\x05")
    assert not reader.inside


@given(st.lists(st.binary(max_size=40), max_size=10))
def test_anything_can_be_fed(pieces: list[bytes]) -> None:
    reader = FrameReader()
    for piece in pieces:
        reader.feed(piece)
    reader.abandon()
    assert reader.feed(encode_frame(b"\x80\x00\x00"))[-1] == Frame(b"\x80\x00\x00")

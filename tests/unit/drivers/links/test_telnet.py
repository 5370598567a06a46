"""Telnet taken apart and put together, however it is cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.links.telnet import (
    IAC,
    LINE_ERRORS,
    SUB_MAX,
    Command,
    LineState,
    Negotiated,
    Option,
    Piece,
    Subnegotiated,
    TelnetError,
    TelnetReader,
    Verb,
    com,
    escape,
)


def read(*chunks: bytes) -> list[Piece]:
    """All pieces, payload that was cut apart joined again."""
    reader = TelnetReader()
    joined: list[Piece] = []
    for piece in (piece for chunk in chunks for piece in reader.feed(chunk)):
        if isinstance(piece, bytes) and joined and isinstance(joined[-1], bytes):
            joined[-1] += piece
        else:
            joined.append(piece)
    return joined


def wire(piece: Piece) -> bytes:
    match piece:
        case bytes():
            return escape(piece)
        case Command(code):
            return bytes((IAC, code))
        case _:
            return piece.encode()


pieces = st.one_of(
    st.binary(min_size=1, max_size=20),
    st.builds(Negotiated, st.sampled_from(Verb), st.integers(0, 255)),
    st.builds(Subnegotiated, st.integers(0, 254), st.binary(max_size=20)),
    st.builds(Command, st.integers(0xF1, 0xF9)),
)


def merged(said: list[Piece]) -> list[Piece]:
    joined: list[Piece] = []
    for piece in said:
        if isinstance(piece, bytes) and joined and isinstance(joined[-1], bytes):
            joined[-1] += piece
        else:
            joined.append(piece)
    return joined


@given(st.lists(pieces, max_size=8), st.lists(st.integers(0, 200), max_size=6))
def test_what_was_said_is_heard_however_it_was_cut(said: list[Piece], cuts: list[int]) -> None:
    sent = b"".join(wire(piece) for piece in said)
    places = [0, *sorted(min(cut, len(sent)) for cut in cuts), len(sent)]
    chunks = [sent[a:b] for a, b in pairwise(places)]
    assert read(*chunks) == merged(said)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    whole = read(data)
    assert read(*(data[at : at + 1] for at in range(len(data)))) == whole


def test_a_com_port_command_doubles_ff() -> None:
    assert com(1, b"\x00\xff\x00\x01") == bytes.fromhex("FFFA2C01 00FFFF0001 FFF0")
    assert read(com(111, b"\xff")) == [Subnegotiated(Option.COM_PORT, b"\x6f\xff")]


def test_a_subnegotiation_that_is_broken_off_is_forgotten() -> None:
    assert read(b"a\xff\xfa\x2c\x01\xff\xfd\x2cb") == [b"a", Negotiated(Verb.DO, Option.COM_PORT), b"b"]
    assert read(b"\xff\xfa\xff\xf0c") == [b"c"]


def test_an_endless_subnegotiation_is_no_telnet() -> None:
    reader = TelnetReader()
    reader.feed(b"\xff\xfa\x2c" + bytes(SUB_MAX - 1))
    with pytest.raises(TelnetError, match="no telnet"):
        reader.feed(b"\x00")


def test_line_errors_in_words() -> None:
    assert (LineState.PARITY | LineState.FRAMING).words == "parity, framing"
    assert LineState(0).words == "nothing"
    assert LineState.BREAK not in LINE_ERRORS

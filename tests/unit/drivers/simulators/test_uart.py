"""A line whose ends are set differently garbles as real ones do; known values were worked out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.links.telnet import LineState
from drivers.simulators.uart import FakeUart, LineSettings, cross

NORMAL = LineSettings()
settings = st.builds(
    LineSettings,
    st.sampled_from([300, 9600, 19_200, 115_200]),
    st.integers(5, 8),
    st.sampled_from("NOEMS"),
    st.sampled_from([1.0, 1.5, 2.0]),
)


@given(st.binary(max_size=50), settings)
def test_ends_that_are_set_alike_understand_each_other(data: bytes, line: LineSettings) -> None:
    mask = (1 << line.bytesize) - 1
    assert cross(data, line, line) == (bytes(byte & mask for byte in data), LineState(0))


@given(st.binary(max_size=30), settings, st.sampled_from([1.0, 1.5, 2.0]))
def test_the_bits_agree_with_the_short_cut(data: bytes, line: LineSettings, stopbits: float) -> None:
    """The sampler itself, for ends that fit: a hair's breadth of another pace must change nothing."""
    almost = LineSettings(line.baudrate + line.baudrate // 100, line.bytesize, line.parity, stopbits)
    mask = (1 << line.bytesize) - 1
    assert cross(data, line, almost) == (bytes(byte & mask for byte in data), LineState(0))


def test_a_receiver_looks_at_one_stop_bit() -> None:
    assert cross(b"\x10\x02", NORMAL, LineSettings(stopbits=1)) == (b"\x10\x02", LineState(0))


def test_twice_as_fast_a_receiver_sees_every_bit_twice() -> None:
    # 55 is 1010 1010 on the line; a receiver at double speed sees 11 00 11 00 ... behind a double start bit
    heard, complaints = cross(b"\x55", NORMAL, LineSettings(baudrate=19_200))
    assert heard != b"\x55"
    assert heard[0] == 0b01100110
    assert LineState.FRAMING in complaints


def test_half_as_fast_a_receiver_sees_every_other_bit() -> None:
    slow = LineSettings(baudrate=4800)
    assert cross(b"\x00", NORMAL, slow) == (b"\xf8", LineState(0))
    assert cross(b"\xff\xff", NORMAL, slow) == (b"", LineState(0)), "start bits too short to be any"


def test_parity_where_none_is_expected_is_a_broken_stop_bit() -> None:
    even = LineSettings(parity="E")
    heard, complaints = cross(b"\x03", even, NORMAL)
    assert (heard[:1], complaints) == (b"\x03", LineState.FRAMING)
    heard, complaints = cross(b"\x01", even, NORMAL)
    assert (heard, complaints) == (b"\x01", LineState(0)), "its parity bit looks like a stop bit"


def test_the_other_parity_is_noticed() -> None:
    heard, complaints = cross(b"\x03\x01", LineSettings(parity="E"), LineSettings(parity="O"))
    assert (heard, complaints) == (b"\x03\x01", LineState.PARITY)


def test_seven_bits_of_eight() -> None:
    heard, _ = cross(b"\x41", LineSettings(bytesize=7, parity="E"), NORMAL)
    assert heard == b"\x41", "41 has two ones, so its parity bit is 0, the eighth bit"
    heard, _ = cross(b"\x43", LineSettings(bytesize=7, parity="E"), NORMAL)
    assert heard == b"\xc3"


@pytest.mark.parametrize(
    ("text", "line"), [("9600-8N2", NORMAL), ("115200-7E1.5", LineSettings(115_200, 7, "E", 1.5))]
)
def test_settings_in_words(text: str, line: LineSettings) -> None:
    assert str(line) == text


def test_a_byte_takes_its_bits_time() -> None:
    assert NORMAL.byte_s == pytest.approx(11 / 9600)
    assert LineSettings(parity="E", stopbits=1).byte_s == pytest.approx(11 / 9600)


def test_nothing_is_heard_through_a_break() -> None:
    uart = FakeUart()
    assert uart.to_device(b"x") == b"x"
    uart.sending_break = True
    assert uart.to_device(b"x") == b""

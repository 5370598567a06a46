"""The serial link machine: acknowledgements, repeats, duplicates, collisions, failures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.zvt.errors import LocalProtocolError
from drivers.zvt.serial_frame import encode_frame
from drivers.zvt.serial_link import (
    REPEATS,
    Confirmed,
    Delivered,
    Failed,
    Noise,
    Repeated,
    SerialLink,
    Start,
    Step,
    Stop,
    Timer,
    Write,
)

PAY = bytes.fromhex("06010704000000001000")
YES = bytes.fromhex("800000")
BUSY = bytes.fromhex("04FF010E")
ACK, NAK = b"\x06", b"\x15"


def broken(apdu: bytes) -> bytes:
    wire = bytearray(encode_frame(apdu))
    wire[-1] ^= 0xFF
    return bytes(wire)


def test_a_frame_is_sent_and_confirmed() -> None:
    link = SerialLink()
    seen = [link.idle]
    assert link.send(PAY) == [Write(encode_frame(PAY)), Start(Timer.T2)]
    seen.append(link.idle)
    assert link.feed(ACK) == [Stop(Timer.T2), Confirmed()]
    assert [*seen, link.idle] == [True, False, True]


def test_one_frame_at_a_time() -> None:
    link = SerialLink()
    link.send(PAY)
    with pytest.raises(LocalProtocolError, match="not acknowledged"):
        link.send(YES)


@pytest.mark.parametrize("by_timer", [True, False])
def test_after_two_repeats_the_link_gives_up(by_timer: bool) -> None:
    link = SerialLink()
    link.send(PAY)
    for _ in range(REPEATS):
        steps = link.expired(Timer.T2) if by_timer else link.feed(NAK)
        assert steps == [Write(encode_frame(PAY)), Start(Timer.T2)]
    stop, failed = link.expired(Timer.T2) if by_timer else link.feed(NAK)
    assert stop == Stop(Timer.T2)
    assert isinstance(failed, Failed)
    assert failed.sending
    assert link.idle


def test_a_good_frame_is_acknowledged_before_it_is_delivered() -> None:
    assert SerialLink().feed(encode_frame(PAY)) == [Write(ACK), Delivered(PAY)]


def test_the_repeat_of_a_frame_is_acknowledged_and_not_delivered() -> None:
    terminal = SerialLink()
    terminal.feed(encode_frame(PAY))
    terminal.send(YES)
    assert terminal.feed(encode_frame(PAY)) == [Write(ACK), Repeated(PAY)]
    assert not terminal.idle
    terminal.feed(ACK)
    # now the peer has our answer: the same frame is the same wish again
    assert terminal.feed(encode_frame(PAY)) == [Write(ACK), Delivered(PAY)]


def test_the_next_frame_of_the_peer_confirms_ours() -> None:
    register = SerialLink()
    register.send(PAY)
    assert register.feed(encode_frame(YES)) == [
        Write(ACK),
        Stop(Timer.T2),
        Confirmed(implicit=True),
        Delivered(YES),
    ]


def test_equal_frames_in_a_row_are_all_delivered_when_each_was_answered() -> None:
    register = SerialLink()
    for _ in range(3):
        assert Delivered(BUSY) in register.feed(encode_frame(BUSY))
        register.send(YES)
        register.feed(ACK)


def test_broken_frames_are_refused_and_reported_when_they_do_not_end() -> None:
    link = SerialLink()
    assert link.feed(broken(PAY)) == [Write(NAK)]
    assert link.feed(broken(PAY)) == [Write(NAK)]
    nak, failed = link.feed(broken(PAY))
    assert nak == Write(NAK)
    assert isinstance(failed, Failed)
    assert not failed.sending
    assert link.feed(broken(PAY)) == [Write(NAK)]
    assert link.feed(encode_frame(PAY)) == [Write(ACK), Delivered(PAY)]


def test_t1_runs_while_a_frame_is_coming() -> None:
    link = SerialLink()
    wire = encode_frame(PAY)
    assert link.feed(wire[:5]) == [Start(Timer.T1)]
    assert link.feed(wire[5:7]) == [Start(Timer.T1)]
    assert link.feed(wire[7:]) == [Write(ACK), Delivered(PAY), Stop(Timer.T1)]


def test_t1_drops_the_frame_with_a_nak() -> None:
    link = SerialLink()
    link.feed(encode_frame(PAY)[:5])
    assert link.expired(Timer.T1) == [Write(NAK)]
    link.feed(b"\x10")
    assert link.expired(Timer.T1) == [Noise(b"\x10")]
    assert link.expired(Timer.T1) == []


def test_signals_and_garbage_nobody_waits_for_are_noise() -> None:
    link = SerialLink()
    assert link.feed(b"\x06\x15\x99") == [Noise(ACK), Noise(NAK), Noise(b"\x99")]
    assert link.expired(Timer.T2) == []


class _Pair:
    """Two links on a line that loses, with an answer to each command."""

    def __init__(self, losses: list[bool]) -> None:
        self.ends = {"register": SerialLink(), "terminal": SerialLink()}
        self.losses = losses
        self.queue: list[tuple[str, bytes]] = []
        self.delivered: dict[str, list[bytes]] = {"register": [], "terminal": []}
        self.failed = False
        self.running: set[str] = set()

    def carry(self, end: str, steps: list[Step]) -> None:
        other = "terminal" if end == "register" else "register"
        for step in steps:
            match step:
                case Write(data):
                    if not (self.losses and self.losses.pop()):
                        self.queue.append((other, data))
                case Start(Timer.T2):
                    self.running.add(end)
                case Stop(Timer.T2):
                    self.running.discard(end)
                case Delivered(apdu):
                    self.delivered[end].append(apdu)
                case Failed():
                    self.failed = True
                case _:
                    pass

    def settle(self) -> None:
        while self.queue or self.running:
            while self.queue:
                end, data = self.queue.pop(0)
                self.carry(end, self.ends[end].feed(data))
            for end in sorted(self.running):
                self.carry(end, self.ends[end].expired(Timer.T2))


@given(st.lists(st.booleans(), max_size=8))
def test_however_frames_and_acks_get_lost_a_command_arrives_once_or_failure_is_known(
    losses: list[bool],
) -> None:
    pair = _Pair(losses)
    pair.carry("register", pair.ends["register"].send(PAY))
    pair.settle()
    arrived = pair.delivered["terminal"]
    assert arrived == [PAY] or (pair.failed and arrived in ([], [PAY]))


@given(st.lists(st.binary(max_size=20), max_size=12))
def test_anything_can_be_fed(pieces: list[bytes]) -> None:
    link = SerialLink()
    for piece in pieces:
        link.feed(piece)
        link.expired(Timer.T1)

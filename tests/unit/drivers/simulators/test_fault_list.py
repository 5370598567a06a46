"""Tests of the named faults, and of serial framing over every one of them."""

import pytest

from drivers.simulators.fault_list import FAULTS, Fault, FaultError, Harm, plan_for
from drivers.simulators.faults import Cut, Direction, Silence, Write
from drivers.zvt.serial_frame import ACK, BrokenFrame, Frame, FrameReader, Signal, encode_frame

APDUS = [bytes((0x06, kind, 3, 0x10, 0x02, kind)) for kind in range(200)]


def through(
    *faults: str, seed: int = 0, way: Direction = Direction.DOWN
) -> tuple[list[Frame | BrokenFrame | Signal], bool]:
    """What a reader makes of 200 acknowledged frames one way, and whether the line lived."""
    plan = plan_for(*faults, seed=seed)
    reader = FrameReader()
    pieces: list[Frame | BrokenFrame | Signal] = []
    for apdu in APDUS:
        for chunk in (ACK, encode_frame(apdu)):
            for act in plan.apply(way, chunk):
                if isinstance(act, Write) and act.direction is way:
                    found = reader.feed(act.data)
                    pieces += [piece for piece in found if isinstance(piece, Frame | BrokenFrame | Signal)]
                elif isinstance(act, Cut) or act == Silence(None):
                    return pieces, False
    return pieces, True


def frames(pieces: list[Frame | BrokenFrame | Signal]) -> list[bytes]:
    return [piece.apdu for piece in pieces if isinstance(piece, Frame)]


def test_without_faults_a_line_is_good() -> None:
    pieces, lives = through()
    assert lives
    assert frames(pieces) == APDUS
    assert pieces.count(Signal.ACK) == len(APDUS)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda fault: fault.name)
@pytest.mark.parametrize("way", Direction)
@pytest.mark.parametrize("seed", range(3))
def test_framing_over_each_fault(fault: Fault, seed: int, way: Direction) -> None:
    pieces, lives = through(fault.name, seed=seed, way=way)
    arrived = frames(pieces)
    positions = [APDUS.index(apdu) for apdu in arrived]
    assert positions == sorted(positions), "a frame that arrives is one that was sent, in its order"
    if fault.harm is Harm.TIMING:
        assert arrived == APDUS
        assert lives
    if fault.harm is Harm.LINK:
        assert arrived == APDUS[: len(arrived)], "what came before the end is whole"
    else:
        assert lives


def test_the_links_that_die() -> None:
    dead = {way: {name for name in FAULTS if not through(name, way=way)[1]} for way in Direction}
    assert dead[Direction.UP] == {"cut-up"}
    assert dead[Direction.DOWN] == {"cut-down", "hang-up", "silence", "reboot"}


@pytest.mark.parametrize("name", ["garbage=0.5", "garble=0.5", "loss=0.5"])
def test_bytes_are_harmed(name: str) -> None:
    pieces, _ = through(name)
    assert set(APDUS) - set(frames(pieces))


def test_acks_are_lost_and_frames_are_not() -> None:
    pieces, _ = through("drop-ack=7")
    assert len(APDUS) - pieces.count(Signal.ACK) == 7
    assert frames(pieces) == APDUS


def test_a_duplicated_frame_comes_twice() -> None:
    pieces, _ = through("duplicate=1")
    assert frames(pieces) == [apdu for apdu in APDUS for _ in range(2)]


def test_an_ack_comes_as_nak() -> None:
    pieces, _ = through("ack-as-nak=3")
    assert pieces.count(Signal.NAK) == 3
    assert frames(pieces) == APDUS


def test_faults_can_be_joined() -> None:
    plan = plan_for(
        "byte-by-byte=0", "cut-down=3", "idle-hang-up=9", "idle-hang-up", "absent=2", "absent=4", seed=7
    )
    assert (plan.idle_s, plan.absent_s, plan.seed) == (2, 4, 7)
    acts = plan.apply(Direction.DOWN, b"abcd")
    assert [act.data for act in acts if isinstance(act, Write)] == [b"a", b"b", b"c"]
    assert isinstance(acts[-1], Cut)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("cut-dwon", "unknown fault 'cut-dwon'; did you mean 'cut-down'?"),
        ("xyzzy", "there are: byte-by-byte, coalesce, delay"),
        ("delay=soon", "delay=soon: the argument is a number: seconds"),
        ("delay=", "the argument is a number"),
        ("delay=-1", "the argument is a number"),
        ("delay=inf", "the argument is a number"),
        ("delay=nan", "the argument is a number"),
    ],
)
def test_what_is_no_fault_is_refused(text: str, says: str) -> None:
    with pytest.raises(FaultError) as caught:
        plan_for(text)
    assert says in str(caught.value)


def test_every_entry_explains_itself() -> None:
    for name, fault in FAULTS.items():
        assert name == fault.name
        assert fault.summary
        assert fault.argument
        assert plan_for(f"{name}={fault.default}").rules == plan_for(name).rules
    assert {name for name, fault in FAULTS.items() if fault.serial_only} == {
        "nak-storm",
        "drop-ack",
        "ack-as-nak",
    }

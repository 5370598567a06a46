"""Tests of what rules do to chunks."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.simulators.faults import (
    Act,
    AfterBytes,
    AtByte,
    Chance,
    Cut,
    Direction,
    Ending,
    Gather,
    Kind,
    NthChunk,
    Pause,
    Plan,
    Rule,
    Silence,
    Trigger,
    When,
    Write,
)
from drivers.zvt.serial_frame import ACK, NAK, encode_frame

UP, DOWN = Direction.UP, Direction.DOWN
FRAME = encode_frame(bytes.fromhex("060100"))


def up(data: bytes) -> Write:
    return Write(UP, data)


def test_a_good_line_changes_nothing() -> None:
    plan = Plan()
    assert plan.apply(UP, b"abc") == [up(b"abc")]
    assert plan.fired == 0
    assert (UP.other, DOWN.other) == (DOWN, UP)


@pytest.mark.parametrize(
    ("rule", "acts"),
    [
        (Rule(Kind.CUT, trigger=AfterBytes(0)), [Cut(Ending.BROKEN)]),
        (Rule(Kind.CUT, trigger=AfterBytes(1), seconds=5), [up(b"a"), Cut(Ending.BROKEN, 5)]),
        (Rule(Kind.CUT, trigger=AfterBytes(4), ending=Ending.CLOSED), [up(b"abcd"), Cut(Ending.CLOSED)]),
        (Rule(Kind.STALL, trigger=AfterBytes(2), seconds=9), [up(b"ab"), Silence(9), up(b"cd")]),
        (Rule(Kind.STALL), [Silence(None), up(b"abcd")]),
        (Rule(Kind.STALL, trigger=AfterBytes(4)), [up(b"abcd"), Silence(None)]),
        (Rule(Kind.DELAY, seconds=0.5), [Write(UP, b"abcd", 0.5)]),
        (Rule(Kind.DROP), []),
        (Rule(Kind.DROP, trigger=AtByte(1), count=2), [up(b"ad")]),
        (Rule(Kind.DROP, trigger=AtByte(0), count=9), []),
        (Rule(Kind.DUPLICATE), [up(b"abcd"), up(b"abcd")]),
        (
            Rule(Kind.SPLIT, seconds=0.1),
            [act for byte in (b"a", b"b", b"c", b"d") for act in (up(byte), Pause(0.1))],
        ),
        (Rule(Kind.COALESCE, seconds=0.2), [Gather(0.2), up(b"abcd")]),
        (Rule(Kind.DROP, DOWN), [up(b"abcd")]),
        (Rule(Kind.DROP, UP), []),
        (Rule(Kind.DROP, trigger=AtByte(4)), [up(b"abcd")]),
        (Rule(Kind.DROP, trigger=When(lambda data: b"x" in data)), [up(b"abcd")]),
        (Rule(Kind.DROP, trigger=When(lambda data: b"c" in data)), []),
        (Rule(Kind.DROP, trigger=Chance(0.0)), [up(b"abcd")]),
        (Rule(Kind.DROP, trigger=Chance(1.0)), []),
        (Rule(Kind.DROP_ACK), [up(b"abcd")]),
    ],
)
def test_what_a_rule_does_to_a_chunk(rule: Rule, acts: list[Act]) -> None:
    plan = Plan([rule])
    assert plan.apply(UP, b"abcd") == acts
    assert plan.fired == (acts != [up(b"abcd")])


def test_a_garbled_byte_is_another_one_and_only_one() -> None:
    for place in range(4):
        (act,) = Plan([Rule(Kind.GARBLE, trigger=AtByte(place))], seed=place).apply(UP, b"abcd")
        assert isinstance(act, Write)
        assert [at for at in range(4) if act.data[at] != b"abcd"[at]] == [place]
    (somewhere,) = Plan([Rule(Kind.GARBLE)]).apply(UP, b"abcd")
    assert isinstance(somewhere, Write)
    assert sum(a != b for a, b in zip(somewhere.data, b"abcd", strict=True)) == 1


def test_noise_comes_anywhere_or_where_it_is_told() -> None:
    places = set()
    for seed in range(50):
        (act,) = Plan([Rule(Kind.NOISE, count=3)], seed=seed).apply(UP, b"abcd")
        assert isinstance(act, Write)
        places |= {at for at in range(5) if act.data[:at] + act.data[at + 3 :] == b"abcd"}
    assert places == {0, 1, 2, 3}
    (act,) = Plan([Rule(Kind.NOISE, trigger=AtByte(2))]).apply(UP, b"abcd")
    assert isinstance(act, Write)
    assert (act.data[:2], act.data[3:]) == (b"ab", b"cd")


def test_a_cut_without_a_place_is_somewhere_in_the_chunk() -> None:
    places = set()
    for seed in range(50):
        *before, cut = Plan([Rule(Kind.CUT)], seed=seed).apply(UP, b"abcd")
        assert isinstance(cut, Cut)
        places.add(b"".join(act.data for act in before if isinstance(act, Write)))
    assert places == {b"", b"a", b"ab", b"abc"}


def test_offsets_and_numbers_count_the_whole_line_each_way() -> None:
    plan = Plan([Rule(Kind.CUT, UP, AfterBytes(6))])
    assert plan.apply(UP, b"abcd") == [up(b"abcd")]
    assert plan.apply(DOWN, b"abcd") == [Write(DOWN, b"abcd")]
    plan.new_link()
    assert plan.apply(UP, b"efgh") == [up(b"ef"), Cut(Ending.BROKEN)]
    assert plan.apply(UP, b"ij") == [up(b"ij")], "once is once, on the next link too"

    third = Plan([Rule(Kind.DROP, None, NthChunk(2), times=None)])
    assert [third.apply(way, b"x") for way in (UP, DOWN, UP, DOWN, UP)] == [
        [up(b"x")],
        [Write(DOWN, b"x")],
        [],
        [],
        [up(b"x")],
    ]


def test_a_place_on_the_edge_of_two_chunks_counts_once() -> None:
    plan = Plan([Rule(Kind.CUT, UP, AfterBytes(2), times=None)])
    assert plan.apply(UP, b"ab") == [up(b"ab"), Cut(Ending.BROKEN)]
    assert plan.apply(UP, b"cd") == [up(b"cd")]
    assert plan.fired == 1


def test_times_are_counted_and_none_is_for_ever() -> None:
    twice = Plan([Rule(Kind.DROP, times=2)])
    assert [bool(twice.apply(UP, b"x")) for _ in range(4)] == [False, False, True, True]
    always = Plan([Rule(Kind.DROP, times=None)])
    assert [always.apply(UP, b"x") for _ in range(4)] == [[]] * 4


def test_rules_work_one_after_the_other() -> None:
    plan = Plan(
        [
            Rule(Kind.DUPLICATE),
            Rule(Kind.DELAY, seconds=1, times=None),
            Rule(Kind.DELAY, seconds=2, trigger=NthChunk(2)),
            Rule(Kind.CUT, trigger=AfterBytes(5)),
            Rule(Kind.DROP, DOWN),
        ]
    )
    assert plan.apply(UP, b"abcd") == [Write(UP, b"abcd", 1), Write(UP, b"a", 3), Cut(Ending.BROKEN)]
    silent = Plan([Rule(Kind.STALL, seconds=1), Rule(Kind.DUPLICATE)])
    assert silent.apply(UP, b"a") == [Silence(1), up(b"a"), up(b"a")]


def test_a_frame_is_refused_whole_however_it_comes() -> None:
    plan = Plan([Rule(Kind.REFUSE_FRAME, UP, times=2)])
    assert plan.apply(UP, FRAME[:4]) == []
    assert plan.apply(UP, FRAME[4:]) == [Write(DOWN, NAK)]
    assert plan.apply(UP, ACK + FRAME[:-1] + b"?") == [up(ACK), Write(DOWN, NAK)]
    assert plan.apply(UP, b"xy" + NAK + FRAME) == [up(b"xy"), up(NAK), up(FRAME)]
    assert plan.apply(DOWN, FRAME) == [Write(DOWN, FRAME)]
    storm = Plan([Rule(Kind.REFUSE_FRAME, UP, count=3)])
    assert storm.apply(UP, FRAME) == [Write(DOWN, NAK)] * 3


def test_an_ack_is_lost_or_turned_round_and_frames_are_not() -> None:
    lost = Plan([Rule(Kind.DROP_ACK)])
    assert lost.apply(UP, ACK + FRAME + ACK) == [up(FRAME), up(ACK)]
    turned = Plan([Rule(Kind.ACK_TO_NAK)])
    inside = encode_frame(b"\x06\x0f\x01\x06")
    assert turned.apply(UP, inside + ACK + ACK) == [up(inside), up(NAK), up(ACK)]


def test_half_a_frame_of_the_last_link_is_forgotten() -> None:
    plan = Plan([Rule(Kind.DROP_ACK, times=0)])
    assert plan.apply(UP, FRAME[:4]) == []
    plan.new_link()
    assert plan.apply(UP, FRAME) == [up(FRAME)]


@given(
    st.lists(st.tuples(st.sampled_from(Direction), st.binary(min_size=1, max_size=12)), max_size=12),
    st.sampled_from(Kind),
    st.sampled_from([AfterBytes(3), AtByte(5), NthChunk(2), Chance(0.4)]),
    st.integers(0, 99),
)
def test_the_same_seed_and_bytes_give_the_same_faults(
    chunks: list[tuple[Direction, bytes]], kind: Kind, trigger: Trigger, seed: int
) -> None:
    plans = [Plan([Rule(kind, trigger=trigger, times=None)], seed=seed) for _ in range(2)]
    told = [[plan.apply(way, data) for way, data in chunks] for plan in plans]
    assert told[0] == told[1]
    assert plans[0].fired == plans[1].fired
    for acts in told[0]:
        assert all(act.data for act in acts if isinstance(act, Write)), "no chunk is empty"


def test_triggers_leave_chance_alone_when_they_do_not_need_it() -> None:
    chance = Random(1)  # repeatable
    state = chance.getstate()
    for trigger in (AfterBytes(3), AtByte(5), NthChunk(2), When(bool)):
        trigger.place(0, 1, b"abcdef", chance)
    assert chance.getstate() == state

"""Who gives way: after three heals within an hour, we do."""

from agent.fleet.actions import Action, Verb
from agent.fleet.contest import HEALS, RETRY_S, WITHIN_S, Contest, declared
from agent.fleet.model import DesiredConfiguration, DesiredLocation, DesiredReader, DesiredState, Kind

NAME = (Kind.LOCATION, "a")
ACTION = Action(Verb.UPDATE, Kind.LOCATION, "a", "tml_1", params={("phone",): "1"})
FIRST = DesiredState(locations={"a": DesiredLocation("a", {})})
SECOND = DesiredState(locations={"a": DesiredLocation("a", {("phone",): "2"})})


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def heal(contest: Contest, desired: DesiredState = FIRST) -> bool:
    """One round in which somebody has changed it again."""
    contest.look(desired, frozenset({NAME}))
    if not contest.may(ACTION):
        return False
    contest.healed(desired, ACTION)
    return True


def test_an_object_changed_again_and_again_is_left_alone() -> None:
    contest = Contest(Clock())
    assert [heal(contest) for _ in range(HEALS + 2)] == [True] * HEALS + [False, False]
    assert contest.contested == {NAME}


def test_seldom_changes_are_healed_for_ever() -> None:
    clock = Clock()
    contest = Contest(clock)
    for _ in range(20):
        clock.now += WITHIN_S / HEALS + 1
        assert heal(contest)
    assert contest.contested == frozenset()


def test_time_alone_makes_no_peace_but_the_end_of_the_difference_does() -> None:
    clock = Clock()
    contest = Contest(clock)
    for _ in range(HEALS + 1):
        heal(contest)
    clock.now += 10 * WITHIN_S
    assert not heal(contest)
    contest.look(FIRST, frozenset())
    assert contest.contested == frozenset()
    assert heal(contest)


def test_a_new_declaration_is_a_new_start() -> None:
    contest = Contest(Clock())
    for _ in range(HEALS + 1):
        heal(contest)
    assert heal(contest, SECOND)


def test_what_failed_for_good_is_not_tried_again_at_once() -> None:
    clock = Clock()
    contest = Contest(clock)
    contest.gave_up(FIRST, ACTION, "no such country")
    contest.look(FIRST, frozenset({NAME}))
    assert not contest.may(ACTION)
    assert contest.failed == {NAME: "no such country"}
    other = Action(Verb.UPDATE, Kind.LOCATION, "a", "tml_1", params={("phone",): "3"})
    assert contest.may(other)
    clock.now += RETRY_S
    assert contest.may(ACTION)
    contest.healed(FIRST, ACTION)
    assert contest.failed == {}


def test_a_failure_is_forgotten_when_nothing_differs_or_the_files_change() -> None:
    contest = Contest(Clock())
    contest.gave_up(FIRST, ACTION, "x")
    contest.look(FIRST, frozenset())
    assert contest.failed == {}
    contest.gave_up(FIRST, ACTION, "x")
    contest.look(SECOND, frozenset({NAME}))
    assert contest.failed == {}


def test_declarations_are_found_by_kind_and_name() -> None:
    state = DesiredState(
        {"x": DesiredConfiguration("x", "x")}, {"x": DesiredLocation("x", {})}, {"x": DesiredReader("x", "x")}
    )
    assert declared(state, (Kind.CONFIGURATION, "x")) == state.configurations["x"]
    assert declared(state, (Kind.LOCATION, "x")) == state.locations["x"]
    assert declared(state, (Kind.READER, "x")) == state.readers["x"]
    assert declared(state, (Kind.READER, "y")) is None

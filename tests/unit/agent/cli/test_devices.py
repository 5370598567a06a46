"""Plans for one reader, cut out of the plan for the fleet."""

from dataclasses import replace

import pytest

from agent.cli import devices
from agent.cli.errors import CommandError
from agent.fleet.actions import Plan
from agent.fleet.model import (
    CLAIM_KEY,
    NAME_KEY,
    DesiredLocation,
    DesiredReader,
    DesiredState,
    ObservedLocation,
    ObservedReader,
    ObservedState,
    flatten,
)
from drivers.readers.stripe_outcome import GATEWAY_KEY

ADDRESS = {
    "display_name": "Here",
    "address": {"line1": "A 1", "city": "Berlin", "postal_code": "10117", "country": "DE"},
}


def desired(*readers: DesiredReader, locations: tuple[str, ...] = ("here", "there")) -> DesiredState:
    return DesiredState(
        locations={
            name: DesiredLocation(name, flatten({**ADDRESS, "display_name": name})) for name in locations
        },
        readers={each.name: each for each in readers},
    )


def observed(*readers: ObservedReader, locations: tuple[str, ...] = ("here", "there")) -> ObservedState:
    return ObservedState(
        locations=tuple(
            ObservedLocation(
                f"tml_{name}", flatten({**ADDRESS, "display_name": name}), metadata={NAME_KEY: name}
            )
            for name in locations
        ),
        readers=readers,
    )


def live(identifier: str, name: str, serial: str = "S1", location: str = "here") -> ObservedReader:
    return ObservedReader(identifier, serial, "stripe_s700", "", f"tml_{location}", {NAME_KEY: name})


TILL_1 = DesiredReader("till-1", "here")
TILL_2 = DesiredReader("till-2", "here", registration_code="simulated-s700")


def steps(plan: Plan) -> list[tuple[str, str, str]]:
    return [(each.verb.value, each.name, each.id) for each in plan.actions]


def test_only_this_reader_is_registered() -> None:
    plan = devices.register(desired(TILL_1, TILL_2), observed(), "till-1", "quick-brown-fox")
    assert steps(plan) == [("register", "till-1", "")]
    assert plan.actions[0].params["registration_code",] == "quick-brown-fox"
    assert plan.actions[0].params["location",] == "tml_here"


def test_one_that_is_there_as_declared_has_nothing_to_be_done() -> None:
    plan = devices.register(desired(TILL_1), observed(live("tmr_1", "till-1")), "till-1", "code")
    assert plan.empty


def test_its_location_must_be_there_first() -> None:
    with pytest.raises(CommandError, match="here is declared and not in the account yet") as caught:
        devices.register(desired(TILL_1), observed(locations=()), "till-1", "code")
    assert "tillgate apply" in caught.value.fix


def test_a_move_is_one_action() -> None:
    plan = devices.move(desired(TILL_1), observed(live("tmr_1", "till-1")), "till-1", "there", "code")
    assert steps(plan) == [("move", "till-1", "tmr_1")]
    assert plan.actions[0].params["location",] == "tml_there"


def test_a_move_to_nowhere_is_refused() -> None:
    with pytest.raises(CommandError, match="no Location 'moon'") as caught:
        devices.move(desired(TILL_1), observed(), "till-1", "moon", "code")
    assert "here, there" in caught.value.fix
    with pytest.raises(CommandError) as caught:
        devices.move(desired(TILL_1, locations=()), observed(), "till-1", "moon", "code")
    assert caught.value.fix.endswith("none")


def test_the_new_device_comes_before_the_old_one_goes() -> None:
    plan = devices.replace_device(
        desired(TILL_1, TILL_2), observed(live("tmr_1", "till-1", "OLD")), "till-1", "code"
    )
    assert steps(plan) == [("register", "till-1", ""), ("remove", "till-1", "tmr_1")]
    assert "OLD" in plan.actions[1].note


def test_places_are_shown_by_their_declared_names() -> None:
    there = observed(live("tmr_1", "till-1"))
    new = devices.replace_device(desired(TILL_1), there, "till-1", "code").actions[0]
    assert [each.new for each in new.changes if each.path == "location"] == ["here"]
    assert new.params["location",] == "tml_here"
    moved = devices.move(desired(TILL_1), there, "till-1", "there", "code").actions[0]
    assert [(each.path, each.old, each.new) for each in moved.changes] == [("location", "here", "there")]


@pytest.mark.parametrize("serial", ["OLD", "NEW"])
def test_a_serial_number_in_the_files_may_be_the_old_or_already_the_new(serial: str) -> None:
    declared = DesiredReader("till-1", "here", serial_number=serial)
    plan = devices.replace_device(
        desired(declared), observed(live("tmr_1", "till-1", "OLD")), "till-1", "code"
    )
    assert steps(plan) == [("register", "till-1", ""), ("remove", "till-1", "tmr_1")]


def test_what_is_not_there_is_not_replaced() -> None:
    with pytest.raises(CommandError, match="no reader till-1 is in the account"):
        devices.replace_device(desired(TILL_1), observed(), "till-1", "code")


def test_a_replacement_that_cannot_begin_removes_nothing() -> None:
    plan = devices.replace_device(desired(TILL_1), observed(live("tmr_1", "till-1")), "till-1", "")
    assert plan.actions == ()
    assert plan.obstacles


def test_only_declared_readers_of_stripe_are_registered() -> None:
    with pytest.raises(CommandError, match="declare no Reader 'x'") as caught:
        devices.declared_reader(desired(TILL_1), "x")
    assert caught.value.fix.endswith("till-1")
    with pytest.raises(CommandError) as caught:
        devices.declared_reader(desired(), "x")
    assert caught.value.fix.endswith("none")
    with pytest.raises(CommandError, match="driven by zvt"):
        devices.declared_reader(desired(DesiredReader("z", "here", "zvt")), "z")


def claimed(owner: str) -> ObservedReader:
    return replace(live("tmr_1", "till-1"), metadata={NAME_KEY: "till-1", CLAIM_KEY: owner})


def test_a_reader_is_taken_over_from_whoever_had_it() -> None:
    (action,) = devices.claim(desired(TILL_1), observed(claimed("south")), "till-1", "north").actions
    assert (action.verb.value, action.id, action.params) == (
        "update",
        "tmr_1",
        {("metadata", CLAIM_KEY): "north"},
    )
    assert "must not sell" in action.note
    (free,) = devices.claim(desired(TILL_1), observed(live("tmr_1", "till-1")), "till-1", "north").actions
    assert free.note == ""


def test_what_is_ours_needs_no_claim_and_what_is_not_there_cannot_be_claimed() -> None:
    assert devices.claim(desired(TILL_1), observed(claimed("north")), "till-1", "north") == Plan()
    with pytest.raises(CommandError, match="no reader till-1 is in the account that could be claimed"):
        devices.claim(desired(TILL_1), observed(), "till-1", "north")


def test_the_driver_writes_the_key_that_the_fleet_leaves_alone() -> None:
    assert CLAIM_KEY == GATEWAY_KEY


def test_who_moves_away_leaves_its_gateway_behind() -> None:
    (move,) = devices.move(
        desired(TILL_1), observed(claimed("south")), "till-1", "there", "quick-brown-fox"
    ).actions
    assert ("metadata", NAME_KEY) in move.params
    assert ("metadata", CLAIM_KEY) not in move.params

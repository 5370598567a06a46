"""Who is who (test_plan.py has the cases): the order of the rules, and what the rest is told."""

from agent.fleet.matching import match
from agent.fleet.model import (
    NAME_KEY,
    DesiredLocation,
    DesiredReader,
    DesiredState,
    Kind,
    ObservedConfiguration,
    ObservedLocation,
    ObservedReader,
    ObservedState,
)

BERLIN = DesiredLocation("berlin", {("display_name",): "B"}, id="tml_1")
THERE = ObservedLocation("tml_1", {("display_name",): "B"})


def readers(*declared: DesiredReader, live: tuple[ObservedReader, ...]) -> dict[str, str]:
    desired = DesiredState(locations={"berlin": BERLIN}, readers={each.name: each for each in declared})
    found = match(desired, ObservedState(locations=(THERE,), readers=live))
    return {name: each.id for name, each in found.readers.items()}


def test_a_serial_number_beats_a_name_and_a_name_beats_a_label() -> None:
    live = (
        ObservedReader("tmr_serial", "S1", label="x", location_id="tml_1"),
        ObservedReader("tmr_name", "S2", label="y", location_id="tml_1", metadata={NAME_KEY: "b"}),
        ObservedReader("tmr_label", "S3", label="b", location_id="tml_1"),
    )
    assert readers(
        DesiredReader("a", "berlin", serial_number="S1"), DesiredReader("b", "berlin"), live=live
    ) == {
        "a": "tmr_serial",
        "b": "tmr_name",
    }


def test_swapped_serial_numbers_follow_the_files() -> None:
    live = (
        ObservedReader("tmr_1", "S1", location_id="tml_1", metadata={NAME_KEY: "a"}),
        ObservedReader("tmr_2", "S2", location_id="tml_1", metadata={NAME_KEY: "b"}),
    )
    found = readers(
        DesiredReader("a", "berlin", serial_number="S2"),
        DesiredReader("b", "berlin", serial_number="S1"),
        live=live,
    )
    assert found == {"a": "tmr_2", "b": "tmr_1"}


def test_other_drivers_are_not_looked_for() -> None:
    live = (ObservedReader("tmr_1", label="a", location_id="tml_1"),)
    assert readers(DesiredReader("a", "berlin", driver="zvt"), live=live) == {}


def test_the_default_configuration_is_no_ordinary_one() -> None:
    observed = ObservedState(configurations=(ObservedConfiguration("tmc_1", "c", is_account_default=True),))
    assert match(DesiredState(), observed).configurations == {}


def test_obstacles_are_by_kind_and_name() -> None:
    twins = tuple(ObservedReader(f"tmr_{n}", location_id="tml_1", metadata={NAME_KEY: "a"}) for n in range(2))
    desired = DesiredState(locations={"berlin": BERLIN}, readers={"a": DesiredReader("a", "berlin")})
    found = match(desired, ObservedState(locations=(THERE,), readers=twins))
    assert found.obstructed(Kind.READER, "a")
    assert not found.obstructed(Kind.LOCATION, "a")
    assert not found.obstructed(Kind.READER, "b")

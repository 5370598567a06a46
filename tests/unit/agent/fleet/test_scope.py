"""What a look asks for: enough to see what is declared, and no more."""

from dataclasses import replace

import pytest

from agent.fleet.bindings import Bindings, ReaderBinding, bind
from agent.fleet.matching import match
from agent.fleet.model import (
    NAME_KEY,
    DesiredConfiguration,
    DesiredLocation,
    DesiredReader,
    DesiredState,
    ObservedConfiguration,
    ObservedLocation,
    ObservedReader,
    ObservedState,
)
from agent.fleet.scope import WHOLE, Scope, Size, narrow, size, suffices

SMALL, LARGE = Size(1, 1), Size(3, 9)
DESIRED = DesiredState(
    locations={name: DesiredLocation(name, {("display_name",): name}) for name in ("a", "b")},
    readers={
        "till-1": DesiredReader("till-1", "a"),
        "till-2": DesiredReader("till-2", "a"),
        "zvt": DesiredReader("zvt", "b", "zvt"),
    },
)
BINDINGS = Bindings(
    {"till-1": ReaderBinding("tmr_1", "tml_a"), "till-2": ReaderBinding("tmr_2", "tml_a")},
    {"a": "tml_a", "b": "tml_b"},
)


def location(name: str, identifier: str = "") -> ObservedLocation:
    return ObservedLocation(identifier or f"tml_{name}", {("display_name",): name}, metadata={NAME_KEY: name})


def reader(number: int, *, at: str = "tml_a", name: str = "") -> ObservedReader:
    named = name or f"till-{number}"
    return ObservedReader(f"tmr_{number}", f"S{number}", "x", "", at, {NAME_KEY: named})


HERE = ObservedState(locations=(location("a"), location("b")), readers=(reader(1), reader(2)))


def test_the_size_of_an_account_is_counted_in_pages() -> None:
    assert size(ObservedState()) == Size(1, 1)
    assert size(replace(HERE, readers=tuple(map(reader, range(100))))) == Size(1, 1)
    assert size(replace(HERE, readers=tuple(map(reader, range(101))))) == Size(1, 2)


def test_in_a_large_account_only_what_is_declared_is_asked_for() -> None:
    assert narrow(DESIRED, BINDINGS, LARGE, prune=False) == Scope(
        configurations=False, locations=("tml_a", "tml_b"), readers_at=("tml_a",)
    )
    assert narrow(DESIRED, BINDINGS, LARGE, prune=True).readers_at == ("tml_a", "tml_b")
    configured = replace(DESIRED, configurations={"c": DesiredConfiguration("c", "c")})
    assert narrow(configured, BINDINGS, LARGE, prune=False).configurations


def test_where_a_list_is_cheaper_it_is_a_list() -> None:
    found = narrow(DESIRED, BINDINGS, SMALL, prune=False)
    assert found == Scope(configurations=False, locations=None, readers_at=("tml_a",))
    assert narrow(DESIRED, BINDINGS, SMALL, prune=True) == Scope(configurations=False)


@pytest.mark.parametrize(
    "bindings", [replace(BINDINGS, locations={"a": "tml_a"}), replace(BINDINGS, readers={}), Bindings()]
)
def test_what_was_never_found_may_be_anywhere(bindings: Bindings) -> None:
    assert narrow(DESIRED, bindings, LARGE, prune=False) == WHOLE


def test_a_look_that_finds_all_as_it_was_is_enough() -> None:
    assert bind(match(DESIRED, HERE)).locations == BINDINGS.locations
    assert suffices(DESIRED, match(DESIRED, HERE), BINDINGS)


@pytest.mark.parametrize(
    "seen",
    [
        replace(HERE, readers=(reader(1),)),
        replace(HERE, readers=(reader(1), reader(7, name="till-2"))),
        replace(HERE, readers=(reader(1), reader(2), reader(7, name="till-2"))),
        replace(HERE, locations=(location("a"),)),
        replace(HERE, locations=(location("a"), location("b", "tml_new"))),
    ],
    ids=["one is gone", "another device", "two could be it", "a Location is gone", "another Location"],
)
def test_anything_else_needs_the_whole_account(seen: ObservedState) -> None:
    assert not suffices(DESIRED, match(DESIRED, seen), BINDINGS)


def test_an_ambiguous_configuration_needs_no_other_look() -> None:
    desired = replace(DESIRED, configurations={"c": DesiredConfiguration("c", "c")})
    twins = (ObservedConfiguration("tmc_1", "c"), ObservedConfiguration("tmc_2", "c"))
    matches = match(desired, replace(HERE, configurations=twins))
    assert matches.obstacles
    assert suffices(desired, matches, BINDINGS)

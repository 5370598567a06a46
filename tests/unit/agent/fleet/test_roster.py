"""Which readers a gateway serves."""

from agent.fleet.bindings import ReaderBinding
from agent.fleet.model import DesiredReader, DesiredState
from agent.fleet.roster import roster
from drivers.contract import ReaderConfig, ReaderName

BINDINGS = {
    "till-1": ReaderBinding("tmr_1", "tml_here"),
    "till-9": ReaderBinding("tmr_9", "tml_elsewhere"),
}


def stripe(name: str, reader: str) -> ReaderConfig:
    return ReaderConfig(ReaderName(name), "stripe", {"reader": reader})


def test_the_readers_declared_here_are_served_once_they_were_found() -> None:
    readers = (
        DesiredReader("till-1", "here"),
        DesiredReader("till-2", "here"),
        DesiredReader("till-9", "elsewhere"),
        DesiredReader("till-3", "here", driver="zvt", options={"link": "tcp://127.0.0.1:1"}),
    )
    found = roster(DesiredState(readers={each.name: each for each in readers}), BINDINGS, "here", "tml_here")
    assert dict(found.configs) == {
        "till-1": stripe("till-1", "tmr_1"),
        "till-3": ReaderConfig(ReaderName("till-3"), "zvt", {"link": "tcp://127.0.0.1:1"}),
    }
    assert dict(found.waiting) == {"till-2": ReaderConfig(ReaderName("till-2"), "stripe")}


def test_without_desired_state_the_readers_known_to_be_here_are_served_and_no_others() -> None:
    assert dict(roster(None, BINDINGS, "here", "tml_here").configs) == {"till-1": stripe("till-1", "tmr_1")}
    assert dict(roster(None, BINDINGS, "here").configs) == {}


def test_a_reader_that_is_declared_no_more_is_not_served() -> None:
    assert dict(roster(DesiredState(), BINDINGS, "here", "tml_here").configs) == {}

"""The notation that both states share."""

from agent.fleet.model import (
    CLAIM_KEY,
    CODE_KEY,
    NAME_KEY,
    DesiredConfiguration,
    DesiredReader,
    DesiredState,
    Fields,
    Kind,
    ObservedConfiguration,
    ObservedLocation,
    ObservedReader,
    ObservedState,
    Purpose,
    Reference,
    SecretValue,
    Upload,
    flatten,
    nest,
)
from agent.secret import Secret


def test_flat_and_nested_are_one() -> None:
    nested = {"a": {"b": [1, 2], "c": False}, "d": 0, "e.f": "x"}
    assert flatten(nested) == {("a", "b"): (1, 2), ("a", "c"): False, ("d",): 0, ("e.f",): "x"}
    assert nest(flatten(nested)) == nested


def test_unset_is_left_out() -> None:
    assert flatten({"a": None, "b": "", "c": [], "d": {}, "e": {"f": None}}) == {}


def test_shown_without_secrets() -> None:
    assert str(SecretValue("file:/pw", Secret("x"))) == "***"
    assert str(Reference(Kind.LOCATION, "berlin")) == "berlin"
    assert str(Upload(Purpose.SPLASHSCREEN, "file:/a.png", "a" * 64)) == "/a.png (sha256 aaaaaaaaaaaa)"


def test_a_file_name_carries_the_hash_and_what_it_is() -> None:
    assert Upload(Purpose.SPLASHSCREEN, "file:/A.PNG", "ab" * 32).filename == f"tillgate-{'ab' * 16}.png"
    assert Upload(Purpose.WIFI_CERTIFICATE, "credential:x", "ab" * 32).filename == f"tillgate-{'ab' * 16}.pem"


def test_our_names_are_in_the_metadata() -> None:
    assert ObservedLocation("tml_1", {}, metadata={NAME_KEY: "berlin"}).name == "berlin"
    assert ObservedReader("tmr_1", metadata={CODE_KEY: "x"}).name == ""


def test_a_code_is_remembered_as_a_hash() -> None:
    reader = DesiredReader("r", "l", registration_code="a-b-c")
    assert reader.code_hash == "cbd2be7b96f770a0"


def test_a_state_gives_all_its_values() -> None:
    state = DesiredState(
        {"a": DesiredConfiguration("a", "a", {("x",): 1}), "b": DesiredConfiguration("b", "b")}
    )
    assert list(state.leaves()) == [1]


def observed(**changes: object) -> ObservedState:
    sections: Fields = {("wifi", "password"): Secret("x"), ("tipping", "eur"): (1, 2)}
    facts: dict[str, object] = {
        "configurations": (ObservedConfiguration("tmc_1", "c", sections),),
        "locations": (ObservedLocation("tml_1", {("phone",): "1"}),),
        "readers": (ObservedReader("tmr_1", label="x"), ObservedReader("tmr_2")),
        "files": {"file_1": "a"},
    }
    return ObservedState(**{**facts, **changes})  # type: ignore[arg-type]  # a table of facts


def test_a_fingerprint_tells_states_apart() -> None:
    first = observed().fingerprint()
    assert observed(readers=tuple(reversed(observed().readers))).fingerprint() == first
    assert (
        observed(
            readers=(ObservedReader("tmr_1", label="x", acting=True), ObservedReader("tmr_2"))
        ).fingerprint()
        == first
    )
    others = [
        observed(configurations=()),
        observed(locations=(ObservedLocation("tml_1", {("phone",): "2"}),)),
        observed(locations=(ObservedLocation("tml_1", {("phone",): "1"}, metadata={"a": "b"}),)),
        observed(readers=(ObservedReader("tmr_1", label="y"), ObservedReader("tmr_2"))),
        observed(files={}),
    ]
    assert len({first, *(each.fingerprint() for each in others)}) == 6


def test_a_fingerprint_tells_nothing_of_a_password() -> None:
    other = (
        ObservedConfiguration("tmc_1", "c", {("wifi", "password"): Secret("y"), ("tipping", "eur"): (1, 2)}),
    )
    assert observed(configurations=other).fingerprint() == observed().fingerprint()


def test_a_fingerprint_does_not_tell_which_gateway_serves_a_reader() -> None:
    free = ObservedReader("tmr_1", "S1", "stripe_s700", "", "tml_1", {NAME_KEY: "till-1"})
    claimed = ObservedReader(
        "tmr_1", "S1", "stripe_s700", "", "tml_1", {NAME_KEY: "till-1", CLAIM_KEY: "north"}
    )
    assert ObservedState(readers=(free,)).fingerprint() == ObservedState(readers=(claimed,)).fingerprint()

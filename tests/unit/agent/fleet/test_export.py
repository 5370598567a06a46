"""Accounts as files (test_plan.py and test_observed.py prove that their plan is empty)."""

from agent import documents
from agent.fleet.declaration import declare
from agent.fleet.export import export
from agent.fleet.model import (
    NAME_KEY,
    Fields,
    ObservedConfiguration,
    ObservedLocation,
    ObservedReader,
    ObservedState,
)
from agent.secret import Secret

ADDRESS: Fields = {
    ("display_name",): "Berlin Mitte!",
    ("address", "country"): "NO",
    ("address", "line1"): "01067",
    ("address", "city"): "on",
    ("address", "postal_code"): "1e3",
}


def test_names_are_made_valid_and_unique() -> None:
    observed = ObservedState(
        locations=(
            ObservedLocation("tml_1", ADDRESS),
            ObservedLocation("tml_2", ADDRESS),
            ObservedLocation("tml_3", ADDRESS, metadata={NAME_KEY: "berlin"}),
            ObservedLocation("tml_4", {**ADDRESS, ("display_name",): "東京"}),
        )
    )
    found = declare(documents.parse(export(observed).text, "x"))
    assert {name: each.id for name, each in found.locations.items()} == {
        "berlin-mitte": "tml_1",
        "berlin-mitte-2": "tml_2",
        "berlin": "",
        "tml-4": "tml_4",
    }
    assert dict(found.locations["berlin-mitte"].fields) == dict(ADDRESS)


def test_secrets_are_referred_to() -> None:
    sections: Fields = {
        ("wifi", "personal_psk", "password"): Secret("hunter2"),
        ("wifi", "type"): "personal_psk",
    }
    exported = export(ObservedState(configurations=(ObservedConfiguration("tmc_1", "net", sections),)))
    assert "hunter2" not in exported.text
    assert "file: secrets/net-wifi-personal-psk-password" in exported.text
    assert exported.secrets == {"secrets/net-wifi-personal-psk-password": Secret("hunter2")}


def test_an_untouched_default_is_not_worth_a_line() -> None:
    observed = ObservedState(configurations=(ObservedConfiguration("tmc_1", is_account_default=True),))
    assert export(observed).documents == ()


def test_a_reader_nowhere_is_left_out_and_told() -> None:
    exported = export(ObservedState(readers=(ObservedReader("tmr_1", label="Till"),)))
    assert exported.documents == ()
    assert exported.remarks == ("reader tmr_1 (Till) has no Location and was left out",)


def test_our_own_metadata_and_dangling_configurations_are_left_out() -> None:
    observed = ObservedState(
        locations=(ObservedLocation("tml_1", ADDRESS, "tmc_gone", {NAME_KEY: "a", "erp": "7"}),),
        readers=(ObservedReader("tmr_1", location_id="tml_1"),),
    )
    location, reader = export(observed).documents
    assert location["spec"]["metadata"] == {"erp": "7"}
    assert "configuration" not in location["spec"]
    assert reader["spec"] == {"location": "a", "driver": "stripe"}
    assert reader["metadata"] == {"name": "tmr-1", "id": "tmr_1"}

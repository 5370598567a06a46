"""The models of fleet files on their own."""

import pytest
from pydantic import ValidationError

from agent.fleet.desired import (
    MODELS,
    ConfigurationSpec,
    JapaneseAddress,
    LocationSpec,
    Metadata,
    ReaderSpec,
    Tipping,
    is_file_id,
)
from agent.fleet.model import Kind
from agent.fleet.observed import SECTIONS


def test_every_kind_has_a_model() -> None:
    assert set(MODELS) == set(Kind)


def test_every_section_can_be_declared_and_read() -> None:
    assert set(ConfigurationSpec.model_fields) - {"name", "is_account_default"} == SECTIONS


def test_the_currencies_are_those_of_the_reference() -> None:
    listed = "aed aud cad chf czk dkk eur gbp gip hkd huf jpy mxn myr nok nzd pln ron sek sgd usd"
    assert set(Tipping.model_fields) == set(listed.split())


@pytest.mark.parametrize("name", ["a", "till-1", "a.b", "x" * 63])
def test_good_names(name: str) -> None:
    assert Metadata(name=name).name == name


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a b", "a/b", "a_b", "x" * 64, "a\n"])
def test_bad_names(name: str) -> None:
    with pytest.raises(ValidationError):
        Metadata(name=name)


@pytest.mark.parametrize("value", ["acct_1", "tml_", "till-1", "tml_1/../2"])
def test_ids_are_those_of_terminal_objects(value: str) -> None:
    with pytest.raises(ValidationError):
        Metadata(name="a", id=value)


def test_values_are_never_converted() -> None:
    with pytest.raises(ValidationError):
        LocationSpec.model_validate({"display_name": 5})
    with pytest.raises(ValidationError):
        ReaderSpec.model_validate({"location": "a", "driver": "stripe", "metadata": {"a": 1}})


def test_a_japanese_address_says_its_country_by_itself() -> None:
    assert JapaneseAddress(town="x").country == "JP"


def test_file_ids_are_no_paths() -> None:
    assert is_file_id("file_1MkL0x")
    assert not is_file_id("file_logo.png")
    assert not is_file_id("file_1/logo")
    assert not is_file_id("logo")


def test_metadata_is_bounded() -> None:
    with pytest.raises(ValidationError):
        LocationSpec(metadata={f"k{n}": "v" for n in range(49)})
    with pytest.raises(ValidationError):
        LocationSpec(metadata={"k" * 41: "v"})

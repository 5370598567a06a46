"""Locations: the rules of their countries."""

from typing import Any

import pytest

from tests.unit.drivers.simulators.stripe_api.caller import AUSTRALIA, GERMANY, Caller

PATH = "/v1/terminal/locations"


@pytest.mark.parametrize("missing", ["line1", "city", "postal_code"])
async def test_germany_wants_these_fields(api: Caller, missing: str) -> None:
    address = {key: value for key, value in GERMANY.items() if key != missing}
    error = await api.error("POST", PATH, display_name="A", address=address)
    assert (error["code"], error["param"]) == ("parameter_missing", f"address[{missing}]")


@pytest.mark.parametrize(
    ("address", "param"),
    [
        ({key: value for key, value in AUSTRALIA.items() if key != "state"}, "address[state]"),
        ({"line1": "1", "country": "IE"}, "address[postal_code]"),
        ({"country": "GI"}, "address[line1]"),
        ({"line1": "1", "country": "BR"}, "address[country]"),
        ({"line1": "1", "country": "JP"}, "address"),
        ({"line1": "1"}, "address[country]"),
    ],
)
async def test_countries_have_rules(api: Caller, address: Any, param: str) -> None:
    assert (await api.error("POST", PATH, display_name="A", address=address))["param"] == param


async def test_a_name_and_an_address_are_needed(api: Caller) -> None:
    assert (await api.error("POST", PATH, address=GERMANY))["param"] == "display_name"
    assert (await api.error("POST", PATH, display_name="A"))["param"] == "address"


async def test_gibraltar_needs_little(api: Caller) -> None:
    made = await api.post(PATH, display_name="A", address={"line1": "1", "country": "gi"})
    assert made["address"]["country"] == "GI"


async def test_japan_writes_its_addresses_differently(api: Caller) -> None:
    kanji = {"postal_code": "1500001", "town": "神宮前"}
    made = await api.post(PATH, display_name_kana="ミセ", address_kanji=kanji, phone="+8131234567")
    assert (made["address"]["country"], made["address_kanji"]["town"]) == ("JP", "神宮前")
    assert (await api.error("POST", PATH, address_kanji=kanji))["param"] == "display_name"
    error = await api.error("POST", PATH, display_name="A", address_kana={"country": "DE"})
    assert error["param"] == "address_kana[country]"
    changed = await api.post(f"{PATH}/{made['id']}", display_name_kana="", phone="", display_name="")
    assert "phone" not in changed
    assert "display_name_kana" not in changed


async def test_the_country_stays(api: Caller) -> None:
    path = f"{PATH}/{await api.location()}"
    assert (await api.error("POST", path, address=AUSTRALIA))["param"] == "address[country]"
    moved = await api.post(path, address={"line1": "Other 2", "line2": "Yard"})
    assert (moved["address"]["line1"], moved["address"]["city"]) == ("Other 2", "Berlin")
    assert (await api.error("POST", path, display_name=""))["param"] == "display_name"


async def test_a_configuration_is_assigned_and_taken_away(api: Caller) -> None:
    made = await api.post("/v1/terminal/configurations", name="A")
    path = f"{PATH}/{await api.location()}"
    assert (await api.post(path, configuration_overrides=made["id"]))["configuration_overrides"] == made["id"]
    assert "configuration_overrides" not in await api.post(path, configuration_overrides="")
    error = await api.error("POST", path, configuration_overrides="tmc_none")
    assert (error["code"], error["param"]) == ("resource_missing", "configuration_overrides")
    default = (await api.get("/v1/terminal/configurations", is_account_default=True))["data"][0]
    error = await api.error("POST", path, configuration_overrides=default["id"])
    assert error["param"] == "configuration_overrides"


async def test_a_location_with_readers_stays(api: Caller) -> None:
    location = await api.location()
    reader = await api.reader(location=location)
    assert "readers registered" in (await api.error("DELETE", f"{PATH}/{location}"))["message"]
    await api.delete(reader)
    assert await api.delete(f"{PATH}/{location}") == {
        "id": location,
        "object": "terminal.location",
        "deleted": True,
    }
    assert (await api.get(f"{PATH}/{location}"))["deleted"] is True
    await api.error("POST", f"{PATH}/{location}", 404, display_name="B")
    await api.error("GET", f"{PATH}/tml_none", 404)
    assert (await api.get(PATH))["data"] == []

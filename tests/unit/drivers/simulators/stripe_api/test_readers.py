"""Readers as objects: how they are registered, found, renamed and deleted."""

import pytest

from drivers.simulators.stripe_api.readers import DEVICES
from drivers.simulators.stripe_api.terminal_parameters import DEVICE_TYPES
from tests.unit.drivers.simulators.stripe_api.caller import Caller, FakeClock

PATH = "/v1/terminal/readers"


@pytest.mark.parametrize("code", sorted(DEVICES))
async def test_simulated_codes_make_simulated_readers(api: Caller, code: str) -> None:
    made = await api.get(await api.reader(code))
    assert made["device_type"] == DEVICES[code].device_type
    assert made["device_type"] in DEVICE_TYPES
    assert made["serial_number"].startswith(code + "-")
    assert (made["label"], made["ip_address"], made["status"]) == (made["serial_number"], "0.0.0.0", "online")


async def test_each_registration_of_a_simulated_code_is_another_reader(api: Caller) -> None:
    location = await api.location()
    first, second = await api.reader(location=location), await api.reader(location=location)
    serials = {(await api.get(path))["serial_number"] for path in (first, second)}
    assert (first != second, len(serials)) == (True, 2)


async def test_three_words_name_one_device(api: Caller) -> None:
    first = await api.get(await api.reader("puppies-plug-could", label="A"))
    assert (first["device_type"], first["label"]) == ("stripe_s700", "A")
    other = await api.location()
    again = await api.post(PATH, registration_code="puppies-plug-could", location=other, metadata={"a": "b"})
    assert (again["id"], again["location"], again["label"]) == (first["id"], other, "A")
    await api.delete(f"{PATH}/{first['id']}")
    anew = await api.post(PATH, registration_code="puppies-plug-could", location=other)
    assert anew["id"] != first["id"]
    assert (anew["serial_number"], anew["label"]) == (first["serial_number"], "puppies-plug-could")


@pytest.mark.parametrize("code", ["simulated-toaster", "one-two", "ONE-TWO-THREE", "x"])
async def test_other_codes_are_invalid(api: Caller, code: str) -> None:
    error = await api.error("POST", PATH, registration_code=code, location=await api.location())
    assert error["param"] == "registration_code"


async def test_a_reader_needs_a_place(api: Caller) -> None:
    assert (await api.error("POST", PATH, registration_code="simulated-wpe"))["param"] == "location"
    error = await api.error("POST", PATH, registration_code="simulated-wpe", location="tml_none")
    assert (error["code"], error["param"]) == ("resource_missing", "location")
    assert (await api.error("POST", PATH, location=await api.location()))["param"] == "registration_code"


async def test_label_and_metadata_change_the_place_does_not(api: Caller) -> None:
    reader = await api.reader(metadata={"a": "b"})
    changed = await api.post(reader, label="New", metadata={"a": "", "c": "d"})
    assert (changed["label"], changed["metadata"]) == ("New", {"c": "d"})
    assert (await api.post(reader, label="", metadata=""))["metadata"] == {}
    error = await api.error("POST", reader, location=await api.location())
    assert (error["code"], error["param"]) == ("parameter_unknown", "location")


async def test_lists_are_filtered(api: Caller) -> None:
    first, second = await api.reader("simulated-wpe"), await api.reader("simulated-s700")
    wpe = await api.get(first)
    await api.control("/readers/" + second.rpartition("/")[2], {"state": "offline"})
    for filters in (
        {"device_type": "simulated_wisepos_e"},
        {"serial_number": wpe["serial_number"]},
        {"location": wpe["location"]},
        {"status": "online"},
    ):
        assert [row["id"] for row in (await api.get(PATH, **filters))["data"]] == [wpe["id"]]
    error = await api.error("GET", PATH, device_type="toaster")
    assert error["param"] == "device_type"


async def test_a_deleted_reader_leaves_a_tombstone(api: Caller) -> None:
    reader = await api.reader()
    serial = (await api.get(reader))["serial_number"]
    gone = await api.delete(reader)
    assert (gone["deleted"], gone["serial_number"]) == (True, serial)
    assert await api.get(reader) == gone
    await api.error("POST", reader, 404, label="x")
    await api.error("DELETE", reader, 404)
    await api.error("GET", PATH + "/tmr_none", 404)


async def test_when_it_was_seen_is_in_milliseconds(api: Caller, clock: FakeClock) -> None:
    reader = await api.reader()
    clock.seconds += 10.5
    assert (await api.get(reader))["last_seen_at"] == int(clock.seconds * 1000)
    await api.control("/readers/" + reader.rpartition("/")[2], {"state": "vanish"})
    seen = int(clock.seconds * 1000)
    clock.seconds += 60
    assert (await api.get(reader))["last_seen_at"] == seen


async def test_a_reader_that_comes_back_in_time_was_never_offline(api: Caller, clock: FakeClock) -> None:
    reader = await api.reader()
    name = "/readers/" + reader.rpartition("/")[2]
    await api.control(name, {"state": "vanish"})
    clock.seconds += 100
    await api.control(name, {"state": "online"})
    clock.seconds += 100
    assert (await api.get(reader))["status"] == "online"

"""The controls beyond Stripe's API."""

from typing import Any

import pytest

from drivers.simulators.stripe_api.core import StripeSimulator
from drivers.simulators.stripe_api.wire import SimRequest
from tests.unit.drivers.simulators.stripe_api.caller import Caller, FakeClock


async def test_the_controls_explain_themselves(api: Caller) -> None:
    shown = await api.control("", method="GET")
    assert "POST /_sim/faults" in shown["controls"]
    wrong = await api.control("/nonsense", {}, status=404)
    assert "GET /_sim lists them" in wrong["error"]["message"]


async def test_faults_are_listed_and_ended(api: Caller) -> None:
    made = await api.control(
        "/faults", {"match": {"method": "post", "path": "/v1/*"}, "effect": "delay:1.5", "times": None}
    )
    assert made["match"] == {"method": "POST", "path": "/v1/*"}
    other = await api.control("/faults", {"effect": "status:429:lock_timeout", "times": 2})
    listed = (await api.control("/faults", method="GET"))["data"]
    assert [row["effect"] for row in listed] == ["delay:1.5", "status:429:lock_timeout"]
    left = await api.control(f"/faults/{made['id']}", method="DELETE")
    assert [row["id"] for row in left["data"]] == [other["id"]]
    assert (await api.control("/faults", method="DELETE"))["data"] == []


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"surprise": 1}, "surprise"),
        ({"state": "asleep"}, "state"),
        ({"state": "busy"}, "state"),
        ({"state": "busy:soon"}, "state"),
        ({"state": "online:5"}, "state"),
        ({"auto_present": 5}, "auto_present"),
        ({"auto_present": {"when": 5}}, "auto_present"),
        ({"auto_present": {"after": -1}}, "auto_present[after]"),
        ({"auto_present": {"after": True}}, "auto_present[after]"),
        ({"auto_present": {"after": 1, "number": 12}}, "auto_present[number]"),
        ({"auto_present": {"after": 1, "times": -1}}, "auto_present[times]"),
        ({"auto_present": {"after": 1, "amount_tip": 1.5}}, "auto_present[amount_tip]"),
        ({"auto_cancel": {"after": 1, "number": "4"}}, "auto_cancel"),
        ({"next_payment": "bad"}, "next_payment"),
        ({"device_type": "toaster"}, "device_type"),
        ({"serial_number": 5}, "serial_number"),
    ],
)
async def test_reader_controls_have_rules(api: Caller, body: Any, param: str) -> None:
    reader = await api.reader()
    wrong = await api.control("/readers/" + reader.rpartition("/")[2], body, status=400)
    assert wrong["error"]["param"] == param


async def test_a_reader_shows_what_the_api_hides(api: Caller) -> None:
    reader = await api.reader()
    name = "/readers/" + reader.rpartition("/")[2]
    await api.process(reader, await api.intent())
    shown = await api.control(name, method="GET")
    assert (shown["phase"], shown["state"]) == ("wait", "online")
    await api.control("/readers/tmr_none", {}, status=404)


async def test_a_busy_time_ends(api: Caller, clock: FakeClock) -> None:
    reader = await api.reader()
    name = "/readers/" + reader.rpartition("/")[2]
    await api.control(name, {"state": "busy:5"})
    clock.seconds += 3
    await api.control(name, {"state": "busy:5"})
    clock.seconds += 3
    assert (await api.control(name, method="GET"))["state"] == "busy"
    clock.seconds += 3
    assert (await api.control(name, method="GET"))["state"] == "online"


async def test_the_clock_can_be_advanced(api: Caller, clock: FakeClock) -> None:
    shown = await api.control("/clock", {"advance": 100.5})
    assert shown["now"] == clock.seconds + 100.5
    assert (await api.control("/clock", method="GET"))["now"] == shown["now"]
    for wrong in (-1, "5", True, None, float(10**11)):
        await api.control("/clock", {"advance": wrong}, status=400)
    intent = await api.get(f"/v1/payment_intents/{await api.intent()}")
    assert intent["created"] == int(clock.seconds + 100.5)


async def test_advancing_carries_out_what_was_due(api: Caller) -> None:
    reader, intent = await api.reader(), await api.intent()
    await api.control("/readers/" + reader.rpartition("/")[2], {"auto_present": {"after": 30}})
    await api.process(reader, intent)
    await api.control("/clock", {"advance": 31})
    ledger = await api.control("/ledger", method="GET")
    assert ledger["payment_intents"][0]["status"] == "succeeded"


async def test_keys_can_be_revoked(api: Caller) -> None:
    await api.control("/keys", {"key": "sk_test_one", "state": "revoked"})
    assert (await api.error("GET", "/v1/events", 401))["type"] == "invalid_request_error"
    await api.control("/keys", {"key": "sk_test_one", "state": "expired"})
    assert (await api.error("GET", "/v1/events", 401))["code"] == "api_key_expired"
    await api.control("/keys", {"key": "sk_test_one", "state": "active"})
    await api.get("/v1/events")
    await api.control("/keys", {"key": "sk_test_one", "state": "lost"}, status=400)


async def test_controls_take_json_objects(simulator: StripeSimulator) -> None:
    for body in (b"{", b"[]"):
        answer = await simulator.handle(SimRequest("POST", "/_sim/clock", {}, body))
        assert (answer.status, answer.json()["error"]["param"]) == (400, "body")

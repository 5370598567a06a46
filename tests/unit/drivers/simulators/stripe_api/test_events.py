"""Events: what was written down, and how it is found again."""

from tests.unit.drivers.simulators.stripe_api.caller import Caller, FakeClock


async def test_a_sale_is_written_down(api: Caller) -> None:
    reader = await api.reader()
    held = await api.paid(reader, capture_method="manual")
    await api.send("POST", f"/v1/payment_intents/{held['id']}/capture", idempotency_key="k")
    events = (await api.get("/v1/events"))["data"]
    assert [event["type"] for event in events] == [
        "payment_intent.succeeded",
        "charge.captured",
        "terminal.reader.action_succeeded",
        "payment_intent.amount_capturable_updated",
        "charge.succeeded",
        "payment_intent.created",
    ]
    assert events[0]["request"]["idempotency_key"] == "k"
    snapshot = events[3]["data"]["object"]
    assert (snapshot["id"], snapshot["status"]) == (held["id"], "requires_capture")
    assert (await api.get(f"/v1/events/{events[0]['id']}"))["id"] == events[0]["id"]


async def test_events_are_found_by_type_and_cursor(api: Caller) -> None:
    reader = await api.reader()
    await api.paid(reader)
    seen = (await api.get("/v1/events", limit=1))["data"][0]["id"]
    await api.paid(reader, "4000000000000002")
    types = ["terminal.reader.action_succeeded", "terminal.reader.action_failed"]
    found = (await api.get("/v1/events", types=types))["data"]
    assert [event["type"] for event in found] == types[::-1]
    new = (await api.get("/v1/events", types=types, ending_before=seen))["data"]
    assert [event["type"] for event in new] == types[1:]
    assert {event["type"] for event in (await api.get("/v1/events", type="charge.*"))["data"]} == {
        "charge.succeeded",
        "charge.failed",
    }
    error = await api.error("GET", "/v1/events", type="charge.*", types=types)
    assert error["code"] == "parameters_exclusive"
    assert (await api.get("/v1/events", delivery_success=False))["data"] == []
    assert len((await api.get("/v1/events", delivery_success=True, limit=100))["data"]) == 8


async def test_old_events_are_gone(api: Caller, clock: FakeClock) -> None:
    await api.intent()
    clock.seconds += 30 * 24 * 3600 + 1
    assert (await api.get("/v1/events"))["data"] == []


async def test_events_of_connected_accounts_name_them(api: Caller) -> None:
    connected = Caller(api.simulator, "sk_test_one", **{"stripe-account": "acct_x"})
    await connected.intent()
    assert (await connected.get("/v1/events"))["data"][0]["account"] == "acct_x"

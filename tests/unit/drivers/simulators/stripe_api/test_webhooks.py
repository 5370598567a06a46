"""Webhooks: who gets what, signed how, and what can go wrong."""

import hashlib
import hmac
import json

from drivers.simulators.stripe_api.core import StripeSimulator
from drivers.simulators.stripe_api.webhooks import Delivery
from tests.unit.drivers.simulators.stripe_api.caller import Caller, FakeClock

PATH = "/v1/webhook_endpoints"
URL = "https://example.com/hook"


def kinds(deliveries: list[Delivery]) -> list[str]:
    return [json.loads(delivery.body)["type"] for delivery in deliveries]


async def test_an_endpoint_gets_what_it_wants(api: Caller, simulator: StripeSimulator) -> None:
    await api.post(PATH, url=URL, enabled_events=["payment_intent.*", "charge.failed"])
    await api.post(PATH, url=URL + "2", enabled_events=["*"])
    await Caller(simulator, "sk_test_two").post(PATH, url=URL + "3", enabled_events=["*"])
    await api.paid(await api.reader())
    deliveries = simulator.deliveries()
    first = [delivery for delivery in deliveries if delivery.url == URL]
    assert kinds(first) == ["payment_intent.created", "payment_intent.succeeded"]
    assert len([delivery for delivery in deliveries if delivery.url == URL + "2"]) == 4
    assert len(deliveries) == 6
    assert simulator.deliveries() == []


async def test_the_signature_is_stripes(api: Caller, simulator: StripeSimulator, clock: FakeClock) -> None:
    made = await api.post(PATH, url=URL, enabled_events=["*"], api_version="2026-09-30.endive")
    await api.intent()
    (delivery,) = simulator.deliveries()
    message = f"{int(clock.seconds)}.".encode() + delivery.body
    digest = hmac.new(made["secret"].encode(), message, hashlib.sha256).hexdigest()
    assert delivery.headers["stripe-signature"] == f"t={int(clock.seconds)},v1={digest}"


async def test_what_failed_is_tried_again(api: Caller, simulator: StripeSimulator, clock: FakeClock) -> None:
    endpoint = await api.post(PATH, url=URL, enabled_events=["*"])
    await api.intent()
    (event,) = (await api.get("/v1/events", delivery_success=False))["data"]
    for wait in (60, 3600):
        (delivery,) = simulator.deliveries()
        simulator.delivered(delivery, accepted=False)
        assert simulator.deliveries() == []
        clock.seconds += wait
    (last,) = simulator.deliveries()
    assert (last.attempt, last.event, last.endpoint) == (3, event["id"], endpoint["id"])
    simulator.delivered(last, accepted=False)
    clock.seconds += 10**6
    assert simulator.deliveries() == []
    simulator.delivered(last, accepted=True)
    assert (await api.get(f"/v1/events/{event['id']}"))["pending_webhooks"] == 0
    gone = Delivery(URL, {}, b"", last.account, last.endpoint, "evt_none", 1)
    simulator.delivered(gone, accepted=True)


async def test_a_deleted_or_disabled_endpoint_gets_nothing(
    api: Caller, simulator: StripeSimulator, clock: FakeClock
) -> None:
    endpoint = await api.post(PATH, url=URL, enabled_events=["*"])
    await api.intent()
    (delivery,) = simulator.deliveries()
    simulator.delivered(delivery, accepted=False)
    await api.post(f"{PATH}/{endpoint['id']}", disabled=True)
    await api.intent()
    clock.seconds += 60
    assert simulator.deliveries() == []
    await api.post(f"{PATH}/{endpoint['id']}", disabled=False)
    await api.delete(f"{PATH}/{endpoint['id']}")
    await api.intent()
    assert simulator.deliveries() == []


async def test_webhooks_get_lost_doubled_and_out_of_order(api: Caller, simulator: StripeSimulator) -> None:
    await api.post(PATH, url=URL, enabled_events=["*"])
    await api.control("/faults", {"effect": "lose_webhook", "match": {"path": "payment_intent.*"}})
    await api.intent()
    assert simulator.deliveries() == []
    await api.control("/faults", {"effect": "duplicate_webhook"})
    await api.intent()
    assert kinds(simulator.deliveries()) == ["payment_intent.created"] * 2
    await api.control("/faults", {"effect": "reorder_webhooks"})
    first, second = await api.intent(), await api.intent()
    order = [json.loads(delivery.body)["data"]["object"]["id"] for delivery in simulator.deliveries()]
    assert order == [second, first]


async def test_endpoints_have_rules(api: Caller) -> None:
    for params, param in (
        ({"url": "ftp://x", "enabled_events": ["*"]}, "url"),
        ({"url": URL}, "enabled_events"),
        ({"url": URL, "enabled_events": ["Not An Event"]}, "enabled_events[0]"),
        ({"url": URL, "enabled_events": ["*"], "api_version": "2020"}, "api_version"),
        ({"url": URL, "enabled_events": ["*"], "connect": True}, "connect"),
    ):
        assert (await api.error("POST", PATH, **params))["param"] == param
    made = await api.post(PATH, url=URL, enabled_events=["*"], description="x", metadata={"a": "b"})
    changed = await api.post(
        f"{PATH}/{made['id']}", url=URL + "9", description="", enabled_events=["charge.failed"]
    )
    assert (changed["url"], changed["description"], changed["metadata"]) == (URL + "9", None, {"a": "b"})
    assert (await api.get(PATH))["data"] == [changed]

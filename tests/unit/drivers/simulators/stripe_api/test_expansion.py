"""Expanding references."""

import pytest

from tests.unit.drivers.simulators.stripe_api.caller import Caller

DEEP = "action.process_payment_intent.payment_intent.latest_charge"


async def test_references_become_objects(api: Caller) -> None:
    reader = await api.reader()
    paid = await api.paid(reader)
    shown = await api.get(reader, expand=[DEEP, "location"])
    intent = shown["action"]["process_payment_intent"]["payment_intent"]
    assert (intent["id"], intent["latest_charge"]["id"]) == (paid["id"], paid["latest_charge"])
    assert (await api.get(reader))["action"]["process_payment_intent"]["payment_intent"] == paid["id"]
    listed = await api.get(
        "/v1/payment_intents", expand=["data.latest_charge", "data.latest_charge.payment_method"]
    )
    assert listed["data"][0]["latest_charge"]["payment_method"]["type"] == "card_present"
    page = await api.get("/v1/terminal/readers", expand=["data." + DEEP])
    assert (
        page["data"][0]["action"]["process_payment_intent"]["payment_intent"]["latest_charge"]["object"]
        == "charge"
    )


async def test_nothing_is_expanded_into_nothing(api: Caller) -> None:
    reader, intent = await api.reader(), await api.intent(customer="cus_1")
    assert (await api.get(reader, expand=[DEEP]))["action"] is None
    shown = await api.get(f"/v1/payment_intents/{intent}", expand=["latest_charge", "customer", "review"])
    assert (shown["latest_charge"], shown["customer"]) == (None, "cus_1")


@pytest.mark.parametrize("path", ["label", "action", DEEP + ".payment_method", "data.location.x.y.z.charge"])
async def test_some_things_cannot_be_expanded(api: Caller, path: str) -> None:
    error = await api.error("GET", await api.reader(), expand=[path])
    assert (error["param"], path in error["message"]) == ("expand", True)


async def test_refunds_of_a_charge(api: Caller) -> None:
    paid = await api.paid(await api.reader())
    refund = await api.post("/v1/refunds", payment_intent=paid["id"], expand=["charge.refunds"])
    assert refund["charge"]["refunds"]["data"][0]["id"] == refund["id"]

"""Refunds: in parts, whole, refused, and the one that fails later."""

from typing import Any

import pytest

from tests.unit.drivers.simulators.stripe_api.caller import Caller, FakeClock


async def test_parts_add_up(api: Caller) -> None:
    paid = await api.paid(await api.reader())
    charge = paid["latest_charge"]
    first = await api.post(
        "/v1/refunds",
        charge=charge,
        amount=400,
        reason="duplicate",
        metadata={"a": "b"},
        instructions_email="a@b.c",
    )
    assert (first["amount"], first["reason"], first["metadata"]) == (400, "duplicate", {"a": "b"})
    assert first["instructions_email"] == "a@b.c"
    shown = await api.get(f"/v1/charges/{charge}", expand=["refunds"])
    assert (shown["refunded"], shown["amount_refunded"], shown["refunds"]["data"]) == (False, 400, [first])
    error = await api.error("POST", "/v1/refunds", charge=charge, amount=601)
    assert error["param"] == "amount"
    rest = await api.post("/v1/refunds", payment_intent=paid["id"])
    assert rest["amount"] == 600
    assert (await api.get(f"/v1/charges/{charge}"))["refunded"] is True
    assert (await api.error("POST", "/v1/refunds", charge=charge))["code"] == "charge_already_refunded"
    listed = await api.get("/v1/refunds", charge=charge, created={"gt": 0})
    assert [row["id"] for row in listed["data"]] == [rest["id"], first["id"]]
    assert (await api.get("/v1/refunds", payment_intent="pi_none"))["data"] == []


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, "parameter_missing"),
        ({"charge": "ch_1", "payment_intent": "pi_1"}, "parameters_exclusive"),
        ({"charge": "ch_none", "amount": 1.5}, "parameter_invalid_integer"),
        ({"charge": "ch_none", "currency": "eur"}, None),
    ],
)
async def test_refunds_have_rules(api: Caller, params: Any, code: str | None) -> None:
    assert (await api.error("POST", "/v1/refunds", **params)).get("code") == code


async def test_only_taken_money_is_given_back(api: Caller) -> None:
    reader = await api.reader()
    held = await api.paid(reader, capture_method="manual")
    error = await api.error("POST", "/v1/refunds", payment_intent=held["id"])
    assert error["code"] == "charge_not_refundable"
    declined = await api.paid(reader, "4000000000000002")
    assert (
        "successful charge"
        in (await api.error("POST", "/v1/refunds", payment_intent=declined["id"]))["message"]
    )
    error = await api.error("POST", "/v1/refunds", charge=declined["latest_charge"])
    assert error["code"] == "charge_not_refundable"
    paid = await api.paid(reader)
    assert (await api.error("POST", "/v1/refunds", payment_intent=paid["id"], amount=0))["param"] == "amount"
    await api.error("POST", "/v1/refunds", 404, charge="ch_none")


async def test_a_refund_can_fail_later(api: Caller, clock: FakeClock) -> None:
    paid = await api.paid(await api.reader(), "4000000000005126")
    refund = await api.post("/v1/refunds", payment_intent=paid["id"])
    assert refund["status"] == "succeeded"
    clock.seconds += 1
    failed = await api.get(f"/v1/refunds/{refund['id']}")
    assert (failed["status"], failed["failure_reason"]) == ("failed", "expired_or_canceled_card")
    charge = await api.get(f"/v1/charges/{paid['latest_charge']}")
    assert (charge["refunded"], charge["amount_refunded"]) == (False, 0)
    assert (await api.control("/ledger", method="GET"))["totals"]["eur"]["refunded"] == 0
    assert (await api.get("/v1/events", type="refund.failed"))["data"][0]["request"]["id"] is None


async def test_metadata_changes_the_rest_stays(api: Caller) -> None:
    paid = await api.paid(await api.reader())
    refund = await api.post("/v1/refunds", payment_intent=paid["id"])
    path = f"/v1/refunds/{refund['id']}"
    assert (await api.post(path, metadata={"a": "b"}))["metadata"] == {"a": "b"}
    assert "requires_action" in (await api.error("POST", path + "/cancel"))["message"]

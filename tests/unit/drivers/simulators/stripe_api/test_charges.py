"""Charges and what a receipt needs of them."""

from drivers.simulators.stripe_api.cards import CARDS
from tests.unit.drivers.simulators.stripe_api.caller import Caller, FakeClock


async def test_a_receipt_has_what_the_law_wants(api: Caller) -> None:
    reader = await api.reader()
    paid = await api.paid(reader, "5105105105105100")
    charge = await api.get(f"/v1/charges/{paid['latest_charge']}")
    details = charge["payment_method_details"]["card_present"]
    receipt = details["receipt"]
    assert (receipt["account_type"], receipt["application_preferred_name"]) == ("prepaid", "Mastercard")
    assert (receipt["dedicated_file_name"], receipt["authorization_response_code"]) == (
        "A0000000041010",
        "3030",
    )
    assert len(receipt["application_cryptogram"]) == 16
    assert (details["last4"], details["brand"], details["reader"]) == (
        "5100",
        "mastercard",
        reader.rpartition("/")[2],
    )
    assert (details["read_method"], "capture_before" in details) == ("contactless_emv", False)
    assert (charge["captured"], charge["amount_captured"], charge["paid"]) == (True, 1000, True)


async def test_charges_are_listed_and_filtered(api: Caller, clock: FakeClock) -> None:
    reader = await api.reader()
    first = await api.paid(reader)
    clock.seconds += 100
    second = await api.paid(reader, transfer_group="g")
    charges = (await api.get("/v1/charges"))["data"]
    assert [row["payment_intent"] for row in charges] == [second["id"], first["id"]]
    assert len((await api.get("/v1/charges", payment_intent=first["id"]))["data"]) == 1
    assert len((await api.get("/v1/charges", transfer_group="g"))["data"]) == 1
    assert len((await api.get("/v1/charges", created={"gte": int(clock.seconds)}))["data"]) == 1
    await api.error("GET", "/v1/charges/ch_none", 404)


async def test_words_about_a_charge_can_change(api: Caller) -> None:
    paid = await api.paid(await api.reader())
    path = f"/v1/charges/{paid['latest_charge']}"
    address = {"line1": "x"}
    changed = await api.post(
        path,
        description="Shoes",
        metadata={"a": "b"},
        shipping={"name": "J", "address": address},
        fraud_details={"user_report": "safe"},
    )
    assert (changed["description"], changed["metadata"], changed["fraud_details"]) == (
        "Shoes",
        {"a": "b"},
        {"user_report": "safe"},
    )
    assert changed["shipping"]["address"] == address
    assert (await api.post(path, fraud_details={"user_report": ""}))["fraud_details"] == {}


async def test_every_good_card_pays(api: Caller) -> None:
    for card in CARDS.values():
        if card.code is None and card.pin_retry is None and not card.interac:
            paid = await api.paid(await api.reader(), card.number)
            charge = await api.get(f"/v1/charges/{paid['latest_charge']}")
            details = charge["payment_method_details"]["card_present"]
            assert (paid["status"], details["last4"], details["country"]) == (
                "succeeded",
                card.last4,
                card.country,
            )


async def test_a_charge_knows_where_its_money_goes(api: Caller) -> None:
    transfer = {"destination": "acct_2", "amount": 500, "metadata": {"a": "b"}}
    paid = await api.paid(await api.reader(), transfer_data=transfer)
    charge = await api.get(f"/v1/charges/{paid['latest_charge']}")
    assert charge["transfer_data"] == {"destination": "acct_2", "amount": 500}

"""PaymentIntents from their making to their end."""

import pytest

from drivers.simulators.stripe_api.core import StripeSimulator
from drivers.simulators.stripe_api.settings import SimulatorSettings
from tests.unit.drivers.simulators.stripe_api.caller import Caller, FakeClock

DAY = 24 * 3600


def with_settings(clock: FakeClock, settings: SimulatorSettings) -> Caller:
    return Caller(StripeSimulator(now=clock.now, settings=settings))


async def test_a_new_intent_waits_for_a_card(api: Caller) -> None:
    made = await api.get(f"/v1/payment_intents/{await api.intent(metadata={'session': 's1'})}")
    assert (made["status"], made["amount_received"], made["latest_charge"]) == (
        "requires_payment_method",
        0,
        None,
    )
    assert (made["payment_method_types"], made["metadata"]) == (["card_present"], {"session": "s1"})
    assert made["client_secret"].startswith(made["id"] + "_secret_")
    assert (await api.get("/v1/payment_intents", customer="cus_1"))["data"] == []


async def test_manual_capture_holds_and_takes(api: Caller) -> None:
    held = await api.paid(await api.reader(), capture_method="manual")
    path = f"/v1/payment_intents/{held['id']}"
    assert (held["status"], held["amount_capturable"], held["amount_received"]) == (
        "requires_capture",
        1000,
        0,
    )
    error = await api.error("POST", path + "/capture", amount_to_capture=1001)
    assert (error["code"], error["param"]) == ("amount_too_large", "amount_to_capture")
    assert (await api.error("POST", path + "/capture", amount_to_capture=0))["param"] == "amount_to_capture"
    assert (await api.error("POST", path + "/capture", final_capture=False))["param"] == "final_capture"
    taken = await api.post(path + "/capture")
    assert (taken["status"], taken["amount_received"]) == ("succeeded", 1000)
    error = await api.error("POST", path + "/capture")
    assert (error["code"], error["payment_intent"]["id"]) == ("payment_intent_unexpected_state", held["id"])


async def test_several_captures_where_they_are_eligible(clock: FakeClock) -> None:
    api = with_settings(clock, SimulatorSettings(multicapture=True))
    held = await api.paid(await api.reader(), capture_method="manual")
    path = f"/v1/payment_intents/{held['id']}/capture"
    first = await api.post(path, amount_to_capture=300, final_capture=False)
    assert (first["status"], first["amount_capturable"], first["amount_received"]) == (
        "requires_capture",
        700,
        300,
    )
    last = await api.post(path, amount_to_capture=200)
    assert (last["status"], last["amount_received"]) == ("succeeded", 500)
    totals = (await api.control("/ledger", method="GET"))["totals"]["eur"]
    assert totals == {"authorized": 1000, "captured": 500, "refunded": 0, "released": 500}


async def test_more_than_held_where_it_is_eligible(clock: FakeClock) -> None:
    api = with_settings(clock, SimulatorSettings(overcapture=True))
    held = await api.paid(await api.reader(), capture_method="manual")
    path = f"/v1/payment_intents/{held['id']}/capture"
    await api.error("POST", path, amount_to_capture=6001)
    assert (await api.post(path, amount_to_capture=6000))["amount_received"] == 6000


@pytest.mark.parametrize(
    ("number", "options", "held_s"),
    [
        ("4242424242424242", {}, 4 * DAY + 18 * 3600),
        ("5555555555554444", {}, 2 * DAY),
        ("5555555555554444", {"request_extended_authorization": True}, 30 * DAY),
    ],
)
async def test_a_hold_ends_by_itself(
    api: Caller, clock: FakeClock, number: str, options: object, held_s: int
) -> None:
    reader = await api.reader()
    held = await api.paid(
        reader, number, capture_method="manual", payment_method_options={"card_present": options}
    )
    charge = await api.get(f"/v1/charges/{held['latest_charge']}")
    assert charge["payment_method_details"]["card_present"]["capture_before"] == int(clock.seconds) + held_s
    path = f"/v1/payment_intents/{held['id']}"
    clock.seconds += held_s - 1
    assert (await api.get(path))["status"] == "requires_capture"
    clock.seconds += 1
    over = await api.get(path)
    assert (over["status"], over["cancellation_reason"]) == ("canceled", "automatic")
    assert (await api.get("/v1/events", type="charge.expired"))["data"]


async def test_a_captured_payment_does_not_expire(api: Caller, clock: FakeClock) -> None:
    held = await api.paid(await api.reader(), capture_method="manual")
    path = f"/v1/payment_intents/{held['id']}"
    await api.post(path + "/capture")
    clock.seconds += 30 * DAY
    assert (await api.get(path))["status"] == "succeeded"


async def test_canceling_releases_what_is_held(api: Caller) -> None:
    held = await api.paid(await api.reader(), capture_method="manual")
    path = f"/v1/payment_intents/{held['id']}/cancel"
    gone = await api.post(path, cancellation_reason="abandoned")
    assert (gone["status"], gone["cancellation_reason"], gone["amount_capturable"]) == (
        "canceled",
        "abandoned",
        0,
    )
    charge = await api.get(f"/v1/charges/{held['latest_charge']}")
    assert (charge["refunded"], charge["amount_refunded"], charge["captured"]) == (True, 1000, False)
    assert (await api.error("POST", path))["code"] == "payment_intent_unexpected_state"
    assert (await api.get("/v1/refunds"))["data"] == []


async def test_a_paid_intent_cannot_be_canceled(api: Caller) -> None:
    paid = await api.paid(await api.reader())
    error = await api.error("POST", f"/v1/payment_intents/{paid['id']}/cancel")
    assert "status of succeeded" in error["message"]


async def test_canceling_can_clear_the_reader(clock: FakeClock) -> None:
    api = with_settings(clock, SimulatorSettings(cancel_clears_reader=True))
    reader, idle, intent = await api.reader(), await api.reader(), await api.intent()
    await api.process(reader, intent)
    await api.post(f"/v1/payment_intents/{intent}/cancel")
    assert (await api.get(reader))["action"] is None
    assert (await api.get(idle))["action"] is None


async def test_words_may_change_at_any_time_money_may_not(api: Caller) -> None:
    paid = await api.paid(await api.reader())
    path = f"/v1/payment_intents/{paid['id']}"
    changed = await api.post(path, description="Shoes", metadata={"a": "b"})
    assert (changed["description"], changed["metadata"]) == ("Shoes", {"a": "b"})
    assert (await api.error("POST", path, amount=500))["code"] == "payment_intent_unexpected_state"


async def test_money_may_change_before_it_is_paid(api: Caller) -> None:
    path = f"/v1/payment_intents/{await api.intent(description='x')}"
    changed = await api.post(
        path,
        amount=2000,
        currency="usd",
        capture_method="manual",
        description="",
        excluded_payment_method_types="",
    )
    assert (changed["amount"], changed["currency"], changed["capture_method"]) == (2000, "usd", "manual")
    assert (changed["description"], changed["payment_method_types"]) == (None, ["card_present"])
    assert (await api.error("POST", path, amount=1))["code"] == "amount_too_small"


async def test_a_reader_confirms_not_the_caller(api: Caller) -> None:
    intent = await api.intent()
    error = await api.error("POST", f"/v1/payment_intents/{intent}/confirm")
    assert error["code"] == "payment_intent_unexpected_state"
    error = await api.error("POST", "/v1/payment_intents", amount=1000, currency="eur", confirm=True)
    assert error["param"] == "confirm"


async def test_authorisations_can_grow(api: Caller) -> None:
    reader = await api.reader()
    plain = await api.paid(reader, capture_method="manual")
    await api.error("POST", f"/v1/payment_intents/{plain['id']}/increment_authorization", amount=1200)
    held = await api.paid(
        reader,
        capture_method="manual",
        payment_method_options={"card_present": {"request_incremental_authorization_support": True}},
    )
    path = f"/v1/payment_intents/{held['id']}/increment_authorization"
    assert (await api.error("POST", path, amount=1000))["param"] == "amount"
    for index in range(10):
        grown = await api.post(path, amount=1001 + index)
    assert (grown["amount"], grown["amount_capturable"]) == (1010, 1010)
    assert "10 times" in (await api.error("POST", path, amount=2000))["message"]
    await api.post(f"/v1/payment_intents/{held['id']}/capture")
    assert (await api.error("POST", path, amount=2000))["code"] == "payment_intent_unexpected_state"
    details = (await api.get(f"/v1/charges/{held['latest_charge']}"))["payment_method_details"][
        "card_present"
    ]
    assert (details["amount_authorized"], details["incremental_authorization_supported"]) == (1010, True)

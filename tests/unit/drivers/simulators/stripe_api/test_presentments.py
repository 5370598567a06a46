"""Cards held to a reader: what they do to the reader and to the payment."""

import pytest

from drivers.simulators.stripe_api.core import StripeSimulator
from drivers.simulators.stripe_api.settings import SimulatorSettings
from tests.unit.drivers.simulators.stripe_api.caller import AUSTRALIA, CANADA, Caller, FakeClock, helper

TIPPING = {"eur": {"percentages": [5, 10, 15]}}


async def default_configuration(api: Caller) -> str:
    found = await api.get("/v1/terminal/configurations", is_account_default=True)
    return "/v1/terminal/configurations/" + str(found["data"][0]["id"])


@pytest.mark.parametrize(
    ("number", "code", "decline_code"),
    [
        ("4000000000000002", "card_declined", "generic_decline"),
        ("4000000000009995", "card_declined", "insufficient_funds"),
        ("4000000000009987", "card_declined", "lost_card"),
        ("4000000000009979", "card_declined", "stolen_card"),
        ("4000000000000069", "expired_card", None),
        ("4000000000000119", "processing_error", None),
    ],
)
async def test_failing_cards_fail(api: Caller, number: str, code: str, decline_code: str | None) -> None:
    reader = await api.reader()
    declined = await api.paid(reader, number)
    error = declined["last_payment_error"]
    assert declined["status"] == "requires_payment_method"
    assert (error["type"], error["code"], error.get("decline_code")) == ("card_error", code, decline_code)
    assert error["charge"] == declined["latest_charge"]
    action = (await api.get(reader))["action"]
    assert (action["status"], action["failure_code"]) == ("failed", "card_declined")
    assert action["api_error"]["code"] == code
    charge = await api.get(f"/v1/charges/{declined['latest_charge']}")
    assert (charge["status"], charge["paid"], charge["failure_code"]) == ("failed", False, code)


async def test_old_reader_software_does_not_say_what_failed(api: Caller) -> None:
    reader = await api.reader("simulated-wpe")
    await api.paid(reader, "4000000000000002")
    assert (await api.get(reader))["action"]["api_error"] is None


@pytest.mark.parametrize(
    ("amount", "decline_code"),
    [
        (1001, "call_issuer"),
        (1005, "generic_decline"),
        (1055, "incorrect_pin"),
        (1065, "withdrawal_count_limit_exceeded"),
        (1075, "pin_try_exceeded"),
    ],
)
async def test_amount_endings_decline(api: Caller, amount: int, decline_code: str) -> None:
    declined = await api.paid(await api.reader(), amount=amount)
    assert declined["last_payment_error"]["decline_code"] == decline_code


async def test_amount_endings_can_be_switched_off(clock: FakeClock) -> None:
    api = Caller(StripeSimulator(now=clock.now, settings=SimulatorSettings(amount_endings=False)))
    assert (await api.paid(await api.reader(), amount=1005))["status"] == "succeeded"


@pytest.mark.parametrize(
    ("number", "amount", "asked", "verification"),
    [
        ("4000008260000075", 1000, "offline_pin_required", "offline_pin"),
        ("4000002760000008", 1000, "online_or_offline_pin_required", "online_pin"),
        (None, 1002, "offline_pin_required", "offline_pin"),
        (None, 1003, "online_or_offline_pin_required", "online_pin"),
    ],
)
async def test_a_pin_is_asked_and_then_the_payment_goes_through(
    api: Caller, number: str | None, amount: int, asked: str, verification: str
) -> None:
    reader, intent = await api.reader(), await api.intent(amount)
    await api.process(reader, intent)
    shown = await api.present(reader, number)
    assert shown["action"]["status"] == "in_progress"
    waiting = await api.get(f"/v1/payment_intents/{intent}")
    assert waiting["last_payment_error"]["decline_code"] == asked
    assert (await api.present(reader, number))["action"]["status"] == "succeeded"
    charges = (await api.get("/v1/charges", payment_intent=intent))["data"]
    receipt = charges[0]["payment_method_details"]["card_present"]["receipt"]
    assert (len(charges), receipt["cardholder_verification_method"]) == (2, verification)
    assert charges[0]["payment_method_details"]["card_present"]["read_method"] == "contact_emv"


@pytest.mark.parametrize(
    ("number", "verification"), [("4001007020000002", "offline_pin"), ("4001000360000005", "online_pin")]
)
async def test_pin_cards_show_it_on_the_receipt(api: Caller, number: str, verification: str) -> None:
    paid = await api.paid(await api.reader(), number)
    charge = await api.get(f"/v1/charges/{paid['latest_charge']}")
    receipt = charge["payment_method_details"]["card_present"]["receipt"]
    assert receipt["cardholder_verification_method"] == verification


async def test_the_same_intent_can_be_tried_again(api: Caller) -> None:
    reader = await api.reader()
    declined = await api.paid(reader, "4000000000000002")
    await api.process(reader, declined["id"])
    await api.present(reader)
    paid = await api.get(f"/v1/payment_intents/{declined['id']}")
    assert (paid["status"], paid["last_payment_error"]) == ("succeeded", None)


async def test_a_tip_becomes_part_of_the_amount(api: Caller) -> None:
    await api.post(await default_configuration(api), tipping=TIPPING)
    reader, intent = await api.reader(), await api.intent(1000)
    await api.process(reader, intent)
    await api.present(reader, amount_tip=150)
    paid = await api.get(f"/v1/payment_intents/{intent}")
    assert (paid["amount"], paid["amount_received"], paid["amount_tip"]) == (1150, 1150, 0)
    assert paid["amount_details"]["tip"] == {"amount": 150}


async def test_no_tip_chosen_is_a_tip_of_zero(api: Caller) -> None:
    await api.post(await default_configuration(api), tipping=TIPPING)
    assert (await api.paid(await api.reader()))["amount_details"]["tip"] == {"amount": 0}


@pytest.mark.parametrize("config", [{"skip_tipping": True}, {"tipping": {"amount_eligible": 0}}])
async def test_tipping_can_be_skipped(api: Caller, config: object) -> None:
    await api.post(await default_configuration(api), tipping=TIPPING)
    reader, intent = await api.reader(), await api.intent()
    await api.process(reader, intent, process_config=config)
    error = await api.error("POST", helper(reader) + "/present_payment_method", amount_tip=1)
    assert error["param"] == "amount_tip"
    await api.present(reader)
    assert (await api.get(f"/v1/payment_intents/{intent}"))["amount_details"]["tip"] == {}


async def test_a_collected_tip_waits_beside_the_amount(api: Caller) -> None:
    made = await api.post("/v1/terminal/configurations", tipping=TIPPING)
    location = await api.location(configuration_overrides=made["id"])
    reader, intent = await api.reader(location=location), await api.intent()
    await api.post(reader + "/collect_payment_method", payment_intent=intent)
    await api.present(reader, amount_tip=100)
    waiting = await api.get(f"/v1/payment_intents/{intent}")
    assert (waiting["amount"], waiting["amount_tip"]) == (1000, 100)
    await api.post(reader + "/confirm_payment_intent", payment_intent=intent)
    paid = await api.get(f"/v1/payment_intents/{intent}")
    assert (paid["amount"], paid["amount_tip"], paid["amount_details"]["tip"]) == (1100, 0, {"amount": 100})


async def test_confirming_takes_its_time(clock: FakeClock) -> None:
    api = Caller(
        StripeSimulator(now=clock.now, settings=SimulatorSettings(busy_s=2, collected_status="succeeded"))
    )
    reader, intent = await api.reader(), await api.intent()
    await api.post(reader + "/collect_payment_method", payment_intent=intent)
    await api.present(reader)
    clock.seconds += 2
    assert (await api.get(reader))["action"]["status"] == "succeeded"
    started = await api.post(reader + "/confirm_payment_intent", payment_intent=intent)
    assert started["action"]["status"] == "in_progress"
    clock.seconds += 2
    assert (await api.get(reader))["action"]["status"] == "succeeded"
    assert (await api.get(f"/v1/payment_intents/{intent}"))["status"] == "succeeded"


async def test_a_declined_confirmation_fails(api: Caller) -> None:
    reader, intent = await api.reader(), await api.intent()
    await api.post(reader + "/collect_payment_method", payment_intent=intent)
    await api.present(reader, "4000008260000075")
    done = await api.post(reader + "/confirm_payment_intent", payment_intent=intent)
    assert (done["action"]["status"], done["action"]["failure_code"]) == ("failed", "card_declined")


@pytest.mark.parametrize("command", ["process_payment_intent", "collect_payment_method"])
async def test_a_canceled_intent_is_never_paid(api: Caller, command: str) -> None:
    reader, intent = await api.reader(), await api.intent()
    await api.post(f"{reader}/{command}", payment_intent=intent)
    await api.post(f"/v1/payment_intents/{intent}/cancel")
    assert (await api.get(reader))["action"]["status"] == "in_progress"
    shown = await api.present(reader)
    assert (shown["action"]["status"], shown["action"]["failure_code"]) == ("failed", "intent_invalid_state")
    assert (await api.get(f"/v1/payment_intents/{intent}"))["amount_received"] == 0


async def test_auto_present_serves_every_prompt(api: Caller, clock: FakeClock) -> None:
    reader = await api.reader()
    await api.control(
        "/readers/" + reader.rpartition("/")[2], {"auto_present": {"after": 4, "number": "4242424242424242"}}
    )
    for _ in range(2):
        intent = await api.intent()
        await api.process(reader, intent)
        clock.seconds += 3.9
        assert (await api.get(reader))["action"]["status"] == "in_progress"
        clock.seconds += 0.1
        assert (await api.get(f"/v1/payment_intents/{intent}"))["status"] == "succeeded"
    charge = (await api.get("/v1/charges"))["data"][0]
    assert charge["created"] == int(clock.seconds)


async def test_auto_present_may_be_counted_and_tip(api: Caller, clock: FakeClock) -> None:
    await api.post(await default_configuration(api), tipping=TIPPING)
    reader, first, second = await api.reader(), await api.intent(), await api.intent()
    wish = {"after": 1, "amount_tip": 50, "times": 1}
    shown = await api.control("/readers/" + reader.rpartition("/")[2], {"auto_present": wish})
    assert shown["auto_present"] == wish
    await api.process(reader, first)
    clock.seconds += 1
    assert (await api.get(f"/v1/payment_intents/{first}"))["amount"] == 1050
    await api.process(reader, second)
    clock.seconds += 100
    assert (await api.get(f"/v1/payment_intents/{second}"))["status"] == "requires_payment_method"


async def test_auto_present_reaches_a_prompt_that_is_up_and_enters_the_pin(
    api: Caller, clock: FakeClock
) -> None:
    reader, intent = await api.reader(), await api.intent(1002)
    await api.process(reader, intent)
    await api.control("/readers/" + reader.rpartition("/")[2], {"auto_present": {"after": 1}})
    clock.seconds += 1
    assert (await api.get(reader))["action"]["status"] == "in_progress"
    clock.seconds += 1
    assert (await api.get(f"/v1/payment_intents/{intent}"))["status"] == "succeeded"


async def test_an_edit_does_not_change_what_the_reader_shows(api: Caller) -> None:
    reader, intent = await api.reader(), await api.intent(1000)
    await api.process(reader, intent)
    await api.post(f"/v1/payment_intents/{intent}", amount=2000)
    await api.present(reader)
    paid = await api.get(f"/v1/payment_intents/{intent}")
    assert (paid["amount"], paid["amount_received"]) == (1000, 1000)


async def test_a_card_the_intent_does_not_take_leaves_the_prompt_up(api: Caller, clock: FakeClock) -> None:
    reader, intent = await api.reader(), await api.intent()
    wish = {"after": 1, "number": "4506445006931933"}
    await api.control("/readers/" + reader.rpartition("/")[2], {"auto_present": wish})
    await api.process(reader, intent)
    clock.seconds += 5
    assert (await api.get(reader))["action"]["status"] == "in_progress"
    assert (await api.get("/v1/charges"))["data"] == []


async def test_auto_present_stops_when_told(api: Caller, clock: FakeClock) -> None:
    reader, intent = await api.reader(), await api.intent()
    name = "/readers/" + reader.rpartition("/")[2]
    await api.control(name, {"auto_present": {"after": 5}})
    await api.process(reader, intent)
    await api.control(name, {"auto_present": None})
    clock.seconds += 10
    assert (await api.get(reader))["action"]["status"] == "in_progress"


@pytest.mark.parametrize(
    ("trouble", "status"),
    [("connection_error", "requires_payment_method"), ("connection_error_authorized", "succeeded")],
)
async def test_a_lost_connection_leaves_the_truth_to_the_intent(
    api: Caller, trouble: str, status: str
) -> None:
    reader = await api.reader()
    await api.control("/readers/" + reader.rpartition("/")[2], {"next_payment": trouble})
    paid = await api.paid(reader)
    action = (await api.get(reader))["action"]
    assert (paid["status"], action["failure_code"]) == (status, "connection_error")


async def test_interac_is_debited_at_once(api: Caller) -> None:
    reader = await api.reader(address=CANADA)
    types = ["card_present", "interac_present"]
    intent = await api.intent(currency="cad", allowed_payment_method_types=types)
    await api.process(reader, intent)
    await api.post(helper(reader) + "/present_payment_method", interac_present={"number": "4506445006931933"})
    paid = await api.get(f"/v1/payment_intents/{intent}")
    assert paid["status"] == "succeeded"
    details = (await api.get(f"/v1/charges/{paid['latest_charge']}"))["payment_method_details"]
    assert details["type"] == "interac_present"
    assert "amount_authorized" not in details["interac_present"]


@pytest.mark.parametrize(
    ("method", "status"), [("manual", "requires_payment_method"), ("manual_preferred", "succeeded")]
)
async def test_interac_cannot_be_held(api: Caller, clock: FakeClock, method: str, status: str) -> None:
    reader = await api.reader(address=CANADA)
    intent = await api.intent(
        currency="cad",
        allowed_payment_method_types=["interac_present", "card_present"],
        payment_method_options={"card_present": {"capture_method": method}},
    )
    await api.control(
        "/readers/" + reader.rpartition("/")[2], {"auto_present": {"after": 1, "number": "4506445006931933"}}
    )
    await api.process(reader, intent)
    clock.seconds += 1
    assert (await api.get(f"/v1/payment_intents/{intent}"))["status"] == status


@pytest.mark.parametrize(
    ("number", "options", "status"),
    [
        ("6280000360000978", {"capture_method": "manual"}, "requires_payment_method"),
        ("6280000360000978", {"capture_method": "manual_preferred"}, "succeeded"),
        ("4242424242424242", {"capture_method": "manual_preferred"}, "requires_capture"),
    ],
)
async def test_eftpos_cannot_be_held(api: Caller, number: str, options: object, status: str) -> None:
    reader = await api.reader(address=AUSTRALIA)
    paid = await api.paid(reader, number, currency="aud", payment_method_options={"card_present": options})
    assert paid["status"] == status


async def test_only_interac_intents_take_an_interac_card_by_default(api: Caller) -> None:
    reader = await api.reader(address=CANADA)
    intent = await api.intent(currency="cad", allowed_payment_method_types=["interac_present"])
    await api.process(reader, intent)
    await api.present(reader)
    assert (await api.get(f"/v1/payment_intents/{intent}"))["status"] == "succeeded"


async def test_presenting_what_cannot_be_presented(api: Caller) -> None:
    reader, intent = await api.reader(), await api.intent()
    present = helper(reader) + "/present_payment_method"
    assert (await api.error("POST", present))["code"] == "intent_invalid_state"
    await api.process(reader, intent)
    for params, param in (
        ({"card_present": {"number": "1234"}}, "card_present[number]"),
        ({"card_present": {"number": "4506445006931933"}}, "card_present[number]"),
        ({"type": "interac_present"}, "type"),
        ({"type": "card"}, "type"),
        ({"card": {"number": "4242424242424242"}}, "card"),
    ):
        assert (await api.error("POST", present, **params))["param"] == param
    await api.control("/readers/" + reader.rpartition("/")[2], {"state": "offline"})
    assert "cannot be presented" in (await api.error("POST", present))["message"]
    assert (await api.get(reader))["action"]["status"] == "in_progress"

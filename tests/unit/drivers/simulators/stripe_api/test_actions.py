"""The single action slot of a reader: waiting is replaced, busy refuses, the end stays readable."""

import pytest

from drivers.simulators.stripe_api.core import StripeSimulator
from drivers.simulators.stripe_api.settings import SimulatorSettings
from tests.unit.drivers.simulators.stripe_api.caller import Caller, FakeClock

CART = {"currency": "eur", "line_items": [{"amount": 1, "description": "x", "quantity": 1}], "total": 1}


def busy(clock: FakeClock, **settings: object) -> Caller:
    """A simulator whose authorisations take three seconds."""
    chosen = SimulatorSettings(busy_s=3.0, **settings)  # type: ignore[arg-type]  # a test's keyword arguments
    return Caller(StripeSimulator(now=clock.now, sleep=clock.sleep, settings=chosen))


async def test_a_waiting_payment_is_replaced_by_another(api: Caller) -> None:
    reader = await api.reader()
    first, second = await api.intent(), await api.intent()
    await api.process(reader, first)
    shown = await api.process(reader, second)
    assert shown["action"]["process_payment_intent"]["payment_intent"] == second
    await api.present(reader)
    assert (await api.get(f"/v1/payment_intents/{first}"))["status"] == "requires_payment_method"
    rows = {row["id"]: row for row in (await api.control("/ledger", method="GET"))["payment_intents"]}
    assert (rows[first]["prompts_shown"], rows[first]["prompts_replaced"]) == (1, 1)
    assert (rows[second]["prompts_shown"], rows[second]["prompts_replaced"]) == (1, 0)


async def test_a_display_replaces_a_waiting_payment(api: Caller) -> None:
    reader, intent = await api.reader(), await api.intent()
    await api.process(reader, intent)
    shown = await api.post(reader + "/set_reader_display", type="cart", cart=CART)
    assert shown["action"]["type"] == "set_reader_display"
    error = await api.error("POST", reader.replace("/v1/", "/v1/test_helpers/") + "/present_payment_method")
    assert error["message"] == "The reader is not waiting for a payment method."
    row = (await api.control("/ledger", method="GET"))["payment_intents"][0]
    assert (row["prompts_replaced"], row["payable_now"]) == (1, False)


async def test_a_busy_reader_refuses_everything(clock: FakeClock) -> None:
    api = busy(clock)
    reader, intent = await api.reader(), await api.intent()
    await api.process(reader, intent)
    shown = await api.present(reader)
    assert shown["action"]["status"] == "in_progress"
    for command, params in (
        ("cancel_action", {}),
        ("process_payment_intent", {"payment_intent": intent}),
        ("set_reader_display", {"type": "cart", "cart": CART}),
    ):
        error = await api.error("POST", f"{reader}/{command}", **params)
        assert error["code"] == "terminal_reader_busy"
    clock.seconds += 3
    assert (await api.get(reader))["action"]["status"] == "succeeded"
    assert (await api.get(f"/v1/payment_intents/{intent}"))["status"] == "succeeded"
    assert (await api.post(reader + "/cancel_action"))["action"] is None


async def test_canceling_a_waiting_payment_empties_the_slot(api: Caller) -> None:
    reader, intent = await api.reader(), await api.intent()
    await api.process(reader, intent)
    assert (await api.post(reader + "/cancel_action"))["action"] is None
    assert (await api.post(reader + "/cancel_action"))["action"] is None
    assert (await api.get(f"/v1/payment_intents/{intent}"))["status"] == "requires_payment_method"


async def test_canceling_nothing_can_be_an_error(clock: FakeClock) -> None:
    api = busy(clock, idle_cancel_fails=True)
    reader = await api.reader()
    assert (await api.error("POST", reader + "/cancel_action", 404))["code"] == "resource_missing"


async def test_the_last_action_stays_readable(api: Caller) -> None:
    reader = await api.reader()
    paid = await api.paid(reader)
    action = (await api.get(reader))["action"]
    assert (action["status"], action["process_payment_intent"]["payment_intent"]) == ("succeeded", paid["id"])


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("offline", "terminal_reader_offline"),
        ("busy:10", "terminal_reader_busy"),
        ("updating", "terminal_reader_busy"),
        ("vanish", "terminal_reader_timeout"),
    ],
)
async def test_a_reader_that_will_not_take_commands_says_why(api: Caller, state: str, code: str) -> None:
    reader, intent = await api.reader(), await api.intent()
    await api.control("/readers/" + reader.rpartition("/")[2], {"state": state})
    error = await api.error("POST", reader + "/process_payment_intent", payment_intent=intent)
    assert (error["type"], error["code"]) == ("invalid_request_error", code)
    row = (await api.control("/ledger", method="GET"))["payment_intents"][0]
    assert row["prompts_shown"] == 0


async def test_the_status_of_reader_errors_can_be_chosen(clock: FakeClock) -> None:
    api = busy(clock, terminal_error_status=409)
    reader, intent = await api.reader(), await api.intent()
    await api.control("/readers/" + reader.rpartition("/")[2], {"state": "offline"})
    await api.error("POST", reader + "/process_payment_intent", 409, payment_intent=intent)


async def test_a_prompt_nobody_answers_ends(api: Caller, clock: FakeClock) -> None:
    reader, intent = await api.reader(), await api.intent()
    await api.process(reader, intent)
    clock.seconds += 3599
    assert (await api.get(reader))["action"]["status"] == "in_progress"
    clock.seconds += 1
    action = (await api.get(reader))["action"]
    assert (action["status"], action["failure_code"]) == ("failed", "reader_timeout")


async def test_a_vanished_reader_is_stuck_until_someone_cancels(api: Caller, clock: FakeClock) -> None:
    reader, intent = await api.reader(), await api.intent()
    name = reader.rpartition("/")[2]
    await api.control(f"/readers/{name}", {"auto_present": {"after": 5}})
    await api.process(reader, intent)
    await api.control(f"/readers/{name}", {"state": "vanish"})
    clock.seconds += 119
    assert (await api.get(reader))["status"] == "online"
    clock.seconds += 10_000
    shown = await api.get(reader)
    assert (shown["status"], shown["action"]["status"]) == ("offline", "in_progress")
    await api.control(f"/readers/{name}", {"state": "online"})
    assert (await api.get(reader))["action"]["status"] == "in_progress"
    assert (await api.post(reader + "/cancel_action"))["action"] is None
    assert (await api.get(f"/v1/payment_intents/{intent}"))["status"] == "requires_payment_method"


async def test_a_reader_that_vanishes_while_busy_may_have_taken_the_money(clock: FakeClock) -> None:
    api = busy(clock)
    reader, intent = await api.reader(), await api.intent()
    await api.process(reader, intent)
    await api.present(reader)
    await api.control("/readers/" + reader.rpartition("/")[2], {"state": "vanish"})
    clock.seconds += 10
    assert (await api.get(reader))["action"]["status"] == "in_progress"
    assert (await api.get(f"/v1/payment_intents/{intent}"))["status"] == "succeeded"


async def test_the_customer_cancels_where_there_is_a_button(api: Caller, clock: FakeClock) -> None:
    reader, intent = await api.reader(), await api.intent()
    await api.control("/readers/" + reader.rpartition("/")[2], {"auto_cancel": {"after": 4}})
    await api.process(reader, intent)
    clock.seconds += 5
    assert (await api.get(reader))["action"]["status"] == "in_progress"
    await api.process(reader, intent, process_config={"enable_customer_cancellation": True})
    clock.seconds += 5
    action = (await api.get(reader))["action"]
    assert (action["failure_code"], action["api_error"]) == ("customer_canceled", None)
    assert action["process_payment_intent"]["process_config"] == {"enable_customer_cancellation": True}
    (event,) = (await api.get("/v1/events", type="terminal.reader.action_failed"))["data"]
    assert event["data"]["object"]["action"]["failure_code"] == "customer_canceled"


async def test_a_collected_card_must_be_confirmed_in_time(api: Caller, clock: FakeClock) -> None:
    reader, intent = await api.reader(), await api.intent()
    await api.post(reader + "/collect_payment_method", payment_intent=intent)
    await api.present(reader)
    assert (await api.get(f"/v1/payment_intents/{intent}"))["status"] == "requires_confirmation"
    clock.seconds += 30
    assert (await api.get(reader))["action"]["status"] == "failed"
    assert (await api.get(f"/v1/payment_intents/{intent}"))["status"] == "requires_payment_method"


async def test_canceling_forgets_a_collected_card(api: Caller) -> None:
    reader, intent = await api.reader(), await api.intent()
    await api.post(reader + "/collect_payment_method", payment_intent=intent)
    await api.present(reader)
    await api.post(reader + "/cancel_action")
    shown = await api.get(f"/v1/payment_intents/{intent}")
    assert (shown["status"], shown["payment_method"]) == ("requires_payment_method", None)


async def test_inputs_nobody_answers_end_after_two_minutes(api: Caller, clock: FakeClock) -> None:
    reader = await api.reader()
    await api.post(reader + "/collect_inputs", inputs=[{"type": "email", "custom_text": {"title": "Mail"}}])
    clock.seconds += 120
    assert (await api.get(reader))["action"]["status"] == "failed"

"""Getting a payment onto a reader that is busy, silent, offline, or somebody else's."""

import asyncio

import pytest

from drivers.contract import DriverError, NotStartedError, Outcome, Progress, Verdict
from drivers.readers.stripe import StripeReader
from drivers.readers.stripe_calls import Value
from drivers.readers.stripe_timing import Timing
from tests.stripe_store import Session, StripeStore

PROCESS = "/v1/terminal/readers/*/process_payment_intent"
LOOK = "/v1/terminal/readers/*"
CANCEL = "/v1/payment_intents/*/cancel"


async def paid(store: StripeStore, driver: StripeReader, session: Session) -> Outcome:
    await store.customer(auto_present={"after": 7})
    outcome = await driver.pay(session.request, session.report)
    assert outcome.verdict is Verdict.PAID
    assert len(await store.stripe.ledger()) == 1
    return outcome


async def refused(driver: StripeReader, session: Session) -> NotStartedError:
    with pytest.raises(NotStartedError) as caught:
        await driver.pay(session.request, session.report)
    return caught.value


def process_keys(store: StripeStore) -> list[str]:
    exchange = store.stripe.exchange
    return [
        key
        for sent, key in zip(exchange.sent, exchange.keys, strict=True)
        if sent.endswith("process_payment_intent")
    ]


async def foreign(store: StripeStore) -> str:
    other = await store.stripe.api.create_payment_intent(
        {"amount": 500, "currency": "eur", "allowed_payment_method_types": ["card_present"]}, key="other"
    )
    await store.stripe.api.process_payment_intent(store.reader, other.id, key="other-process")
    return other.id


async def test_another_tills_prompt_is_never_replaced() -> None:
    store = StripeStore()
    driver = await store.begin()
    other = await foreign(store)
    session = Session()
    error = await refused(driver, session)
    assert error.code == "reader_busy"
    assert (await store.row(other))["prompts_replaced"] == 0
    assert (await store.row(session.intent))["status"] == "canceled"
    assert session.report.attempts == {}


async def test_a_dead_prompt_of_a_payment_that_is_over_is_no_obstacle() -> None:
    store = StripeStore()
    driver = await store.begin()
    other = await foreign(store)
    await store.stripe.api.cancel_payment_intent(other)
    await store.customer(auto_present={"after": 7})
    session = Session()
    outcome = await driver.pay(session.request, session.report)
    assert outcome.verdict is Verdict.PAID


async def test_a_cart_gives_way_to_a_payment() -> None:
    store = StripeStore()
    driver = await store.begin()
    line: dict[str, Value] = {"description": "Tea", "amount": 1200, "quantity": 1}
    await store.stripe.api.set_reader_display(
        store.reader, {"currency": "eur", "total": 1200, "line_items": [line]}
    )
    await paid(store, driver, Session())


async def test_a_form_that_a_customer_fills_in_does_not() -> None:
    store = StripeStore()
    driver = await store.begin()
    question: dict[str, Value] = {"type": "email", "custom_text": {"title": "Your address"}}
    await store.stripe.client.call(
        "POST", "/v1/terminal/readers/{}/collect_inputs", {"inputs": [question]}, ids=(store.reader,)
    )
    assert (await refused(driver, Session())).code == "reader_busy"


async def test_a_busy_reader_is_waited_for_and_asked_with_a_new_key() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.customer(state="busy:4")
    session = Session()
    await paid(store, driver, session)
    assert process_keys(store) == ["s1:process:1", "s1:process:2", "s1:process:3"]
    assert session.report.attempts == {"process": 3}


async def test_a_reader_that_stays_busy_gets_no_payment() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.customer(state="busy:600")
    session = Session()
    error = await refused(driver, session)
    assert error.code == "terminal_reader_busy"
    assert 8 <= asyncio.get_running_loop().time() <= 12
    assert (await store.row(session.intent))["status"] == "canceled"


async def test_an_offline_reader_gets_no_payment() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.customer(state="offline")
    session = Session()
    error = await refused(driver, session)
    assert error.code == "terminal_reader_offline"
    row = await store.row(session.intent)
    assert (row["status"], row["prompts_shown"]) == ("canceled", 0)


async def test_a_timeout_that_was_none_is_found_out_by_looking() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.stripe.fault("timeout_delivered", path=PROCESS)
    session = Session()
    await paid(store, driver, session)
    assert session.report.attempts == {"process": 1}
    assert (await store.row(session.intent))["prompts_shown"] == 1


async def test_a_true_timeout_is_tried_again_with_a_new_key() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.stripe.fault("timeout_not_delivered", path=PROCESS, times=2)
    session = Session()
    await paid(store, driver, session)
    assert process_keys(store) == ["s1:process:1", "s1:process:2", "s1:process:3"]


async def test_a_reader_that_never_acknowledges_is_given_up_and_the_payment_withdrawn() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.stripe.fault("timeout_not_delivered", path=PROCESS, times=None)
    session = Session()
    error = await refused(driver, session)
    assert error.code == "terminal_reader_timeout"
    assert (await store.row(session.intent))["status"] == "canceled"
    assert Progress.CANCELING in session.report.steps


async def test_what_cannot_be_withdrawn_is_in_doubt() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.stripe.fault("timeout_not_delivered", path=PROCESS, times=None)
    await store.stripe.fault("drop_before", method="POST", path=CANCEL, times=None)
    session = Session()
    with pytest.raises(DriverError) as caught:
        await driver.pay(session.request, session.report)
    assert not isinstance(caught.value, NotStartedError)
    assert session.intent in str(caught.value)


@pytest.mark.parametrize("effect", ["drop_before", "drop_after", "torn_body", "status:500", "captive_portal"])
async def test_a_lost_answer_is_asked_for_again_with_the_same_key(effect: str) -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.stripe.fault(effect, method="POST", path=PROCESS)
    session = Session()
    await paid(store, driver, session)
    assert session.report.attempts == {"process": 1}
    assert set(process_keys(store)) == {"s1:process:1"}
    assert (await store.row(session.intent))["prompts_shown"] == 1


async def test_a_line_that_is_down_from_the_start_starts_nothing() -> None:
    store = StripeStore()
    driver = await store.begin()
    store.stripe.exchange.down = True
    assert (await refused(driver, Session())).code == "stripe_unreachable"


async def test_a_line_cut_before_the_command_starts_nothing() -> None:
    store = StripeStore()
    driver = await store.begin()
    session = Session()
    keep = session.report.reference

    async def then_cut(name: str, value: str) -> None:
        await keep(name, value)
        store.stripe.exchange.down = True

    session.report.reference = then_cut  # type: ignore[method-assign]  # the line dies at this moment
    assert (await refused(driver, session)).code == "stripe_unreachable"


async def test_a_command_that_could_not_be_sent_starts_nothing() -> None:
    store = StripeStore()
    driver = await store.begin()
    session = Session()
    keep = session.report.attempt

    async def then_cut(operation: str) -> int:
        store.stripe.exchange.down = True
        return await keep(operation)

    session.report.attempt = then_cut  # type: ignore[method-assign]  # the line dies at this moment
    assert (await refused(driver, session)).code == "stripe_unreachable"


async def test_a_command_that_could_not_be_sent_at_first_is_sent_later() -> None:
    store = StripeStore(timing=Timing(dispatch_rounds=5))
    driver = await store.begin()
    session = Session()
    keep = session.report.attempt

    async def then_cut(operation: str) -> int:
        store.stripe.exchange.down = True
        asyncio.get_running_loop().call_later(2.0, setattr, store.stripe.exchange, "down", False)
        return await keep(operation)

    session.report.attempt = then_cut  # type: ignore[method-assign]  # the line dies at this moment
    await paid(store, driver, session)
    assert process_keys(store) == ["s1:process:1"]


async def test_a_reader_that_is_not_there_any_more_gets_no_payment() -> None:
    store = StripeStore()
    driver = await store.begin()
    store.reader = "tmr_gone"
    assert (await refused(store.driver(), Session())).code == "resource_missing"
    assert (await driver.open()).serial_number


async def test_a_refusal_because_of_the_rate_is_waited_out() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.stripe.fault("status:429", method="POST", path=PROCESS, times=2)
    await paid(store, driver, Session())


async def test_a_payment_that_moved_on_by_itself_is_looked_at_before_anything_else() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.stripe.fault("delay:2", method="POST", path=PROCESS)
    session = Session()
    async with asyncio.TaskGroup() as group:
        sale = group.create_task(driver.pay(session.request, session.report), name="sale")
        await asyncio.sleep(1)
        await store.stripe.api.cancel_payment_intent(session.intent)
    assert (sale.result().verdict, sale.result().code) == (Verdict.CANCELED, "canceled")


async def test_a_state_that_cannot_be_read_is_looked_at_with_patience() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.stripe.fault("status:400:intent_invalid_state", method="POST", path=PROCESS)
    await store.stripe.fault("drop_before", method="GET", path="/v1/payment_intents/*", times=3)
    session = Session()
    outcome = await driver.pay(session.request, session.report)
    assert (outcome.verdict, outcome.code) == (Verdict.CANCELED, "prompt_lost")


async def test_a_wrong_refusal_is_tried_again() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.stripe.fault("status:400:intent_invalid_state", method="POST", path=PROCESS)
    await paid(store, driver, Session())


async def test_a_stored_refusal_of_an_earlier_life_is_not_believed_twice() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.customer(state="busy:2")
    session = Session()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await driver.pay(session.request, session.report)
    await asyncio.sleep(5)
    await paid(store, store.driver(), session)
    assert process_keys(store) == ["s1:process:1", "s1:process:1", "s1:process:2"]


async def test_an_answer_that_is_final_already_is_looked_at_at_once() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.stripe.fault("delay_answer:3", method="POST", path=PROCESS)
    await store.customer(auto_present={"after": 1})
    session = Session()
    keep = store.stripe.api.process_payment_intent

    async def late(*args: object, **kwargs: object) -> object:
        await keep(*args, **kwargs)  # type: ignore[arg-type]  # what it was given
        return await store.stripe.api.retrieve_reader(store.reader)

    store.stripe.api.process_payment_intent = late  # type: ignore[method-assign, assignment]  # slow reader
    outcome = await driver.pay(session.request, session.report)
    assert outcome.verdict is Verdict.PAID
    assert asyncio.get_running_loop().time() == 3

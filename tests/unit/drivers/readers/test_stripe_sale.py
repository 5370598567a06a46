"""A sale from the PaymentIntent to its end, scenario by scenario, on the simulated Stripe."""

import asyncio
from collections.abc import Mapping

import pytest

from agent.stripe.errors import NoAnswerError
from drivers.contract import (
    Capture,
    DriverError,
    NotStartedError,
    Outcome,
    Progress,
    RefusedError,
    TipPolicy,
    Verdict,
)
from drivers.readers.stripe import StripeReader
from drivers.readers.stripe_sale import Sale
from drivers.readers.stripe_schedule import Schedule
from drivers.readers.stripe_timing import Timing
from drivers.simulators.stripe_api.settings import SimulatorSettings
from tests.stripe_store import Session, StripeStore

PROCESS = "/v1/terminal/readers/*/process_payment_intent"
LOOK = "/v1/terminal/readers/*"


async def pay(driver: StripeReader, session: Session) -> Outcome:
    return await driver.pay(session.request, session.report)


async def canceled_after(driver: StripeReader, session: Session, seconds: float) -> Outcome:
    async with asyncio.TaskGroup() as group:
        sale = group.create_task(pay(driver, session), name="sale")
        await asyncio.sleep(seconds)
        await driver.cancel()
    return sale.result()


def looks(store: StripeStore) -> int:
    return store.stripe.exchange.sent.count(f"GET /v1/terminal/readers/{store.reader}")


async def test_a_paid_sale_tells_everything_a_till_wants_to_know() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.customer(auto_present={"after": 7})
    session = Session(description="Order 7", metadata={"order": "7"})
    outcome = await pay(driver, session)
    assert outcome.verdict is Verdict.PAID
    assert (outcome.amount_authorized, outcome.amount_captured, outcome.amount_tip) == (1200, 1200, None)
    assert outcome.card is not None
    assert (outcome.card.brand, outcome.card.last4) == ("visa", "4242")
    assert outcome.receipt["application_preferred_name"] == "Visa Credit"
    assert outcome.references["payment_intent"] == session.intent
    assert outcome.references["charge"].startswith("ch_")
    assert session.report.attempts == {"process": 1}
    assert session.report.steps == [Progress.PREPARING, Progress.WAITING_FOR_CARD]
    row = await store.row(session.intent)
    assert row["metadata"] == {"order": "7", "tillgate_session": "s1"}
    intent = await store.stripe.api.retrieve_payment_intent(session.intent)
    assert intent.description == "Order 7"


async def test_it_takes_one_write_for_each_step_and_no_look_before_the_customer_can_be_ready() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.customer(auto_present={"after": 3.4})
    await pay(driver, Session())
    assert store.stripe.exchange.sent == [
        "POST /v1/payment_intents",
        f"GET /v1/terminal/readers/{store.reader}",
        f"POST /v1/terminal/readers/{store.reader}/process_payment_intent",
        f"GET /v1/terminal/readers/{store.reader}",
    ]
    assert store.stripe.exchange.keys == ["pi:s1", "", "s1:process:1", ""]


async def test_the_reference_is_durable_before_a_reader_is_told() -> None:
    store = StripeStore()
    driver = await store.begin()
    session = Session()

    async def lost(name: str, value: str) -> None:
        raise OSError("disk full")

    session.report.reference = lost  # type: ignore[method-assign]  # a journal that cannot write any more
    with pytest.raises(OSError, match="disk full"):
        await pay(driver, session)
    assert not [sent for sent in store.stripe.exchange.sent if "process" in sent]


async def test_a_decline_comes_with_the_issuers_reason() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.customer(auto_present={"after": 7, "number": "4000000000009995"})
    session = Session()
    outcome = await pay(driver, session)
    assert (outcome.verdict, outcome.code, outcome.decline_code) == (
        Verdict.DECLINED,
        "card_declined",
        "insufficient_funds",
    )
    assert outcome.message
    assert (await store.row(session.intent))["status"] == "requires_payment_method"


async def test_a_declined_sale_is_tried_again_on_the_same_payment_intent() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.customer(auto_present={"after": 7, "number": "4000000000009995", "times": 1})
    first = Session()
    await pay(driver, first)
    again = Session("s2", references={"payment_intent": first.intent})
    await store.customer(auto_present={"after": 7})
    outcome = await pay(driver, again)
    assert outcome.verdict is Verdict.PAID
    assert again.report.references["declined_charge"].startswith("ch_")
    assert len(await store.stripe.ledger()) == 1


async def test_a_second_decline_is_told_from_the_first() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.customer(auto_present={"after": 7, "number": "4000000000009995"})
    first = Session()
    await pay(driver, first)
    await store.customer(auto_present={"after": 7, "number": "4000000000009987"})
    again = Session("s2", references={"payment_intent": first.intent})
    outcome = await pay(driver, again)
    assert (outcome.verdict, outcome.decline_code) == (Verdict.DECLINED, "lost_card")
    assert looks(store) > 4


async def test_an_old_decline_is_not_mistaken_for_the_answer_to_a_lost_command() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.customer(auto_present={"after": 7, "number": "4000000000009995", "times": 1})
    first = Session()
    await pay(driver, first)
    await store.customer(auto_present={"after": 7})
    await store.stripe.fault("drop_before", method="POST", path=PROCESS, times=1)
    outcome = await pay(driver, Session("s2", references={"payment_intent": first.intent}))
    assert outcome.verdict is Verdict.PAID


async def test_the_customer_may_cancel_on_the_reader() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.customer(auto_cancel={"after": 6})
    session = Session()
    outcome = await pay(driver, session)
    assert (outcome.verdict, outcome.code) == (Verdict.CANCELED, "customer_canceled")
    assert (await store.row(session.intent))["status"] == "canceled"


async def test_the_till_may_cancel_a_waiting_sale() -> None:
    store = StripeStore()
    driver = await store.begin()
    session = Session()
    outcome = await canceled_after(driver, session, 7)
    assert (outcome.verdict, outcome.code) == (Verdict.CANCELED, "canceled")
    assert Progress.CANCELING in session.report.steps
    assert (await store.row(session.intent))["status"] == "canceled"
    assert (await store.stripe.api.retrieve_reader(store.reader)).action is None
    assert asyncio.get_running_loop().time() == 7


async def test_a_cancel_that_comes_too_late_tells_that_it_was_paid() -> None:
    store = StripeStore(settings=SimulatorSettings(busy_s=4))
    driver = await store.begin()
    await store.customer(auto_present={"after": 6})
    outcome = await canceled_after(driver, Session(), 7)
    assert outcome.verdict is Verdict.PAID


async def test_a_cancel_that_comes_too_late_lets_a_hold_go() -> None:
    store = StripeStore(settings=SimulatorSettings(busy_s=4))
    driver = await store.begin()
    await store.customer(auto_present={"after": 6})
    session = Session(capture=Capture.MANUAL)
    outcome = await canceled_after(driver, session, 7)
    assert outcome.verdict is Verdict.RELEASED
    assert (await store.row(session.intent))["released"] == 1200


async def test_a_cancel_before_the_first_look_releases_what_is_already_held() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.customer(auto_present={"after": 2})
    session = Session(capture=Capture.MANUAL)
    outcome = await canceled_after(driver, session, 3)
    assert outcome.verdict is Verdict.RELEASED


async def test_a_cancel_before_the_reader_was_told_leaves_no_payment() -> None:
    store = StripeStore()
    driver = await store.begin()
    store.stripe.exchange.latency_s = 1.0
    session = Session()
    outcome = await canceled_after(driver, session, 1.5)
    assert (outcome.verdict, outcome.code) == (Verdict.CANCELED, "canceled")
    assert (await store.row(session.intent))["status"] == "canceled"
    assert session.report.attempts == {}


async def test_a_cancel_during_the_compare_read_sends_nothing_to_the_reader() -> None:
    store = StripeStore()
    driver = await store.begin()
    store.stripe.exchange.latency_s = 1.0
    session = Session()
    await canceled_after(driver, session, 3.5)
    assert (await store.row(session.intent))["prompts_shown"] == 0


async def test_a_manual_capture_ends_authorized() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.customer(auto_present={"after": 7})
    session = Session(capture=Capture.MANUAL)
    outcome = await pay(driver, session)
    assert (outcome.verdict, outcome.amount_authorized, outcome.amount_captured) == (
        Verdict.AUTHORIZED,
        1200,
        0,
    )


@pytest.mark.parametrize(
    ("tip", "chosen", "told"),
    [(TipPolicy(), 150, 150), (TipPolicy(), 0, 0), (TipPolicy(skip=True), None, None), (None, 150, 150)],
)
async def test_a_tip_is_exactly_what_the_amount_may_grow_by(
    tip: TipPolicy | None, chosen: int | None, told: int | None
) -> None:
    store = StripeStore()
    driver = await store.begin(country="US")
    await with_tipping(store, "usd")
    wish: dict[str, object] = {"after": 7}
    await store.customer(auto_present=wish if chosen is None else {**wish, "amount_tip": chosen})
    outcome = await pay(driver, Session(currency="usd", tip=tip))
    assert (outcome.verdict, outcome.amount_tip) == (Verdict.PAID, told)
    assert outcome.amount_captured == 1200 + (told or 0)


async def test_the_part_that_counts_for_the_tip_is_told_to_the_reader() -> None:
    store = StripeStore()
    driver = await store.begin(country="US")
    await with_tipping(store, "usd")
    await store.customer(auto_present={"after": 7})
    await pay(driver, Session(currency="usd", tip=TipPolicy(amount_eligible=1000)))
    action = await store.stripe.client.call("GET", "/v1/terminal/readers/{}", ids=(store.reader,))
    config = action.data["action"]["process_payment_intent"]["process_config"]
    assert config == {"enable_customer_cancellation": True, "tipping": {"amount_eligible": 1000}}


async def with_tipping(store: StripeStore, currency: str) -> None:
    tipping: Mapping[str, Mapping[str, list[int]]] = {currency: {"percentages": [10, 15, 20]}}
    made = await store.stripe.api.create_configuration({"name": "tips", "tipping": tipping}, key="tips")
    location = (await store.stripe.api.list_locations())[0]
    await store.stripe.api.update_location(location.id, {"configuration_overrides": made.id})


async def test_interac_is_offered_in_canada_unless_the_money_is_to_be_held() -> None:
    store = StripeStore()
    driver = await store.begin(country="CA")
    await store.customer(auto_present={"after": 7, "number": "4506445006931933"})
    outcome = await pay(driver, Session(currency="cad"))
    assert outcome.verdict is Verdict.PAID
    assert outcome.card is not None
    assert outcome.card.brand == "interac"
    manual = Session("s2", currency="cad", capture=Capture.MANUAL)
    await store.customer(auto_present={"after": 7, "number": "4242424242424242"})
    assert (await pay(driver, manual)).verdict is Verdict.AUTHORIZED
    intent = await store.stripe.api.retrieve_payment_intent(manual.intent)
    assert intent.payment_method_types == ["card_present"]


async def test_a_failed_reader_may_have_taken_the_money_all_the_same() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.customer(auto_present={"after": 7}, next_payment="connection_error_authorized")
    session = Session()
    outcome = await pay(driver, session)
    assert outcome.verdict is Verdict.PAID


async def test_a_reader_that_lost_its_connection_fails_the_sale_for_certain() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.customer(auto_present={"after": 7}, next_payment="connection_error")
    session = Session()
    outcome = await pay(driver, session)
    assert (outcome.verdict, outcome.code) == (Verdict.FAILED, "connection_error")
    assert (await store.row(session.intent))["status"] == "canceled"


async def test_a_cancel_of_a_sale_that_never_began_needs_no_call() -> None:
    store = StripeStore()
    await store.begin()
    sale = Sale(
        store.stripe.api,
        store.reader,
        Session().request,
        Session().report,
        timing=Timing(),
        schedule=Schedule(),
    )
    sale.cancel()
    assert (await sale.run()).verdict is Verdict.CANCELED
    assert store.stripe.exchange.sent == []


async def test_another_payment_that_takes_the_reader_over_ends_ours() -> None:
    store = StripeStore()
    driver = await store.begin()
    session = Session()
    async with asyncio.TaskGroup() as group:
        sale = group.create_task(pay(driver, session), name="sale")
        await asyncio.sleep(6)
        other = await foreign_prompt(store)
    outcome = sale.result()
    assert (outcome.verdict, outcome.code) == (Verdict.CANCELED, "prompt_lost")
    reader = await store.stripe.api.retrieve_reader(store.reader)
    assert reader.action is not None
    assert reader.action.payment_intent is not None
    assert (reader.action.payment_intent.id, reader.action.status) == (other, "in_progress")


async def foreign_prompt(store: StripeStore) -> str:
    other = await store.stripe.api.create_payment_intent(
        {"amount": 500, "currency": "eur", "allowed_payment_method_types": ["card_present"]}, key="other"
    )
    await store.stripe.api.process_payment_intent(store.reader, other.id, key="other-process")
    return other.id


async def test_a_sale_paid_just_before_the_reader_was_taken_over_is_paid() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.customer(auto_present={"after": 5.5, "times": 1})
    session = Session()
    async with asyncio.TaskGroup() as group:
        sale = group.create_task(pay(driver, session), name="sale")
        await asyncio.sleep(5.55)
        await foreign_prompt(store)
    assert sale.result().verdict is Verdict.PAID


async def test_a_sale_declined_just_before_the_reader_was_taken_over_is_declined() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.customer(auto_present={"after": 5.5, "times": 1, "number": "4000000000009995"})
    async with asyncio.TaskGroup() as group:
        sale = group.create_task(pay(driver, Session()), name="sale")
        await asyncio.sleep(5.55)
        await foreign_prompt(store)
    assert (sale.result().verdict, sale.result().decline_code) == (Verdict.DECLINED, "insufficient_funds")


async def test_a_prompt_that_nobody_answers_is_withdrawn_in_the_end() -> None:
    store = StripeStore(timing=Timing(patience_s=60))
    driver = await store.begin()
    session = Session()
    outcome = await pay(driver, session)
    assert (outcome.verdict, outcome.code) == (Verdict.CANCELED, "timed_out")
    assert 60 <= asyncio.get_running_loop().time() <= 65
    assert (await store.row(session.intent))["status"] == "canceled"


async def test_a_customer_faster_than_the_end_of_patience_has_paid() -> None:
    store = StripeStore(timing=Timing(patience_s=60), settings=SimulatorSettings(busy_s=10))
    driver = await store.begin()
    await store.customer(auto_present={"after": 59})
    assert (await pay(driver, Session())).verdict is Verdict.PAID


async def test_a_reader_that_vanishes_after_the_card_was_read_is_paid() -> None:
    store = StripeStore(settings=SimulatorSettings(busy_s=4))
    driver = await store.begin()
    await store.customer(auto_present={"after": 6})
    async with asyncio.TaskGroup() as group:
        sale = group.create_task(pay(driver, Session()), name="sale")
        await asyncio.sleep(8)
        await store.customer(state="vanish")
    assert sale.result().verdict is Verdict.PAID


async def test_a_line_that_stays_silent_leaves_the_sale_in_doubt() -> None:
    store = StripeStore()
    driver = await store.begin()
    async with asyncio.TaskGroup() as group:
        sale = group.create_task(doubted(driver, Session()), name="sale")
        await asyncio.sleep(8)
        store.stripe.exchange.down = True
    error = sale.result()
    assert not isinstance(error, NotStartedError | RefusedError)
    assert error.code == "stripe_unreachable"
    assert 45 < asyncio.get_running_loop().time() < 70


async def doubted(driver: StripeReader, session: Session) -> DriverError:
    with pytest.raises(DriverError) as caught:
        await pay(driver, session)
    return caught.value


async def test_a_short_silence_is_only_waited_for() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.customer(auto_present={"after": 12})
    async with asyncio.TaskGroup() as group:
        sale = group.create_task(pay(driver, Session()), name="sale")
        await asyncio.sleep(8)
        store.stripe.exchange.down = True
        await asyncio.sleep(25)
        store.stripe.exchange.down = False
    assert sale.result().verdict is Verdict.PAID


async def test_a_nudge_makes_it_look_at_once() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.customer(auto_present={"after": 2})
    driver.nudge()  # nothing under way: nothing to look at
    async with asyncio.TaskGroup() as group:
        sale = group.create_task(pay(driver, Session()), name="sale")
        await asyncio.sleep(2.25)
        driver.nudge()
    assert sale.result().verdict is Verdict.PAID
    assert asyncio.get_running_loop().time() == 2.25


async def test_an_amount_that_grew_by_anything_but_the_tip_is_for_an_operator() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.customer(auto_present={"after": 9})
    with_changed_intent(store, amount=1300)
    session = Session()
    error = await doubted(driver, session)
    assert error.code == "amount_mismatch"
    assert not isinstance(error, NotStartedError)


def with_changed_intent(store: StripeStore, **changes: object) -> None:
    """What a look shows of a paid PaymentIntent is not what was ordered."""
    keep = store.stripe.api.retrieve_reader

    async def changed(reader: str) -> object:
        seen = await keep(reader)
        about = seen.action.process_payment_intent if seen.action is not None else None
        if seen.action is None or about is None or about.payment_intent is None:
            return seen
        other = about.model_copy(update={"payment_intent": about.payment_intent.model_copy(update=changes)})
        return seen.model_copy(
            update={"action": seen.action.model_copy(update={"process_payment_intent": other})}
        )

    store.stripe.api.retrieve_reader = changed  # type: ignore[method-assign, assignment]  # somebody meddled


async def test_a_cancellation_of_the_task_passes_through() -> None:
    store = StripeStore()
    driver = await store.begin()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(6):
            await pay(driver, Session())
    await driver.cancel()  # nothing is under way any more
    assert looks(store) >= 2


# Taking up after a crash


async def test_a_sale_that_was_paid_while_we_were_dead_is_paid() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.customer(auto_present={"after": 7})
    session = await crashed_after(store, driver, 3)
    await asyncio.sleep(20)
    before = len(store.stripe.exchange.sent)
    assert (await pay(store.driver(), session)).verdict is Verdict.PAID
    assert store.stripe.exchange.sent[before:] == [f"GET /v1/payment_intents/{session.intent}"]


async def crashed_after(store: StripeStore, driver: StripeReader, seconds: float) -> Session:
    session = Session()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(seconds):
            await pay(driver, session)
    return session


async def test_a_prompt_that_still_waits_is_watched_on() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.customer(auto_present={"after": 15})
    session = await crashed_after(store, driver, 3)
    assert (await pay(store.driver(), session)).verdict is Verdict.PAID
    assert session.report.attempts == {"process": 1}
    assert (await store.row(session.intent))["prompts_shown"] == 1


async def test_a_decline_that_happened_while_we_were_dead_is_told() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.customer(auto_present={"after": 7, "number": "4000000000009995"})
    session = await crashed_after(store, driver, 3)
    await asyncio.sleep(20)
    assert (await pay(store.driver(), session)).verdict is Verdict.DECLINED


async def test_a_prompt_that_was_lost_while_we_were_dead_is_not_believed_to_be_there() -> None:
    store = StripeStore()
    driver = await store.begin()
    session = await crashed_after(store, driver, 3)
    await store.stripe.api.cancel_action(store.reader)
    outcome = await pay(store.driver(), session)
    assert (outcome.verdict, outcome.code) == (Verdict.CANCELED, "prompt_lost")


async def test_a_session_that_crashed_before_the_reader_was_told_goes_on() -> None:
    store = StripeStore()
    driver = await store.begin()
    session = Session()
    store.stripe.exchange.latency_s = 1.0
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2.5):
            await pay(driver, session)
    store.stripe.exchange.latency_s = 0.0
    await store.customer(auto_present={"after": 7})
    assert (await pay(store.driver(), session)).verdict is Verdict.PAID
    assert len(await store.stripe.ledger()) == 1


async def test_a_payment_that_cannot_be_taken_up_is_in_doubt_if_it_was_ever_shown() -> None:
    store = StripeStore()
    driver = await store.begin()
    session = await crashed_after(store, driver, 3)
    store.stripe.exchange.down = True
    error = await doubted(store.driver(), session)
    assert not isinstance(error, NotStartedError)
    session.report.attempts.clear()
    assert isinstance(await doubted(store.driver(), session), NotStartedError)


async def test_a_payment_of_another_amount_is_not_taken_up() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.customer(auto_present={"after": 7, "number": "4000000000009995"})
    first = Session()
    await pay(driver, first)
    other = Session("s2", amount=1300, references={"payment_intent": first.intent})
    error = await doubted(driver, other)
    assert isinstance(error, NotStartedError)
    assert error.code == "amount_mismatch"
    shown = Session("s3", amount=1300, references={"payment_intent": first.intent})
    shown.report.attempts["process"] = 1
    first_again = await store.stripe.api.retrieve_payment_intent(first.intent)
    assert first_again.status == "canceled"
    assert (await pay(driver, shown)).verdict is Verdict.CANCELED


async def test_a_shown_payment_whose_amount_was_changed_is_withdrawn() -> None:
    store = StripeStore()
    driver = await store.begin()
    session = await crashed_after(store, driver, 3)
    await store.stripe.api.update_payment_intent(session.intent, {"amount": 1100}, key="tamper")
    outcome = await pay(store.driver(), session)
    assert (outcome.verdict, outcome.code) == (Verdict.FAILED, "amount_mismatch")
    assert (await store.row(session.intent))["status"] == "canceled"


async def test_a_power_cut_at_any_request_ends_in_what_the_books_say() -> None:
    for customer in ({"after": 7}, {"after": 7, "number": "4000000000009995"}, None):
        for executed in (False, True):
            for cut_at in range(1, 12):
                store = StripeStore(timing=Timing(patience_s=20))
                driver = await store.begin()
                if customer is not None:
                    await store.customer(auto_present=customer)
                session = Session()
                with_cut(store, cut_at, executed=executed)
                try:
                    await pay(driver, session)
                except PowerCutError:
                    await asyncio.sleep(5)
                with_cut(store, 0, executed=False)
                end = await store.run(session, store.driver())
                assert end is not None


class PowerCutError(BaseException):
    """Nothing in the driver may catch it."""


def with_cut(store: StripeStore, cut_at: int, *, executed: bool) -> None:
    exchange = store.stripe.exchange
    carry = type(exchange).send
    count = 0

    async def send(request: object) -> object:
        nonlocal count
        count += 1
        if count == cut_at and not executed:
            raise PowerCutError
        answer = await carry(exchange, request)  # type: ignore[arg-type]  # what it was given
        if count == cut_at:
            raise PowerCutError
        return answer

    exchange.send = send  # type: ignore[method-assign, assignment]  # the plug is pulled here


async def test_a_card_that_is_being_authorised_is_told_as_such() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.customer(auto_present={"after": 9})
    keep = store.stripe.api.retrieve_reader

    async def processing(reader: str) -> object:
        seen = await keep(reader)
        about = seen.action.process_payment_intent if seen.action is not None else None
        if about is None or about.payment_intent is None or about.payment_intent.status == "succeeded":
            return seen
        intent = about.payment_intent.model_copy(update={"status": "processing"})
        shown = about.model_copy(update={"payment_intent": intent})
        action = seen.action.model_copy(update={"process_payment_intent": shown}) if seen.action else None
        return seen.model_copy(update={"action": action})

    store.stripe.api.retrieve_reader = processing  # type: ignore[method-assign, assignment]  # as with QR codes
    session = Session()
    assert (await pay(driver, session)).verdict is Verdict.PAID
    assert session.report.steps == [Progress.PREPARING, Progress.WAITING_FOR_CARD, Progress.AUTHORIZING]


async def test_an_action_without_the_payment_in_it_is_looked_up() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.customer(auto_present={"after": 7})
    with_changed_intent(store, status="")
    assert (await pay(driver, Session())).verdict is Verdict.PAID


async def test_a_reader_that_knows_before_the_payment_intent_does_is_given_time() -> None:
    for late, verdict in ((2, Verdict.PAID), (9, Verdict.PAID)):
        store = StripeStore()
        driver = await store.begin()
        await store.customer(auto_present={"after": 7})
        with_late_truth(store, late)
        outcome = await pay(driver, Session())
        assert outcome.verdict is verdict


async def test_a_decline_that_becomes_known_late_keeps_its_reason() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.customer(
        auto_present={"after": 7, "number": "4000000000009995"}, next_payment="connection_error_authorized"
    )
    with_late_truth(store, 1)
    outcome = await pay(driver, Session())
    assert (outcome.verdict, outcome.decline_code) == (Verdict.DECLINED, "insufficient_funds")


def with_late_truth(store: StripeStore, late: int) -> None:
    """The reader's action is known at once, the PaymentIntent looks unpaid for `late` more reads."""
    keep_reader, keep_intent = store.stripe.api.retrieve_reader, store.stripe.api.retrieve_payment_intent
    left = late
    unpaid = {"status": "requires_payment_method", "last_payment_error": None, "latest_charge": None}

    async def reader(name: str) -> object:
        seen = await keep_reader(name)
        about = seen.action.process_payment_intent if seen.action is not None else None
        if seen.action is None or about is None or about.payment_intent is None:
            return seen
        early = about.model_copy(update={"payment_intent": about.payment_intent.model_copy(update=unpaid)})
        changes = {"process_payment_intent": early, "api_error": None}
        return seen.model_copy(update={"action": seen.action.model_copy(update=changes)})

    async def intent(name: str) -> object:
        nonlocal left
        left -= 1
        truth = await keep_intent(name)
        return truth if left < 0 else truth.model_copy(update=unpaid)

    store.stripe.api.retrieve_reader = reader  # type: ignore[method-assign, assignment]  # a lag at Stripe
    store.stripe.api.retrieve_payment_intent = intent  # type: ignore[method-assign, assignment]  # the same


async def test_no_answer_at_all_is_never_called_not_started() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.stripe.fault("drop_after", method="POST", path=PROCESS, times=None)
    await store.stripe.fault("drop_before", method="GET", path=LOOK, times=None)
    await store.stripe.fault("drop_before", method="POST", path="/v1/payment_intents/*/cancel", times=None)
    session = Session()
    session.report.attempts["process"] = 1
    session.report.references["payment_intent"] = (
        await store.stripe.api.create_payment_intent(
            {"amount": 1200, "currency": "eur", "allowed_payment_method_types": ["card_present"]}, key="x"
        )
    ).id
    error = await doubted(driver, session)
    assert not isinstance(error, NotStartedError)
    assert isinstance(error.__cause__, DriverError)
    assert isinstance(error.__cause__, NoAnswerError)

"""Asking what became of a sale and ending it, on the simulated Stripe."""

import asyncio

import pytest

from agent.stripe.errors import NoAnswerError
from drivers.contract import (
    Capture,
    Decision,
    DriverError,
    NotStartedError,
    Outcome,
    Progress,
    RefusedError,
    Settlement,
    Verdict,
)
from drivers.readers.stripe import StripeReader
from drivers.readers.stripe_outcome import STRIPE_FAILED
from drivers.simulators.stripe_api.settings import SimulatorSettings
from tests.stripe_store import Session, StripeStore

CAPTURE = "/v1/payment_intents/*/capture"
DECLINED_CARD = "4000000000009995"


async def sold(store: StripeStore, driver: StripeReader, session: Session, **wish: object) -> Outcome:
    await store.customer(auto_present={"after": 7, **wish})
    return await driver.pay(session.request, session.report)


async def left_waiting(driver: StripeReader, session: Session) -> None:
    """The daemon dies while the reader waits."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(3):
            await driver.pay(session.request, session.report)


async def settle(
    driver: StripeReader, session: Session, settlement: Settlement, amount: int | None = None
) -> Outcome:
    return await driver.settle(session.request, Decision(settlement, amount), session.report)


async def doubted(driver: StripeReader, session: Session, settlement: Settlement) -> DriverError:
    with pytest.raises(DriverError) as caught:
        await settle(driver, session, settlement)
    assert not isinstance(caught.value, NotStartedError | RefusedError)
    return caught.value


async def test_what_was_never_sent_has_failed_for_certain() -> None:
    store = StripeStore()
    driver = await store.begin()
    for settlement in Settlement:
        assert (await settle(driver, Session(), settlement)).code == "never_sent"
    outcome = await driver.inquire(Session().request)
    assert (outcome.verdict, outcome.code) == (Verdict.FAILED, "never_sent")
    assert store.stripe.exchange.sent == []


async def test_the_payment_intent_alone_says_what_became_of_a_sale() -> None:
    store = StripeStore()
    driver = await store.begin()
    session = Session()
    await left_waiting(driver, session)
    waiting = await driver.inquire(session.request)
    assert (waiting.verdict, waiting.code) == (Verdict.PENDING, "in_progress")
    await store.stripe.present(store.reader)
    paid = await driver.inquire(session.request)
    assert (paid.verdict, paid.amount_captured) == (Verdict.PAID, 1200)
    held = Session("s2", capture=Capture.MANUAL)
    await sold(store, driver, held)
    assert (await driver.inquire(held.request)).verdict is Verdict.AUTHORIZED
    await store.stripe.api.cancel_payment_intent(held.intent)
    assert (await driver.inquire(held.request)).verdict is Verdict.RELEASED


async def test_a_paid_sale_is_paid_whatever_became_of_its_reader() -> None:
    store = StripeStore()
    driver = await store.begin()
    session = Session()
    await sold(store, driver, session)
    store.reader = "tmr_gone"
    assert (await store.driver().inquire(session.request)).verdict is Verdict.PAID


async def test_inquiring_changes_nothing() -> None:
    store = StripeStore()
    driver = await store.begin()
    session = Session()
    await left_waiting(driver, session)
    store.stripe.exchange.sent.clear()
    await driver.inquire(session.request)
    assert all(sent.startswith("GET ") for sent in store.stripe.exchange.sent)


async def test_a_decline_of_the_only_attempt_is_told() -> None:
    store = StripeStore()
    driver = await store.begin()
    session = Session()
    await left_waiting(driver, session)
    await store.stripe.present(store.reader, type="card_present", card_present={"number": DECLINED_CARD})
    outcome = await driver.inquire(session.request)
    assert (outcome.verdict, outcome.decline_code) == (Verdict.DECLINED, "insufficient_funds")
    session.report.attempts["process"] = 2
    assert (await driver.inquire(session.request)).code == "prompt_gone"


async def test_an_old_decline_says_nothing_about_the_new_try() -> None:
    store = StripeStore()
    driver = await store.begin()
    first = Session()
    await sold(store, driver, first, number=DECLINED_CARD)
    again = Session("s2", references={"payment_intent": first.intent})
    await store.stripe.fault("drop_before", method="POST", path="**/process_payment_intent", times=None)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await driver.pay(again.request, again.report)
    assert again.report.attempts == {"process": 1}
    assert (await driver.inquire(again.request)).code == "prompt_gone"


async def test_a_prompt_that_is_gone_is_still_payable_until_it_is_withdrawn() -> None:
    store = StripeStore()
    driver = await store.begin()
    session = Session()
    await left_waiting(driver, session)
    await store.stripe.api.cancel_action(store.reader)
    assert (await driver.inquire(session.request)).code == "prompt_gone"
    store.reader = "tmr_gone"
    assert (await store.driver().inquire(session.request)).code == "prompt_gone"
    assert (await settle(store.driver(), session, Settlement.RELEASE)).verdict is Verdict.CANCELED


async def test_a_reader_that_failed_without_proof_is_not_final() -> None:
    store = StripeStore()
    driver = await store.begin()
    session = Session()
    await left_waiting(driver, session)
    await store.customer(next_payment="connection_error")
    await store.stripe.present(store.reader)
    assert (await driver.inquire(session.request)).code == "prompt_gone"


async def test_what_happens_between_the_two_reads_counts() -> None:
    store = StripeStore()
    driver = await store.begin()
    session = Session()
    await left_waiting(driver, session)
    keep = store.stripe.api.retrieve_reader

    async def paid_meanwhile(reader: str) -> object:
        await store.stripe.present(reader)
        return await keep(reader)

    store.stripe.api.retrieve_reader = paid_meanwhile  # type: ignore[method-assign, assignment]  # the customer
    assert (await driver.inquire(session.request)).verdict is Verdict.PAID


async def test_not_being_able_to_ask_is_doubt() -> None:
    store = StripeStore()
    driver = await store.begin()
    session = Session()
    await left_waiting(driver, session)
    for trouble in ("status:401", "status:404:resource_missing"):
        await store.stripe.fault(trouble, method="GET", path="/v1/payment_intents/*")
        with pytest.raises(DriverError) as caught:
            await driver.inquire(session.request)
        assert not isinstance(caught.value, NotStartedError | RefusedError)
    store.stripe.exchange.down = True
    with pytest.raises(DriverError) as caught:
        await driver.inquire(session.request)
    assert not isinstance(caught.value, NotStartedError)
    await doubted(driver, session, Settlement.RELEASE)


@pytest.mark.parametrize("amount", [None, 700])
async def test_held_money_is_captured_whole_or_in_part(amount: int | None) -> None:
    store = StripeStore()
    driver = await store.begin()
    session = Session(capture=Capture.MANUAL)
    await sold(store, driver, session)
    outcome = await settle(driver, session, Settlement.CAPTURE, amount)
    assert (outcome.verdict, outcome.amount_authorized, outcome.amount_captured) == (
        Verdict.PAID,
        1200,
        amount or 1200,
    )
    assert (await store.row(session.intent))["captured"] == (amount or 1200)
    assert session.report.steps[-1] is Progress.CAPTURING
    again = await settle(driver, session, Settlement.CAPTURE, amount)
    assert again.amount_captured == outcome.amount_captured
    assert session.report.attempts["capture"] == 1


@pytest.mark.parametrize("effect", ["drop_before", "drop_after", "torn_body", "status:500", "captive_portal"])
async def test_a_capture_without_an_answer_is_repeated_with_the_same_key(effect: str) -> None:
    store = StripeStore()
    driver = await store.begin()
    session = Session(capture=Capture.MANUAL)
    await sold(store, driver, session)
    await store.stripe.fault(effect, path=CAPTURE, times=6)
    try:
        outcome = await settle(driver, session, Settlement.CAPTURE, 700)
    except DriverError:
        outcome = await settle(driver, session, Settlement.CAPTURE, 700)
    assert (outcome.verdict, outcome.amount_captured) == (Verdict.PAID, 700)
    assert (await store.row(session.intent))["captured"] == 700
    assert session.report.attempts["capture"] == 1


async def test_a_capture_whose_failure_stripe_keeps_is_asked_for_under_a_new_number() -> None:
    store = StripeStore()
    driver = await store.begin()
    session = Session(capture=Capture.MANUAL)
    await sold(store, driver, session)
    fault = {"match": {"method": "POST", "path": CAPTURE}, "effect": "status:500", "times": 1, "stored": True}
    await store.stripe.control("POST", "/_sim/faults", fault)
    with pytest.raises(DriverError) as doubt:
        await settle(driver, session, Settlement.CAPTURE, 700)
    assert doubt.value.code == STRIPE_FAILED
    outcome = await settle(driver, session, Settlement.CAPTURE, 700)
    assert (outcome.verdict, outcome.amount_captured) == (Verdict.PAID, 700)
    assert session.report.attempts["capture"] == 2


async def test_a_refused_capture_tells_that_the_money_is_still_held() -> None:
    store = StripeStore()
    driver = await store.begin()
    session = Session(capture=Capture.MANUAL)
    await sold(store, driver, session)
    outcome = await settle(driver, session, Settlement.CAPTURE, 5000)
    assert (outcome.verdict, outcome.amount_authorized) == (Verdict.AUTHORIZED, 1200)
    assert outcome.code
    assert "capture" in outcome.message
    assert (await settle(driver, session, Settlement.CAPTURE, 1200)).amount_captured == 1200
    assert session.report.attempts["capture"] == 2


@pytest.mark.parametrize("trouble", ["status:401", "status:403", "status:429"])
async def test_a_capture_that_was_not_even_looked_at_is_asked_for_again(trouble: str) -> None:
    store = StripeStore()
    driver = await store.begin()
    session = Session(capture=Capture.MANUAL)
    await sold(store, driver, session)
    await store.stripe.fault(trouble, path=CAPTURE, times=6)
    await doubted(driver, session, Settlement.CAPTURE)
    await store.stripe.control("DELETE", "/_sim/faults")
    assert (await settle(driver, session, Settlement.CAPTURE)).verdict is Verdict.PAID
    assert session.report.attempts["capture"] == 1


async def test_a_reversal_that_was_not_even_looked_at_is_asked_for_again() -> None:
    store = StripeStore()
    driver = await store.begin()
    session = Session()
    await sold(store, driver, session)
    await store.stripe.fault("status:403", method="POST", path="/v1/refunds")
    assert (await doubted(driver, session, Settlement.REVERSE)).code == "permission_missing"
    assert (await settle(driver, session, Settlement.REVERSE)).code == "reversed"


async def test_a_declined_sale_that_was_not_tried_again_yet_is_not_declined_again() -> None:
    store = StripeStore()
    driver = await store.begin()
    first = Session()
    await sold(store, driver, first, number=DECLINED_CARD)
    again = Session("s2", references={"payment_intent": first.intent})
    assert (await driver.inquire(again.request)).code == "prompt_gone"


async def test_a_capture_of_what_is_not_held_tells_what_is_true() -> None:
    store = StripeStore()
    driver = await store.begin()
    session = Session(capture=Capture.MANUAL)
    await sold(store, driver, session)
    await store.stripe.api.cancel_payment_intent(session.intent)
    assert (await settle(driver, session, Settlement.CAPTURE)).verdict is Verdict.RELEASED
    unpaid = Session("s2", capture=Capture.MANUAL)
    await store.customer(auto_present=None)
    await left_waiting(driver, unpaid)
    assert "requires_payment_method" in str(await doubted(driver, unpaid, Settlement.CAPTURE))


async def test_releasing_makes_an_open_prompt_unpayable() -> None:
    store = StripeStore()
    driver = await store.begin()
    session = Session()
    await left_waiting(driver, session)
    assert (await settle(driver, session, Settlement.RELEASE)).verdict is Verdict.CANCELED
    row = await store.row(session.intent)
    assert (row["status"], row["payable_now"]) == ("canceled", False)
    assert (await store.stripe.api.retrieve_reader(store.reader)).action is None
    assert (await settle(driver, session, Settlement.RELEASE)).verdict is Verdict.CANCELED


async def test_releasing_lets_held_money_go_and_tells_when_it_had_moved() -> None:
    store = StripeStore()
    driver = await store.begin()
    held = Session(capture=Capture.MANUAL)
    await sold(store, driver, held)
    assert (await settle(driver, held, Settlement.RELEASE)).verdict is Verdict.RELEASED
    paid = Session("s2")
    await sold(store, driver, paid)
    assert (await settle(driver, paid, Settlement.RELEASE)).verdict is Verdict.PAID


async def test_releasing_waits_for_a_card_that_is_being_read() -> None:
    store = StripeStore(settings=SimulatorSettings(busy_s=6))
    driver = await store.begin()
    session = Session(capture=Capture.MANUAL)
    await left_waiting(driver, session)
    await store.stripe.present(store.reader)
    assert (await settle(driver, session, Settlement.RELEASE)).verdict is Verdict.RELEASED


async def test_releasing_gives_up_on_a_reader_that_stays_busy() -> None:
    store = StripeStore(settings=SimulatorSettings(busy_s=600))
    driver = await store.begin()
    session = Session()
    await left_waiting(driver, session)
    await store.stripe.present(store.reader)
    assert (await doubted(driver, session, Settlement.RELEASE)).code == "terminal_reader_busy"


async def test_releasing_a_declined_sale_tidies_up() -> None:
    store = StripeStore()
    driver = await store.begin()
    session = Session()
    await sold(store, driver, session, number=DECLINED_CARD)
    assert (await settle(driver, session, Settlement.RELEASE)).verdict is Verdict.CANCELED


async def test_reversing_gives_moved_money_back_once() -> None:
    store = StripeStore()
    driver = await store.begin()
    session = Session()
    await sold(store, driver, session)
    keep = store.stripe.api.create_refund

    async def unheard(intent: str, **kwargs: object) -> object:
        await keep(intent, **kwargs)  # type: ignore[arg-type]  # what it was given
        raise NoAnswerError("lost on the way back")

    store.stripe.api.create_refund = unheard  # type: ignore[method-assign, assignment]  # a lost answer
    await doubted(driver, session, Settlement.REVERSE)
    store.stripe.api.create_refund = keep  # type: ignore[method-assign]  # as it was
    assert (await driver.inquire(session.request)).code == "reversed"
    outcome = await settle(driver, session, Settlement.REVERSE)
    assert (outcome.verdict, outcome.code) == (Verdict.RELEASED, "reversed")
    assert (await store.row(session.intent))["refunded"] == 1200
    assert (await settle(driver, session, Settlement.REVERSE)).code == "reversed"
    assert (await driver.inquire(session.request)).code == "reversed"


async def test_reversing_what_is_only_held_lets_it_go() -> None:
    store = StripeStore()
    driver = await store.begin()
    session = Session(capture=Capture.MANUAL)
    await sold(store, driver, session)
    assert (await settle(driver, session, Settlement.REVERSE)).verdict is Verdict.RELEASED


async def test_a_reversal_tells_its_refund() -> None:
    store = StripeStore()
    driver = await store.begin()
    session = Session()
    await sold(store, driver, session)
    outcome = await settle(driver, session, Settlement.REVERSE)
    assert outcome.references["refund"].startswith("re_")


async def test_a_refused_reversal_is_doubt_unless_the_money_is_back() -> None:
    store = StripeStore()
    driver = await store.begin()
    session = Session()
    await sold(store, driver, session)
    await store.stripe.fault("status:400:charge_disputed", method="POST", path="/v1/refunds")
    assert (await doubted(driver, session, Settlement.REVERSE)).code == "charge_disputed"
    keep = store.stripe.api.create_refund

    async def somebody_else_first(intent: str, **kwargs: object) -> object:
        await keep(intent, key="somebody else")
        return await keep(intent, **kwargs)  # type: ignore[arg-type]  # what it was given

    store.stripe.api.create_refund = somebody_else_first  # type: ignore[method-assign, assignment]  # a colleague
    assert (await settle(driver, session, Settlement.REVERSE)).code == "reversed"


async def test_a_reversal_that_failed_is_doubt() -> None:
    store = StripeStore()
    driver = await store.begin()
    session = Session()
    await sold(store, driver, session)
    keep = store.stripe.api.create_refund

    async def failing(intent: str, **kwargs: object) -> object:
        made = await keep(intent, **kwargs)  # type: ignore[arg-type]  # what it was given
        return made.model_copy(update={"status": "failed", "failure_reason": "lost_or_stolen_card"})

    store.stripe.api.create_refund = failing  # type: ignore[method-assign, assignment]  # as Stripe may answer
    error = await doubted(driver, session, Settlement.REVERSE)
    assert error.code == "refund_failed"
    assert "lost_or_stolen_card" in str(error)

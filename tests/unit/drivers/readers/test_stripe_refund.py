"""Refunds as sessions of their own, on the simulated Stripe."""

import pytest

from drivers.contract import (
    Decision,
    DriverError,
    Kind,
    NotStartedError,
    Outcome,
    Progress,
    RefusedError,
    Settlement,
    Verdict,
)
from drivers.readers.stripe import StripeReader
from tests.stripe_store import Session, StripeStore

REFUNDS = "/v1/refunds"


async def sold(store: StripeStore, driver: StripeReader, *, number: str = "4242424242424242") -> str:
    await store.customer(auto_present={"after": 7, "number": number})
    session = Session("sale")
    await driver.pay(session.request, session.report)
    return session.intent


def refund_of(intent: str, name: str = "r1", *, amount: int = 500) -> Session:
    return Session(name, amount=amount, kind=Kind.REFUND, references={"refund_of_payment_intent": intent})


async def pay(driver: StripeReader, session: Session) -> Outcome:
    return await driver.pay(session.request, session.report)


async def doubted(driver: StripeReader, session: Session) -> DriverError:
    with pytest.raises(DriverError) as caught:
        await pay(driver, session)
    return caught.value


async def test_a_part_is_given_back() -> None:
    store = StripeStore()
    driver = await store.begin()
    intent = await sold(store, driver)
    session = refund_of(intent)
    outcome = await pay(driver, session)
    assert (outcome.verdict, outcome.amount_captured) == (Verdict.PAID, 500)
    assert session.report.references["refund"] == outcome.references["refund"]
    assert session.report.steps == [Progress.REFUNDING]
    assert store.stripe.exchange.keys[-1] == "r1:refund:1"
    assert (await store.row(intent))["refunded"] == 500
    await driver.cancel()  # a refund cannot be stopped
    assert (await driver.inquire(session.request)).verdict is Verdict.PAID
    settled = await driver.settle(session.request, Decision(Settlement.RELEASE), session.report)
    assert settled.verdict is Verdict.PAID


@pytest.mark.parametrize("effect", ["drop_before", "drop_after", "torn_body", "status:500", "captive_portal"])
async def test_money_goes_back_once_whatever_happens_to_the_answers(effect: str) -> None:
    store = StripeStore()
    driver = await store.begin()
    intent = await sold(store, driver)
    await store.stripe.fault(effect, method="POST", path=REFUNDS, times=6)
    session = refund_of(intent)
    if effect in {"drop_after", "torn_body"}:
        outcome = await pay(driver, session)
    else:
        assert not isinstance(await doubted(driver, session), NotStartedError | RefusedError)
        assert (await store.driver().inquire(session.request)).verdict in {Verdict.PENDING, Verdict.PAID}
        outcome = await pay(store.driver(), session)
    assert outcome.verdict is Verdict.PAID
    assert (await store.row(intent))["refunded"] == 500
    assert session.report.attempts == {"refund": 1}


async def test_a_refund_whose_failure_stripe_keeps_is_sent_under_a_new_number() -> None:
    store = StripeStore()
    driver = await store.begin()
    session = refund_of(await sold(store, driver))
    fault = {"match": {"method": "POST", "path": REFUNDS}, "effect": "status:500", "times": 1, "stored": True}
    await store.stripe.control("POST", "/_sim/faults", fault)
    await doubted(driver, session)
    outcome = await pay(store.driver(), session)
    assert outcome.verdict is Verdict.PAID
    assert session.report.attempts == {"refund": 2}
    assert sum(row["refunded"] for row in await store.stripe.ledger()) == 500


async def test_a_refund_that_was_made_by_an_earlier_life_is_found_by_its_metadata() -> None:
    store = StripeStore()
    driver = await store.begin()
    intent = await sold(store, driver)
    await pay(driver, refund_of(intent, "other"))
    session = refund_of(intent)
    session.report.attempts["refund"] = 1
    assert (await driver.inquire(session.request)).code == "refund_not_found"
    made = await store.stripe.api.create_refund(
        intent, amount=500, key="forgotten", metadata={"tillgate_session": "r1"}
    )
    outcome = await pay(driver, session)
    assert outcome.references == {"refund": made.id}
    assert session.report.references["refund"] == made.id
    assert (await store.row(intent))["refunded"] == 1000


async def test_too_much_is_refused_for_certain() -> None:
    store = StripeStore()
    driver = await store.begin()
    intent = await sold(store, driver)
    outcome = await pay(driver, refund_of(intent, amount=5000))
    assert outcome.verdict is Verdict.FAILED
    assert outcome.message
    assert (await store.row(intent))["refunded"] == 0


async def test_a_refusal_after_a_lost_answer_is_certain_only_if_it_speaks_of_the_refund() -> None:
    store = StripeStore()
    driver = await store.begin()
    intent = await sold(store, driver)
    session = refund_of(intent)
    session.report.attempts["refund"] = 1
    await store.stripe.fault("status:401", method="POST", path=REFUNDS)
    assert (await doubted(driver, session)).code == "api_key_refused"
    await store.stripe.fault("status:400:charge_disputed", method="POST", path=REFUNDS)
    assert (await pay(driver, session)).code == "charge_disputed"


async def test_a_key_used_with_other_words_is_doubt() -> None:
    store = StripeStore()
    driver = await store.begin()
    intent = await sold(store, driver)
    await store.stripe.api.create_refund(intent, amount=100, key="r1:refund:1")
    error = await doubted(driver, refund_of(intent))
    assert not isinstance(error, NotStartedError | RefusedError)
    assert error.code == "idempotency_error"


async def test_a_refund_found_after_a_refusal_counts() -> None:
    store = StripeStore()
    driver = await store.begin()
    intent = await sold(store, driver)
    session = refund_of(intent)
    session.report.attempts["refund"] = 1
    keep = store.stripe.api.create_refund

    async def late_arrival(known: str, **kwargs: object) -> object:
        await keep(known, amount=1200, key="late", metadata={"tillgate_session": "r1"})
        return await keep(known, **kwargs)  # type: ignore[arg-type]  # what it was given

    store.stripe.api.create_refund = late_arrival  # type: ignore[method-assign, assignment]  # the first request
    outcome = await pay(driver, session)
    assert (outcome.verdict, outcome.amount_captured) == (Verdict.PAID, 1200)


async def test_a_line_that_is_down_is_certain_only_the_first_time() -> None:
    store = StripeStore()
    driver = await store.begin()
    intent = await sold(store, driver)
    store.stripe.exchange.down = True
    session = refund_of(intent)
    assert isinstance(await doubted(driver, session), NotStartedError)
    store.stripe.exchange.down = False
    keep = store.stripe.api.create_refund

    async def cut(known: str, **kwargs: object) -> object:
        store.stripe.exchange.down = True
        return await keep(known, **kwargs)  # type: ignore[arg-type]  # what it was given

    store.stripe.api.create_refund = cut  # type: ignore[method-assign, assignment]  # the line dies
    assert session.report.attempts == {"refund": 1}
    assert not isinstance(await doubted(driver, session), NotStartedError)


async def test_a_refund_of_nothing_starts_nothing() -> None:
    store = StripeStore()
    driver = await store.begin()
    session = Session("r1", kind=Kind.REFUND)
    error = await doubted(driver, session)
    assert isinstance(error, NotStartedError)
    assert error.code == "refund_without_payment"
    assert (await driver.inquire(session.request)).code == "never_sent"
    assert (await driver.inquire(refund_of("pi_1").request)).code == "never_sent"

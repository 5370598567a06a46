"""The one PaymentIntent of a sale: made once, checked, described."""

import pytest

from agent.stripe.objects import PaymentIntent
from drivers.contract import Capture, NotStartedError, TipPolicy
from drivers.readers.stripe_intent import IntentOddError, check, make, process_config
from tests.stripe_store import Session, StripeStore

GOOD = PaymentIntent(
    id="pi_1",
    object="payment_intent",
    amount=1200,
    currency="eur",
    capture_method="automatic",
    payment_method_types=["card_present"],
    status="requires_payment_method",
)


def test_the_intent_that_was_asked_for_is_fine() -> None:
    check(GOOD, Session().request)
    tipped = {"amount": 1350, "amount_details": {"tip": {"amount": 150}}}
    check(PaymentIntent.model_validate(GOOD.model_dump() | tipped), Session().request)
    check(GOOD.model_copy(update={"capture_method": "automatic_async"}), Session().request)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"payment_method_types": []}, "card_present_unavailable"),
        ({"amount": 1201}, "amount_mismatch"),
        ({"currency": "usd"}, "currency_mismatch"),
        ({"capture_method": "manual"}, "capture_method_mismatch"),
    ],
)
def test_an_intent_that_is_about_something_else_is_shown_to_nobody(
    changes: dict[str, object], code: str
) -> None:
    with pytest.raises(IntentOddError) as caught:
        check(GOOD.model_copy(update=changes), Session().request)
    assert caught.value.code == code
    assert "pi_1" in str(caught.value)


async def test_an_odd_intent_is_canceled_and_nothing_starts() -> None:
    store = StripeStore()
    driver = await store.begin()
    keep = store.stripe.api.create_payment_intent

    async def filtered(params: object, *, key: str) -> PaymentIntent:
        made = await keep(params, key=key)  # type: ignore[arg-type]  # what it was given
        return made.model_copy(update={"payment_method_types": ["card"]})

    store.stripe.api.create_payment_intent = filtered  # type: ignore[method-assign]  # Stripe filters silently
    session = Session()
    with pytest.raises(NotStartedError) as caught:
        await driver.pay(session.request, session.report)
    assert caught.value.code == "card_present_unavailable"
    assert [row["status"] for row in await store.stripe.ledger()] == ["canceled"]
    assert session.report.references == {}


async def test_the_same_session_always_gets_the_same_intent() -> None:
    store = StripeStore()
    await store.begin()
    first = await make(store.stripe.api, Session().request)
    assert (await make(store.stripe.api, Session().request)).id == first.id
    assert (await make(store.stripe.api, Session("s2").request)).id != first.id


@pytest.mark.parametrize(
    "effect", ["drop_after", "status:500", "captive_portal", "status:400:amount_too_small"]
)
async def test_whatever_goes_wrong_before_a_reader_is_told_starts_nothing(effect: str) -> None:
    store = StripeStore()
    await store.begin()
    await store.stripe.fault(effect, method="POST", path="/v1/payment_intents", times=None)
    store.stripe.exchange.latency_s = 15.0 if effect == "drop_after" else 0.0
    with pytest.raises(NotStartedError) as caught:
        await make(store.stripe.api, Session().request)
    assert caught.value.code


def test_the_reader_is_told_what_to_offer() -> None:
    cancelable = {"enable_customer_cancellation": True}
    assert process_config(Session().request) == cancelable
    assert process_config(Session(tip=TipPolicy()).request) == cancelable
    skip = Session(tip=TipPolicy(skip=True, amount_eligible=5)).request
    assert process_config(skip) == cancelable | {"skip_tipping": True}
    none = Session(tip=TipPolicy(amount_eligible=0), capture=Capture.MANUAL).request
    assert process_config(none) == cancelable | {"tipping": {"amount_eligible": 0}}

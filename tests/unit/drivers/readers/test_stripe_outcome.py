"""What Stripe's objects mean, case by case."""

from typing import Any

import pytest

from agent.stripe.objects import PaymentIntent, ReaderAction, Refund
from drivers.contract import Capture, Verdict
from drivers.readers.stripe_outcome import (
    AmountMismatchError,
    charge_of,
    decided,
    declined,
    declined_since,
    ended,
    refunded,
    stale,
)
from tests.stripe_store import Session

CARD = {"brand": "visa", "last4": "4242", "exp_month": 12, "wallet": {"type": "apple_pay"}}


def intent(**fields: Any) -> PaymentIntent:
    plain = {"id": "pi_1", "amount": 1200, "amount_received": 1200, "currency": "eur", "status": "succeeded"}
    return PaymentIntent.model_validate(plain | fields)


def charge(**fields: Any) -> dict[str, Any]:
    return {"id": "ch_1", "status": "succeeded"} | fields


def action(**fields: Any) -> ReaderAction:
    return ReaderAction.model_validate({"type": "process_payment_intent", "status": "failed"} | fields)


def error(**fields: Any) -> dict[str, Any]:
    return {"type": "card_error", "code": "card_declined", "charge": "ch_1", "message": "No."} | fields


def test_a_paid_intent_without_details_is_paid() -> None:
    outcome = decided(intent(), Session().request)
    assert (outcome.verdict, outcome.card, outcome.receipt) == (Verdict.PAID, None, {})
    assert outcome.references == {"payment_intent": "pi_1"}


@pytest.mark.parametrize("kind", ["card_present", "interac_present"])
def test_the_card_is_told_whatever_kind_it_is(kind: str) -> None:
    receipt = {"authorization_code": "1", "account_type": None}
    paid = intent(
        latest_charge=charge(payment_method_details={"type": kind, kind: CARD | {"receipt": receipt}})
    )
    outcome = decided(paid, Session().request)
    assert outcome.card is not None
    assert (outcome.card.brand, outcome.card.wallet, outcome.card.exp_year) == ("visa", "apple_pay", None)
    assert outcome.receipt == {"authorization_code": "1"}
    assert outcome.references["charge"] == "ch_1"


def test_a_card_without_a_receipt_or_a_wallet_is_fine() -> None:
    details = {"card_present": {"brand": "visa"}}
    outcome = decided(intent(latest_charge=charge(payment_method_details=details)), Session().request)
    assert outcome.card is not None
    assert (outcome.card.wallet, outcome.receipt) == ("", {})


@pytest.mark.parametrize(
    ("fields", "verdict", "code"),
    [
        ({"status": "canceled"}, Verdict.CANCELED, "canceled"),
        ({"status": "canceled", "latest_charge": charge(status="failed")}, Verdict.CANCELED, "canceled"),
        ({"status": "canceled", "latest_charge": charge()}, Verdict.RELEASED, "canceled"),
        (
            {"status": "canceled", "cancellation_reason": "automatic", "latest_charge": charge()},
            Verdict.RELEASED,
            "expired",
        ),
        ({"latest_charge": charge(refunded=True)}, Verdict.RELEASED, "reversed"),
        ({"status": "requires_capture", "amount_received": 0}, Verdict.AUTHORIZED, ""),
    ],
)
def test_a_status_is_a_verdict(fields: dict[str, Any], verdict: Verdict, code: str) -> None:
    outcome = decided(intent(**fields), Session().request)
    assert (outcome.verdict, outcome.code) == (verdict, code)


@pytest.mark.parametrize(
    "fields",
    [
        {"amount": 1300, "amount_received": 1300},
        {"amount": 1100, "amount_received": 1100},
        {"amount": 1300, "amount_received": 1300, "amount_details": {"tip": {"amount": 99}}},
        {"currency": "usd"},
        {"amount_received": 700},
    ],
)
def test_money_that_does_not_fit_the_order_is_for_an_operator(fields: dict[str, Any]) -> None:
    with pytest.raises(AmountMismatchError) as caught:
        decided(intent(**fields), Session().request)
    assert caught.value.code == "amount_mismatch"


def test_a_partial_capture_fits_the_order() -> None:
    outcome = decided(intent(amount_received=700), Session(capture=Capture.MANUAL).request)
    assert (outcome.amount_authorized, outcome.amount_captured) == (1200, 700)


def test_a_tip_is_part_of_both_amounts() -> None:
    details = {"amount": 1350, "amount_received": 1350, "amount_details": {"tip": {"amount": 150}}}
    outcome = decided(intent(**details), Session().request)
    assert (outcome.amount_authorized, outcome.amount_captured, outcome.amount_tip) == (1350, 1350, 150)


def test_the_latest_charge_is_found_wherever_it_is() -> None:
    assert charge_of(intent(latest_charge="ch_9")) == "ch_9"
    assert charge_of(intent(last_payment_error=error())) == "ch_1"
    assert charge_of(intent()) == ""


def test_a_decline_is_new_if_its_charge_is() -> None:
    assert not declined_since(intent(), "")
    assert declined_since(intent(last_payment_error=error()), "")
    assert declined_since(intent(last_payment_error=error()), "ch_0")
    assert not declined_since(intent(last_payment_error=error()), "ch_1")


def test_an_old_action_is_known_by_its_charge() -> None:
    old = intent(last_payment_error=error())
    assert stale(action(failure_code="card_declined"), old, "ch_1")
    assert not stale(action(failure_code="card_declined"), old, "")
    assert not stale(action(failure_code="customer_canceled"), old, "ch_1")
    assert not stale(action(failure_code="card_declined"), intent(latest_charge="ch_2"), "ch_1")


def test_the_reason_of_a_decline_is_the_payment_intents() -> None:
    outcome = ended(
        action(failure_code="card_declined", api_error=error(decline_code="lost_card")),
        intent(last_payment_error=error(decline_code="insufficient_funds")),
        "",
    )
    assert outcome is not None
    assert (outcome.verdict, outcome.decline_code, outcome.message) == (
        Verdict.DECLINED,
        "insufficient_funds",
        "No.",
    )


def test_without_the_payment_intents_reason_the_actions_is_told() -> None:
    by_error = ended(action(api_error=error(decline_code="lost_card")), intent(), "")
    assert by_error is not None
    assert by_error.decline_code == "lost_card"
    by_code = ended(action(failure_code="card_declined", failure_message="Declined."), intent(), "")
    assert by_code is not None
    assert (by_code.code, by_code.message) == ("card_declined", "Declined.")
    assert declined(intent()).message


def test_a_customers_cancel_is_no_decline_even_after_one() -> None:
    outcome = ended(action(failure_code="customer_canceled"), intent(last_payment_error=error()), "ch_1")
    assert outcome is not None
    assert (outcome.verdict, outcome.code) == (Verdict.CANCELED, "customer_canceled")
    assert outcome.message


@pytest.mark.parametrize(
    "fields",
    [{"status": "succeeded"}, {"failure_code": "connection_error"}, {"failure_code": "something_new"}],
)
def test_an_end_without_a_reason_proves_nothing(fields: dict[str, str]) -> None:
    assert ended(action(**fields), intent(), "") is None


@pytest.mark.parametrize(
    ("status", "verdict", "code"),
    [
        ("succeeded", Verdict.PAID, ""),
        ("pending", Verdict.PAID, "refund_pending"),
        ("failed", Verdict.FAILED, "expired_or_canceled_card"),
        ("canceled", Verdict.CANCELED, "refund_canceled"),
        ("requires_action", Verdict.UNKNOWN, "refund_requires_action"),
        ("", Verdict.UNKNOWN, "refund_unknown"),
    ],
)
def test_a_refund_is_what_its_status_says(status: str, verdict: Verdict, code: str) -> None:
    reason = "expired_or_canceled_card" if status == "failed" else ""
    outcome = refunded(Refund(id="re_1", amount=500, status=status, failure_reason=reason))
    assert (outcome.verdict, outcome.code) == (verdict, code)
    assert outcome.amount_captured == (500 if verdict is Verdict.PAID else 0)
    assert outcome.references == {"refund": "re_1"}

"""What a PaymentIntent, an ended action or a refund means: pure judgement, no calls."""

from collections.abc import Mapping

from drivers.contract import Capture, Card, DriverError, Outcome, PaymentRequest, Verdict
from drivers.readers.stripe_calls import ActionFacts, CardFacts, IntentFacts, RefundFacts

SESSION_KEY = "tillgate_session"
"""Metadata that says whose sale a PaymentIntent or a refund is."""

GATEWAY_KEY = "tillgate_gateway"
"""Metadata that says which gateway made a PaymentIntent, for whoever looks through the account's books."""

BEFORE_THE_KEYS = frozenset({"api_key_refused", "permission_missing", "rate_limit", "lock_timeout"})
"""Refusals made before Stripe looks at the request: they end by themselves or by an admin's hand, and prove
nothing about an earlier request with the same key."""

STRIPE_FAILED = "stripe_failed"
"""Code of a doubt: Stripe has answered that it does not know itself. That answer is kept under the key and
comes again for a day (docs.stripe.com/api/idempotent_requests): a second one wants another number."""

DECIDED = frozenset({"succeeded", "requires_capture", "canceled"})
"""Statuses in which nobody can pay any more."""

_RECEIPT_FIELDS = (
    "account_type",
    "application_cryptogram",
    "application_preferred_name",
    "authorization_code",
    "authorization_response_code",
    "cardholder_verification_method",
    "dedicated_file_name",
    "terminal_verification_results",
    "transaction_status_information",
)


class AmountMismatchError(DriverError):
    """The money is not the order's plus exactly the tip: an operator must look."""


def decided(intent: IntentFacts, request: PaymentRequest) -> Outcome:
    """The outcome of a PaymentIntent that nobody can pay any more; only its status decides.

    Raises `AmountMismatchError` when the money is not the order's plus exactly the tip.
    """
    references = {"payment_intent": intent.id}
    if intent.latest_charge is not None:
        references["charge"] = intent.latest_charge.id
    if intent.status == "canceled":
        expired = intent.cancellation_reason in {"automatic", "expired"}
        held = intent.latest_charge is not None and intent.latest_charge.status == "succeeded"
        return Outcome(
            Verdict.RELEASED if held else Verdict.CANCELED,
            code="expired" if expired else "canceled",
            message="The hold was let go." if held else "The payment was canceled; nothing moved.",
            references=references,
        )
    if intent.latest_charge is not None and intent.latest_charge.refunded:
        return Outcome(
            Verdict.RELEASED, code="reversed", message="The money was given back.", references=references
        )
    tip = tip_of(intent)
    paid = intent.status == "succeeded"
    expected = request.money.amount + (tip or 0)
    short = paid and request.capture is Capture.AUTOMATIC and intent.amount_received != intent.amount
    if short or intent.amount != expected or intent.currency != request.money.currency:
        raise AmountMismatchError(
            f"{intent.id} is about {intent.amount} {intent.currency} ({intent.amount_received} received), "
            f"but the order is about {request.money} and the tip {tip or 0}: "
            "compare the till, the journal and the Dashboard",
            code="amount_mismatch",
        )
    card = _presented(intent)
    return Outcome(
        Verdict.PAID if paid else Verdict.AUTHORIZED,
        amount_authorized=intent.amount if paid else intent.amount_capturable or intent.amount,
        amount_captured=intent.amount_received if paid else 0,
        amount_tip=tip,
        references=references,
        card=None if card is None else _card(card),
        receipt={} if card is None else _receipt(card),
    )


def charge_of(intent: IntentFacts) -> str:
    """The id of the latest try at the issuer, or ''."""
    if intent.latest_charge is not None:
        return intent.latest_charge.id
    return intent.last_payment_error.charge if intent.last_payment_error is not None else ""


def declined_since(intent: IntentFacts, old_charge: str) -> bool:
    """Whether the issuer said no since `old_charge`, the decline that an earlier session ended with."""
    return (intent.last_payment_error is not None and charge_of(intent) != old_charge) or (
        intent.last_payment_error is not None and not old_charge
    )


def stale(action: ActionFacts, intent: IntentFacts, old_charge: str) -> bool:
    """Whether an ended action belongs to the earlier session that was declined on the same PaymentIntent."""
    return bool(old_charge) and action.failure_code != "customer_canceled" and charge_of(intent) == old_charge


def ended(action: ActionFacts, intent: IntentFacts, old_charge: str) -> Outcome | None:
    """Why an ended action moved nothing; None when the action does not say so for certain."""
    references = {"payment_intent": intent.id}
    if action.status != "failed":
        return None
    if action.failure_code == "customer_canceled":
        message = action.failure_message or "The customer canceled on the reader."
        return Outcome(Verdict.CANCELED, code="customer_canceled", message=message, references=references)
    by_issuer = action.api_error is not None and action.api_error.type == "card_error"
    if declined_since(intent, old_charge) or by_issuer or action.failure_code == "card_declined":
        return declined(intent, action)
    return None


def declined(intent: IntentFacts, action: ActionFacts | None = None) -> Outcome:
    """A decline with the reason the PaymentIntent knows, else the action's."""
    error = intent.last_payment_error or (action.api_error if action is not None else None)
    code = error.code if error is not None else ""
    message = error.message if error is not None else ""
    if action is not None:
        code, message = code or action.failure_code, message or action.failure_message
    return Outcome(
        Verdict.DECLINED,
        code=code or "card_declined",
        message=message or "The card was declined.",
        decline_code=error.decline_code if error is not None else "",
        references={"payment_intent": intent.id},
    )


def refunded(refund: RefundFacts) -> Outcome:
    """The outcome of a refund; `pending` counts as on its way, a later failure is Stripe's to tell."""
    references = {"refund": refund.id}
    match refund.status:
        case "succeeded" | "pending":
            pending = refund.status == "pending"
            return Outcome(
                Verdict.PAID,
                code="refund_pending" if pending else "",
                message="The refund is on its way (pending at Stripe)." if pending else "",
                amount_authorized=refund.amount,
                amount_captured=refund.amount,
                references=references,
            )
        case "failed":
            reason = refund.failure_reason or "refund_failed"
            message = f"The refund failed: {reason}. Pay the customer back another way."
            return Outcome(Verdict.FAILED, code=reason, message=message, references=references)
        case "canceled":
            message = "The refund was canceled; nothing moved."
            return Outcome(Verdict.CANCELED, code="refund_canceled", message=message, references=references)
        case _:
            return Outcome(
                Verdict.UNKNOWN,  # somebody else's move: asked again later, not sent again
                code=f"refund_{refund.status or 'unknown'}",
                message="The refund waits for somebody; see the Dashboard.",
                references=references,
            )


def tip_of(intent: IntentFacts) -> int | None:
    """The tip chosen on the reader; 0: offered, none chosen; None: not offered."""
    details = intent.amount_details
    return details.tip.amount if details is not None and details.tip is not None else None


def _presented(intent: IntentFacts) -> CardFacts | None:
    charge = intent.latest_charge
    details = charge.payment_method_details if charge is not None else None
    return None if details is None else details.card_present or details.interac_present


def _card(card: CardFacts) -> Card:
    return Card(
        brand=card.brand,
        last4=card.last4,
        read_method=card.read_method,
        funding=card.funding,
        country=card.country,
        exp_month=card.exp_month,
        exp_year=card.exp_year,
        wallet=card.wallet.type if card.wallet is not None else "",
    )


def _receipt(card: CardFacts) -> Mapping[str, str]:
    if card.receipt is None:
        return {}
    printed = {name: str(getattr(card.receipt, name)) for name in _RECEIPT_FIELDS}
    return {name: value for name, value in printed.items() if value}

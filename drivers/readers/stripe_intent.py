"""The one PaymentIntent of a sale: made with a stable key, checked, or taken up again."""

from collections.abc import Mapping

from drivers.contract import Capture, DriverError, NotStartedError, PaymentRequest, RefusedError
from drivers.readers.stripe_calls import IntentFacts, StripeCalls, Value
from drivers.readers.stripe_outcome import SESSION_KEY, tip_of


class IntentOddError(DriverError):
    """The PaymentIntent is not the one that was asked for; nobody may be shown it."""


async def make(calls: StripeCalls, request: PaymentRequest) -> IntentFacts:
    """Create the PaymentIntent; the same session always gets the same one.

    Raises `NotStartedError` for every failure: a PaymentIntent that no reader was told of cannot be paid.
    """
    try:
        return await calls.create_payment_intent(_params(request), key=f"pi:{request.session}")
    except NotStartedError:
        raise
    except RefusedError as refusal:
        raise NotStartedError(f"Stripe refused the payment: {refusal}", code=refusal.code) from refusal
    except DriverError as doubt:
        raise NotStartedError(f"the payment could not be prepared: {doubt}", code=doubt.code) from doubt


def check(intent: IntentFacts, request: PaymentRequest) -> None:
    """Raise `IntentOddError` unless an unpaid PaymentIntent is exactly about this order."""
    amount = request.money.amount
    problems = {
        # Incompatible types are filtered silently (docs.stripe.com/api/payment_intents/create).
        "card_present_unavailable": "card_present" not in intent.payment_method_types,
        # After a declined try the amount may still hold the tip of that try.
        "amount_mismatch": intent.amount not in {amount, amount + (tip_of(intent) or 0)},
        "currency_mismatch": intent.currency != request.money.currency,
        "capture_method_mismatch": (intent.capture_method == "manual") != (request.capture is Capture.MANUAL),
    }
    for code, wrong in problems.items():
        if wrong:
            raise IntentOddError(
                f"{intent.id} is not what was asked for ({code}): {intent.amount} {intent.currency}, "
                f"{intent.capture_method}, {', '.join(intent.payment_method_types) or 'no payment methods'}",
                code=code,
            )


def process_config(request: PaymentRequest) -> Mapping[str, Value]:
    """What the reader shall offer. Without a tip policy the reader's own configuration decides."""
    config: dict[str, Value] = {"enable_customer_cancellation": True}
    if request.tip is not None:
        if request.tip.skip:
            config["skip_tipping"] = True
        elif request.tip.amount_eligible is not None:
            config["tipping"] = {"amount_eligible": request.tip.amount_eligible}
    return config


def _params(request: PaymentRequest) -> Mapping[str, Value]:
    types = ["card_present"]
    if request.money.currency == "cad" and request.capture is Capture.AUTOMATIC:
        # Interac with manual capture is always declined (docs.stripe.com/terminal/payments/regional, Canada).
        types.append("interac_present")
    return {
        "amount": request.money.amount,
        "currency": request.money.currency,
        "allowed_payment_method_types": types,
        "capture_method": request.capture.value,
        "description": request.description or None,
        "metadata": {**request.metadata, SESSION_KEY: request.session},
    }

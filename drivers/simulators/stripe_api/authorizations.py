"""The PaymentIntent's states: authorised, declined, captured, released."""

from typing import Final

from drivers.simulators.stripe_api.cards import Card, Decision, decide, decline_message
from drivers.simulators.stripe_api.charges import charge, hold_s
from drivers.simulators.stripe_api.errors import DOC_URL
from drivers.simulators.stripe_api.store import Account, Body, Record
from drivers.simulators.stripe_api.world import World

INTENT: Final = "payment_intent"


def capture_method(intent: Record, card: Card, kind: str) -> str:
    """How a card will be captured: some networks know no holding, some merchants only prefer it."""
    options = (intent.body["payment_method_options"] or {}).get("card_present", {})
    wish: str = options.get("capture_method") or intent.body["capture_method"]
    if wish == "manual_preferred":
        return "automatic" if kind == "interac_present" or card.eftpos else "manual"
    return wish


def error_of(decision: Decision, failed: Record | None = None, method: Record | None = None) -> Body:
    """The error object of a decline, as `last_payment_error` and `api_error` show it."""
    error: Body = {"type": "card_error", "message": decline_message(decision.decline_code)}
    if decision.code is not None:
        error |= {"code": decision.code, "doc_url": DOC_URL + decision.code.replace("_", "-")}
    if decision.decline_code is not None and decision.code == "card_declined":
        error["decline_code"] = decision.decline_code
    if failed is not None:
        error["charge"] = failed.id
    if method is not None:
        error["payment_method"] = method.body
    return error


def authorize(
    world: World,
    account: Account,
    intent: Record,
    method: Record,
    card: Card,
    shown: int,
    tip: int | None,
    reader: Record,
    *,
    pin_entered: bool,
) -> tuple[Decision, Record]:
    """Ask the issuer, write the charge, move the PaymentIntent; the decision and the charge.

    `shown` is the amount on the reader, which an edit of the intent does not change; `tip` is None where the
    reader offered none and becomes part of the amount. Both are minor units.
    """
    kind = method.body["type"]
    amount = shown + (tip or 0)
    wish = capture_method(intent, card, kind)
    if wish == "manual" and (kind == "interac_present" or card.eftpos):
        decision = Decision("card_declined", "generic_decline")
    else:
        decision = decide(card, amount, pin_entered=pin_entered, endings=world.settings.amount_endings)
    captured = wish != "manual"
    attempt = charge(world, account, intent, method, card, decision, amount, reader, captured=captured)
    body, hidden = intent.body, intent.hidden
    hidden["charges"] += 1
    body["latest_charge"] = attempt.id
    body.pop("amount_tip", None)
    if decision.code is not None:
        body["status"] = "requires_payment_method"
        body["payment_method"] = None
        body["last_payment_error"] = error_of(decision, attempt, method)
        world.touch(intent)
        world.event(account, "charge.failed", attempt)
        world.event(account, "payment_intent.payment_failed", intent)
        return decision, attempt
    body["amount"] = amount
    if tip is not None:
        body["amount_details"] = body["amount_details"] | {"tip": {"amount": tip}}
        body["amount_tip"] = 0
    body["last_payment_error"] = None
    body["payment_method"] = method.id
    hidden["authorized"] += amount
    if captured:
        _received(intent, amount)
    else:
        body["status"] = "requires_capture"
        body["amount_capturable"] = amount
        world.plan("hold_over", intent, hold_s(intent, card), hidden["charges"])
    world.touch(intent)
    world.event(account, "charge.succeeded", attempt)
    world.event(
        account,
        "payment_intent.succeeded" if captured else "payment_intent.amount_capturable_updated",
        intent,
    )
    return decision, attempt


def _received(intent: Record, amount: int) -> None:
    body = intent.body
    body["status"] = "succeeded"
    body["amount_received"] += amount
    body["amount_capturable"] = 0
    intent.hidden["captured"] += amount


def capture(world: World, account: Account, intent: Record, amount: int, *, final: bool = True) -> None:
    """Take `amount` of what is held; unless `final` is false the rest is released."""
    held = account.find("charge", intent.body["latest_charge"])
    rest = intent.body["amount_capturable"] - amount
    held.body["captured"] = True
    held.body["amount_captured"] += amount
    if final:
        _received(intent, amount)
        intent.hidden["released"] += max(rest, 0)
    else:
        intent.body["amount_received"] += amount
        intent.body["amount_capturable"] = rest
        intent.hidden["captured"] += amount
    world.touch(held)
    world.touch(intent)
    world.event(account, "charge.captured", held)
    if final:
        world.event(account, "payment_intent.succeeded", intent)


def cancel(world: World, account: Account, intent: Record, reason: str | None) -> None:
    """End an intent that was not paid; what was held is released."""
    body = intent.body
    if body["status"] == "requires_capture":
        held = account.find("charge", body["latest_charge"])
        intent.hidden["released"] += body["amount_capturable"]
        held.body["amount_refunded"] = held.body["amount"] - held.body["amount_captured"]
        held.body["refunded"] = held.body["amount_captured"] == 0
        world.touch(held)
        world.event(account, "charge.expired" if reason == "automatic" else "charge.refunded", held)
    body["status"] = "canceled"
    body["amount_capturable"] = 0
    body["canceled_at"] = world.seconds()
    body["cancellation_reason"] = reason
    body.pop("amount_tip", None)
    world.touch(intent)
    world.event(account, "payment_intent.canceled", intent)


def hold_over(world: World, account: Account, intent: Record, turn: int) -> None:
    """The time to capture is over."""
    if intent.body["status"] == "requires_capture" and intent.hidden["charges"] == turn:
        cancel(world, account, intent, "automatic")


def uncollect(world: World, intent: Record) -> None:
    """Forget a collected card that was not confirmed."""
    if intent.body["status"] == "requires_confirmation":
        intent.body["status"] = "requires_payment_method"
        intent.body["payment_method"] = None
        intent.body.pop("amount_tip", None)
        world.touch(intent)

"""A card held to a waiting reader, by the test helper or by a simulated customer."""

from typing import Any, Final

from drivers.simulators.stripe_api import actions, refunds, setup_intents, terminal_parameters
from drivers.simulators.stripe_api.authorizations import authorize, error_of
from drivers.simulators.stripe_api.calls import Call, Endpoint
from drivers.simulators.stripe_api.cards import (
    CARDS,
    STANDARD,
    STANDARD_INTERAC,
    Card,
    Decision,
    decide,
    decline_message,
)
from drivers.simulators.stripe_api.configurations import effective
from drivers.simulators.stripe_api.errors import ApiError, bad_parameter
from drivers.simulators.stripe_api.payment_methods import method_of
from drivers.simulators.stripe_api.readers import refreshed
from drivers.simulators.stripe_api.store import Account, Body, Record
from drivers.simulators.stripe_api.world import World

CONNECTION_ERRORS: Final = ("connection_error", "connection_error_authorized")
_STALE: Final = "This intent can no longer be processed."


def find_card(number: str | None, kind: str, param: str = "card_present[number]") -> Card:
    """A test card; the usual one of its kind without a number.

    Errors: `ApiError` 400 for a number that is no test card.
    """
    if number is None:
        return CARDS[STANDARD_INTERAC if kind == "interac_present" else STANDARD]
    card = CARDS.get(number)
    if card is None:
        raise bad_parameter(
            "This number is not one of Stripe's test cards for readers.", param, "incorrect_number"
        )
    return card


def offers_tip(world: World, account: Account, reader: Record, intent: Record) -> bool:
    """Whether the reader asks for a tip before this payment."""
    config = actions.configured(reader)
    if config.get("skip_tipping") or config.get("tipping", {}).get("amount_eligible") == 0:
        return False
    location = account.get("terminal.location", reader.body["location"] or "")
    tipping = effective(world, account, location, "tipping") or {}
    return intent.body["currency"] in tipping


def present(world: World, account: Account, reader: Record, card: Card, kind: str, tip: int | None) -> None:
    """Hold a card to the reader: it is authorised at once, or after `busy_s` seconds of a busy reader.

    Errors: `ApiError` 400 when the reader waits for no card or cannot be reached.
    """
    hidden = reader.hidden
    if hidden["state"] != "online":
        raise ApiError("The reader does not react: a card cannot be presented to it now.", stored=False)
    if hidden["phase"] != actions.WAIT:
        raise ApiError("The reader is not waiting for a payment method.", code="intent_invalid_state")
    hidden["offer"] = {"card": card.number, "kind": kind, "tip": tip}
    intent = actions.intent_of(account, reader)
    if intent is not None:
        intent.hidden["presented_at"] = world.now()
    if world.settings.busy_s > 0:
        hidden["phase"] = actions.BUSY
        hidden["turn"] += 1
        world.plan("authorized", reader, world.settings.busy_s, hidden["turn"])
        world.touch(refreshed(world, reader))
    else:
        _settle(world, account, reader)


def authorized(world: World, account: Account, reader: Record, turn: int) -> None:
    """The issuer has answered a busy reader."""
    if reader.hidden["turn"] == turn and reader.hidden["phase"] == actions.BUSY:
        _settle(world, account, reader)


def auto_present(world: World, account: Account, reader: Record, turn: int) -> None:
    """The simulated customer presents the card it was given."""
    hidden = reader.hidden
    wish: dict[str, Any] | None = hidden.get("auto_present")
    waiting = hidden["turn"] == turn and hidden["phase"] == actions.WAIT and hidden["state"] == "online"
    if not waiting or not wish:
        return
    if wish.get("times") is not None:
        wish["times"] -= 1
        if wish["times"] <= 0:
            hidden["auto_present"] = None
    intent = actions.intent_of(account, reader)
    tip = None
    if intent is not None and reader.body["action"]["type"] != "refund_payment":
        tip = wish.get("amount_tip", 0) if offers_tip(world, account, reader, intent) else None
    card = find_card(wish.get("number"), "card_present")
    kind = "interac_present" if card.interac else "card_present"
    refund = reader.body["action"]["type"] == "refund_payment"
    if intent is not None and not refund and kind not in intent.body["payment_method_types"]:
        return  # the reader does not take this card and goes on waiting
    present(world, account, reader, card, kind, tip)


def _settle(world: World, account: Account, reader: Record) -> None:
    match reader.body["action"]["type"]:
        case "collect_payment_method":
            _collect(world, account, reader)
        case "refund_payment":
            _refund(world, account, reader)
        case "process_setup_intent":
            _set_up(world, account, reader)
        case _:
            _pay(world, account, reader)


def _pay(world: World, account: Account, reader: Record) -> None:
    hidden, intent = reader.hidden, actions.intent_of(account, reader)
    offer: Body = hidden["offer"]
    if intent is None or intent.body["status"] not in ("requires_payment_method", "requires_confirmation"):
        stale: Body = {"type": "invalid_request_error", "code": "intent_invalid_state", "message": _STALE}
        actions.finish(world, account, reader, ("intent_invalid_state", _STALE), stale)
        return
    trouble = hidden.pop("next_payment", None)
    lost = ("connection_error", "The reader lost its connection during the payment.")
    if trouble == "connection_error":
        actions.finish(world, account, reader, lost)
        return
    card = CARDS[offer["card"]]
    pin_entered = hidden.get("pin") == intent.id
    known = account.get("payment_method", offer.get("method", ""))
    method = known or method_of(
        world, account, card, offer["kind"], "contact_emv" if pin_entered else "contactless_emv"
    )
    decision, attempt = authorize(
        world, account, intent, method, card, hidden["amount"], offer["tip"], reader, pin_entered=pin_entered
    )
    if hidden["state"] != "online":  # the issuer answered, the reader never told anyone
        hidden["phase"] = actions.STUCK
        world.touch(reader)
    elif decision.pin_retry and known is None:
        hidden["phase"], hidden["pin"] = actions.WAIT, intent.id
        actions.expect_customer(world, reader)
    elif trouble is not None:
        actions.finish(world, account, reader, lost)
    elif decision.code is not None:
        error = error_of(decision, attempt, method)
        actions.finish(
            world, account, reader, ("card_declined", decline_message(decision.decline_code)), error
        )
    else:
        actions.finish(world, account, reader)


def _collect(world: World, account: Account, reader: Record) -> None:
    hidden, intent = reader.hidden, actions.intent_of(account, reader)
    offer: Body = hidden["offer"]
    if intent is None or intent.body["status"] != "requires_payment_method":
        stale: Body = {"type": "invalid_request_error", "code": "intent_invalid_state", "message": _STALE}
        actions.finish(world, account, reader, ("intent_invalid_state", _STALE), stale)
        return
    method = method_of(world, account, CARDS[offer["card"]], offer["kind"], "contactless_emv")
    intent.body["status"] = "requires_confirmation"
    intent.body["payment_method"] = method.id
    if offer["tip"] is not None:
        intent.body["amount_tip"] = offer["tip"]
    world.touch(intent)
    action = reader.body["action"]
    action["status"] = world.settings.collected_status
    action["collect_payment_method"]["payment_method"] = method.body
    hidden["collected"] = offer | {"method": method.id}
    del hidden["offer"]
    hidden["phase"] = actions.COLLECTED
    hidden["turn"] += 1
    world.plan("collect_over", reader, world.settings.confirm_within_s, hidden["turn"])
    world.touch(refreshed(world, reader))
    world.event(account, "terminal.reader.action_updated", reader)


def _set_up(world: World, account: Account, reader: Record) -> None:
    details = reader.body["action"]["process_setup_intent"]
    intent = account.find(setup_intents.KIND, details["setup_intent"])
    if intent.body["status"] != "requires_payment_method":
        stale: Body = {"type": "invalid_request_error", "code": "intent_invalid_state", "message": _STALE}
        actions.finish(world, account, reader, ("intent_invalid_state", _STALE), stale)
        return
    card = CARDS[reader.hidden["offer"]["card"]]
    saved = setup_intents.set_up(world, account, intent, card, reader, reader.hidden["redisplay"])
    if saved is None:
        failure = (setup_intents.FAILED, setup_intents.MESSAGE)
        actions.finish(world, account, reader, failure, intent.body["last_setup_error"])
        return
    details["generated_card"] = saved.id
    actions.finish(world, account, reader)


def _refund(world: World, account: Account, reader: Record) -> None:
    details = reader.body["action"]["refund_payment"]
    card = CARDS[reader.hidden["offer"]["card"]]
    paid = account.find("charge", reader.hidden["refunding"])
    amount = details["amount"]
    decision = decide(card, amount, pin_entered=True, endings=world.settings.amount_endings)
    if card.number != paid.hidden["card"]:
        decision = Decision("card_declined", "invalid_account")
    if decision.code is not None:
        actions.finish(
            world,
            account,
            reader,
            ("card_declined", decline_message(decision.decline_code)),
            error_of(decision),
        )
        return
    refund = refunds.refund(world, account, paid, amount, None, details.get("metadata") or {})
    details["refund"] = refund.id
    actions.finish(world, account, reader)


def present_payment_method(call: Call) -> Record:
    """`POST /v1/test_helpers/terminal/readers/{id}/present_payment_method`."""
    world, account, params = call.world, call.account, call.params
    reader = account.find("terminal.reader", call.target)
    action = reader.body["action"]
    intent = actions.intent_of(account, reader)
    kind = params.get("type")
    if kind == "card":
        raise bad_parameter("The simulated Stripe API does not take typed-in cards (MOTO).", "type")
    if kind is None:
        types = intent.body["payment_method_types"] if intent is not None else []
        only = "card_present" not in types and "interac_present" in types
        kind = "interac_present" if only or "interac_present" in params else "card_present"
    if action is not None and action["type"] == "refund_payment" and "type" not in params:
        kind = "interac_present"
    card = find_card(params.get(kind, {}).get("number"), kind, f"{kind}[number]")
    if card.interac != (kind == "interac_present"):
        raise bad_parameter(f"This card cannot be presented as {kind}.", f"{kind}[number]")
    tip: int | None = None
    if reader.hidden["phase"] == actions.WAIT and intent is not None:
        if action["type"] != "refund_payment" and kind not in intent.body["payment_method_types"]:
            raise ApiError(f"The PaymentIntent does not accept {kind}.", param="type")
        tip = _tip(call, reader, intent)
    present(world, account, reader, card, kind, tip)
    return refreshed(world, reader)


def _tip(call: Call, reader: Record, intent: Record) -> int | None:
    if offers_tip(call.world, call.account, reader, intent):
        tip: int = call.params.get("amount_tip", 0)
        return tip
    if "amount_tip" in call.params:
        raise ApiError(
            "The reader does not offer tips: no tipping configuration for this currency, or it was skipped.",
            param="amount_tip",
        )
    return None


def confirm_collected(world: World, account: Account, reader: Record, offer: Body) -> None:
    """Authorise a collected card: at once, or after `busy_s` seconds of a busy reader."""
    hidden = reader.hidden
    hidden["offer"] = offer
    if world.settings.busy_s > 0:
        world.plan("authorized", reader, world.settings.busy_s, hidden["turn"])
        world.touch(reader)
    else:
        _settle(world, account, reader)


ENDPOINTS: Final = (
    Endpoint(
        "POST",
        "/v1/test_helpers/terminal/readers/{id}/present_payment_method",
        terminal_parameters.PRESENT,
        present_payment_method,
    ),
)

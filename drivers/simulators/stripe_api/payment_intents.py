"""PaymentIntents: made by the caller, paid at a reader, captured or canceled by the caller."""

from typing import Any, Final

from drivers.simulators.stripe_api import actions, authorizations, payment_parameters
from drivers.simulators.stripe_api.authorizations import INTENT
from drivers.simulators.stripe_api.calls import Call, Endpoint
from drivers.simulators.stripe_api.errors import ApiError, bad_parameter, conflict
from drivers.simulators.stripe_api.intent_fields import (
    IN_PERSON,
    check_amount,
    gate,
    options_of,
    read_currency,
    set_fields,
    set_types,
)
from drivers.simulators.stripe_api.store import Body, Page, Record, created_within

INCREMENTS_MAX: Final = 10
OVERCAPTURE_MIN: Final = 5000


def create(call: Call) -> Record:
    """`POST /v1/payment_intents`."""
    params = call.params
    gate(call)
    currency = read_currency(params["currency"])
    check_amount(params["amount"], currency)
    if params.get("confirm"):
        raise bad_parameter("A PaymentIntent for a reader is confirmed by the reader.", "confirm")
    automatic = params.get("automatic_payment_methods")
    body: Body = {
        "id": "",
        "object": INTENT,
        "allowed_payment_method_types": None,
        "amount": params["amount"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": {"allow_redirects": "always"} | automatic if automatic else None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": params.get("capture_method", "automatic_async"),
        "client_secret": None,
        "confirmation_method": params.get("confirmation_method", "automatic"),
        "created": call.world.seconds(),
        "currency": currency,
        "customer": None,
        "customer_account": None,
        "description": None,
        "excluded_payment_method_types": params.get("excluded_payment_method_types"),
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": ["card", "link"],
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    }
    set_types(call, body)
    set_fields(body, params)
    for name in body["payment_method_types"]:
        if name in IN_PERSON:
            default = options_of(body, {name: {}})[name]
            body["payment_method_options"].setdefault(name, default)
    body["id"] = call.world.new_id("pi_3")
    body["client_secret"] = call.world.new_id(body["id"] + "_secret_")
    hidden: dict[str, Any] = dict.fromkeys(
        ("authorized", "captured", "refunded", "released", "charges", "increments"), 0
    )
    hidden |= {"prompts_shown": 0, "prompts_replaced": 0, "reader": None}
    record = call.world.add(call.account, INTENT, body, hidden)
    call.world.event(call.account, "payment_intent.created", record)
    return record


def _find(call: Call) -> Record:
    return call.account.find(INTENT, call.target, "intent")


def _unexpected(record: Record, verb: str, allowed: str) -> ApiError:
    return conflict(
        f"This PaymentIntent could not be {verb} because it has a status of {record.body['status']}. Only "
        f"a PaymentIntent with one of the following statuses may be {verb}: {allowed}.",
        "payment_intent_unexpected_state",
        payment_intent=record.body,
    )


def retrieve(call: Call) -> Record:
    """`GET /v1/payment_intents/{id}`."""
    return _find(call)


_ALWAYS_EDITABLE: Final = {"description", "expand", "metadata", "receipt_email", "shipping", "transfer_group"}


def update(call: Call) -> Record:
    """`POST /v1/payment_intents/{id}`: money only while nothing was paid, words at any time."""
    record, params = _find(call), call.params
    gate(call)
    open_ = record.body["status"] in ("requires_payment_method", "requires_confirmation")
    if not open_ and set(params) - _ALWAYS_EDITABLE:
        raise _unexpected(record, "updated", "requires_payment_method, requires_confirmation")
    body = dict(record.body)
    if "currency" in params:
        body["currency"] = read_currency(params["currency"])
    if "amount" in params:
        body["amount"] = params["amount"]
    if {"amount", "currency"} & set(params):
        check_amount(body["amount"], body["currency"])
    if "capture_method" in params:
        body["capture_method"] = params["capture_method"]
    if "excluded_payment_method_types" in params:
        body["excluded_payment_method_types"] = params["excluded_payment_method_types"] or None
    set_types(call, body)
    set_fields(body, params)
    record.body = body
    call.world.touch(record)
    return record


def listing(call: Call) -> Page:
    """`GET /v1/payment_intents`, filtered by created and customer."""
    within = created_within(call.params)
    wanted = [(name, call.params[name]) for name in ("customer", "customer_account") if name in call.params]
    return call.account.page(
        INTENT,
        call.params,
        "/v1/payment_intents",
        lambda record: within(record) and all(record.body[name] == value for name, value in wanted),
    )


def confirm(call: Call) -> Record:
    """`POST /v1/payment_intents/{id}/confirm`: refused, a reader does that."""
    record = _find(call)
    raise conflict(
        "A PaymentIntent for a reader is confirmed by the reader: use process_payment_intent or "
        "confirm_payment_intent of the reader.",
        "payment_intent_unexpected_state",
        payment_intent=record.body,
    )


def capture(call: Call) -> Record:
    """`POST /v1/payment_intents/{id}/capture`: all, or a part with the rest released."""
    record, params = _find(call), call.params
    body = record.body
    if body["status"] != "requires_capture":
        raise _unexpected(record, "captured", "requires_capture")
    held: int = body["amount_capturable"]
    amount: int = params.get("amount_to_capture", held)
    settings = call.world.settings
    most = held + max(held // 2, OVERCAPTURE_MIN) if settings.overcapture else held
    if amount < 1:
        raise bad_parameter(
            "This value must be greater than or equal to 1.", "amount_to_capture", "parameter_invalid_integer"
        )
    if amount > most:
        raise ApiError(
            f"The remaining capturable amount for this PaymentIntent is {most} {body['currency']}, but "
            f"you requested to capture {amount}.",
            code="amount_too_large",
            param="amount_to_capture",
        )
    final = params.get("final_capture", True)
    if not final and not settings.multicapture:
        raise ApiError("This payment is not eligible for multiple captures.", param="final_capture")
    changed = dict(body)
    set_fields(changed, params)
    record.body = changed
    authorizations.capture(call.world, call.account, record, amount, final=final or amount >= held)
    return record


def cancel(call: Call) -> Record:
    """`POST /v1/payment_intents/{id}/cancel`: what is held is released; paid ones must be refunded.

    The prompt of a canceled intent stays on its reader unless `cancel_clears_reader` is set; whoever
    presents a card there is told that it failed.
    """
    record = _find(call)
    allowed = (
        "requires_payment_method",
        "requires_capture",
        "requires_confirmation",
        "requires_action",
        "processing",
    )
    if record.body["status"] not in allowed:
        raise conflict(
            f"You cannot cancel this PaymentIntent because it has a status of {record.body['status']}. "
            "Only a PaymentIntent with one of the following statuses may be canceled: "
            f"{', '.join(allowed)}.",
            "payment_intent_unexpected_state",
            payment_intent=record.body,
        )
    authorizations.cancel(call.world, call.account, record, call.params.get("cancellation_reason"))
    if call.world.settings.cancel_clears_reader:
        for reader in call.account.all("terminal.reader"):
            waiting = reader.hidden["phase"] in (actions.WAIT, actions.COLLECTED)
            if waiting and actions.intent_of(call.account, reader) is record:
                actions.clear(call.world, call.account, reader)
    return record


def increment(call: Call) -> Record:
    """`POST /v1/payment_intents/{id}/increment_authorization`: hold more, up to ten times."""
    record, params = _find(call), call.params
    body, hidden = record.body, record.hidden
    if body["status"] != "requires_capture":
        raise _unexpected(record, "incremented", "requires_capture")
    options = body["payment_method_options"].get("card_present", {})
    if not options.get("request_incremental_authorization_support"):
        raise conflict("This PaymentIntent was not authorized with incremental authorization support.")
    if hidden["increments"] >= INCREMENTS_MAX:
        raise conflict(f"An authorization can be incremented {INCREMENTS_MAX} times at most.")
    amount = params["amount"]
    if amount <= body["amount"]:
        raise ApiError("The new amount must be greater than the amount authorized so far.", param="amount")
    check_amount(amount, body["currency"])
    changed = dict(body)
    set_fields(changed, params)
    body = record.body = changed
    hidden["increments"] += 1
    hidden["authorized"] += amount - body["amount"]
    held = call.account.find("charge", body["latest_charge"])
    held.body["amount"] = amount
    held.body["payment_method_details"]["card_present"]["amount_authorized"] = amount
    body["amount"] = body["amount_capturable"] = amount
    call.world.touch(held)
    call.world.touch(record)
    call.world.event(call.account, "payment_intent.amount_capturable_updated", record)
    return record


_PATH: Final = "/v1/payment_intents"
ENDPOINTS: Final = (
    Endpoint("GET", _PATH, payment_parameters.INTENT_LIST, listing),
    Endpoint("POST", _PATH, payment_parameters.INTENT_CREATE, create),
    Endpoint("GET", _PATH + "/{id}", payment_parameters.INTENT_RETRIEVE, retrieve),
    Endpoint("POST", _PATH + "/{id}", payment_parameters.INTENT_UPDATE, update),
    Endpoint("POST", _PATH + "/{id}/confirm", payment_parameters.INTENT_CONFIRM, confirm),
    Endpoint("POST", _PATH + "/{id}/capture", payment_parameters.INTENT_CAPTURE, capture),
    Endpoint("POST", _PATH + "/{id}/cancel", payment_parameters.INTENT_CANCEL, cancel),
    Endpoint("POST", _PATH + "/{id}/increment_authorization", payment_parameters.INTENT_INCREMENT, increment),
)

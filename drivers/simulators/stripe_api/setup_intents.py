"""SetupIntents: a card presented at a reader, saved for later."""

from typing import Any, Final

from drivers.simulators.stripe_api import setup_parameters
from drivers.simulators.stripe_api.calls import Call, Endpoint
from drivers.simulators.stripe_api.cards import Card
from drivers.simulators.stripe_api.errors import DOC_URL, bad_parameter, conflict
from drivers.simulators.stripe_api.payment_methods import generated_card, method_of
from drivers.simulators.stripe_api.store import Account, Body, Page, Record, created_within, merge_metadata
from drivers.simulators.stripe_api.world import World

KIND: Final = "setup_intent"
ATTEMPT: Final = "setup_attempt"
FAILED: Final = "setup_intent_authentication_failure"
MESSAGE: Final = "The card could not be set up for later use."
_SUPPORTED: Final = ("card", "card_present")


def _types(params: Body) -> list[str]:
    allowed = params.get("allowed_payment_method_types") or ["card"]
    types = [name for name in allowed if name in _SUPPORTED]
    if not types:
        raise bad_parameter(
            "None of the allowed payment method types is supported.", "allowed_payment_method_types"
        )
    return types


def create(call: Call) -> Record:
    """`POST /v1/setup_intents`."""
    params = call.params
    if params.get("confirm"):
        raise bad_parameter("A SetupIntent for a reader is confirmed by the reader.", "confirm")
    body: Body = {
        "id": "",
        "object": KIND,
        "allowed_payment_method_types": params.get("allowed_payment_method_types"),
        "application": None,
        "automatic_payment_methods": params.get("automatic_payment_methods"),
        "cancellation_reason": None,
        "client_secret": None,
        "created": call.world.seconds(),
        "customer": params.get("customer"),
        "customer_account": params.get("customer_account"),
        "description": params.get("description"),
        "excluded_payment_method_types": params.get("excluded_payment_method_types"),
        "flow_directions": params.get("flow_directions"),
        "last_setup_error": None,
        "latest_attempt": None,
        "livemode": False,
        "mandate": None,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": params.get("on_behalf_of"),
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": _types(params),
        "single_use_mandate": None,
        "status": "requires_payment_method",
        "usage": params.get("usage", "off_session"),
    }
    if "attach_to_self" in params:
        body["attach_to_self"] = params["attach_to_self"]
    merge_metadata(body, params)
    body["id"] = call.world.new_id("seti_1")
    body["client_secret"] = call.world.new_id(body["id"] + "_secret_")
    record = call.world.add(call.account, KIND, body)
    call.world.event(call.account, "setup_intent.created", record)
    return record


def retrieve(call: Call) -> Record:
    """`GET /v1/setup_intents/{id}`."""
    return call.account.find(KIND, call.target)


def update(call: Call) -> Record:
    """`POST /v1/setup_intents/{id}`."""
    record, params = call.account.find(KIND, call.target), call.params
    body = dict(record.body)
    for name in ("attach_to_self", "customer", "customer_account", "description", "flow_directions"):
        if name in params:
            body[name] = params[name]
    if "excluded_payment_method_types" in params:
        body["excluded_payment_method_types"] = params["excluded_payment_method_types"] or None
    if "allowed_payment_method_types" in params:
        body["payment_method_types"] = _types(params)
        body["allowed_payment_method_types"] = params["allowed_payment_method_types"] or None
    merge_metadata(body, params)
    record.body = body
    call.world.touch(record)
    return record


def confirm(call: Call) -> Record:
    """`POST /v1/setup_intents/{id}/confirm`: refused, a reader does that."""
    record = call.account.find(KIND, call.target)
    raise conflict(
        "A SetupIntent for a reader is confirmed by the reader: use process_setup_intent of the reader.",
        "setup_intent_unexpected_state",
        setup_intent=record.body,
    )


def cancel(call: Call) -> Record:
    """`POST /v1/setup_intents/{id}/cancel`."""
    record = call.account.find(KIND, call.target)
    if record.body["status"] in ("succeeded", "canceled"):
        raise conflict(
            f"You cannot cancel this SetupIntent because it has a status of {record.body['status']}.",
            "setup_intent_unexpected_state",
            setup_intent=record.body,
        )
    record.body["status"] = "canceled"
    record.body["cancellation_reason"] = call.params.get("cancellation_reason")
    call.world.touch(record)
    call.world.event(call.account, "setup_intent.canceled", record)
    return record


def listing(call: Call) -> Page:
    """`GET /v1/setup_intents`, filtered by created, customer, payment_method and attach_to_self."""
    within = created_within(call.params)
    names = ("attach_to_self", "customer", "customer_account", "payment_method")
    wanted = [(name, call.params[name]) for name in names if name in call.params]
    return call.account.page(
        KIND,
        call.params,
        "/v1/setup_intents",
        lambda record: within(record) and all(record.body.get(name) == value for name, value in wanted),
    )


def set_up(
    world: World, account: Account, intent: Record, card: Card, reader: Record, redisplay: str
) -> Record | None:
    """Save a presented card: the card PaymentMethod made of it, None when the bank will not have it."""
    method = method_of(world, account, card, "card_present", "contactless_emv")
    error: Body | None = None
    if card.code is not None:
        error = {
            "type": "card_error",
            "code": FAILED,
            "doc_url": DOC_URL + FAILED.replace("_", "-"),
            "message": MESSAGE,
            "payment_method": method.body,
        }
    attempt = world.new_id("setatt_1")
    saved = None
    if error is None:
        saved = generated_card(world, account, card, redisplay, attempt, intent.body["customer"])
    body = intent.body
    details: dict[str, Any] = {"generated_card": saved.id if saved else None, "offline": None}
    kept: Body = {
        "id": attempt,
        "object": ATTEMPT,
        "application": None,
        "created": world.seconds(),
        "customer": body["customer"],
        "flow_directions": body["flow_directions"],
        "livemode": False,
        "on_behalf_of": body["on_behalf_of"],
        "payment_method": method.id,
        "payment_method_details": {"card_present": details, "type": "card_present"},
        "setup_error": error,
        "setup_intent": intent.id,
        "status": "failed" if error else "succeeded",
        "usage": body["usage"],
    }
    world.add(account, ATTEMPT, kept, {"reader": reader.id})
    body["latest_attempt"] = attempt
    body["last_setup_error"] = error
    body["status"] = "requires_payment_method" if error else "succeeded"
    body["payment_method"] = None if error else method.id
    world.touch(intent)
    world.event(account, "setup_intent.setup_failed" if error else "setup_intent.succeeded", intent)
    return saved


_PATH: Final = "/v1/setup_intents"
ENDPOINTS: Final = (
    Endpoint("GET", _PATH, setup_parameters.LIST, listing),
    Endpoint("POST", _PATH, setup_parameters.CREATE, create),
    Endpoint("GET", _PATH + "/{id}", setup_parameters.RETRIEVE, retrieve),
    Endpoint("POST", _PATH + "/{id}", setup_parameters.UPDATE, update),
    Endpoint("POST", _PATH + "/{id}/confirm", setup_parameters.CONFIRM, confirm),
    Endpoint("POST", _PATH + "/{id}/cancel", setup_parameters.CANCEL, cancel),
)

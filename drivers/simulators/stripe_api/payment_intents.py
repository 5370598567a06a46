"""PaymentIntents: made by the caller, paid at a reader, captured or canceled by the caller."""

from typing import Any, Final

from drivers.simulators.stripe_api import actions, authorizations, payment_parameters
from drivers.simulators.stripe_api.authorizations import INTENT
from drivers.simulators.stripe_api.calls import Call, Endpoint
from drivers.simulators.stripe_api.countries import AMOUNT_MAX, CURRENCIES, CURRENCY_COUNTRIES, minimum
from drivers.simulators.stripe_api.errors import ApiError, bad_parameter, conflict, unknown_parameter
from drivers.simulators.stripe_api.store import Body, Page, Record, created_within, merge_metadata
from drivers.simulators.stripe_api.versions import ALLOWED_TYPES_SINCE, PAYMENT_METHOD_TYPES_UNTIL

_ECHOED: Final = (
    "application_fee_amount", "customer", "customer_account", "description", "on_behalf_of", "receipt_email",
    "setup_future_usage", "shipping", "statement_descriptor", "statement_descriptor_suffix", "transfer_group",
)  # fmt: skip
_EXCLUSIVE: Final = (
    "allowed_payment_method_types",
    "automatic_payment_methods",
    "excluded_payment_method_types",
)
_PRESENT: Final = ("card_present", "interac_present")
INCREMENTS_MAX: Final = 10
OVERCAPTURE_MIN: Final = 5000


def _check_amount(amount: int, currency: str, param: str = "amount") -> None:
    least = minimum(currency)
    if amount < 1:
        raise bad_parameter(
            "This value must be greater than or equal to 1.", param, "parameter_invalid_integer"
        )
    if amount < least:
        raise ApiError(
            f"Amount must be at least {least} {currency} in the smallest currency unit.",
            code="amount_too_small",
            param=param,
            stored=False,
        )
    if amount > AMOUNT_MAX:
        raise ApiError(
            f"Amount must be no more than {AMOUNT_MAX} {currency} in the smallest currency unit.",
            code="amount_too_large",
            param=param,
            stored=False,
        )


def _currency(given: str) -> str:
    currency = given.lower()
    if currency not in CURRENCIES:
        raise bad_parameter(
            f"Invalid currency: {currency}. Stripe currently supports these currencies: "
            f"{', '.join(sorted(CURRENCIES))}",
            "currency",
        )
    return currency


def _gate(call: Call) -> None:
    params = call.params
    if "payment_method_types" in params and call.version >= PAYMENT_METHOD_TYPES_UNTIL:
        raise ApiError(
            "The `payment_method_types` parameter is no longer supported. Use `allowed_payment_method_types`, or "
            "let your payment method settings decide.",
            code="payment_method_types_no_longer_supported",
            param="payment_method_types",
            stored=False,
        )
    if "allowed_payment_method_types" in params and call.version < ALLOWED_TYPES_SINCE:
        raise unknown_parameter("allowed_payment_method_types")
    given = [name for name in (*_EXCLUSIVE, "payment_method_types") if name in params]
    if len(given) > 1:
        raise ApiError(
            f"You may only specify one of these parameters: {', '.join(given)}.",
            code="parameters_exclusive",
            param=given[-1],
            stored=False,
        )


def _supported(call: Call, types: list[str], currency: str) -> list[str]:
    countries = CURRENCY_COUNTRIES.get(currency, frozenset())
    home = call.world.settings.account_country
    in_person = bool(countries) and (home is None or home in countries)
    allowed = {"card_present": in_person, "interac_present": currency == "cad" and in_person}
    known = ("card", "link", *_PRESENT)
    return [name for name in types if name in known and allowed.get(name, True)]


def _types(call: Call, body: Body) -> None:
    params, currency = call.params, body["currency"]
    if "payment_method_types" in params:
        for index, name in enumerate(params["payment_method_types"]):
            if not _supported(call, [name], currency):
                raise bad_parameter(
                    f"The payment method type `{name}` is invalid or not supported for {currency}.",
                    f"payment_method_types[{index}]",
                )
        body["payment_method_types"] = params["payment_method_types"]
        body["allowed_payment_method_types"] = None
    elif "allowed_payment_method_types" in params:
        body["allowed_payment_method_types"] = params["allowed_payment_method_types"]
    allowed = body["allowed_payment_method_types"]
    if allowed is not None:
        found = _supported(call, allowed, currency)
        if not found:
            raise bad_parameter(
                f"None of the allowed payment method types is supported for {currency}.",
                "allowed_payment_method_types",
            )
        body["payment_method_types"] = found


def _amount_details(body: Body, params: Body) -> None:
    given = params.get("amount_details")
    if given is None:
        return
    details: Body = {"tip": body["amount_details"]["tip"]}
    for name in ("discount_amount", "shipping", "tax"):
        if given and given.get(name):
            details[name] = given[name]
    body["amount_details"] = details


def _echo(body: Body, params: Body) -> None:
    for name in _ECHOED:
        if name in params:
            body[name] = params[name] or (0 if params[name] == 0 else None)
    if "payment_details" in params:
        body["payment_details"] = params["payment_details"] or {}
    if "transfer_data" in params:
        body["transfer_data"] = (body["transfer_data"] or {}) | params["transfer_data"]
    if "payment_method_options" in params:
        body["payment_method_options"] = _options(body, params["payment_method_options"])
    _amount_details(body, params)
    merge_metadata(body, params)


def _options(body: Body, given: Body) -> Body:
    options: Body = dict(body["payment_method_options"])
    for name, value in given.items():
        options[name] = value or {}
    card = options.get("card_present")
    if card is not None:
        options["card_present"] = {
            "request_extended_authorization": False,
            "request_incremental_authorization_support": False,
        } | card
    return options


def create(call: Call) -> Record:
    """`POST /v1/payment_intents`."""
    params = call.params
    _gate(call)
    currency = _currency(params["currency"])
    _check_amount(params["amount"], currency)
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
    _types(call, body)
    _echo(body, params)
    for name in body["payment_method_types"]:
        if name in _PRESENT:
            default = _options(body, {name: {}})[name]
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
        f"This PaymentIntent could not be {verb} because it has a status of {record.body['status']}. Only a "
        f"PaymentIntent with one of the following statuses may be {verb}: {allowed}.",
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
    _gate(call)
    open_ = record.body["status"] in ("requires_payment_method", "requires_confirmation")
    if not open_ and set(params) - _ALWAYS_EDITABLE:
        raise _unexpected(record, "updated", "requires_payment_method, requires_confirmation")
    body = dict(record.body)
    if "currency" in params:
        body["currency"] = _currency(params["currency"])
    if "amount" in params:
        body["amount"] = params["amount"]
    if {"amount", "currency"} & set(params):
        _check_amount(body["amount"], body["currency"])
    if "capture_method" in params:
        body["capture_method"] = params["capture_method"]
    if "excluded_payment_method_types" in params:
        body["excluded_payment_method_types"] = params["excluded_payment_method_types"] or None
    _types(call, body)
    _echo(body, params)
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
            f"The remaining capturable amount for this PaymentIntent is {most} {body['currency']}, but you requested "
            f"to capture {amount}.",
            code="amount_too_large",
            param="amount_to_capture",
        )
    final = params.get("final_capture", True)
    if not final and not settings.multicapture:
        raise ApiError("This payment is not eligible for multiple captures.", param="final_capture")
    _echo(body, {name: value for name, value in params.items() if name != "final_capture"})
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
            f"You cannot cancel this PaymentIntent because it has a status of {record.body['status']}. Only a "
            f"PaymentIntent with one of the following statuses may be canceled: {', '.join(allowed)}.",
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
    _check_amount(amount, body["currency"])
    hidden["increments"] += 1
    hidden["authorized"] += amount - body["amount"]
    held = call.account.find("charge", body["latest_charge"])
    held.body["amount"] = amount
    held.body["payment_method_details"]["card_present"]["amount_authorized"] = amount
    body["amount"] = body["amount_capturable"] = amount
    _echo(body, params)
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

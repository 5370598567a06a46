"""The fields of a PaymentIntent a caller sets: checked, gated by version, merged."""

from typing import Final

from drivers.simulators.stripe_api.calls import Call
from drivers.simulators.stripe_api.countries import AMOUNT_MAX, CURRENCIES, CURRENCY_COUNTRIES, minimum
from drivers.simulators.stripe_api.errors import ApiError, bad_parameter, unknown_parameter
from drivers.simulators.stripe_api.store import Body, merge_metadata
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
IN_PERSON: Final = ("card_present", "interac_present")


def check_amount(amount: int, currency: str, param: str = "amount") -> None:
    """Refuse an amount in minor units that Stripe would not charge."""
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


def read_currency(given: str) -> str:
    """The currency in lower case; `ApiError` 400 for one there is not."""
    currency = given.lower()
    if currency not in CURRENCIES:
        raise bad_parameter(
            f"Invalid currency: {currency}. Stripe currently supports these currencies: "
            f"{', '.join(sorted(CURRENCIES))}",
            "currency",
        )
    return currency


def gate(call: Call) -> None:
    """Refuse what the request's API version does not know, and parameters that exclude each other."""
    params = call.params
    if "payment_method_types" in params and call.version >= PAYMENT_METHOD_TYPES_UNTIL:
        raise ApiError(
            "The `payment_method_types` parameter is no longer supported. Use "
            "`allowed_payment_method_types`, or let your payment method settings decide.",
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
    known = ("card", "link", *IN_PERSON)
    return [name for name in types if name in known and allowed.get(name, True)]


def set_types(call: Call, body: Body) -> None:
    """Work out `payment_method_types`: unsupported ones are filtered silently."""
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


def set_fields(body: Body, params: Body) -> None:
    """Set what is only kept and shown again."""
    for name in _ECHOED:
        if name in params:
            body[name] = params[name] or (0 if params[name] == 0 else None)
    if "payment_details" in params:
        body["payment_details"] = params["payment_details"] or {}
    if "transfer_data" in params:
        merged = (body["transfer_data"] or {}) | params["transfer_data"]
        if "destination" not in merged:
            raise bad_parameter("This payment was made without a destination.", "transfer_data")
        body["transfer_data"] = merged
    if "payment_method_options" in params:
        body["payment_method_options"] = options_of(body, params["payment_method_options"])
    _amount_details(body, params)
    merge_metadata(body, params)


def options_of(body: Body, given: Body) -> Body:
    """The `payment_method_options` with their defaults."""
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

"""The commands a reader takes: pay, collect, confirm, refund, show, ask, cancel."""

from typing import Any, Final

from drivers.simulators.stripe_api import actions, terminal_parameters
from drivers.simulators.stripe_api.authorizations import INTENT
from drivers.simulators.stripe_api.calls import Call, Endpoint
from drivers.simulators.stripe_api.countries import CURRENCIES, CURRENCY_COUNTRIES
from drivers.simulators.stripe_api.errors import ApiError, bad_parameter, conflict, missing_parameter
from drivers.simulators.stripe_api.presentments import confirm_collected
from drivers.simulators.stripe_api.shapes import ONLY_EXPAND, Hash
from drivers.simulators.stripe_api.store import Body, Record

READER: Final = "terminal.reader"
_NOT_SHOWN: Final = ("allow_redisplay",)
"""What a caller may send and the action does not show."""


def _check_place(call: Call, reader: Record, currency: str) -> None:
    location = call.account.get("terminal.location", reader.body["location"] or "")
    country = "" if location is None or location.deleted else location.body["address"]["country"]
    if country not in CURRENCY_COUNTRIES.get(currency, ()):
        raise actions.terminal_error(
            call.world,
            "terminal_reader_invalid_location_for_payment",
            f"The reader's location ({country or 'none'}) cannot take payments in {currency}.",
        )


def _shown(config: Body | None) -> Body:
    return {key: value for key, value in (config or {}).items() if key not in _NOT_SHOWN}


def _payable(call: Call, reader: Record, config: Body) -> Record:
    intent = call.account.find(INTENT, call.params["payment_intent"], "payment_intent")
    if intent.body["status"] != "requires_payment_method":
        raise conflict(
            f"The PaymentIntent {intent.id} cannot be processed because it has a status of "
            f"{intent.body['status']}. Only a PaymentIntent with the status requires_payment_method can "
            "be.",
            "intent_invalid_state",
            payment_intent=intent.body,
        )
    if not {"card_present", "interac_present"} & set(intent.body["payment_method_types"]):
        raise conflict(
            "The PaymentIntent does not accept card_present: create it with "
            "allowed_payment_method_types[]=card_present.",
        )
    if config.get("skip_tipping") and config.get("tipping", {}).get("amount_eligible", 0) > 0:
        raise bad_parameter(
            "You cannot both skip tipping and give an amount eligible for tips.",
            "process_config[tipping][amount_eligible]",
        )
    _check_place(call, reader, intent.body["currency"])
    return intent


def process_payment_intent(call: Call) -> Record:
    """`POST .../process_payment_intent`: show the amount and wait for a card."""
    reader = call.account.find(READER, call.target)
    config = call.params.get("process_config", {})
    intent = _payable(call, reader, config)
    details: Body = {"payment_intent": intent.id}
    if _shown(config):
        details["process_config"] = _shown(config)
    actions.start(call, reader, "process_payment_intent", details, actions.WAIT)
    return reader


def collect_payment_method(call: Call) -> Record:
    """`POST .../collect_payment_method`: the same, but the card is not charged before confirm."""
    reader = call.account.find(READER, call.target)
    config = call.params.get("collect_config", {})
    intent = _payable(call, reader, config)
    details: Body = {"payment_intent": intent.id}
    if _shown(config):
        details["collect_config"] = _shown(config)
    actions.start(call, reader, "collect_payment_method", details, actions.WAIT)
    return reader


def confirm_payment_intent(call: Call) -> Record:
    """`POST .../confirm_payment_intent`: charge the card this reader has just collected."""
    reader = call.account.find(READER, call.target)
    intent = call.account.find(INTENT, call.params["payment_intent"], "payment_intent")
    collected: Body | None = reader.hidden.get("collected")
    mine = collected is not None and actions.intent_of(call.account, reader) is intent
    if intent.body["status"] != "requires_confirmation" or not mine or collected is None:
        raise conflict(
            f"The PaymentIntent {intent.id} was not collected on this reader or may no longer be confirmed.",
            "intent_invalid_state",
            payment_intent=intent.body,
        )
    details: Body = {"payment_intent": intent.id}
    if call.params.get("confirm_config"):
        details["confirm_config"] = call.params["confirm_config"]
    actions.demand(call, reader)
    actions.put(call.world, call.account, reader, "confirm_payment_intent", details, actions.BUSY)
    confirm_collected(call.world, call.account, reader, collected)
    actions.acknowledge(call)
    return reader


def process_setup_intent(call: Call) -> Record:
    """`POST .../process_setup_intent`: save the card presented."""
    reader = call.account.find(READER, call.target)
    intent = call.account.find("setup_intent", call.params["setup_intent"], "setup_intent")
    if intent.body["status"] != "requires_payment_method":
        raise conflict(
            f"The SetupIntent {intent.id} cannot be processed because it has a status of "
            f"{intent.body['status']}.",
            "intent_invalid_state",
            setup_intent=intent.body,
        )
    if "card_present" not in intent.body["payment_method_types"]:
        raise conflict("The SetupIntent does not accept card_present.")
    details: Body = {"setup_intent": intent.id}
    if call.params.get("process_config"):
        details["process_config"] = call.params["process_config"]
    actions.demand(call, reader)
    actions.put(call.world, call.account, reader, "process_setup_intent", details, actions.WAIT)
    reader.hidden["redisplay"] = call.params["allow_redisplay"]
    actions.acknowledge(call)
    return reader


def refund_payment(call: Call) -> Record:
    """`POST .../refund_payment`: give money back to the card presented; Interac only."""
    reader, params = call.account.find(READER, call.target), call.params
    if ("charge" in params) == ("payment_intent" in params):
        raise missing_parameter("payment_intent")
    if "charge" in params:
        charge = call.account.find("charge", params["charge"], "charge")
    else:
        intent = call.account.find(INTENT, params["payment_intent"], "payment_intent")
        charge = call.account.find("charge", intent.body["latest_charge"] or "", "payment_intent")
    body = charge.body
    if "interac_present" not in (body["payment_method_details"] or {}):
        raise conflict("Only Interac payments are refunded in person. Use POST /v1/refunds for this charge.")
    left = body["amount_captured"] - body["amount_refunded"]
    amount = params.get("amount", left)
    if left <= 0:
        raise conflict(f"Charge {charge.id} has already been refunded.", "charge_already_refunded")
    if amount > left:
        raise ApiError(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})", param="amount"
        )
    details: Body = {"amount": amount, "metadata": params.get("metadata", {})}
    for name in (
        "charge",
        "payment_intent",
        "refund_application_fee",
        "reverse_transfer",
        "refund_payment_config",
    ):
        if name in params:
            details[name] = params[name]
    actions.demand(call, reader)
    actions.put(call.world, call.account, reader, "refund_payment", details, actions.WAIT)
    reader.hidden["refunding"] = charge.id
    actions.acknowledge(call)
    return reader


def set_reader_display(call: Call) -> Record:
    """`POST .../set_reader_display`: a cart for the customer's eyes; it replaces a waiting payment."""
    reader = call.account.find(READER, call.target)
    cart = call.params.get("cart")
    if cart is None:
        raise missing_parameter("cart")
    cart["currency"] = cart["currency"].lower()
    if cart["currency"] not in CURRENCIES:
        raise bad_parameter(f"Invalid currency: {cart['currency']}.", "cart[currency]")
    details: Body = {"cart": {"tax": None} | cart, "type": "cart"}
    actions.start(call, reader, "set_reader_display", details, actions.SHOWING)
    return reader


_TEXTS: Final = ("title", "description", "submit_button", "skip_button")


def _question(given: Body, index: int) -> Body:
    kind = given["type"]
    where = f"inputs[{index}]"
    if (kind == "selection") != ("selection" in given):
        raise (
            missing_parameter(f"{where}[selection]")
            if kind == "selection"
            else bad_parameter("`selection` goes with the type selection only.", f"{where}[selection]")
        )
    if kind != "selection" and len(given["custom_text"].get("description", "")) > 100:
        raise bad_parameter("The description may have 100 characters.", f"{where}[custom_text][description]")
    question: Body = {
        "custom_text": {name: given["custom_text"].get(name) for name in _TEXTS},
        "required": given.get("required", False),
        "toggles": [
            {"title": None, "description": None, "default_value": "disabled"} | toggle | {"value": None}
            for toggle in given.get("toggles", [])
        ],
        "type": kind,
    }
    if kind == "selection":
        choices = [{"style": None} | choice for choice in given["selection"]["choices"]]
        question["selection"] = {"choices": choices, "id": None, "text": None}
    else:
        question[kind] = {"value": None}
    return question


def collect_inputs(call: Call) -> Record:
    """`POST .../collect_inputs`: ask the customer up to five questions."""
    reader = call.account.find(READER, call.target)
    questions = [_question(given, index) for index, given in enumerate(call.params["inputs"])]
    details: Body = {"inputs": questions, "metadata": call.params.get("metadata", {})}
    actions.start(call, reader, "collect_inputs", details, actions.ASKING)
    return reader


_ANSWERS: Final = {
    "email": "jenny.rosen@example.com",
    "numeric": "1234567890",
    "phone": "+15555555555",
    "text": "Sample text",
    "signature": "file_simulated_signature",
}
"""What a simulated customer types (Stripe's helper fills in values of its own, too)."""


def _asking(call: Call) -> tuple[Record, list[Body]]:
    reader = call.account.find(READER, call.target)
    if reader.hidden["phase"] != actions.ASKING:
        raise ApiError("The reader is not collecting inputs.", code="intent_invalid_state")
    questions: list[Body] = reader.body["action"]["collect_inputs"]["inputs"]
    return reader, questions


def succeed_input_collection(call: Call) -> Record:
    """Test helper: the customer answers everything, or skips what may be skipped."""
    reader, questions = _asking(call)
    skips = call.params.get("skip_non_required_inputs") == "all"
    for question in questions:
        kind = question["type"]
        question["skipped"] = skips and not question["required"]
        if question["skipped"]:
            continue
        if kind == "selection":
            choice: dict[str, Any] = question["selection"]["choices"][0]
            question["selection"] |= {"id": choice["id"], "text": choice["text"]}
        else:
            question[kind] = {"value": _ANSWERS[kind]}
        for toggle in question["toggles"]:
            toggle["value"] = toggle["default_value"]
    actions.finish(call.world, call.account, reader)
    return reader


def timeout_input_collection(call: Call) -> Record:
    """Test helper: nobody touches the form."""
    reader, _ = _asking(call)
    actions.inputs_over(call.world, call.account, reader, reader.hidden["turn"])
    return reader


def _command(name: str, params: Hash, run: Any) -> Endpoint:
    return Endpoint("POST", f"/v1/terminal/readers/{{id}}/{name}", params, run, reader_command=True)


_HELP: Final = "/v1/test_helpers/terminal/readers/{id}/"
ENDPOINTS: Final = (
    _command("process_payment_intent", terminal_parameters.PROCESS_PAYMENT, process_payment_intent),
    _command("collect_payment_method", terminal_parameters.COLLECT_PAYMENT, collect_payment_method),
    _command("confirm_payment_intent", terminal_parameters.CONFIRM_PAYMENT, confirm_payment_intent),
    _command("process_setup_intent", terminal_parameters.PROCESS_SETUP, process_setup_intent),
    _command("refund_payment", terminal_parameters.REFUND_PAYMENT, refund_payment),
    _command("set_reader_display", terminal_parameters.SET_DISPLAY, set_reader_display),
    _command("collect_inputs", terminal_parameters.COLLECT_INPUTS, collect_inputs),
    _command("cancel_action", ONLY_EXPAND, actions.cancel),
    Endpoint(
        "POST",
        _HELP + "succeed_input_collection",
        terminal_parameters.SUCCEED_INPUTS,
        succeed_input_collection,
    ),
    Endpoint("POST", _HELP + "timeout_input_collection", ONLY_EXPAND, timeout_input_collection),
)

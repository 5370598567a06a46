"""Refunds: money given back, and the one card whose bank refuses it later."""

from typing import Any, Final

from drivers.simulators.stripe_api import payment_parameters
from drivers.simulators.stripe_api.authorizations import INTENT
from drivers.simulators.stripe_api.calls import Call, Endpoint
from drivers.simulators.stripe_api.cards import CARDS
from drivers.simulators.stripe_api.errors import ApiError, bad_parameter, conflict
from drivers.simulators.stripe_api.shapes import ONLY_EXPAND
from drivers.simulators.stripe_api.store import Account, Body, Page, Record, created_within, merge_metadata
from drivers.simulators.stripe_api.world import World

KIND: Final = "refund"
FAILS_AFTER_S: Final = 1.0
"""When the refund of the failing test card turns out to have failed."""


def refund(
    world: World, account: Account, charge: Record, amount: int, reason: str | None, metadata: dict[str, Any]
) -> Record:
    """Give back `amount` of a captured charge."""
    kind = charge.body["payment_method_details"]["type"]
    body: Body = {
        "id": world.new_id("re_3"),
        "object": KIND,
        "amount": amount,
        "balance_transaction": None,
        "charge": charge.id,
        "created": world.seconds(),
        "currency": charge.body["currency"],
        "destination_details": {
            "card": {
                "reference_status": "pending",
                "reference_type": "acquirer_reference_number",
                "type": "refund",
            },
            "type": "card",
        },
        "metadata": metadata,
        "payment_intent": charge.body["payment_intent"],
        "payment_method": charge.body["payment_method"],
        "reason": reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }
    record = world.add(account, KIND, body, {"kind": kind})
    _book(world, account, charge, amount)
    world.event(account, "refund.created", record)
    world.event(account, "charge.refunded", charge)
    if CARDS[charge.hidden["card"]].refund_fails:
        world.plan("refund_failed", record, FAILS_AFTER_S)
    return record


def _book(world: World, account: Account, charge: Record, amount: int) -> None:
    charge.body["amount_refunded"] += amount
    charge.body["refunded"] = charge.body["amount_refunded"] >= charge.body["amount_captured"]
    world.touch(charge)
    intent = account.find(INTENT, charge.body["payment_intent"])
    intent.hidden["refunded"] += amount
    world.touch(intent)


def refund_failed(world: World, account: Account, record: Record) -> None:
    """The cardholder's bank sent the money back."""
    record.body["status"] = "failed"
    record.body["failure_reason"] = "expired_or_canceled_card"
    record.body["failure_balance_transaction"] = None
    world.touch(record)
    charge = account.find("charge", record.body["charge"])
    _book(world, account, charge, -record.body["amount"])
    world.event(account, "refund.updated", record)
    world.event(account, "refund.failed", record)
    world.event(account, "charge.refund.updated", record)


def _charge_of(call: Call) -> Record:
    params = call.params
    if "charge" in params and "payment_intent" in params:
        raise ApiError(
            "You may only specify one of these parameters: charge, payment_intent.",
            code="parameters_exclusive",
            param="payment_intent",
            stored=False,
        )
    if "charge" in params:
        return call.account.find("charge", params["charge"], "charge")
    if "payment_intent" not in params:
        raise bad_parameter(
            "One of the following params should be provided for this request: payment_intent or charge.",
            "payment_intent",
            "parameter_missing",
        )
    intent = call.account.find(INTENT, params["payment_intent"], "payment_intent")
    if intent.body["latest_charge"] is None or intent.body["status"] not in ("succeeded", "requires_capture"):
        raise conflict(f"This PaymentIntent ({intent.id}) does not have a successful charge to refund.")
    return call.account.find("charge", intent.body["latest_charge"], "payment_intent")


def create(call: Call) -> Record:
    """`POST /v1/refunds`: of a captured charge, in parts or whole; Interac only at a reader."""
    params, charge = call.params, _charge_of(call)
    body = charge.body
    if body["status"] != "succeeded" or not body["captured"]:
        raise conflict(
            f"Charge {charge.id} was not captured: cancel its PaymentIntent instead of refunding it.",
            "charge_not_refundable",
        )
    if body["payment_method_details"]["type"] == "interac_present":
        raise conflict(
            "Interac payments can only be refunded in person, with the same card: use the reader's "
            "refund_payment.",
            "charge_not_refundable",
        )
    left = body["amount_captured"] - body["amount_refunded"]
    if left <= 0:
        raise conflict(f"Charge {charge.id} has already been refunded.", "charge_already_refunded")
    amount = params.get("amount", left)
    if amount <= 0:
        raise bad_parameter(
            "This value must be greater than or equal to 1.", "amount", "parameter_invalid_integer"
        )
    if amount > left:
        raise ApiError(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})", param="amount"
        )
    holder: Body = {"metadata": {}}
    merge_metadata(holder, params)
    record = refund(call.world, call.account, charge, amount, params.get("reason"), holder["metadata"])
    if "instructions_email" in params:
        record.body["instructions_email"] = params["instructions_email"]
    return record


def retrieve(call: Call) -> Record:
    """`GET /v1/refunds/{id}`."""
    return call.account.find(KIND, call.target)


def update(call: Call) -> Record:
    """`POST /v1/refunds/{id}`: metadata."""
    record = call.account.find(KIND, call.target)
    merge_metadata(record.body, call.params)
    call.world.touch(record)
    call.world.event(call.account, "refund.updated", record)
    return record


def cancel(call: Call) -> Record:
    """`POST /v1/refunds/{id}/cancel`: only refunds that wait for the customer; cards never do."""
    record = call.account.find(KIND, call.target)
    raise conflict(
        f"This refund cannot be canceled because it has a status of {record.body['status']}. Only a "
        "refund with the status requires_action can be."
    )


def listing(call: Call) -> Page:
    """`GET /v1/refunds`, filtered by created, charge and payment_intent."""
    within = created_within(call.params)
    wanted = [(name, call.params[name]) for name in ("charge", "payment_intent") if name in call.params]
    return call.account.page(
        KIND,
        call.params,
        "/v1/refunds",
        lambda record: within(record) and all(record.body[name] == value for name, value in wanted),
    )


ENDPOINTS: Final = (
    Endpoint("GET", "/v1/refunds", payment_parameters.REFUND_LIST, listing),
    Endpoint("POST", "/v1/refunds", payment_parameters.REFUND_CREATE, create),
    Endpoint("GET", "/v1/refunds/{id}", ONLY_EXPAND, retrieve),
    Endpoint("POST", "/v1/refunds/{id}", payment_parameters.REFUND_UPDATE, update),
    Endpoint("POST", "/v1/refunds/{id}/cancel", ONLY_EXPAND, cancel),
)

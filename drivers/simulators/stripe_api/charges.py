"""Charges: one attempt at a card, with everything a receipt must show."""

from typing import Any, Final

from drivers.simulators.stripe_api import payment_parameters
from drivers.simulators.stripe_api.calls import Call, Endpoint
from drivers.simulators.stripe_api.cards import Card, Decision, decline_message
from drivers.simulators.stripe_api.payment_methods import BILLING, face
from drivers.simulators.stripe_api.shapes import ONLY_EXPAND
from drivers.simulators.stripe_api.store import Account, Body, Page, Record, created_within, merge_metadata
from drivers.simulators.stripe_api.world import World

KIND: Final = "charge"
DAY_S: Final = 24 * 3600
HOLD_S: Final = {"visa": 4 * DAY_S + 18 * 3600}
"""How long an in-person authorisation holds by brand; every other brand two days."""
EXTENDED_S: Final = 30 * DAY_S
_RESPONSES: Final = {
    None: "3030",
    "insufficient_funds": "3531",
    "expired_card": "3534",
    "incorrect_pin": "3535",
}
"""Authorization response codes as EMV writes them (ASCII digits in hexadecimal); others are 05."""


def hold_s(intent: Record, card: Card) -> int:
    """How long the authorisation of this card may wait for its capture."""
    options = (intent.body["payment_method_options"] or {}).get("card_present", {})
    if options.get("request_extended_authorization"):
        return EXTENDED_S
    return HOLD_S.get(card.brand, 2 * DAY_S)


def _receipt(world: World, card: Card, kind: str, decision: Decision) -> Body:
    unknown = {"credit": "credit", "prepaid": "prepaid", "debit": "checking"}[card.funding]
    return {
        "account_type": "checking" if kind == "interac_present" else unknown,
        "application_cryptogram": f"{world.count():016X}",
        "application_preferred_name": card.application,
        "authorization_code": None if decision.code else f"{world.count() % 1000000:06d}",
        "authorization_response_code": _RESPONSES.get(decision.decline_code, "3035"),
        "cardholder_verification_method": decision.verification,
        "dedicated_file_name": card.aid,
        "terminal_verification_results": "8000008000",
        "transaction_status_information": "E800" if decision.verification == "none" else "F800",
    }


def _details(
    world: World, card: Card, kind: str, decision: Decision, amount: int, reader: Record, before: int | None
) -> Body:
    pin = decision.verification in ("offline_pin", "online_pin")
    details: Body = face(card) | {
        "emv_auth_data": None,
        "generated_card": None,
        "location": reader.body.get("location"),
        "network": card.brand,
        "network_transaction_id": None if decision.code else f"{world.count():015d}",
        "read_method": "contact_emv" if pin else "contactless_emv",
        "reader": reader.id,
        "receipt": _receipt(world, card, kind, decision),
    }
    if kind == "card_present":
        details |= {
            "amount_authorized": None if decision.code else amount,
            "brand_product": None,
            "incremental_authorization_supported": False,
            "offline": {"stored_at": None, "type": None},
            "overcapture_supported": world.settings.overcapture,
        }
        if before is not None:
            details["capture_before"] = before
    return details


def _outcome(decision: Decision) -> Body:
    if decision.code is None:
        return {
            "network_status": "approved_by_network",
            "reason": None,
            "risk_level": "normal",
            "seller_message": "Payment complete.",
            "type": "authorized",
        }
    return {
        "advice_code": "try_again_later" if decision.decline_code == "processing_error" else None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "declined_by_network",
        "reason": decision.decline_code,
        "risk_level": "normal",
        "seller_message": "The bank did not return any further details with this decline.",
        "type": "issuer_declined",
    }


def _transfer(given: Body | None) -> Body | None:
    if given is None:
        return None
    return {key: given[key] for key in ("amount", "destination") if key in given}


def charge(
    world: World,
    account: Account,
    intent: Record,
    method: Record,
    card: Card,
    decision: Decision,
    amount: int,
    reader: Record,
    *,
    captured: bool,
) -> Record:
    """The record of one attempt: declined, authorised, or authorised and captured."""
    failed, kind = decision.code is not None, method.body["type"]
    before = None if failed or captured else world.seconds() + hold_s(intent, card)
    details = _details(world, card, kind, decision, amount, reader, before)
    if kind == "card_present":
        options = (intent.body["payment_method_options"] or {}).get("card_present", {})
        details["incremental_authorization_supported"] = bool(
            options.get("request_incremental_authorization_support") and not failed
        )
    body: Body = {
        "id": world.new_id("ch_3"),
        "object": KIND,
        "amount": amount,
        "amount_captured": amount if captured and not failed else 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": intent.body["application_fee_amount"],
        "balance_transaction": None,
        "billing_details": BILLING,
        "calculated_statement_descriptor": intent.body["statement_descriptor"] or "TILLGATE TEST",
        "captured": captured and not failed,
        "created": world.seconds(),
        "currency": intent.body["currency"],
        "customer": intent.body["customer"],
        "description": intent.body["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": decision.code,
        "failure_message": decline_message(decision.decline_code) if failed else None,
        "fraud_details": {},
        "livemode": False,
        "metadata": dict(intent.body["metadata"]),
        "on_behalf_of": intent.body["on_behalf_of"],
        "outcome": _outcome(decision),
        "paid": not failed,
        "payment_intent": intent.id,
        "payment_method": method.id,
        "payment_method_details": {kind: details, "type": kind},
        "receipt_email": intent.body["receipt_email"],
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "shipping": intent.body["shipping"],
        "source_transfer": None,
        "statement_descriptor": intent.body["statement_descriptor"],
        "statement_descriptor_suffix": intent.body["statement_descriptor_suffix"],
        "status": "failed" if failed else "succeeded",
        "transfer_data": _transfer(intent.body["transfer_data"]),
        "transfer_group": intent.body["transfer_group"],
    }
    if decision.code is None:
        body["authorization_code"] = details["receipt"]["authorization_code"]
    return world.add(account, KIND, body, {"card": card.number})


def retrieve(call: Call) -> Record:
    """`GET /v1/charges/{id}`."""
    return call.account.find(KIND, call.target)


def update(call: Call) -> Record:
    """`POST /v1/charges/{id}`: words about a charge, never money."""
    record, params = call.account.find(KIND, call.target), call.params
    merge_metadata(record.body, params)
    for name in ("customer", "description", "receipt_email", "transfer_group"):
        if name in params:
            record.body[name] = params[name]
    if "shipping" in params:
        record.body["shipping"] = params["shipping"]
    if "fraud_details" in params:
        report = params["fraud_details"]["user_report"]
        record.body["fraud_details"] = {"user_report": report} if report else {}
    call.world.touch(record)
    call.world.event(call.account, "charge.updated", record)
    return record


def listing(call: Call) -> Page:
    """`GET /v1/charges`, filtered by created, customer, payment_intent and transfer_group."""
    within = created_within(call.params)
    wanted: list[tuple[str, Any]] = [
        (name, call.params[name])
        for name in ("customer", "payment_intent", "transfer_group")
        if name in call.params
    ]
    return call.account.page(
        KIND,
        call.params,
        "/v1/charges",
        lambda record: within(record) and all(record.body[name] == value for name, value in wanted),
    )


ENDPOINTS: Final = (
    Endpoint("GET", "/v1/charges", payment_parameters.CHARGE_LIST, listing),
    Endpoint("GET", "/v1/charges/{id}", ONLY_EXPAND, retrieve),
    Endpoint("POST", "/v1/charges/{id}", payment_parameters.CHARGE_UPDATE, update),
)

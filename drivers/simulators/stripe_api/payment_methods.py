"""PaymentMethods: what a reader makes of a presented card."""

import hashlib
from typing import Final

from drivers.simulators.stripe_api.calls import Call, Endpoint
from drivers.simulators.stripe_api.cards import Card
from drivers.simulators.stripe_api.shapes import ONLY_EXPAND
from drivers.simulators.stripe_api.store import Account, Body, Record
from drivers.simulators.stripe_api.world import World

KIND: Final = "payment_method"
BILLING: Final[Body] = {
    "address": {
        "city": None, "country": None, "line1": None, "line2": None, "postal_code": None, "state": None,
    },
    "email": None,
    "name": None,
    "phone": None,
    "tax_id": None,
}  # fmt: skip


def _fingerprint(card: Card) -> str:
    return hashlib.blake2b(card.number.encode(), digest_size=8).hexdigest()


def face(card: Card) -> Body:
    """What can be read from a card."""
    return {
        "brand": card.brand,
        "cardholder_name": None,
        "country": card.country,
        "description": card.application,
        "exp_month": 12,
        "exp_year": 2034,
        "fingerprint": _fingerprint(card),
        "funding": card.funding,
        "issuer": "STRIPE TEST BANK",
        "last4": card.last4,
        "preferred_locales": ["en"],
    }


def method_of(world: World, account: Account, card: Card, kind: str, read_method: str) -> Record:
    """The PaymentMethod a reader makes of a presented card; it cannot be attached or used again."""
    details: Body = face(card) | {
        "networks": {"available": [card.brand], "preferred": None},
        "read_method": read_method,
    }
    if kind == "card_present":
        details |= {"brand_product": None, "offline": None}
    body: Body = {
        "id": world.new_id("pm_1"),
        "object": KIND,
        "allow_redisplay": "unspecified",
        "billing_details": BILLING,
        "created": world.seconds(),
        "customer": None,
        "livemode": False,
        "metadata": {},
        "type": kind,
        kind: details,
    }
    return world.add(account, KIND, body, {"card": card.number})


def generated_card(
    world: World, account: Account, card: Card, redisplay: str, attempt: str, customer: str | None
) -> Record:
    """The card PaymentMethod made of a presented card, which may be charged again."""
    details: Body = {key: value for key, value in face(card).items() if key != "cardholder_name"}
    del details["preferred_locales"]
    details |= {
        "checks": None,
        "display_brand": card.brand,
        "generated_from": {"charge": None, "payment_method_details": None, "setup_attempt": attempt},
        "networks": {"available": [card.brand], "preferred": None},
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }
    body: Body = {
        "id": world.new_id("pm_1"),
        "object": KIND,
        "allow_redisplay": redisplay,
        "billing_details": BILLING,
        "created": world.seconds(),
        "customer": customer,
        "livemode": False,
        "metadata": {},
        "type": "card",
        "card": details,
    }
    return world.add(account, KIND, body, {"card": card.number})


def retrieve(call: Call) -> Record:
    """`GET /v1/payment_methods/{id}`."""
    return call.account.find(KIND, call.target)


ENDPOINTS: Final = (Endpoint("GET", "/v1/payment_methods/{id}", ONLY_EXPAND, retrieve),)

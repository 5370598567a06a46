"""How a card is captured, and how a decline is told."""

import pytest

from drivers.simulators.stripe_api.authorizations import capture_method, error_of
from drivers.simulators.stripe_api.cards import CARDS, STANDARD, STANDARD_INTERAC, Decision
from drivers.simulators.stripe_api.store import Record

EFTPOS = "6280000360000978"


@pytest.mark.parametrize(
    ("method", "option", "number", "expected"),
    [
        ("automatic", None, STANDARD, "automatic"),
        ("manual", None, STANDARD, "manual"),
        ("automatic", "manual", STANDARD, "manual"),
        ("automatic", "manual_preferred", STANDARD, "manual"),
        ("automatic", "manual_preferred", STANDARD_INTERAC, "automatic"),
        ("automatic", "manual_preferred", EFTPOS, "automatic"),
        ("manual", None, EFTPOS, "manual"),
    ],
)
def test_some_networks_only_take(method: str, option: str | None, number: str, expected: str) -> None:
    options = {"card_present": {"capture_method": option}} if option else None
    intent = Record(
        "a", "payment_intent", "pi_1", 1, {"capture_method": method, "payment_method_options": options}
    )
    card = CARDS[number]
    assert capture_method(intent, card, "interac_present" if card.interac else "card_present") == expected


def test_a_decline_is_told_like_a_card_error() -> None:
    error = error_of(Decision("card_declined", "lost_card"))
    assert error == {
        "type": "card_error",
        "message": "Your card was declined.",
        "code": "card_declined",
        "doc_url": "https://docs.stripe.com/error-codes/card-declined",
        "decline_code": "lost_card",
    }
    assert "decline_code" not in error_of(Decision("expired_card", "expired_card"))
    assert "code" not in error_of(Decision())

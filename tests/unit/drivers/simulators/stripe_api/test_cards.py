"""Test cards and what the issuer says."""

import pytest

from drivers.simulators.stripe_api.cards import CARDS, STANDARD, STANDARD_INTERAC, decide, decline_message

RETRY = CARDS["4000008260000075"]


def test_the_usual_cards_are_there() -> None:
    assert (CARDS[STANDARD].brand, CARDS[STANDARD].last4) == ("visa", "4242")
    assert CARDS[STANDARD_INTERAC].interac
    assert len(CARDS) == 31


@pytest.mark.parametrize(
    ("amount", "decline_code"),
    [(1000, None), (1001, "call_issuer"), (105, "generic_decline"), (1055, "incorrect_pin"), (1042, None)],
)
def test_endings_decide_for_plain_cards(amount: int, decline_code: str | None) -> None:
    assert decide(CARDS[STANDARD], amount, pin_entered=False, endings=True).decline_code == decline_code
    assert decide(CARDS[STANDARD], amount, pin_entered=False, endings=False).code is None


def test_pins_are_asked_once() -> None:
    asked = decide(RETRY, 1000, pin_entered=False, endings=True)
    assert (asked.pin_retry, asked.decline_code) == (True, "offline_pin_required")
    assert decide(RETRY, 1001, pin_entered=True, endings=True).code is None
    assert decide(CARDS[STANDARD], 1002, pin_entered=False, endings=True).pin_retry
    after = decide(CARDS[STANDARD], 1003, pin_entered=True, endings=True)
    assert (after.code, after.verification) == (None, "online_pin")


def test_failing_cards_fail_whatever_the_amount() -> None:
    decision = decide(CARDS["4000000000009995"], 1000, pin_entered=True, endings=False)
    assert (decision.code, decision.decline_code) == ("card_declined", "insufficient_funds")
    assert decline_message("insufficient_funds") == "Your card has insufficient funds."
    assert decline_message("stolen_card") == decline_message(None) == "Your card was declined."

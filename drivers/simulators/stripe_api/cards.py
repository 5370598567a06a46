"""Stripe's test cards for Terminal and what becomes of each (docs.stripe.com/terminal/references/testing)."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Card:
    """One test card: what is printed on it and how it behaves."""

    number: str
    brand: str
    funding: str = "credit"
    country: str = "US"
    interac: bool = False
    eftpos: bool = False
    application: str = "Visa Credit"
    aid: str = "A0000000031010"
    verification: str = "none"
    code: str | None = None
    decline_code: str | None = None
    pin_retry: str | None = None
    refund_fails: bool = False

    @property
    def last4(self) -> str:
        """What a receipt shows."""
        return self.number[-4:]


_VISA: Final = ("visa", "Visa Credit", "A0000000031010")
_DEBIT: Final = ("visa", "Visa Debit", "A0000000031010")
_MASTERCARD: Final = ("mastercard", "Mastercard", "A0000000041010")
_AMEX: Final = ("amex", "American Express", "A000000025010402")
_DISCOVER: Final = ("discover", "Discover", "A0000001523010")
_DINERS: Final = ("diners", "Diners Club", "A0000001523010")
_JCB: Final = ("jcb", "JCB Credit", "A0000000651010")
_UNIONPAY: Final = ("unionpay", "UnionPay Credit", "A000000333010102")
_INTERAC: Final = ("interac", "Interac", "A0000002771010")
_GIROCARD: Final = ("girocard", "girocard", "A00000035910100102")
_EFTPOS: Final = ("eftpos_au", "eftpos SAV", "A00000038410")

_OFFLINE_PIN: Final = "offline_pin_required"
_ANY_PIN: Final = "online_or_offline_pin_required"

_Face = tuple[str, str, str]


def _card(number: str, face: _Face, funding: str = "credit", country: str = "US", **rest: object) -> Card:
    brand, application, aid = face
    return Card(number, brand, funding, country, application=application, aid=aid, **rest)  # type: ignore[arg-type]  # a table's row


CARDS: Final[dict[str, Card]] = {
    card.number: card
    for card in (
        _card("4242424242424242", _VISA),
        _card("4000056655665556", _DEBIT, "debit"),
        _card("5555555555554444", _MASTERCARD),
        _card("5200828282828210", _MASTERCARD, "debit"),
        _card("5105105105105100", _MASTERCARD, "prepaid"),
        _card("378282246310005", _AMEX),
        _card("371449635398431", _AMEX),
        _card("6011111111111117", _DISCOVER),
        _card("6011000990139424", _DISCOVER),
        _card("3056930009020004", _DINERS),
        _card("36227206271667", _DINERS),
        _card("3566002020360505", _JCB, country="JP"),
        _card("6200000000000005", _UNIONPAY, country="CN"),
        _card("4506445006931933", _INTERAC, "debit", "CA", interac=True, verification="online_pin"),
        _card("4711009900000316877", _GIROCARD, "debit", "DE", verification="online_pin"),
        _card("6280000360000978", _EFTPOS, "debit", "AU", eftpos=True),
        _card("4000050360000001", _DEBIT, "debit", "AU"),
        _card("5555050360000080", _MASTERCARD, "debit", "AU"),
        _card("4000002500001001", _DEBIT, "debit", "FR"),
        _card("5555552500001001", _MASTERCARD, "debit", "FR"),
        _card("4001007020000002", _VISA, verification="offline_pin"),
        _card("4001000360000005", _VISA, verification="online_pin"),
        _card(
            "4000008260000075",
            _VISA,
            country="GB",
            verification="offline_pin",
            pin_retry="offline_pin_required",
        ),
        _card("4000002760000008", _VISA, country="DE", verification="online_pin", pin_retry=_ANY_PIN),
        _card("4000000000000002", _VISA, code="card_declined", decline_code="generic_decline"),
        _card("4000000000009995", _VISA, code="card_declined", decline_code="insufficient_funds"),
        _card("4000000000009987", _VISA, code="card_declined", decline_code="lost_card"),
        _card("4000000000009979", _VISA, code="card_declined", decline_code="stolen_card"),
        _card("4000000000000069", _VISA, code="expired_card", decline_code="expired_card"),
        _card("4000000000000119", _VISA, code="processing_error", decline_code="processing_error"),
        _card("4000000000005126", _VISA, refund_fails=True),
    )
}
STANDARD: Final = "4242424242424242"
STANDARD_INTERAC: Final = "4506445006931933"


@dataclass(frozen=True, slots=True)
class Decision:
    """What the issuer says: approved when `code` is None; `pin_retry` asks the customer for a PIN instead."""

    code: str | None = None
    decline_code: str | None = None
    pin_retry: bool = False
    verification: str = "none"


_ENDINGS: Final[dict[int, Decision]] = {
    1: Decision("card_declined", "call_issuer"),
    2: Decision("card_declined", "offline_pin_required", pin_retry=True, verification="offline_pin"),
    3: Decision("card_declined", "online_or_offline_pin_required", pin_retry=True, verification="online_pin"),
    5: Decision("card_declined", "generic_decline"),
    55: Decision("card_declined", "incorrect_pin"),
    65: Decision("card_declined", "withdrawal_count_limit_exceeded"),
    75: Decision("card_declined", "pin_try_exceeded"),
}

MESSAGES: Final[dict[str, str]] = {
    "insufficient_funds": "Your card has insufficient funds.",
    "expired_card": "Your card has expired.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
    "incorrect_pin": "The PIN that was entered is incorrect.",
    "pin_try_exceeded": "The allowable number of PIN tries was exceeded.",
}


def decline_message(decline_code: str | None) -> str:
    """What Stripe tells a person about a decline."""
    return MESSAGES.get(decline_code or "", "Your card was declined.")


def decide(card: Card, amount: int, *, pin_entered: bool, endings: bool) -> Decision:
    """The issuer's answer for an amount in minor units, tip included.

    The cards made to fail come first, then the cards that want a PIN, then the amount's last two digits.
    """
    if card.code is not None:
        return Decision(card.code, card.decline_code)
    if card.pin_retry is not None and not pin_entered:
        return Decision("card_declined", card.pin_retry, pin_retry=True, verification=card.verification)
    ending = _ENDINGS.get(amount % 100) if endings else None
    if ending is None or card.pin_retry is not None:
        return Decision(verification=card.verification)
    if ending.pin_retry and pin_entered:
        return Decision(verification=ending.verification)
    return ending

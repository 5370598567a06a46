"""Who stands at the terminal: cards, and what people do with them."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Card:
    """One card. `kind` is the number of BMP 8A or tag 41, `total` its place in the totals of BMP 60."""

    name: str
    kind: int
    last4: str
    aid: str
    total: str = "others"
    pin: bool = True
    technology: int = 0x01
    """Tag 1F12: 00 stripe, 01 chip, 02 contactless."""
    expiry: str = "2912"


_CARDS = (
    Card("girocard", 5, "5726", "A0000003591010028001", "girocard"),
    Card("Mastercard", 6, "4444", "A0000000041010", "mastercard"),
    Card("Debit Mastercard", 46, "5727", "A0000000041010", technology=0x02, pin=False),
    Card("Visa", 10, "4242", "A0000000031010", "visa"),
    Card("Visa contactless", 10, "0119", "A0000000031010", "visa", pin=False, technology=0x02),
    Card("American Express", 8, "0005", "A000000025010801", "amex"),
    Card("Diners", 12, "3237", "A0000001523010", "diners"),
    Card("JCB", 14, "0505", "A0000000651010", "jcb"),
    Card("UnionPay", 198, "0005", "A000000333010101"),
    Card("BlueCode", 260, "0000", "A000000000", pin=False, technology=0x02),
)

CARDS: Mapping[str, Card] = MappingProxyType({card.name: card for card in _CARDS})
"""The cards that customers own, by name."""


@dataclass(frozen=True, slots=True)
class Customer:
    """What one customer does, in seconds from being asked; the amount's own outcome comes on top.

    `comes_after_s` None: never presents a card. `pulls_card`: takes it out before it was allowed.
    `wrong_pins`: so many before the right one. `stops_after_s`: presses stop that long after the prompt.
    """

    card: str = "girocard"
    comes_after_s: float | None = 1.0
    pin_after_s: float = 1.5
    leaves_card_s: float = 0.5
    wrong_pins: int = 0
    pulls_card: bool = False
    stops_after_s: float | None = None


QUICK = Customer("Visa contactless", comes_after_s=0.0, pin_after_s=0.0, leaves_card_s=0.0)
"""Has the card ready: for tests on a real clock."""

"""A morning in the store: who comes to which reader, with which card, and what happens to them."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from agent.demo.store import READERS

GOOD_CARDS = (
    "4242424242424242",
    "5555555555554444",
    "378282246310005",
    "4000056655665556",
    "4711009900000316877",
)
INSUFFICIENT_FUNDS = "4000000000009995"
BANK_CARDS = ("girocard", "Visa", "Mastercard", "American Express", "Visa contactless", "Debit Mastercard")
"""The cards that customers have at a ZVT terminal."""


class Happening(StrEnum):
    """What makes a customer special."""

    NOTHING = "pays"
    DECLINED = "card declined"
    DECLINED_THEN_OTHER_CARD = "declined, pays with another card"
    CUSTOMER_CANCELS = "customer cancels on the reader"
    TILL_CANCELS = "cashier cancels"
    TIPS = "leaves a tip"
    HELD = "money held, part captured"
    REFUNDED = "pays, brings one thing back"
    READER_VANISHES = "reader drops out, comes back"
    LINE_CUT = "answer of Stripe lost"
    GATEWAY_KILLED = "gateway killed in mid-sale"
    CABLE_PULLED = "cable pulled before the card, plugged in again"
    RESULT_LOST = "line cut while the bank decides"


EXPECTED = {
    Happening.DECLINED: "declined",
    Happening.DECLINED_THEN_OTHER_CARD: "declined",
    Happening.HELD: "authorized",
    Happening.CUSTOMER_CANCELS: "canceled",
    Happening.TILL_CANCELS: "canceled",
    Happening.READER_VANISHES: "canceled",
    Happening.CABLE_PULLED: "failed",
}
"""How a customer's first sale ends; all others are paid."""


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer: what is due (minor units), how long the card takes, and what happens."""

    amount: int
    takes_s: float
    card: str
    happening: Happening = Happening.NOTHING

    @property
    def expected(self) -> str:
        """The state in which the sale must end."""
        return EXPECTED.get(self.happening, "paid")


_SPECIAL: dict[str, Sequence[Happening]] = {
    "till-1": (Happening.DECLINED, Happening.TIPS, Happening.GATEWAY_KILLED, Happening.LINE_CUT),
    "till-2": (Happening.CUSTOMER_CANCELS, Happening.HELD, Happening.TILL_CANCELS, Happening.REFUNDED),
    "till-3": (Happening.DECLINED_THEN_OTHER_CARD, Happening.READER_VANISHES),
    "till-4": (Happening.DECLINED, Happening.CUSTOMER_CANCELS, Happening.CABLE_PULLED, Happening.REFUNDED),
    "till-6": (Happening.DECLINED, Happening.CUSTOMER_CANCELS, Happening.TILL_CANCELS),
    "till-5": (Happening.DECLINED, Happening.TILL_CANCELS, Happening.RESULT_LOST, Happening.CUSTOMER_CANCELS),
}
_CENTS = {Happening.DECLINED: 5, Happening.CUSTOMER_CANCELS: 8}
"""At a simulated terminal the last digits of the amount decide."""
PLAIN = 6
"""Customers per reader to whom nothing special happens."""


@dataclass(frozen=True, slots=True)
class Morning:
    """The queue at each reader."""

    queues: dict[str, list[Customer]] = field(default_factory=dict)

    def __len__(self) -> int:
        return sum(map(len, self.queues.values()))


def morning(seed: int) -> Morning:
    """The same seed gives the same customers; what the story needs happens in every one."""
    chance = random.Random(seed)  # noqa: S311  # a story, not a secret
    queues: dict[str, list[Customer]] = {}
    for reader, specials in _SPECIAL.items():
        happenings = [Happening.NOTHING] * PLAIN
        for special in specials:
            happenings.insert(chance.randrange(1, len(happenings)), special)
        make = _customer if reader in READERS else _customer_at_terminal
        queues[reader] = [make(chance, happening) for happening in happenings]
    return Morning(queues)


def _customer(chance: random.Random, happening: Happening) -> Customer:
    # Amounts end in 00: other endings make the simulated issuer decline.
    return Customer(
        chance.randrange(3, 120) * 100, chance.uniform(4.0, 12.0), chance.choice(GOOD_CARDS), happening
    )


def _customer_at_terminal(chance: random.Random, happening: Happening) -> Customer:
    amount = chance.randrange(3, 120) * 100 + _CENTS.get(happening, 0)
    return Customer(amount, chance.uniform(3.0, 8.0), chance.choice(BANK_CARDS), happening)

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


EXPECTED = {
    Happening.DECLINED: "declined",
    Happening.DECLINED_THEN_OTHER_CARD: "declined",
    Happening.HELD: "authorized",
    Happening.CUSTOMER_CANCELS: "canceled",
    Happening.TILL_CANCELS: "canceled",
    Happening.READER_VANISHES: "canceled",
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
}
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
    for reader in READERS:
        happenings = [Happening.NOTHING] * PLAIN
        for special in _SPECIAL[reader]:
            happenings.insert(chance.randrange(1, len(happenings)), special)
        queues[reader] = [_customer(chance, happening) for happening in happenings]
    return Morning(queues)


def _customer(chance: random.Random, happening: Happening) -> Customer:
    # Amounts end in 00: other endings make the simulated issuer decline.
    return Customer(
        chance.randrange(3, 120) * 100, chance.uniform(4.0, 12.0), chance.choice(GOOD_CARDS), happening
    )

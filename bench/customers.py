"""The customers of a measurement: the same ones, in the same order, for everybody who sells to them."""

import random
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Customers:
    """How long customers take from the prompt to the card: uniformly between two times, in seconds."""

    least_s: float
    most_s: float

    def takes_s(self, reader: str, number: int, seed: int) -> float:
        """The time that a reader's customer of this number takes; depends on nothing else."""
        chance = random.Random(f"{seed} {reader} {number}")  # noqa: S311  # customers are no secret
        return chance.uniform(self.least_s, self.most_s)

    def comes_s(self, reader: str, seed: int) -> float:
        """When a reader's first customer comes: shops are not in step, unless everybody takes no time."""
        chance = random.Random(f"{seed} {reader}")  # noqa: S311  # as above
        return chance.uniform(0.0, self.most_s)

    def __str__(self) -> str:
        return f"{self.least_s:g}-{self.most_s:g} s"


USUAL = Customers(4.0, 20.0)
AT_ONCE = Customers(0.0, 0.0)
OTHERS: Mapping[str, Customers] = {"quick": Customers(1.0, 4.0), "slow": Customers(20.0, 60.0)}
"""Who is not what the schedule was made for."""

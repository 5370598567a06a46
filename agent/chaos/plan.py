"""What one world is made of: readers, tills, sales, faults. A pure function of the seed, so it can be cut."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from agent.chaos.faults import FAULTS, KINDS, STEPS, Fault, Group, Trouble

CURRENCY: Final = "eur"
PATIENCE_S: Final = 45.0
"""How long the gateway waits for a customer."""

STRIPE_READERS: Final = ("stripe-1", "stripe-2")
ZVT_READERS: Final = ("zvt-1", "zvt-2")
PROFILES: Final = ("standard", "deferred", "standard", "ingenico", "hangs-up", "one-caller")
GOOD_CARDS: Final = ("4242424242424242", "5555555555554444", "378282246310005", "4000056655665556")
DECLINED_CARD: Final = "4000000000009995"
BANK_CARDS: Final = ("girocard", "Visa", "Visa contactless", "Debit Mastercard")


@dataclass(frozen=True, slots=True)
class Terminal:
    """One ZVT terminal of the store."""

    profile: str = "standard"
    serial: bool = False
    bad_line: bool = False


@dataclass(frozen=True, slots=True)
class Sale:
    """What one customer wants at one reader, and how the till goes about it.

    Seconds are of the world. `amount` (minor units) is no other sale's. `customer` is what the customer does.
    `after` is what the till does with held money; `refunds` what it gives back, one request each.
    """

    number: int
    till: int
    reader: str
    amount: int
    pause_s: float
    comes_s: float
    customer: str = "pays"
    card: str = ""
    manual: bool = False
    after: str = "capture"
    tip: int = 0
    cancel_s: float | None = None
    doubled: bool = False
    forgets_s: float | None = None
    again: bool = False
    refunds: tuple[int, ...] = ()
    refunds_at_once: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """One world."""

    seed: int
    tills: int
    terminals: dict[str, Terminal]
    stripe_readers: tuple[str, ...]
    sales: tuple[Sale, ...]
    faults: tuple[Fault, ...]
    shuffle: bool = True
    forgetful: bool = False
    """Some holds are left behind, and the gateway has to end them before they expire."""

    @property
    def readers(self) -> tuple[str, ...]:
        """Every reader of the store."""
        return (*self.stripe_readers, *self.terminals)

    def without_faults(self, *gone: Fault) -> "Plan":
        """The same world, less these faults."""
        return replace(self, faults=tuple(each for each in self.faults if each not in gone))

    def without_sales(self, *gone: Sale) -> "Plan":
        """The same world, less these sales."""
        return replace(self, sales=tuple(each for each in self.sales if each not in gone))


def plan_of(
    seed: int, *, kinds: Sequence[str] = KINDS, sales: int = 16, forgetful: bool | None = None
) -> Plan:
    """The world of a seed. `kinds`: which faults may happen; `forgetful` None: one world in ten is."""
    forgetful = seed % 10 == 0 if forgetful is None else forgetful
    chance = random.Random(seed)  # noqa: S311  # repeatable, not secret
    line_faults = [kind for kind in kinds if FAULTS[kind].group is Group.LINE]
    terminals: dict[str, Terminal] = {}
    for number, name in enumerate(ZVT_READERS):
        terminals[name] = Terminal(
            chance.choice(PROFILES),
            serial=chance.random() < 0.5 if number else False,
            bad_line=bool(line_faults) and chance.random() < 0.35,
        )
    tills = chance.randrange(2, 5)
    readers = (*STRIPE_READERS, *ZVT_READERS)
    made = tuple(
        _sale(chance, number, number % tills, chance.choice(readers), forgetful=forgetful)
        for number in range(max(1, sales + chance.randrange(-4, 5)))
    )
    plan = Plan(seed, tills, terminals, STRIPE_READERS, made, (), forgetful=forgetful)
    return replace(plan, faults=tuple(_faults(chance, plan, kinds)))


def _sale(chance: random.Random, number: int, till: int, reader: str, *, forgetful: bool) -> Sale:
    stripe = reader in STRIPE_READERS
    amount = (10 + number * 7 + chance.randrange(7)) * 100
    comes_s = chance.choice((0.5, 2.0, 4.0, 6.0, 9.0, 14.0))
    sale = Sale(number, till, reader, amount, chance.uniform(0.0, 8.0), comes_s)
    sale = replace(sale, card=chance.choice(GOOD_CARDS if stripe else BANK_CARDS))
    dice = chance.random()
    if dice < 0.10:
        sale = replace(sale, customer="declined", amount=amount + (0 if stripe else 5), again=stripe)
        sale = replace(sale, card=DECLINED_CARD if stripe else sale.card)
    elif dice < 0.17:
        sale = replace(sale, customer="cancels")
    elif dice < 0.22:
        sale = replace(sale, customer="walks away")
    elif dice < 0.25 and not stripe:
        sale = replace(sale, customer="pulls card")
    elif dice < 0.37:
        sale = replace(sale, cancel_s=chance.uniform(0.0, comes_s + 4.0))
    elif dice < 0.55 and stripe:
        after = chance.choice(("capture", "part", "release", "forget" if forgetful else "capture"))
        sale = replace(sale, manual=True, after=after)
    elif dice < 0.62 and stripe:
        sale = replace(sale, tip=chance.randrange(1, 5) * 10)
    if chance.random() < 0.25:
        sale = replace(sale, refunds=_refunds(chance, sale), refunds_at_once=chance.random() < 0.5)
    if chance.random() < 0.15:
        sale = replace(sale, doubled=True)
    if chance.random() < 0.15:
        sale = replace(sale, forgets_s=chance.uniform(0.5, 20.0))
    return sale


def _refunds(chance: random.Random, sale: Sale) -> tuple[int, ...]:
    """Parts that together may be more than was paid; 0 is all that is left."""
    part = sale.amount // 2 + sale.number + 1
    return chance.choice(((0,), (part,), (part, part + 100), (part, 0), (0, 0)))


def _faults(chance: random.Random, plan: Plan, kinds: Sequence[str]) -> list[Fault]:
    if not kinds:
        return []
    count = chance.choice((0, 1, 2, 3, 4, 6, 8, 10))
    return [_fault(chance, plan, kinds) for _ in range(count)]


def _fault(chance: random.Random, plan: Plan, kinds: Sequence[str]) -> Fault:
    kind = chance.choice(kinds)
    what: Trouble = FAULTS[kind]
    reader = chance.choice([name for name in plan.readers if what.fits(name in plan.terminals)])
    if what.group is Group.LINE:
        bad = [name for name, terminal in plan.terminals.items() if terminal.bad_line]
        reader = chance.choice(bad) if bad else reader
    steps = [step for step in STEPS if what.can_at(reader in plan.terminals, step)]
    step = chance.choice(steps) if chance.random() < 0.75 else ""
    return Fault(
        kind,
        reader,
        at_s=round(chance.uniform(0.0, 80.0 if step else 160.0), 3),
        step=step,
        seconds=round(chance.uniform(*what.seconds), 3),
        times=chance.choice((1, 1, 1, 2, 3, 5)),
        steps=chance.choice((0, 1, 2, 3, 5, 8, 13, 21, 34, 55)),
        seed=chance.randrange(2**31),
    )

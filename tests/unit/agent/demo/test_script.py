"""The customers of a morning."""

from collections import Counter

import pytest

from agent.demo.script import BANK_CARDS, EXPECTED, Happening, morning
from agent.demo.store import READERS


@pytest.mark.parametrize("seed", range(20))
def test_every_morning_holds_the_whole_story(seed: int) -> None:
    made = morning(seed)

    assert set(made.queues) == {*READERS, "till-4", "till-5"}
    happenings = Counter(each.happening for queue in made.queues.values() for each in queue)
    assert set(happenings) == set(Happening)
    paid = sum(count for happening, count in happenings.items() if happening not in EXPECTED)
    assert paid >= 35
    assert len(made) == sum(happenings.values())


def test_the_same_seed_gives_the_same_morning() -> None:
    assert morning(3) == morning(3)
    assert morning(3) != morning(4)


def test_amounts_never_ask_the_issuer_for_a_decline() -> None:
    customers = [each for name in READERS for each in morning(1).queues[name]]

    assert all(each.amount % 100 == 0 and each.amount >= 300 for each in customers)
    assert {each.expected for each in customers} == {"paid", "declined", "canceled", "authorized"}


def test_at_a_terminal_the_amount_says_what_happens() -> None:
    customers = [each for name in ("till-4", "till-5") for each in morning(1).queues[name]]

    cents = {each.happening: each.amount % 100 for each in customers}
    assert (cents.pop(Happening.DECLINED), cents.pop(Happening.CUSTOMER_CANCELS)) == (5, 8)
    assert set(cents.values()) == {0}
    assert {each.card for each in customers} <= set(BANK_CARDS)

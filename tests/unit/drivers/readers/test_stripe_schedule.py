"""When to look: at no more calls than a plain loop, and sooner."""

import statistics
from collections.abc import Callable

import pytest

from drivers.readers.stripe_schedule import FIRST_S, PHASES, Schedule


def looks_until(known_at: float, wait_s: Callable[[float], float]) -> tuple[int, float]:
    """How many looks it takes to see something that happens then, and how late it is seen."""
    now, looks = 0.0, 0
    while looks == 0 or now < known_at:
        now += wait_s(now)
        looks += 1
    return looks, now - known_at


@pytest.mark.parametrize("authorizing_s", [0.0, 0.5, 1.0, 2.0])
def test_it_sees_payments_earlier_than_a_two_second_loop_and_asks_no_more(authorizing_s: float) -> None:
    ends = [4.0 + 16.0 * (index + 0.5) / 2000 + authorizing_s for index in range(2000)]
    ours = [looks_until(end, Schedule().wait_s) for end in ends]
    loop = [looks_until(end, lambda _now: 2.0) for end in ends]
    our_late, loop_late = sorted(late for _, late in ours), sorted(late for _, late in loop)
    assert our_late[1000] <= 0.75 * loop_late[1000]
    assert our_late[1980] <= loop_late[1980]
    # Ours: create, compare, process, looks. A plain loop: create, process, looks, and the PaymentIntent.
    assert statistics.mean(looks for looks, _ in ours) <= statistics.mean(looks for looks, _ in loop)


def test_slow_customers_are_not_known_later_than_by_a_two_second_loop() -> None:
    assert all(looks_until(end, Schedule().wait_s)[1] < 2.0 for end in (20.0, 24.9, 31.0, 47.0, 59.0))


def test_long_waits_cost_little() -> None:
    looks, late = looks_until(600.0, Schedule().wait_s)
    assert looks < 160
    assert late <= 5.0


def test_there_is_no_look_before_anybody_can_have_paid() -> None:
    assert Schedule().wait_s(0.0) == FIRST_S
    assert Schedule().wait_s(2.0) == pytest.approx(FIRST_S - 2.0)


def test_a_clock_that_rounds_does_not_make_it_look_without_rest() -> None:
    assert Schedule().wait_s(FIRST_S - 1e-9) == PHASES[0].every_s


def test_a_table_without_an_end_goes_on_with_its_last_gap() -> None:
    schedule = Schedule(first_s=1.0, phases=PHASES[:2])
    assert schedule.wait_s(1000.0) == PHASES[1].every_s


@pytest.mark.parametrize(
    ("at_s", "now_s", "tick_s"),
    [(10.0, 8.0, 10.0), (10.1, 8.0, 10.0), (10.2, 8.0, 10.25), (10.01, 10.0, 10.25), (10.1, 10.05, 10.25)],
)
def test_looks_fall_on_the_nearest_tick_to_come(at_s: float, now_s: float, tick_s: float) -> None:
    assert Schedule().aligned(at_s, now_s) == tick_s

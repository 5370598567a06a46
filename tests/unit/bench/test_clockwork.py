"""The race on virtual time: both sell to the same customers, nobody loses one, and time is exact."""

import pytest

from bench import clockwork
from bench.clockwork import LATENCY_S
from bench.customers import Customers

ROUND_TRIP_S = 2 * LATENCY_S


def test_the_scripts_waits_are_those_of_its_interval() -> None:
    run = clockwork.script(Customers(4.0, 20.0), 20, seed=3, interval_s=2.0)
    assert len(run.waits_s) == 20
    # After the last look: its answer, and the PaymentIntent.
    least = LATENCY_S + ROUND_TRIP_S
    assert least <= min(run.waits_s)
    assert max(run.waits_s) <= least + 2.0 + ROUND_TRIP_S


def test_calls_are_counted_one_by_one() -> None:
    run = clockwork.script(Customers(3.0, 3.0), 2, seed=1, interval_s=2.0)
    # Create, show, a look after 2 s and one after 4 s, the PaymentIntent.
    assert run.calls == 5.0
    assert run.waits_s == pytest.approx([2 * (2.0 + ROUND_TRIP_S) - 3.0 + LATENCY_S + ROUND_TRIP_S] * 2)


def test_the_gateway_takes_a_call_to_compare_and_none_to_read_the_payment() -> None:
    run = clockwork.gateway(Customers(1.0, 1.0), 2, seed=1)
    # Create, compare, show, one look.
    assert run.calls == 4.0
    assert len(run.waits_s) == 2


def test_the_same_seed_gives_the_same_run() -> None:
    usual = Customers(4.0, 20.0)
    assert clockwork.gateway(usual, 5, seed=2) == clockwork.gateway(usual, 5, seed=2)
    assert clockwork.gateway(usual, 5, seed=2).waits_s != clockwork.gateway(usual, 5, seed=4).waits_s

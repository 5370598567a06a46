"""Patience in numbers."""

import pytest

from agent.stripe.retry import ONCE, READ, WRITE, RetryPolicy


def test_the_wait_doubles_up_to_a_cap_and_jitter_takes_away_up_to_half() -> None:
    policy = RetryPolicy(tries=9, total_s=99.0, first_s=0.5, cap_s=5.0)
    assert [policy.delay_s(tried, 0.0) for tried in range(1, 7)] == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    assert policy.delay_s(3, 0.999) == pytest.approx(1.0, abs=0.01)


def test_reader_commands_are_tried_once_and_writes_longest() -> None:
    assert ONCE.tries == 1
    assert WRITE.tries > READ.tries > 1
    assert WRITE.total_s > READ.total_s

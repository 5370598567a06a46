"""Token buckets."""

import pytest

from agent.pos.limits import Bucket, Buckets, Limits, Rate
from agent.settings import HttpDoorSettings


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_a_burst_passes_and_then_the_rate() -> None:
    clock = Clock()
    bucket = Bucket(Rate(2.0, 3), clock)

    assert [bucket.take() for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    clock.seconds += 0.25
    assert bucket.take() == pytest.approx(0.25)
    clock.seconds += 0.25
    assert bucket.take() == 0.0
    assert bucket.take() == pytest.approx(0.5)


def test_rest_fills_no_more_than_a_burst() -> None:
    clock = Clock()
    bucket = Bucket(Rate(2.0, 3), clock)
    clock.seconds += 3600

    assert [bucket.take() > 0 for _ in range(4)] == [False, False, False, True]


def test_each_till_has_its_own() -> None:
    buckets = Buckets(Rate(1.0, 1), Clock())

    assert buckets.take("a") == 0.0
    assert buckets.take("a") > 0
    assert buckets.take("b") == 0.0


def test_a_register_that_sells_every_second_never_notices() -> None:
    clock, limits = Clock(), Limits()
    bucket = Bucket(limits.requests, clock)
    for _ in range(1000):
        assert [bucket.take() for _ in range(10)] == [0.0] * 10
        clock.seconds += 1


def test_connection_tokens_are_limited_as_the_settings_say() -> None:
    assert Limits().connection_tokens.per_second == HttpDoorSettings().connection_tokens_per_minute / 60

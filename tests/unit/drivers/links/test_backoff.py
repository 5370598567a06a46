"""Tests of the pauses between tries."""

import pytest

from drivers.links.backoff import Backoff


@pytest.mark.parametrize(("tries", "longest"), [(0, 0.5), (1, 1.0), (3, 4.0), (7, 30.0), (10_000, 30.0)])
def test_pauses_double_up_to_the_cap_and_chance_halves_them_at_most(tries: int, longest: float) -> None:
    backoff = Backoff()
    assert backoff.delay_s(tries, lambda: 0.0) == longest
    assert backoff.delay_s(tries, lambda: 0.999_999) == pytest.approx(longest / 2, rel=1e-5)

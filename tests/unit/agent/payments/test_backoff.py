"""How long to wait before the next try."""

import pytest

from agent.payments.backoff import Backoff


@pytest.mark.parametrize(
    ("tries", "chance", "wanted"),
    [(0, 0.0, 1.0), (1, 0.0, 2.0), (3, 0.0, 8.0), (0, 0.5, 0.75), (20, 0.0, 60.0), (10_000, 0.999, 30.03)],
)
def test_each_wait_is_longer_up_to_the_cap_and_cut_down_by_chance(
    tries: int, chance: float, wanted: float
) -> None:
    assert Backoff(1.0, 60.0).delay_s(tries, lambda: chance) == pytest.approx(wanted)

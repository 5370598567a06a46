"""A few hundred small stores in which everything goes wrong; `make chaos` plays ten thousand larger ones."""

import sys
from collections.abc import Iterator

import pytest

from agent.chaos.many import play_seed
from tests.thoroughness import sample

TOGETHER = 10
"""Worlds in one test."""

BATCHES = sample(range(100), 20)
"""Everyday two hundred worlds, in CI a thousand."""


@pytest.fixture(autouse=True)
def _uncounted() -> Iterator[None]:
    """Worlds take half the time while nobody counts their lines; the floors are held without them."""
    counter = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(counter)


@pytest.mark.parametrize("batch", BATCHES)
def test_no_promise_is_broken(batch: int) -> None:
    broken = {
        seed: [str(violation) for violation in verdict.violations]
        for seed in range(batch * TOGETHER, (batch + 1) * TOGETHER)
        if (verdict := play_seed(seed, sales=6)).violations
    }
    assert broken == {}

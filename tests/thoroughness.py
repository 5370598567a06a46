"""How much of an exhaustive test runs: all of it with `TILLGATE_THOROUGH=1`, as in CI; else a sample."""

import os
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

VARIABLE = "TILLGATE_THOROUGH"
THOROUGH = os.environ.get(VARIABLE) == "1"


def sample(everything: Sequence[T], everyday: int) -> list[T]:
    """All of it where the run is thorough, else `everyday` of it, evenly spread, with both ends."""
    return chosen(everything, None if THOROUGH else everyday)


def chosen(everything: Sequence[T], count: int | None) -> list[T]:
    """`count` of it, evenly spread, with both ends; None: all of it."""
    if count is None or count >= len(everything):
        return list(everything)
    if count < 2:
        return list(everything[:count])
    last = len(everything) - 1
    return [everything[index * last // (count - 1)] for index in range(count)]

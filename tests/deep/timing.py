"""How long deep tests take, and how much time is left for them."""

import os
import time

BUDGET = "TILLGATE_DEEP_BUDGET_S"
"""Seconds that all deep tests of a run may take together; not set: as long as they like."""

_BEGAN = time.monotonic()


def left_s() -> float:
    """Seconds that are left; without a budget more than anybody needs."""
    budget = os.environ.get(BUDGET)
    return float("inf") if budget is None else float(budget) - (time.monotonic() - _BEGAN)

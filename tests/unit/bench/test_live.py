"""The measurement with real processes, as small as it can be: one reader, one customer."""

from pathlib import Path

import pytest

from bench import live
from bench.customers import AT_ONCE, Customers

pytestmark = pytest.mark.real_time


def test_both_sellers_sell_to_the_same_customers_side_by_side(tmp_path: Path) -> None:
    with live.staged(tmp_path, 1, interval_s=0.2) as stage:
        crowd = stage.crowd(Customers(0.1, 0.1), 1, sellers=("gateway", "script"), follow="events")
        rush = stage.crowd(AT_ONCE, 2, sellers=("gateway",))
    gateway, script = crowd["gateway"], crowd["script"]
    assert (gateway.count, script.count, rush["gateway"].count) == (1, 1, 2)
    # Create, compare, show, look; and create, show, look, the PaymentIntent.
    assert (gateway.calls, script.calls) == (4.0, 4.0)
    assert 0.0 < script.waits_s[0] < 2.0
    assert 0.0 < gateway.own_s[0] < gateway.waits_s[0]
    assert gateway.cpu_s > 0.0
    assert script.cpu_s > 0.0
    assert rush["gateway"].per_s > 0.5

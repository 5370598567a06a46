"""The smallest world that still breaks the promise."""

from dataclasses import replace

from agent.chaos.plan import Plan, plan_of
from agent.chaos.shrink import shrink

WHOLE = next(plan for plan in map(plan_of, range(100)) if len(plan.faults) >= 6)


def test_all_that_is_not_needed_goes() -> None:
    needed = {WHOLE.faults[1], WHOLE.faults[4]}
    sale = WHOLE.sales[5]

    def breaks(plan: Plan) -> bool:
        return needed <= set(plan.faults) and sale in plan.sales

    small = shrink(WHOLE, breaks)
    assert set(small.faults) == needed
    assert small.sales == (sale,)
    assert not small.shuffle


def test_the_budget_is_kept_and_what_could_not_be_tried_stays() -> None:
    tried = 0

    def breaks(plan: Plan) -> bool:
        nonlocal tried
        tried += 1
        return plan == replace(WHOLE, faults=plan.faults, sales=plan.sales) and len(plan.sales) > 3

    small = shrink(WHOLE, breaks, tries=5)
    assert tried == 5
    assert len(small.sales) > 3


def test_a_world_that_never_breaks_again_stays_whole() -> None:
    assert shrink(WHOLE, lambda _: False) == WHOLE

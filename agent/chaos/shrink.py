"""The smallest world that still breaks the same promise: fewer faults, fewer sales, fewer tills."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from agent.chaos.plan import Plan

_T = TypeVar("_T")

Breaks = Callable[[Plan], bool]
"""Whether a world still breaks the promise."""


def shrink(plan: Plan, breaks: Breaks, *, tries: int = 120) -> Plan:
    """Leave out what is not needed, at the price of so many worlds at most."""
    budget = _Budget(breaks, tries)
    faults = _fewer(plan.faults, lambda kept: budget.breaks(replace(plan, faults=tuple(kept))))
    plan = replace(plan, faults=tuple(faults))
    sales = _fewer(plan.sales, lambda kept: budget.breaks(replace(plan, sales=tuple(kept))))
    plan = replace(plan, sales=tuple(sales))
    if plan.shuffle and budget.breaks(replace(plan, shuffle=False)):
        plan = replace(plan, shuffle=False)
    return plan


class _Budget:
    def __init__(self, breaks: Breaks, tries: int) -> None:
        self._breaks = breaks
        self._left = tries

    def breaks(self, plan: Plan) -> bool:
        """Whether it does, or that it does not when there is nothing left to find out with."""
        self._left -= 1
        return self._left >= 0 and self._breaks(plan)


def _fewer(items: Sequence[_T], still: Callable[[Sequence[_T]], bool]) -> list[_T]:
    """What is left when halves, quarters and single ones that are not needed have gone."""
    kept = list(items)
    size = max(1, len(kept) // 2)
    while kept:
        at = 0
        while at < len(kept):
            without = kept[:at] + kept[at + size :]
            if still(without):
                kept = without
            else:
                at += size
        if size == 1:
            break
        size //= 2
    return kept

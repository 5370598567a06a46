"""The contract's promises as checks for any driver, ours or a stranger's, on a simulator or on hardware.

A driver's author writes a `Bench` (`drivers.conformance_bench`) and checks every promise on a fresh one:

    @pytest.mark.parametrize("promise", PROMISES)
    async def test_promise(promise: str) -> None:
        finding = await check(promise, MyBench())
        print(finding)
        assert finding.kept, finding

No promise asks for more than the reader declares and the bench can play; what is left out is in the finding.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from drivers.conformance_bench import Bench
from drivers.conformance_money import (
    a_declined_order_can_be_tried_again,
    held_money_moves_once_or_is_let_go,
    less_than_was_held_can_be_taken,
    money_is_given_back_once,
    what_needs_no_device_waits_for_nobody,
)
from drivers.conformance_sale import (
    a_cancel_ends_the_sale,
    a_crash_at_any_report_loses_and_doubles_nothing,
    a_device_that_restarts_is_asked,
    a_line_cut_in_mid_sale_is_doubt_and_never_a_guess,
    a_lost_answer_is_no_second_sale,
    a_question_changes_nothing,
    an_abandoned_prompt_can_be_withdrawn,
    an_abandoned_sale_is_gone_on_with_or_ended,
    closing_never_fails,
    each_customer_gets_the_right_outcome,
    opening_starts_nothing,
    what_is_out_of_reach_is_a_driver_error,
    what_was_paid_meanwhile_is_found,
)
from drivers.conformance_trial import BrokenPromiseError, Trial

Promise = Callable[[Trial], Awaitable[None]]

PROMISES: Mapping[str, Promise] = MappingProxyType(
    {
        promise.__name__: promise
        for promise in (
            opening_starts_nothing,
            closing_never_fails,
            what_is_out_of_reach_is_a_driver_error,
            each_customer_gets_the_right_outcome,
            a_cancel_ends_the_sale,
            a_question_changes_nothing,
            an_abandoned_sale_is_gone_on_with_or_ended,
            what_was_paid_meanwhile_is_found,
            an_abandoned_prompt_can_be_withdrawn,
            a_line_cut_in_mid_sale_is_doubt_and_never_a_guess,
            a_lost_answer_is_no_second_sale,
            a_crash_at_any_report_loses_and_doubles_nothing,
            a_device_that_restarts_is_asked,
            held_money_moves_once_or_is_let_go,
            less_than_was_held_can_be_taken,
            money_is_given_back_once,
            a_declined_order_can_be_tried_again,
            what_needs_no_device_waits_for_nobody,
        )
    }
)
"""Every promise by its name; each needs a bench of its own."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one promise: `broken` says how it was broken, "" if it was kept.

    `left_out` says which parts were not asked for, and why: what the reader does not declare, and what the
    bench cannot play.
    """

    promise: str
    broken: str = ""
    left_out: tuple[str, ...] = ()

    @property
    def kept(self) -> bool:
        """Whether nothing that was asked for was broken."""
        return not self.broken

    def __str__(self) -> str:
        said = f"BROKEN: {self.broken}" if self.broken else "kept"
        without = f" (left out: {'; '.join(self.left_out)})" if self.left_out else ""
        return f"{self.promise}: {said}{without}"


async def check(promise: str, bench: Bench) -> Finding:
    """Put one promise to the test, on a bench that is used for nothing else."""
    trial = Trial(bench)
    broken = ""
    try:
        await PROMISES[promise](trial)
    except Exception as error:  # noqa: BLE001  # whatever a driver raises that it must not is the finding
        broken = _said(error)
    return Finding(promise, broken, tuple(trial.left_out))


def _said(error: BaseException) -> str:
    """The broken promise among all that came of it, else the first error."""
    leaves = list(_leaves(error))
    told = next((leaf for leaf in leaves if isinstance(leaf, BrokenPromiseError)), leaves[0])
    return str(told) if isinstance(told, BrokenPromiseError) else f"{type(told).__name__}: {told}"


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for each in error.exceptions for leaf in _leaves(each)]
    return [error]

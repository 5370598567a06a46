"""Promises about money, where a bad line prevents that there is any; the rest is in test_conformance.py."""

import pytest

from drivers import conformance_money
from drivers.conformance_bench import Act
from drivers.conformance_trial import Trial
from drivers.contract import NotStartedError, Outcome, PaymentRequest, Report
from tests.conformance_worlds import STRIPE
from tests.unit.drivers.test_conformance import Crooked

PROMISES = [
    "held_money_moves_once_or_is_let_go",
    "less_than_was_held_can_be_taken",
    "money_is_given_back_once",
    "what_needs_no_device_waits_for_nobody",
]


class NeverBegins(Crooked):
    async def pay(self, request: PaymentRequest, report: Report) -> Outcome:
        raise NotStartedError("the line is bad")


@pytest.mark.parametrize("promise", PROMISES)
async def test_where_nothing_was_paid_there_is_nothing_to_settle(promise: str) -> None:
    async with STRIPE.bench(NeverBegins) as bench:
        bench.cannot = {Act.GOOD_LINE: "the line is very bad"}  # type: ignore[misc]  # of a ClassVar
        await getattr(conformance_money, promise)(Trial(bench))


async def test_another_try_on_a_bad_line_is_held_against_the_books() -> None:
    async with STRIPE.bench(NeverBegins) as bench:
        bench.cannot = {Act.GOOD_LINE: "the line is very bad"}  # type: ignore[misc]  # of a ClassVar
        await conformance_money.a_declined_order_can_be_tried_again(Trial(bench))
        bench.cannot = {Act.DECLINE: "no such card"}  # type: ignore[misc]  # of a ClassVar
        trial = Trial(bench)
        await conformance_money.a_declined_order_can_be_tried_again(trial)
        assert trial.left_out == ["another try: no such card"]

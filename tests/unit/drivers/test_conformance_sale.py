"""Promises about sales, on lines so bad that a sale may never begin; the rest is in test_conformance.py."""

import pytest

from drivers import conformance_sale
from drivers.conformance_bench import Act, Customer, Record
from drivers.conformance_sale import REPORTS_MAX
from drivers.conformance_trial import BrokenPromiseError, Trial
from drivers.contract import DriverError, Outcome, PaymentRequest, Report
from tests.conformance_worlds import STRIPE, unbent
from tests.unit.drivers.test_conformance import Crooked

PROMISES = [name for name in vars(conformance_sale) if name.startswith(("a_", "an_", "what_"))]


class NeverAnswers(Crooked):
    async def pay(self, request: PaymentRequest, report: Report) -> Outcome:
        raise DriverError("nobody knows")


@pytest.mark.parametrize("promise", PROMISES)
async def test_where_no_sale_ever_begins_only_the_books_count(promise: str) -> None:
    async with STRIPE.bench(NeverAnswers) as bench:
        bench.cannot = dict.fromkeys(Act, "the line is very bad")  # type: ignore[misc]  # of a ClassVar
        trial = Trial(bench)
        await getattr(conformance_sale, promise)(trial)
        assert trial.left_out


async def test_a_driver_that_reports_for_ever_is_caught() -> None:
    class Talks(Crooked):
        async def pay(self, request: PaymentRequest, report: Report) -> Outcome:
            for number in range(REPORTS_MAX + 1):
                await report.reference(f"fact_{number}", "x")
            return await self._inner.pay(request, report)

    async with STRIPE.bench(Talks) as bench:
        await bench.customer(Customer.PAYS)
        with pytest.raises(BrokenPromiseError, match="no more than"):
            await conformance_sale.a_crash_at_any_report_loses_and_doubles_nothing(Trial(bench))


async def test_an_act_that_cannot_be_played_is_no_breach() -> None:
    async with STRIPE.bench(unbent) as bench:
        trial = Trial(bench)
        await conformance_sale.a_device_that_restarts_is_asked(trial)
        assert len(trial.left_out) == 1
        assert Record(trial.sale().request).now() == trial.sale().request

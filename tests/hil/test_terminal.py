"""The contract's promises on a real ZVT terminal: those that a person and one small sale can show."""

import pytest

from drivers.conformance import check
from tests.hil.bench import TerminalBench

pytestmark = [pytest.mark.real_time, pytest.mark.timeout(900)]

FREE = (
    "opening_starts_nothing",
    "closing_never_fails",
    "what_is_out_of_reach_is_a_driver_error",
    "a_cancel_ends_the_sale",
)
"""Move no money: the sale that is canceled is never paid."""

CHARGES = "money_is_given_back_once"
"""The sale and its reversal. What is left out needs a declined card, or leaves money in doubt on purpose."""


@pytest.mark.parametrize("promise", FREE)
async def test_without_money(promise: str, bench: TerminalBench) -> None:
    finding = await check(promise, bench)
    print(finding)
    assert finding.kept, finding
    assert bench.kept == 0


@pytest.mark.usefixtures("consent")
async def test_a_sale_and_its_reversal(bench: TerminalBench) -> None:
    finding = await check(CHARGES, bench)
    print(finding)
    assert finding.kept, finding
    assert [each.booked for each in bench.transactions] == [True, True]
    assert bench.kept == 0

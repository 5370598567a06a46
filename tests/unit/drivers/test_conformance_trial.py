"""The suite's hands: what is left out, how long it waits, and what it calls a breach."""

import asyncio
from collections.abc import Mapping
from typing import ClassVar

import pytest

from drivers.conformance_bench import Act, Bench, Books, Customer, Record
from drivers.conformance_trial import BrokenPromiseError, Trial, expect, killed, never_sent
from drivers.contract import (
    NEVER_SENT,
    Capability,
    Decision,
    Driver,
    DriverError,
    Money,
    NotStartedError,
    Outcome,
    PaymentRequest,
    ReaderInfo,
    Report,
    SessionId,
    Settlement,
    Verdict,
)

PAID = Outcome(Verdict.PAID, amount_authorized=100, amount_captured=100)
INFO = ReaderInfo("fake", "1", frozenset({Capability.REFUND}))
MOVED = Books(moved=100)
DOUBT = DriverError("the line is bad")
NOTHING = NotStartedError("nobody there")


class FakeDriver:
    """Says what it was told to say, the last thing again and again."""

    def __init__(self, *says: Outcome | DriverError) -> None:
        self._says = list(says)

    def _next(self) -> Outcome:
        said = self._says.pop(0) if len(self._says) > 1 else self._says[0]
        if isinstance(said, DriverError):
            raise said
        return said

    async def open(self) -> ReaderInfo:
        self._next()
        return INFO

    async def close(self) -> None:
        pass

    async def pay(self, request: PaymentRequest, report: Report) -> Outcome:
        return self._next()

    async def cancel(self) -> None:
        pass

    async def inquire(self, request: PaymentRequest) -> Outcome:
        return self._next()

    async def settle(self, request: PaymentRequest, decision: Decision, report: Report) -> Outcome:
        return self._next()


class FakeBench:
    """Has fixed books."""

    money: ClassVar[Money] = Money(100, "eur")

    def __init__(self, cannot: Mapping[Act, str], books: Books) -> None:
        self.cannot = cannot
        self._books = books

    def driver(self) -> Driver:
        return FakeDriver(PAID)

    async def customer(self, does: Customer) -> None:
        pass

    async def line(self, *, up: bool) -> None:
        pass

    async def lose_answer(self) -> None:
        pass

    async def restart(self) -> None:
        pass

    async def books(self, session: SessionId) -> Books:
        return self._books

    def refund_references(self, paid: Outcome) -> Mapping[str, str]:
        return {}


def good(books: Books = MOVED) -> Trial:
    bench: Bench = FakeBench({}, books)
    return Trial(bench)


def bad() -> Trial:
    return Trial(FakeBench({Act.GOOD_LINE: "loses bytes"}, MOVED))


def test_a_breach_shows_what_was_seen() -> None:
    with pytest.raises(BrokenPromiseError, match="it holds; seen: 3"):
        expect(not MOVED.moved, "it holds", 3)


def test_what_is_left_out_has_a_reason() -> None:
    trial = bad()
    assert trial.plays(Act.RESTART, "a restart")
    assert not trial.plays(Act.GOOD_LINE, "a good line")
    assert trial.declares(INFO, Capability.REFUND, "a refund")
    assert not trial.declares(INFO, Capability.TIP, "a tip")
    assert trial.left_out == [
        "certain outcomes at once: loses bytes",
        "a good line: loses bytes",
        "a tip: TIP is not declared",
    ]


def test_never_sent() -> None:
    assert never_sent(Outcome(Verdict.FAILED, code=NEVER_SENT))
    assert not never_sent(Outcome(Verdict.FAILED))


async def test_a_good_line_has_no_excuses() -> None:
    trial = good()
    record = trial.sale()
    pending = Outcome(Verdict.PENDING)
    for breach in (
        trial.open(FakeDriver(DOUBT)),
        trial.pay(FakeDriver(DOUBT), record),
        trial.ask(FakeDriver(DOUBT), record),
        trial.settle(FakeDriver(DOUBT), record, Decision(Settlement.RELEASE)),
        trial.settle(FakeDriver(pending), record, Decision(Settlement.RELEASE)),
    ):
        with pytest.raises((BrokenPromiseError, DriverError)):
            await breach
    assert await trial.pay(FakeDriver(pending, pending, PAID), record) == PAID


async def test_a_bad_line_may_need_many_tries() -> None:
    trial = bad()
    record = trial.sale()
    assert await trial.open(FakeDriver(DOUBT, DOUBT, PAID)) == INFO
    assert await trial.pay(FakeDriver(DOUBT, DOUBT, PAID), record) == PAID
    assert (await trial.pay(FakeDriver(NOTHING), record)).verdict is Verdict.FAILED
    assert await trial.ask(FakeDriver(DOUBT), record) is None
    assert await trial.settle(FakeDriver(DOUBT, PAID), record, Decision(Settlement.RELEASE)) == PAID
    with pytest.raises(BrokenPromiseError, match="never 'not started' later"):
        await trial.end(FakeDriver(NOTHING), record)
    with pytest.raises(BrokenPromiseError, match="takes no longer than"):
        await trial.end(FakeDriver(Outcome(Verdict.UNKNOWN)), record)


async def test_a_driver_that_times_out_by_itself_is_not_ours() -> None:
    class Late(FakeDriver):
        async def open(self) -> ReaderInfo:
            raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        await good().open(Late(PAID))


@pytest.mark.parametrize(
    ("outcome", "books", "agrees"),
    [
        (PAID, Books(moved=100), True),
        (PAID, Books(moved=200), False),
        (PAID, Books(), False),
        (Outcome(Verdict.AUTHORIZED, amount_authorized=100), Books(held=100), True),
        (Outcome(Verdict.AUTHORIZED, amount_authorized=100), Books(moved=100), False),
        (Outcome(Verdict.FAILED), Books(), True),
        (Outcome(Verdict.CANCELED), Books(payable=True), False),
        (Outcome(Verdict.DECLINED), Books(held=100), False),
        (Outcome(Verdict.PENDING), Books(), False),
    ],
)
async def test_outcomes_and_books(outcome: Outcome, books: Books, *, agrees: bool) -> None:
    trial = good(books)
    if agrees:
        await trial.agree(outcome, trial.sale())
    else:
        with pytest.raises(BrokenPromiseError, match="what the books say"):
            await trial.agree(outcome, trial.sale())


async def test_the_wanted_outcome_and_untouched_books() -> None:
    trial = good()
    with pytest.raises(BrokenPromiseError, match="the outcome is declined"):
        await trial.agree(PAID, trial.sale(), {Verdict.DECLINED})
    await bad().agree(PAID, trial.sale(), {Verdict.DECLINED})
    with pytest.raises(BrokenPromiseError, match="nothing has moved"):
        await trial.unmoved("open")
    await good(Books()).unmoved("open")


async def test_a_sale_that_ends_unseen() -> None:
    async with asyncio.TaskGroup() as group:
        sale = group.create_task(asyncio.sleep(0), name="sale")
    await killed(sale)
    with pytest.raises(BrokenPromiseError, match="goes on until"):
        await good().payable(sale)
    assert not await bad().payable(sale)
    record = Record(good().sale().request)
    await bad().abandon(record, FakeDriver(DOUBT))

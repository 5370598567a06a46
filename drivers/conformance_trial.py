"""One promise on trial: how a sale is made, left, asked about and held against the books."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any, TypeVar

from drivers.conformance_bench import Act, Bench, Books, Record
from drivers.contract import (
    NEVER_SENT,
    Capability,
    Decision,
    Driver,
    DriverError,
    Kind,
    NotStartedError,
    Outcome,
    PaymentRequest,
    ReaderInfo,
    SessionId,
    Verdict,
)

PATIENCE_S = 300.0
"""No call takes longer, whatever happens: a till's customer is gone by then."""

DOUBT_S = 1500.0
"""No doubt lasts longer once the line is mended."""

FIRST = SessionId("ses_1")
NOTHING_MOVED = frozenset({Verdict.DECLINED, Verdict.CANCELED, Verdict.RELEASED, Verdict.FAILED})

_T = TypeVar("_T")


class BrokenPromiseError(AssertionError):
    """A driver does not do what the contract says."""


def expect(holds: bool, promise: str, seen: object) -> None:
    """Raise `BrokenPromiseError` unless it holds."""
    if not holds:
        raise BrokenPromiseError(f"{promise}; seen: {seen!r}")


class Trial:
    """The suite's hands on one bench; `left_out` gathers what was not asked for, and why."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.amount = bench.money.amount
        bad = bench.cannot.get(Act.GOOD_LINE)
        self.left_out = [] if bad is None else [f"certain outcomes at once: {bad}"]

    # -- what is asked for ------------------------------------------------------------------------------

    def plays(self, act: Act, what: str) -> bool:
        """Whether the bench can play this; if not, the report says what was left out."""
        reason = self.bench.cannot.get(act)
        if reason is not None:
            self.left_out.append(f"{what}: {reason}")
        return reason is None

    def declares(self, info: ReaderInfo, capability: Capability, what: str) -> bool:
        """Whether the reader says that it can; if not, the report says what was left out."""
        declared = capability in info.capabilities
        if not declared:
            self.left_out.append(f"{what}: {capability.name} is not declared")
        return declared

    @property
    def good_line(self) -> bool:
        """Whether the line fails only when it is told to; on a bad one, any answer may be doubt first."""
        return Act.GOOD_LINE not in self.bench.cannot

    # -- the reader -------------------------------------------------------------------------------------

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Driver]:
        """A fresh driver that has reached its reader."""
        driver = self.bench.driver()
        await self.open(driver)
        try:
            yield driver
        finally:
            await driver.close()

    @asynccontextmanager
    async def next_life(self) -> AsyncIterator[Driver]:
        """A fresh driver on a reader where something was left, as a lane does it.

        It tries to open it, which may fail as long as the reader is at work, and asks in any case.
        """
        driver = self.bench.driver()
        with suppress(DriverError):
            await _soon("open", driver.open(), PATIENCE_S)
        try:
            yield driver
        finally:
            await driver.close()

    async def open(self, driver: Driver) -> ReaderInfo:
        """Reach the reader, as often as it takes on a bad line."""
        if self.good_line:
            return await _soon("open", driver.open(), PATIENCE_S)

        async def tries() -> ReaderInfo:
            while True:
                try:
                    return await driver.open()
                except DriverError:
                    await asyncio.sleep(1.0)

        return await _soon("open", tries(), DOUBT_S)

    # -- sales ------------------------------------------------------------------------------------------

    def sale(self, session: str = FIRST, **changes: Any) -> Record:
        """A session that has just been opened."""
        return Record(replace(PaymentRequest(SessionId(session), Kind.PAYMENT, self.bench.money), **changes))

    async def answer(self, driver: Driver, record: Record) -> Outcome | DriverError:
        """What `pay` says, once."""
        try:
            return await _soon("pay", driver.pay(record.now(), record), PATIENCE_S)
        except DriverError as error:
            return error

    async def pay(self, driver: Driver, record: Record) -> Outcome:
        """A sale to its end; on a bad line, doubt may come first."""
        answer = await self.answer(driver, record)
        if isinstance(answer, DriverError):
            expect(not self.good_line, "a sale on a good line has an outcome", answer)
            return await self.truth(driver, record, answer)
        return (
            answer
            if answer.verdict.final or answer.verdict is Verdict.AUTHORIZED
            else await self.end(driver, record)
        )

    async def truth(self, driver: Driver, record: Record, answer: Outcome | DriverError) -> Outcome:
        """What became of a sale: what `pay` said, that nothing began, or what asking tells."""
        match answer:
            case Outcome():
                return answer
            case NotStartedError():
                return Outcome(Verdict.FAILED, code=answer.code, message=str(answer))
            case _:
                return await self.end(driver, record)

    async def end(self, driver: Driver, record: Record) -> Outcome:
        """What a lane does with a doubt: ask, go on while it can be paid, ask again."""

        async def asks() -> Outcome:
            pause_s = 1.0
            while True:
                try:
                    outcome = await driver.inquire(record.now())
                    if outcome.verdict is Verdict.PENDING:
                        outcome = await driver.pay(record.now(), record)
                    if outcome.verdict not in {Verdict.PENDING, Verdict.UNKNOWN}:
                        return outcome
                except NotStartedError as error:
                    raise BrokenPromiseError(
                        f"what was begun is never 'not started' later; seen: {error!r}"
                    ) from error
                except DriverError:
                    # not yet: a device at work may answer nobody, and is asked again
                    pass
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, 60.0)

        return await _soon("the end of a doubt", asks(), DOUBT_S)

    async def ask(self, driver: Driver, record: Record) -> Outcome | None:
        """One question; None when a bad line gave no answer."""
        try:
            return await _soon("inquire", driver.inquire(record.now()), PATIENCE_S)
        except DriverError as error:
            expect(not self.good_line, "a question on a good line has an answer", error)
            return None

    async def settle(self, driver: Driver, record: Record, decision: Decision) -> Outcome:
        """Until there is an answer: at once on a good line."""

        async def tries() -> Outcome:
            while True:
                try:
                    outcome = await driver.settle(record.now(), decision, record)
                    if outcome.verdict not in {Verdict.PENDING, Verdict.UNKNOWN}:
                        return outcome
                    expect(not self.good_line, "what is settled on a good line has an outcome", outcome)
                except DriverError as error:
                    expect(not self.good_line, "what is settled on a good line has an outcome", error)
                await asyncio.sleep(5.0)

        return await _soon("settle", tries(), PATIENCE_S if self.good_line else DOUBT_S)

    async def payable(self, sale: "asyncio.Task[Any]") -> bool:
        """Wait until a customer could pay; False when the sale has ended without that."""
        async with asyncio.timeout(PATIENCE_S):
            while not (await self.bench.books(FIRST)).payable:
                if sale.done():
                    expect(not self.good_line, "a sale goes on until somebody pays or ends it", sale)
                    return False
                await asyncio.sleep(0.2)
        return True

    async def abandon(self, record: Record, driver: Driver) -> None:
        """Begin a sale, and abandon it as a dying process would, as soon as a customer could pay."""
        async with asyncio.TaskGroup() as group:
            sale = group.create_task(self.answer(driver, record), name="abandoned sale")
            if not await self.payable(sale):
                return
            known = dict(record.references), dict(record.attempts)
            await killed(sale)
        expect(any(known), "what a later question needs is reported before anybody can pay", known)

    # -- the books --------------------------------------------------------------------------------------

    async def agree(self, outcome: Outcome, record: Record, wanted: Collection[Verdict] = ()) -> None:
        """The outcome is what the books say, and on a good line one of those wanted."""
        books = await self.bench.books(record.request.session)
        amount = self.amount
        match outcome.verdict:
            case Verdict.PAID:
                true = (books.held, books.moved, outcome.amount_captured) == (0, amount, amount)
            case Verdict.AUTHORIZED:
                true = (books.held, books.moved, outcome.amount_authorized) == (amount, 0, amount)
            case Verdict.PENDING | Verdict.UNKNOWN:
                true = False
            case _:
                true = (books.held, books.moved, books.payable) == (0, 0, False)
        expect(true, "an outcome says what the books say", (outcome, books))
        if wanted and self.good_line:
            expect(outcome.verdict in wanted, f"the outcome is {' or '.join(wanted)}", (outcome, books))

    async def unmoved(self, seen: object) -> None:
        """The books know nothing of a sale."""
        books = await self.bench.books(FIRST)
        expect(books == Books(), "nothing was shown and nothing has moved", (seen, books))


def never_sent(outcome: Outcome) -> bool:
    """Whether it says that nothing was ever sent."""
    return outcome.verdict is Verdict.FAILED and outcome.code == NEVER_SENT


async def killed(task: "asyncio.Task[Any]") -> None:
    """End a task as a dying process would; it may not make anything else of it."""
    if task.done():
        return
    task.cancel()
    await asyncio.wait([task])
    expect(task.cancelled(), "a real cancellation is not turned into an error or an outcome", task)


async def _soon(what: str, call: Awaitable[_T], seconds: float) -> _T:
    try:
        async with asyncio.timeout(seconds) as patience:
            return await call
    except TimeoutError as error:
        expect(not patience.expired(), f"{what} takes no longer than {seconds:g} s", error)
        raise

"""Promises about reaching a reader and taking money, also when hosts die, lines break and devices restart."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from drivers.conformance_bench import Act, Books, Customer, Record
from drivers.conformance_trial import (
    FIRST,
    NOTHING_MOVED,
    BrokenPromiseError,
    Trial,
    expect,
    killed,
    never_sent,
)
from drivers.contract import (
    Capability,
    Decision,
    DriverError,
    NotStartedError,
    Outcome,
    SessionId,
    Settlement,
    Verdict,
)

RELEASE = Decision(Settlement.RELEASE)

QUIET_S = 8.0
"""What was not begun by then will not begin by itself."""

CANCEL_S = 30.0
"""A cashier who canceled does not wait longer."""

REPORTS_MAX = 40
"""No sale makes more than so many things durable."""


# -- the reader ---------------------------------------------------------------------------------------


async def opening_starts_nothing(trial: Trial) -> None:
    """`open` tells what the reader is, may be repeated, and never begins a sale."""
    await trial.bench.customer(Customer.PAYS)
    async with trial.opened() as driver:
        info = await trial.open(driver)
        expect(bool(info.device_type), "a reader says what it is", info)
        expect(set(info.capabilities) <= set(Capability), "capabilities are those of the contract", info)
        await asyncio.sleep(QUIET_S)
    await trial.unmoved("open")


async def closing_never_fails(trial: Trial) -> None:
    """`close` may be called before `open`, twice, and with the line cut; `open` works again after it."""
    bench = trial.bench
    driver = bench.driver()
    await driver.close()
    await trial.open(driver)
    await bench.line(up=False)
    await driver.close()
    await driver.close()
    await bench.line(up=True)
    await trial.open(driver)
    await driver.close()


async def what_is_out_of_reach_is_a_driver_error(trial: Trial) -> None:
    """With the line cut, every call raises `DriverError` and nothing else, also on a driver never opened."""
    await trial.bench.line(up=False)
    driver = trial.bench.driver()
    record = trial.sale()
    calls: Iterable[tuple[str, Callable[[], Awaitable[object]]]] = (
        ("open", driver.open),
        ("pay", lambda: driver.pay(record.now(), record)),
        ("inquire", lambda: driver.inquire(record.now())),
        ("settle", lambda: driver.settle(record.now(), RELEASE, record)),
    )
    for name, call in calls:
        answer = await _said(call)
        nothing = isinstance(answer, Outcome) and name != "pay" and answer.verdict in NOTHING_MOVED
        known = isinstance(answer, DriverError) or nothing
        expect(known, f"{name} does not invent an answer", answer)
    await driver.close()
    await trial.bench.line(up=True)
    await asyncio.sleep(QUIET_S)
    await trial.unmoved("a reader out of reach")


async def _said(call: Callable[[], Awaitable[object]]) -> object:
    try:
        return await call()
    except DriverError as error:
        return error


# -- a sale -------------------------------------------------------------------------------------------


async def each_customer_gets_the_right_outcome(trial: Trial) -> None:
    """Paid, declined, canceled on the device: the verdict is what the books say."""
    async with trial.opened() as driver:
        info = await trial.open(driver)
        for number, (customer, verdict) in enumerate(_CUSTOMERS.items()):
            if customer is Customer.IS_DECLINED and not trial.plays(Act.DECLINE, "a declined card"):
                continue
            if customer is Customer.CANCELS and not (
                trial.declares(info, Capability.CUSTOMER_CANCEL, "a cancel on the device")
                and trial.plays(Act.DEVICE_CANCEL, "a cancel on the device")
            ):
                continue
            record = trial.sale(f"ses_{number}")
            await trial.bench.customer(customer)
            await trial.agree(await trial.pay(driver, record), record, {verdict})


_CUSTOMERS = {
    Customer.CANCELS: Verdict.CANCELED,
    Customer.IS_DECLINED: Verdict.DECLINED,
    Customer.PAYS: Verdict.PAID,
}


async def a_cancel_ends_the_sale(trial: Trial) -> None:
    """`cancel` returns at once, the answer comes from `pay`; with nothing under way it does nothing."""
    await trial.bench.customer(Customer.STAYS_AWAY)
    record = trial.sale()
    async with trial.opened() as driver:
        await driver.cancel()
        async with asyncio.TaskGroup() as group:
            sale = group.create_task(trial.answer(driver, record), name="sale")
            if await trial.payable(sale):
                await driver.cancel()
                done, _ = await asyncio.wait([sale], timeout=CANCEL_S)
                expect(bool(done) or not trial.good_line, f"it ends within {CANCEL_S:g} s", sale)
        answer = sale.result()
        expect(isinstance(answer, Outcome) or not trial.good_line, "a canceled sale has an outcome", answer)
        await trial.agree(await trial.truth(driver, record, answer), record, {Verdict.CANCELED})
        await driver.cancel()


# -- a sale whose host has died -----------------------------------------------------------------------


async def a_question_changes_nothing(trial: Trial) -> None:
    """`inquire` is read-only: what a customer could pay before it, a customer can pay after it."""
    await trial.bench.customer(Customer.STAYS_AWAY)
    record = trial.sale()
    async with trial.opened() as driver:
        await trial.abandon(record, driver)
    async with trial.next_life() as driver:
        before = await trial.bench.books(FIRST)
        for _ in range(3):
            asked = await trial.ask(driver, record)
            if asked is not None and before.payable:
                expect(not asked.verdict.final, "nobody has paid yet", asked)
                expect(asked.verdict is not Verdict.AUTHORIZED, "nobody has paid yet", asked)
        after = await trial.bench.books(FIRST)
        if trial.good_line:
            expect(before.payable, "a prompt stays when its host dies", before)
            expect(after == before, "a question changes nothing", (before, after))


async def an_abandoned_sale_is_gone_on_with_or_ended(trial: Trial) -> None:
    """After a crash in mid-sale a fresh driver finds it, and the money moves once or not at all."""
    await trial.bench.customer(Customer.STAYS_AWAY)
    record = trial.sale()
    async with trial.opened() as driver:
        await trial.abandon(record, driver)
    await trial.bench.customer(Customer.PAYS)
    resumes = trial.plays(Act.RESUME, "paying to the next host")
    async with trial.next_life() as driver:
        outcome = await trial.end(driver, record)
        await trial.agree(outcome, record, {Verdict.PAID} if resumes else ())


async def what_was_paid_meanwhile_is_found(trial: Trial) -> None:
    """The customer pays while nobody watches: a fresh driver learns it, and nothing is taken twice."""
    await trial.bench.customer(Customer.PAYS)
    record = trial.sale()
    async with trial.opened() as driver:
        await trial.abandon(record, driver)
    await asyncio.sleep(30.0)
    resumes = trial.plays(Act.RESUME, "a payment that nobody watched stays paid")
    wanted = {Verdict.PAID} if resumes else ()
    async with trial.next_life() as driver:
        for _ in range(2):
            await trial.agree(await trial.end(driver, record), record, wanted)
        await trial.agree(await trial.pay(driver, record), record, wanted)


async def an_abandoned_prompt_can_be_withdrawn(trial: Trial) -> None:
    """`settle(RELEASE)` makes an open prompt unpayable; repeating it says the same."""
    await trial.bench.customer(Customer.STAYS_AWAY)
    record = trial.sale()
    async with trial.opened() as driver:
        await trial.abandon(record, driver)
    async with trial.next_life() as driver:
        for _ in range(2):
            await trial.agree(await trial.settle(driver, record, RELEASE), record, {Verdict.CANCELED})


# -- trouble in mid-sale ------------------------------------------------------------------------------


async def a_line_cut_in_mid_sale_is_doubt_and_never_a_guess(trial: Trial) -> None:
    """Whatever `pay` says of a line that is cut, the books never deny it; doubt is cleared by asking."""
    bench = trial.bench
    await bench.customer(Customer.PAYS)
    record = trial.sale()
    async with trial.opened() as driver, asyncio.TaskGroup() as group:
        sale = group.create_task(trial.answer(driver, record), name="sale")
        shown = await trial.payable(sale)
        await bench.line(up=False)
        await asyncio.wait([sale])
    answer = sale.result()
    if shown:
        expect(not isinstance(answer, NotStartedError), "a shown prompt is not 'not started'", answer)
    if isinstance(answer, DriverError):
        lonely = bench.driver()
        asked = await _said(lambda: lonely.inquire(record.now()))
        guess = isinstance(asked, Outcome) and (asked.verdict.final or asked.verdict is Verdict.AUTHORIZED)
        expect(not (shown and guess), "nobody can know it while the line is cut", asked)
        expect(not isinstance(asked, NotStartedError), "a question is never 'not started'", asked)
        await lonely.close()
    await bench.line(up=True)
    async with trial.next_life() as driver:
        await trial.agree(await trial.truth(driver, record, answer), record)


async def a_lost_answer_is_no_second_sale(trial: Trial) -> None:
    """The command that shows the prompt arrives and its answer does not: the money moves once at most."""
    if not trial.plays(Act.LOSE_ANSWER, "a lost answer"):
        return
    await trial.bench.customer(Customer.PAYS)
    record = trial.sale()
    async with trial.opened() as driver:
        await trial.bench.lose_answer()
        answer = await trial.answer(driver, record)
    if trial.good_line:
        expect(not isinstance(answer, NotStartedError), "what has arrived is not 'not started'", answer)
    async with trial.next_life() as driver:
        truth = await trial.truth(driver, record, answer)
        await trial.agree(truth, record)
        await trial.agree(await trial.pay(driver, record), record, {truth.verdict})


class _Dying(Record):
    """A journal whose process dies at the n-th thing that is made durable, before or behind it."""

    doomed: "asyncio.Event"
    last: int
    written: bool
    count = 0

    async def reference(self, name: str, value: str) -> None:
        await self._before()
        await super().reference(name, value)
        await self._behind()

    async def attempt(self, operation: str) -> int:
        await self._before()
        number = await super().attempt(operation)
        await self._behind()
        return number

    async def _before(self) -> None:
        self.count += 1
        if self.count == self.last and not self.written:
            await self._die()

    async def _behind(self) -> None:
        if self.count == self.last and self.written:
            await self._die()

    async def _die(self) -> None:
        self.doomed.set()
        await asyncio.Event().wait()


async def a_crash_at_any_report_loses_and_doubles_nothing(trial: Trial) -> None:
    """The process dies before or behind any one thing that is made durable; the next one finds the truth."""
    await trial.bench.customer(Customer.PAYS)
    for number in range(1, REPORTS_MAX):
        for written in (False, True):
            name = SessionId(f"ses_{number}_{written:d}")
            if not await _crash(trial, trial.sale(name), number, written=written):
                reported = number > 1 or not trial.good_line
                expect(reported, "what a later question needs is reported", "no report at all")
                return
    raise BrokenPromiseError(f"a sale makes no more than {REPORTS_MAX} things durable")


async def _crash(trial: Trial, fresh: Record, number: int, *, written: bool) -> bool:
    """Whether a sale got as far as its n-th report, and died there."""
    record = _Dying(fresh.request)
    record.doomed, record.last, record.written = asyncio.Event(), number, written
    async with trial.opened() as driver, asyncio.TaskGroup() as group:
        sale = group.create_task(trial.answer(driver, record), name="doomed sale")
        doom = group.create_task(record.doomed.wait(), name="doom")
        await asyncio.wait([sale, doom], return_when=asyncio.FIRST_COMPLETED)
        died = not sale.done()
        await killed(sale)
        doom.cancel()
    record.last = 0
    if not died and trial.good_line:
        answer = sale.result()
        expect(isinstance(answer, Outcome), "a sale on a good line has an outcome", answer)
    await asyncio.sleep(20.0)
    async with trial.next_life() as driver:
        outcome = await trial.end(driver, record)
        await trial.agree(outcome, record)
        if never_sent(outcome):
            books = await trial.bench.books(record.request.session)
            expect(books == Books(), "'never sent' was never shown", books)
    return died


async def a_device_that_restarts_is_asked(trial: Trial) -> None:
    """The device loses its power with a prompt on it: what becomes of the sale is what the books say."""
    if not trial.plays(Act.RESTART, "a device without power"):
        return
    await trial.bench.customer(Customer.PAYS)
    record = trial.sale()
    async with trial.opened() as driver, asyncio.TaskGroup() as group:
        sale = group.create_task(trial.answer(driver, record), name="sale")
        shown = await trial.payable(sale)
        await trial.bench.restart()
        await asyncio.wait([sale])
    answer = sale.result()
    await asyncio.sleep(30.0)
    async with trial.next_life() as driver:
        started = not isinstance(answer, NotStartedError)
        expect(started or not shown, "a shown prompt is not 'not started'", answer)
        await trial.agree(await trial.truth(driver, record, answer), record)

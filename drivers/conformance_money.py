"""Promises about money that is held, given back, tried again, or settled beside a sale."""

import asyncio

from drivers.conformance_bench import Act, Customer, Record
from drivers.conformance_trial import Trial, expect
from drivers.contract import (
    Capability,
    Capture,
    Decision,
    Driver,
    DriverError,
    Kind,
    SessionId,
    Settlement,
    Verdict,
)


async def _held(trial: Trial, driver: Driver, session: str) -> Record | None:
    """A sale whose money is held; None when a bad line prevented it."""
    record = trial.sale(session, capture=Capture.MANUAL)
    outcome = await trial.pay(driver, record)
    await trial.agree(outcome, record, {Verdict.AUTHORIZED})
    record.references.update(outcome.references)
    return record if outcome.verdict is Verdict.AUTHORIZED else None


async def held_money_moves_once_or_is_let_go(trial: Trial) -> None:
    """Manual capture: held, then captured or released, however often that is repeated."""
    await trial.bench.customer(Customer.PAYS)
    async with trial.opened() as driver:
        if not trial.declares(await trial.open(driver), Capability.MANUAL_CAPTURE, "money that is held"):
            return
        ends = {Settlement.CAPTURE: Verdict.PAID, Settlement.RELEASE: Verdict.RELEASED}
        for number, (settlement, verdict) in enumerate(ends.items()):
            record = await _held(trial, driver, f"ses_{number}")
            for _ in range(2 if record is not None else 0):
                assert record is not None
                outcome = await trial.settle(driver, record, Decision(settlement))
                await trial.agree(outcome, record, {verdict})


async def less_than_was_held_can_be_taken(trial: Trial) -> None:
    """A capture of less moves less, once, and lets the rest go."""
    await trial.bench.customer(Customer.PAYS)
    async with trial.opened() as driver:
        if not trial.declares(await trial.open(driver), Capability.PARTIAL_CAPTURE, "a capture of less"):
            return
        record = await _held(trial, driver, "ses_1")
        less = trial.amount - 1
        for _ in range(2 if record is not None else 0):
            assert record is not None
            outcome = await trial.settle(driver, record, Decision(Settlement.CAPTURE, less))
            books = await trial.bench.books(record.request.session)
            seen = (outcome.verdict, outcome.amount_captured, books.held, books.moved)
            expect(
                seen == (Verdict.PAID, less, 0, less),
                "what was asked for moves, and no more",
                (outcome, books),
            )


async def money_is_given_back_once(trial: Trial) -> None:
    """A refund repeated with the same request does not give back twice, and can be asked about."""
    await trial.bench.customer(Customer.PAYS)
    async with trial.opened() as driver:
        if not trial.declares(await trial.open(driver), Capability.REFUND, "a refund"):
            return
        record = trial.sale()
        paid = await trial.pay(driver, record)
        await trial.agree(paid, record, {Verdict.PAID})
        if paid.verdict is not Verdict.PAID:
            return
        references = trial.bench.refund_references(paid)
        back = trial.sale("ses_2", kind=Kind.REFUND, references=references)
        for _ in range(2):
            await trial.agree(await trial.pay(driver, back), back, {Verdict.PAID})
        await trial.agree(await trial.end(driver, back), back, {Verdict.PAID})


async def a_declined_order_can_be_tried_again(trial: Trial) -> None:
    """A new session with the references of the declined one takes the money, once."""
    async with trial.opened() as driver:
        if not trial.declares(await trial.open(driver), Capability.RETRY, "another try"):
            return
        if not trial.plays(Act.DECLINE, "another try"):
            return
        await trial.bench.customer(Customer.IS_DECLINED)
        first = trial.sale()
        declined = await trial.pay(driver, first)
        await trial.agree(declined, first, {Verdict.DECLINED})
        await trial.bench.customer(Customer.PAYS)
        again = trial.sale("ses_2", references={**first.now().references, **declined.references})
        outcome = await trial.pay(driver, again)
        moved = [(await trial.bench.books(SessionId(name))).moved for name in ("ses_1", "ses_2")]
        if trial.good_line:
            expect(outcome.verdict is Verdict.PAID, "a second try can be paid", outcome)
        expect(sum(moved) == outcome.amount_captured, "the money moves once", (outcome, moved))


async def what_needs_no_device_waits_for_nobody(trial: Trial) -> None:
    """Where it is declared, one session is captured while another one is on the reader."""
    await trial.bench.customer(Customer.PAYS)
    async with trial.opened() as driver:
        info = await trial.open(driver)
        if not trial.declares(info, Capability.SETTLE_REMOTELY, "settling beside a sale"):
            return
        if not trial.declares(info, Capability.MANUAL_CAPTURE, "settling beside a sale"):
            return
        held = await _held(trial, driver, "ses_0")
        if held is None:
            return
        await trial.bench.customer(Customer.STAYS_AWAY)
        record = trial.sale()
        async with asyncio.TaskGroup() as group:
            sale = group.create_task(trial.answer(driver, record), name="sale")
            await trial.payable(sale)
            outcome = await trial.settle(driver, held, Decision(Settlement.CAPTURE))
            await trial.agree(outcome, held, {Verdict.PAID})
            expect(not sale.done(), "the sale on the reader goes on", sale)
            await driver.cancel()
        answer = sale.result()
        if not isinstance(answer, DriverError):
            await trial.agree(answer, record, {Verdict.CANCELED})

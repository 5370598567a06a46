"""One call of `pay`, and everything that may happen beside it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from agent.payments.change import ConflictError
from agent.payments.errors import JournalError
from agent.payments.journal import Journal
from agent.payments.model import EventKind, Session
from agent.payments.taking import Taking
from drivers.contract import DriverError, LinkError, Outcome, PaymentRequest, Report
from tests.unit.agent.payments.fake_driver import (
    CANCELED,
    LOST,
    PAID,
    POLICY,
    FakeDriver,
    TroubledWriter,
    concluded,
    open_journal,
    seconds,
    started,
)
from tests.unit.agent.payments.sales import refund


@pytest_asyncio.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    journal = open_journal(tmp_path)
    yield journal
    journal.close()


def taking(journal: Journal, session: Session, driver: FakeDriver, left_s: float = 100.0) -> Taking:
    return Taking(
        session, driver, journal, left_s=lambda _: left_s - seconds(), policy=POLICY, chance=lambda: 0.0
    )


async def cancel_after(journal: Journal, session: Session, delay_s: float) -> None:
    await asyncio.sleep(delay_s)
    await journal.record(session.id, EventKind.CANCEL_ASKED, {"by": "till"})


async def test_the_drivers_answer_or_error_is_the_result(journal: Journal) -> None:
    session = await started(journal)
    driver = FakeDriver()
    driver.pays.extend([PAID, LOST])
    assert await taking(journal, session, driver).carry_out() is PAID
    assert await taking(journal, session, driver).carry_out() is LOST
    assert driver.count("cancel") == 0


async def test_a_wish_to_cancel_is_passed_on_at_once(journal: Journal) -> None:
    session = await started(journal)
    driver = FakeDriver()
    async with asyncio.TaskGroup() as group:
        group.create_task(cancel_after(journal, session, 7), name="till")
        assert await taking(journal, session, driver).carry_out() is CANCELED
    assert driver.calls == [("pay", 0.0), ("cancel", 7.0)]
    assert journal.session(session.id).cancel_asked == "till"


async def test_progress_is_no_wish(journal: Journal) -> None:
    session = await started(journal)
    driver = FakeDriver()

    async def pay(request: PaymentRequest, report: Report) -> Outcome:
        await report.attempt("process")
        await asyncio.sleep(5)
        return PAID

    driver.pays.append(pay)
    assert await taking(journal, session, driver).carry_out() is PAID
    assert driver.count("cancel") == 0


@pytest.mark.parametrize("left_s", [30.0, -5.0])
async def test_the_customers_time_ends_it_and_that_is_written_down(journal: Journal, left_s: float) -> None:
    session = await started(journal)
    driver = FakeDriver()
    assert await taking(journal, session, driver, left_s).carry_out() is CANCELED
    assert seconds() == max(0.0, left_s)
    assert journal.session(session.id).cancel_asked == "timeout"


async def test_a_driver_that_does_not_hear_is_asked_again(journal: Journal) -> None:
    session = await started(journal)
    driver = FakeDriver()
    driver.cancels.extend([LinkError("no line"), DriverError("busy"), LOST])
    assert await taking(journal, session, driver, 10).carry_out() is CANCELED
    assert [at for name, at in driver.calls if name == "cancel"] == [10, 11, 13, 17]


async def test_the_end_comes_although_it_cannot_be_written_down(journal: Journal) -> None:
    session = await started(journal)
    driver = FakeDriver()
    TroubledWriter(journal).refuse = lambda _: True
    assert await taking(journal, session, driver, 10).carry_out() is CANCELED
    assert journal.session(session.id).cancel_asked == ""


async def test_a_journal_that_cannot_be_read_does_not_end_the_watch(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await started(journal)
    driver = FakeDriver()
    read = journal.session

    def troubled(name: str) -> Session:
        if seconds() < 3:
            raise JournalError("input/output error")
        return read(name)

    monkeypatch.setattr(journal, "session", troubled)
    async with asyncio.TaskGroup() as group:
        till = group.create_task(taking(journal, session, driver).carry_out(), name="sale")
        await asyncio.sleep(5)
        await journal.record(session.id, EventKind.CANCEL_ASKED, {"by": "till"})
    assert till.result() is CANCELED


async def test_a_note_that_cannot_be_made_does_not_keep_the_cancel_from_the_driver(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await started(journal)

    def note(*_: object) -> None:
        raise JournalError("closed")

    monkeypatch.setattr(journal, "note", note)
    assert await taking(journal, session, FakeDriver(), 1).carry_out() is CANCELED


async def test_what_goes_on_beside_the_reader_is_never_canceled(journal: Journal) -> None:
    sale = await concluded(journal)
    session = await journal.open_session(refund(sale, "k2"), on_reader=False)
    session = await journal.record(session.id, EventKind.STARTED, {"driver": "fake", "options": {}})
    driver = FakeDriver()

    async def slow(request: PaymentRequest, report: Report) -> Outcome:
        await asyncio.sleep(500)
        return PAID

    driver.pays.append(slow)
    assert await taking(journal, session, driver).carry_out() is PAID
    assert driver.count("cancel") == 0


async def test_trouble_with_the_journal_is_raised_and_the_watch_ends(journal: Journal) -> None:
    other = await started(journal, "k2", reader="r2")
    await journal.record(other.id, EventKind.REFERENCE, {"name": "payment_intent", "value": "pi_1"})
    session = await started(journal)
    driver = FakeDriver()

    async def pay(request: PaymentRequest, report: Report) -> Outcome:
        await report.reference("payment_intent", "pi_1")
        raise AssertionError("it belongs to another session")

    driver.pays.append(pay)
    with pytest.raises(ConflictError):
        await taking(journal, session, driver).carry_out()
    assert len(asyncio.all_tasks()) == 1


async def test_a_real_cancellation_stays_one(journal: Journal) -> None:
    session = await started(journal)
    driver = FakeDriver()
    async with asyncio.TaskGroup() as group:
        sale = group.create_task(taking(journal, session, driver).carry_out(), name="sale")
        await asyncio.sleep(5)
        sale.cancel()
    assert sale.cancelled()
    assert driver.count("cancel") == 0, "whoever stops us does not stop the customer"

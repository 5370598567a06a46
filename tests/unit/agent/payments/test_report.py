"""What a driver says is on disk when the call returns."""

from pathlib import Path

import pytest

from agent.payments.errors import JournalError
from agent.payments.model import EventKind
from agent.payments.report import JournalReport, SilentReport
from drivers.contract import Progress
from tests.unit.agent.payments.fake_driver import TroubledWriter, open_journal, started


async def test_references_and_attempts_are_written_and_repeats_of_references_are_not(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    session = await started(journal)
    report = JournalReport(journal, session.id)
    await report.reference("payment_intent", "pi_1")
    await report.reference("payment_intent", "pi_1")
    assert [await report.attempt("process"), await report.attempt("process")] == [1, 2]
    assert await report.attempt("capture") == 1
    known = journal.session(session.id)
    assert (known.references, known.attempts) == (
        {"payment_intent": "pi_1"},
        {"process": 2, "capture": 1},
    )
    assert len(journal.history(session.id)) == 6
    journal.close()


async def test_progress_is_noted_when_it_is_news(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    session = await started(journal)
    report = JournalReport(journal, session.id)
    for step in (Progress.PREPARING, Progress.PREPARING, Progress.WAITING_FOR_CARD):
        await report.progress(step)
    steps = [each.facts["step"] for each in journal.history(session.id) if each.kind is EventKind.PROGRESS]
    assert steps == ["preparing", "waiting_for_card"]
    journal.close()


async def test_what_the_customer_sees_already_is_no_news(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    session = await started(journal)
    assert session.progress is Progress.PREPARING
    report = JournalReport(journal, session.id, session.progress)
    await report.progress(Progress.PREPARING)
    assert len(journal.history(session.id)) == session.seq
    journal.close()


async def test_what_cannot_be_written_stops_the_driver(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    session = await started(journal)
    TroubledWriter(journal).refuse_next(2)
    report = JournalReport(journal, session.id)
    with pytest.raises(JournalError):
        await report.reference("payment_intent", "pi_1")
    with pytest.raises(JournalError):
        await report.attempt("process")
    assert await report.attempt("process") == 1
    journal.close()


async def test_a_silent_report_writes_nothing() -> None:
    report = SilentReport()
    await report.progress(Progress.RELEASING)
    await report.reference("a", "b")
    assert await report.attempt("release") == 1

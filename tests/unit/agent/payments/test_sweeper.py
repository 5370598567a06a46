"""The provider's books against the journal: what is judged, what is let go, what people are told."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from agent.payments.desk import Desk
from agent.payments.errors import JournalError, UnknownSessionError
from agent.payments.journal import Journal
from agent.payments.lane import Lane
from agent.payments.model import EventKind, Session, State
from agent.payments.policy import SweepPolicy
from agent.payments.sweeper import Finding, Sweeper, Swept, judge
from drivers.contract import Driver, DriverError, Entry, Money, Outcome, SessionId, Settlement, Verdict
from tests.unit.agent.payments.fake_driver import (
    LOST,
    PAID,
    POLICY,
    FakeDriver,
    concluded,
    config,
    held,
    now,
    open_journal,
    started,
)
from tests.unit.agent.payments.sales import MORNING

POLICY_ = SweepPolicy()
HOUR = timedelta(hours=1)
OLD = MORNING - 30 * HOUR
LATER = MORNING + HOUR
"""When what ended in the morning is no news any more."""


@dataclass
class FakeBookkeeper(FakeDriver):
    """A driver that shows its books."""

    books: str = "bank"
    shown: list[Entry] = field(default_factory=list)
    failures: list[DriverError] = field(default_factory=list)
    looks: list[datetime] = field(default_factory=list)

    async def entries(self, since: datetime) -> Sequence[Entry]:
        self.looks.append(since)
        if self.failures:
            raise self.failures.pop(0)
        return list(self.shown)


def entry(
    session: str = "ses_x",
    verdict: Verdict = Verdict.AUTHORIZED,
    *,
    amount: int = 1000,
    intent: str = "pi_1",
    made_at: datetime = OLD,
    expires_at: datetime | None = None,
) -> Entry:
    return Entry(
        SessionId(session), verdict, Money(amount, "eur"), {"payment_intent": intent}, made_at, expires_at
    )


class Books:
    """A desk with lanes on drivers that show books, and a sweeper over it."""

    def __init__(self, folder: Path) -> None:
        self.journal = open_journal(folder)
        self.desk = Desk(self.journal, now=now)
        self.driver = FakeBookkeeper()
        self.sweeper = Sweeper(
            self.desk.lanes, self.journal, lambda name: self.desk.cancel(name, None), now=now, policy=POLICY_
        )

    def adopt(self, driver: Driver | None = None, name: str = "r1", kind: str = "fake") -> None:
        lane = Lane(config(name, kind), driver or self.driver, self.journal, now=now, policy=POLICY)
        self.desk.lanes.adopt(lane)

    async def sale(self, state: str, pos_key: str = "k1", intent: str = "pi_1", **facts: Any) -> Session:
        """A sale that ended an hour and more ago, with its PaymentIntent."""
        told = {"verdict": state, "references": {"payment_intent": intent}, **facts}
        session = await concluded(self.journal, pos_key, told)
        await asyncio.sleep(3600)
        return session


@pytest_asyncio.fixture
async def books(tmp_path: Path) -> AsyncIterator[Books]:
    books = Books(tmp_path)
    yield books
    books.journal.close()


# -- what an entry means ------------------------------------------------------------------------------


async def as_it_ended(journal: Journal, state: str) -> Session:
    facts: dict[str, Any] = {"verdict": state}
    if state == "paid":
        facts |= {"amount_captured": 1000}
    return await concluded(journal, state, facts, reader=f"r-{state}")


@pytest.mark.parametrize("age", [timedelta(0), timedelta(hours=23)])
async def test_what_the_journal_does_not_know_is_left_alone_for_a_day(age: timedelta) -> None:
    assert judge(entry(made_at=MORNING - age), None, None, MORNING, POLICY_) is Finding.FINE


@pytest.mark.parametrize(
    ("verdict", "finding"),
    [
        (Verdict.AUTHORIZED, Finding.LEFT_OVER),
        (Verdict.PENDING, Finding.LEFT_OVER),
        (Verdict.PAID, Finding.QUARREL),
    ],
)
async def test_what_the_journal_does_not_know_or_never_heard_of(
    books: Books, verdict: Verdict, finding: Finding
) -> None:
    assert judge(entry(verdict=verdict), None, None, MORNING, POLICY_) is finding
    known = await as_it_ended(books.journal, "failed")
    assert judge(entry(verdict=verdict), None, known, LATER, POLICY_) is finding
    young = entry(verdict=verdict, made_at=LATER - timedelta(minutes=14))
    assert judge(young, None, known, LATER, POLICY_) is Finding.FINE


@pytest.mark.parametrize("state", ["declined", "canceled", "failed", "released"])
async def test_money_that_an_unpaid_sale_holds_is_let_go(books: Books, state: str) -> None:
    owner = await as_it_ended(books.journal, state)
    assert judge(entry(), owner, owner, LATER, POLICY_) is Finding.LEFT_OVER
    assert judge(entry(verdict=Verdict.PAID), owner, owner, LATER, POLICY_) is Finding.QUARREL
    payable = judge(entry(verdict=Verdict.PENDING), owner, owner, LATER, POLICY_)
    assert payable is (Finding.FINE if state == "declined" else Finding.LEFT_OVER)


async def test_a_declined_sale_that_was_tidied_leaves_nothing(books: Books) -> None:
    declined = await as_it_ended(books.journal, "declined")
    tidied = await books.journal.record(declined.id, EventKind.TIDIED)
    assert judge(entry(verdict=Verdict.PENDING), tidied, tidied, LATER, POLICY_) is Finding.LEFT_OVER


async def test_what_is_under_way_is_fine_whatever_the_books_say(books: Books) -> None:
    session = await started(books.journal)
    for verdict in (Verdict.AUTHORIZED, Verdict.PENDING, Verdict.PAID):
        assert judge(entry(verdict=verdict), session, session, MORNING, POLICY_) is Finding.FINE


async def test_a_paid_sale_must_be_paid_with_the_same_money(books: Books) -> None:
    paid = await as_it_ended(books.journal, "paid")
    for verdict, amount, finding in (
        (Verdict.PAID, 1000, Finding.FINE),
        (Verdict.PAID, 999, Finding.QUARREL),
        (Verdict.AUTHORIZED, 1000, Finding.QUARREL),
        (Verdict.PENDING, 1000, Finding.QUARREL),
    ):
        assert judge(entry(verdict=verdict, amount=amount), paid, paid, LATER, POLICY_) is finding


async def test_a_hold_is_kept_until_it_would_expire(books: Books) -> None:
    owner = await held(books.journal)
    for expires_at, finding in (
        (None, Finding.FINE),
        (LATER + 7 * HOUR, Finding.FINE),
        (LATER + 6 * HOUR, Finding.EXPIRING),
        (MORNING - HOUR, Finding.EXPIRING),
    ):
        assert judge(entry(expires_at=expires_at), owner, owner, LATER, POLICY_) is finding
    late = entry(verdict=Verdict.PAID, expires_at=MORNING)
    assert judge(late, owner, owner, LATER, POLICY_) is Finding.FINE


async def test_what_has_just_changed_here_is_newer_than_what_was_read_there(books: Books) -> None:
    """Captured between the look into the books and the look into the journal: no alarm, and no release."""
    for state in ("paid", "released", "failed"):
        session = await as_it_ended(books.journal, state)
        for age, finding in (
            (timedelta(0), Finding.FINE),
            (timedelta(minutes=14), Finding.FINE),
            (timedelta(minutes=15), Finding.QUARREL if state == "paid" else Finding.LEFT_OVER),
        ):
            at = session.updated_at + age
            assert judge(entry(), session, session, at, POLICY_) is finding
        # it changed at a time that has not come yet: the clock was wrong, then or now
        assert judge(entry(), session, session, session.updated_at - HOUR, POLICY_) is finding


# -- what is done about it ----------------------------------------------------------------------------


async def test_what_was_left_over_is_let_go(books: Books, caplog: pytest.LogCaptureFixture) -> None:
    books.adopt()
    failed = await books.sale("failed")
    books.driver.shown = [entry(failed.id, made_at=now() - HOUR)]
    with caplog.at_level(logging.INFO):
        assert await books.sweeper.sweep() == Swept(seen=1, released=1)
    (request,), (decision,) = books.driver.requests, books.driver.decisions
    assert (request.session, request.money, decision.settlement) == (
        failed.id,
        Money(1000, "eur"),
        Settlement.RELEASE,
    )
    assert request.references == {"payment_intent": "pi_1"}
    (line,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert "left over" in line.getMessage()
    assert "pi_1" in line.getMessage()
    assert books.sweeper.released == 1
    assert books.driver.looks == [now() - timedelta(days=3)]


async def test_litter_that_nobody_paid_is_no_alarm(books: Books, caplog: pytest.LogCaptureFixture) -> None:
    books.adopt()
    books.driver.shown = [entry("ses_gone", Verdict.PENDING, made_at=now() - 30 * HOUR)]
    with caplog.at_level(logging.INFO):
        assert (await books.sweeper.sweep()).released == 1
    assert [each.levelname for each in caplog.records] == ["INFO"]
    assert "not in the journal" in caplog.text


async def test_what_cannot_be_let_go_now_is_tried_again_the_next_time(books: Books) -> None:
    books.adopt()
    books.driver.shown = [entry(made_at=now() - 30 * HOUR)]
    books.driver.settlements.append(LOST)
    assert (await books.sweeper.sweep()).released == 0
    assert (await books.sweeper.sweep()).released == 1


async def test_its_own_reader_takes_the_prompt_away(books: Books) -> None:
    """Two readers of one account: the books are read once, and the sale's own reader is cleared."""
    other = FakeBookkeeper()
    books.adopt(other, "r0")
    books.adopt()
    failed = await books.sale("failed")
    other.shown = [entry(failed.id, made_at=now() - HOUR)]
    assert (await books.sweeper.sweep()).released == 1
    assert (books.driver.count("settle"), other.count("settle")) == (1, 0)
    assert (len(books.driver.looks), len(other.looks)) == (0, 1)


async def test_a_hold_that_expires_soon_is_released_by_the_desk(books: Books) -> None:
    books.adopt()
    session = await books.sale("authorized", amount_authorized=1000)
    books.driver.shown = [entry(session.id, made_at=now() - HOUR, expires_at=now() + HOUR)]
    async with asyncio.TaskGroup() as group:
        running = group.create_task(books.desk.run())
        await asyncio.sleep(1)
        assert (await books.sweeper.sweep()).expiring == 1
        running.cancel()
    assert books.journal.session(session.id).state is State.RELEASED


async def test_a_hold_without_a_reader_waits(books: Books) -> None:
    books.adopt()
    session = await books.sale("authorized", amount_authorized=1000)
    books.driver.shown = [entry(session.id, made_at=now() - HOUR, expires_at=now() + HOUR)]
    await books.desk.lanes.retire(config("r1").name, successor=True)
    books.adopt(books.driver, "r5", "fake")
    assert (await books.sweeper.sweep()).expiring == 0
    assert books.journal.session(session.id).state is State.AUTHORIZED


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (PAID, State.PAID),
        (Outcome(Verdict.RELEASED), State.RELEASED),
        (Outcome(Verdict.CANCELED, code="expired"), State.RELEASED),
    ],
)
async def test_a_hold_that_somebody_else_ended_is_concluded(
    books: Books, outcome: Outcome, state: State, caplog: pytest.LogCaptureFixture
) -> None:
    books.adopt()
    session = await books.sale("authorized", amount_authorized=1000)
    books.driver.inquiries.append(outcome)
    assert await books.sweeper.sweep() == Swept(concluded=1)
    assert books.journal.session(session.id).state is state
    assert "ended elsewhere" in caplog.text
    assert await books.sweeper.sweep() == Swept()


async def test_a_hold_that_is_only_not_indexed_stays(books: Books) -> None:
    books.adopt()
    await books.sale("authorized", amount_authorized=1000)
    books.driver.inquiries.append(Outcome(Verdict.AUTHORIZED, amount_authorized=1000))
    assert await books.sweeper.sweep() == Swept()


async def test_one_hold_that_nobody_can_tell_about_hides_nothing_else(
    books: Books, caplog: pytest.LogCaptureFixture
) -> None:
    """As after the key of another account was put in: its old holds are unknown there for ever."""
    books.adopt()
    failed = await books.sale("failed", "k0", "pi_0")
    ended = await books.sale("authorized", "k1", "pi_1", amount_authorized=1000)
    foreign = await books.sale("authorized", "k2", "pi_2", amount_authorized=1000)
    books.driver.shown = [entry(failed.id, Verdict.PAID, intent="pi_0", made_at=now() - HOUR)]
    books.driver.inquiries.extend([LOST, PAID])  # the newest is asked about first
    swept = await books.sweeper.sweep()
    assert (swept.concluded, len(swept.quarrels)) == (1, 1)
    assert books.journal.session(ended.id).state is State.PAID
    assert books.journal.session(foreign.id).state is State.AUTHORIZED
    assert f"session {foreign.id} is authorized, and cannot be asked about" in caplog.text
    assert [each.levelname for each in caplog.records if "the provider says" in each.getMessage()] == [
        "CRITICAL"
    ]


async def test_young_and_foreign_holds_are_not_asked_for(books: Books) -> None:
    books.adopt(kind="other")
    await books.sale("authorized", amount_authorized=1000)
    assert await books.sweeper.sweep() == Swept()
    await books.desk.lanes.retire(config("r1").name, successor=True)
    books.adopt()
    await books.sale("authorized", "k2", "pi_2", amount_authorized=1000)
    await held(books.journal, "k3")
    books.driver.shown = [entry("x", made_at=now(), intent="pi_2"), entry("y", made_at=now())]
    assert await books.sweeper.sweep() == Swept(seen=2)
    assert books.driver.count("inquire") == 0


async def test_a_session_that_changes_while_it_is_asked_about_is_left_to_who_changed_it(books: Books) -> None:
    books.adopt()
    session = await books.sale("authorized", amount_authorized=1000)

    async def meanwhile(*_: object) -> Outcome:
        facts = {"verdict": "paid", "amount_authorized": 1000, "amount_captured": 1000}
        await books.journal.record(session.id, EventKind.CONCLUDED, facts)
        return Outcome(Verdict.RELEASED)

    books.driver.inquiries.append(meanwhile)
    assert (await books.sweeper.sweep()).concluded == 0
    assert books.journal.session(session.id).state is State.PAID


async def test_a_quarrel_is_told_once_and_shown_until_it_is_over(
    books: Books, caplog: pytest.LogCaptureFixture
) -> None:
    books.adopt()
    failed = await books.sale("failed")
    paid = await books.sale("paid", "k2", "pi_2", amount_captured=1000)
    books.driver.shown = [
        entry(failed.id, Verdict.PAID, made_at=now() - HOUR),
        entry(paid.id, Verdict.PAID, amount=900, intent="pi_2", made_at=now() - HOUR),
        entry("ses_gone", Verdict.PAID, intent="pi_3", made_at=now() - 30 * HOUR),
    ]
    first = await books.sweeper.sweep()
    second = await books.sweeper.sweep()
    assert first == second
    one, two, three = first.quarrels
    assert "the journal says failed" in one
    assert "the journal says paid 1000" in two
    assert "does not know it" in three
    assert sum(each.levelno == logging.CRITICAL for each in caplog.records) == 3
    assert books.driver.decisions == []
    books.driver.shown = []
    assert (await books.sweeper.sweep()).quarrels == ()


async def test_drivers_without_books_are_passed_over(books: Books) -> None:
    books.adopt(FakeDriver(), "r1")
    books.adopt(FakeBookkeeper(books=""), "r2")
    assert await books.sweeper.sweep() == Swept()


async def test_it_goes_on_whatever_cannot_be_asked(books: Books, caplog: pytest.LogCaptureFixture) -> None:
    books.adopt()
    books.driver.failures = [DriverError("no network"), DriverError("still none")]
    books.driver.shown = [entry("ses_gone", made_at=MORNING)]
    with caplog.at_level(logging.INFO):
        async with asyncio.TaskGroup() as group:
            task = group.create_task(books.sweeper.run())
            await asyncio.sleep(POLICY_.first_after_s + 3 * POLICY_.interval_s + 1)
            task.cancel()
    assert len(books.driver.looks) == 4
    told = [each.levelname for each in caplog.records if "could not be swept" in each.getMessage()]
    assert told == ["WARNING", "INFO"]
    assert "no network" in caplog.text


async def test_a_long_list_keeps_nobody_waiting(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    books.adopt()
    books.driver.shown = [entry(f"ses_{number}", made_at=now()) for number in range(100)]
    looked = 0

    def session(name: str) -> Session:
        nonlocal looked
        looked += 1
        raise UnknownSessionError(name)

    monkeypatch.setattr(books.journal, "session", session)
    seen: list[int] = []
    async with asyncio.TaskGroup() as group:
        sweep = group.create_task(books.sweeper.sweep())
        while not sweep.done():
            seen.append(looked)
            await asyncio.sleep(0)
    assert max(after - before for before, after in zip(seen, [*seen[1:], looked], strict=True)) == 20


async def test_a_journal_that_cannot_be_read_ends_a_sweep(books: Books) -> None:
    books.adopt()
    books.journal.close()
    books.driver.shown = [entry()]
    with pytest.raises(JournalError):
        await books.sweeper.sweep()

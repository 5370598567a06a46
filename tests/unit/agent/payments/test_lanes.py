"""Readers come and go; no session is forgotten and none is looked after twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from agent.payments.errors import (
    JournalError,
    OrderError,
    ReaderBusyError,
    ReaderUnavailableError,
    UnknownReaderError,
)
from agent.payments.journal import Journal
from agent.payments.lanes import Lanes
from agent.payments.model import EventKind, ReaderState, ReaderStatus, Session, State
from agent.payments.policy import DeskPolicy
from drivers.contract import Capture, ReaderName
from tests.unit.agent.payments.fake_driver import (
    LOST,
    ON_THE_DEVICE,
    PAID,
    RELEASED,
    FakeDriver,
    concluded,
    config,
    doubtful,
    held,
    make_lane,
    now,
    open_journal,
    started,
)
from tests.unit.agent.payments.sales import order, refund

R1, R2 = ReaderName("r1"), ReaderName("r2")


@pytest_asyncio.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    journal = open_journal(tmp_path)
    yield journal
    journal.close()


class Floor:
    """The lanes of a store and the drivers on them."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.lanes = Lanes(journal, now=now, policy=DeskPolicy())
        self.drivers: dict[str, FakeDriver] = {}

    def adopt(self, name: str = "r1", kind: str = "fake", driver: FakeDriver | None = None) -> FakeDriver:
        driver = self.drivers[name] = driver or FakeDriver()
        self.lanes.adopt(make_lane(self.journal, driver, name, kind))
        return driver

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.lanes.run(), name="lanes")
            await asyncio.sleep(0.1)
            yield
            task.cancel()


@pytest.fixture
def floor(journal: Journal) -> Floor:
    return Floor(journal)


async def capturing(journal: Journal, **changes: Any) -> Session:
    session = await held(journal, capture=Capture.MANUAL, **changes)
    return await journal.record(session.id, EventKind.SETTLING, {"settlement": "capture"})


# -- coming and going ------------------------------------------------------------------------------


async def test_readers_are_adopted_before_and_while_it_runs(floor: Floor) -> None:
    floor.adopt("r2")
    async with floor.open():
        floor.adopt("r1")
        await asyncio.sleep(0.1)
        assert [(each.name, each.state) for each in floor.lanes.statuses()] == [
            ("r1", ReaderState.READY),
            ("r2", ReaderState.READY),
        ]
        with pytest.raises(ValueError, match="already in service"):
            floor.adopt("r1")
        assert list(floor.lanes.by_name) == ["r2", "r1"]


async def test_a_retired_reader_is_closed_and_unavailable_until_its_successor_comes(floor: Floor) -> None:
    driver = floor.adopt("r1")
    async with floor.open():
        await floor.lanes.retire(R1, successor=True)
        assert driver.calls[-1][0] == "close"
        with pytest.raises(ReaderUnavailableError, match="being exchanged"):
            floor.lanes.lane("r1")
        assert floor.lanes.status("r1").state is ReaderState.CONNECTING
        floor.adopt("r1")
        await asyncio.sleep(0.1)
        assert floor.lanes.status("r1").state is ReaderState.READY


async def test_a_reader_may_be_retired_before_anything_runs(floor: Floor) -> None:
    floor.adopt("r1")
    await floor.lanes.retire(R1)
    assert dict(floor.lanes.by_name) == {}


async def test_expected_readers_are_shown_until_they_come(floor: Floor) -> None:
    floor.adopt("r1")
    status = ReaderStatus(R2, "fake", "store", ReaderState.CONNECTING, now(), "not registered")
    floor.lanes.expect([status, ReaderStatus(R1, "fake", "store", ReaderState.CONNECTING, now())])
    assert [each.name for each in floor.lanes.statuses()] == ["r1", "r2"]
    assert floor.lanes.status("r2") is status
    with pytest.raises(ReaderUnavailableError, match="not registered"):
        floor.lanes.lane("r2")
    with pytest.raises(UnknownReaderError):
        floor.lanes.status("r3")


async def test_a_reader_is_not_retired_while_a_session_uses_it(floor: Floor) -> None:
    driver = floor.adopt("r1")
    async with floor.open():
        session = await floor.journal.open_session(order())
        floor.lanes.lane("r1").offer(session)
        await asyncio.sleep(1)
        with pytest.raises(ReaderBusyError):
            await floor.lanes.retire(R1, successor=True)
        driver.finish(PAID)
        await asyncio.sleep(1)
        await floor.lanes.retire(R1)


async def test_a_reader_is_not_retired_while_a_session_begins(floor: Floor) -> None:
    floor.adopt("r1")
    async with floor.open(), asyncio.TaskGroup() as group:
        lane = floor.lanes.lane("r1")

        async def begin() -> str:
            await asyncio.sleep(5)
            return "begun"

        asked = group.create_task(floor.lanes.finish(lane, begin, "begin"), name="till")
        await asyncio.sleep(1)
        asked.cancel()
        await asyncio.sleep(1)
        with pytest.raises(ReaderBusyError):
            await floor.lanes.retire(R1)
        await asyncio.sleep(4)
        await floor.lanes.retire(R1)
    assert asked.cancelled()


async def test_a_capture_under_way_keeps_its_reader_unless_somebody_else_can_take_it(floor: Floor) -> None:
    first = floor.adopt("r1")
    async with floor.open():
        first.settlements.extend([LOST] * 20)
        session = await capturing(floor.journal)
        floor.lanes.lane("r1").offer(session)
        await asyncio.sleep(1)
        with pytest.raises(ReaderBusyError, match="no other reader"):
            await floor.lanes.retire(R1)
        floor.adopt("r2", kind="other")
        floor.adopt("r3", driver=FakeDriver(capabilities=ON_THE_DEVICE))
        await asyncio.sleep(1)
        with pytest.raises(ReaderBusyError, match="no other reader"):
            await floor.lanes.retire(R1)
        fourth = floor.adopt("r4")
        fourth.settlements.append(PAID)
        await asyncio.sleep(1)
        await floor.lanes.retire(R1)
        await asyncio.sleep(1)
        assert floor.journal.session(session.id).state is State.PAID
        assert fourth.count("settle") == 1


async def test_a_capture_under_way_goes_on_with_the_successor(floor: Floor) -> None:
    first = floor.adopt("r1")
    async with floor.open():
        first.settlements.extend([LOST] * 20)
        session = await capturing(floor.journal)
        floor.lanes.lane("r1").offer(session)
        await asyncio.sleep(1)
        await floor.lanes.retire(R1, successor=True)
        floor.adopt("r1", driver=FakeDriver()).settlements.append(PAID)
        await asyncio.sleep(1)
        assert floor.journal.session(session.id).state is State.PAID


# -- what an earlier life left ---------------------------------------------------------------------


async def test_a_reader_that_a_session_holds_is_wanted_as_it_was(floor: Floor) -> None:
    session = await floor.journal.open_session(order())
    facts = {"driver": "fake", "options": {"reader": "tmr_1"}}
    await floor.journal.record(session.id, EventKind.STARTED, facts)
    await started(floor.journal, "k2", reader="r2")
    await capturing(floor.journal, pos_key="k3", reader="r3")
    await floor.journal.open_session(order("k4", reader="r4"))
    floor.adopt("r2")
    assert floor.lanes.committed() == [config(reader="tmr_1")]
    assert [each.name for each in floor.lanes.orphans()] == ["r1", "r3"]


async def test_what_another_reader_can_settle_is_no_orphan(floor: Floor) -> None:
    await capturing(floor.journal, reader="r3")
    floor.adopt("r1")
    async with floor.open():
        assert floor.lanes.orphans() == []


async def test_what_was_forgotten_is_found_at_the_next_look(floor: Floor) -> None:
    driver = floor.adopt("r1")
    driver.pays.append(PAID)
    async with floor.open():
        forgotten = await floor.journal.open_session(order())
        driver.settlements.append(PAID)
        elsewhere = await capturing(floor.journal, pos_key="k2", reader="r9")
        await asyncio.sleep(61)
        assert floor.journal.session(forgotten.id).state is State.PAID
        assert floor.journal.session(elsewhere.id).state is State.PAID


async def test_a_refund_of_a_vanished_reader_is_made_by_another_of_its_kind(floor: Floor) -> None:
    sale = await concluded(floor.journal, reader="r9")
    driver = floor.adopt("r1")
    driver.pays.append(PAID)
    async with floor.open():
        wanted = replace(refund(sale, "k2"), reader=ReaderName("r9"))
        back = await floor.journal.open_session(wanted, on_reader=False)
        assert floor.lanes.settling(back) is floor.lanes.lane("r1")
        await asyncio.sleep(61)
        assert floor.journal.session(back.id).state is State.PAID


async def test_what_is_looked_after_is_not_a_stray(floor: Floor) -> None:
    driver = floor.adopt("r1")
    async with floor.open():
        session = await floor.journal.open_session(order())
        floor.lanes.lane("r1").offer(session)
        await asyncio.sleep(61)
        driver.finish(PAID)
        await asyncio.sleep(1)
        assert floor.journal.session(session.id).state is State.PAID
    assert driver.count("pay") == 1


async def test_a_refund_knows_the_kind_of_reader_of_its_sale(floor: Floor) -> None:
    sale = await concluded(floor.journal, reader="r9")
    wanted = replace(refund(sale, "k2"), reader=ReaderName("r9"))
    back = await floor.journal.open_session(wanted, on_reader=False)
    floor.adopt("r1")
    await floor.lanes.lane("r1").reach()
    assert floor.lanes.settling(back) is floor.lanes.lane("r1")


async def test_what_never_began_and_nobody_can_serve_has_failed_after_a_while(floor: Floor) -> None:
    async with floor.open():
        session = await floor.journal.open_session(order(reader="r9"))
        doubt = await doubtful(floor.journal, "k2", reader="r8")
        await asyncio.sleep(200)
        assert floor.journal.session(session.id).state is State.OPENED
        await asyncio.sleep(200)
        end = floor.journal.session(session.id)
        assert (end.state, end.code) == (State.FAILED, "reader_gone")
        assert floor.journal.session(doubt.id).state is State.IN_DOUBT, "here something may have begun"


async def test_chores_wait_for_a_journal_that_cannot_be_read(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await floor.journal.open_session(order(reader="r9"))
    unsettled, untidied = floor.journal.unsettled, floor.journal.untidied

    def broken(*_: object, **__: object) -> list[Session]:
        raise JournalError("input/output error")

    monkeypatch.setattr(floor.journal, "unsettled", broken)
    monkeypatch.setattr(floor.journal, "untidied", broken)
    async with floor.open():
        await asyncio.sleep(400)
        monkeypatch.setattr(floor.journal, "unsettled", unsettled)
        monkeypatch.setattr(floor.journal, "untidied", untidied)
        await asyncio.sleep(61)
    assert floor.journal.session(session.id).state is State.FAILED


# -- who settles -----------------------------------------------------------------------------------


async def test_the_own_reader_settles_if_it_is_there(floor: Floor) -> None:
    sale = await concluded(floor.journal)
    floor.adopt("r1", driver=FakeDriver(capabilities=ON_THE_DEVICE))
    floor.adopt("r2")
    assert floor.lanes.settling(sale) is floor.lanes.lane("r1"), "nobody else was reached yet"
    async with floor.open():
        assert floor.lanes.settling(sale) is floor.lanes.lane("r2")
        await floor.lanes.retire(R2)
        assert floor.lanes.settling(sale) is floor.lanes.lane("r1")
        await floor.lanes.retire(R1)
        with pytest.raises(ReaderUnavailableError):
            floor.lanes.settling(sale)


async def test_the_own_reader_is_preferred(floor: Floor) -> None:
    sale = await concluded(floor.journal, reader="r2")
    floor.adopt("r1")
    floor.adopt("r2")
    async with floor.open():
        assert floor.lanes.settling(sale) is floor.lanes.lane("r2")


# -- tidying ---------------------------------------------------------------------------------------


async def declined(journal: Journal, pos_key: str, reader: str) -> Session:
    session = await started(journal, pos_key, reader=reader)
    await journal.record(session.id, EventKind.REFERENCE, {"name": "payment_intent", "value": pos_key})
    return await journal.record(session.id, EventKind.CONCLUDED, {"verdict": "declined"})


async def test_left_overs_are_taken_away_when_they_are_too_old_to_be_used(floor: Floor) -> None:
    stuck = await declined(floor.journal, "k0", "r9")
    tidy = await declined(floor.journal, "k1", "r1")
    driver = floor.adopt("r1", kind="other")
    driver.settlements.append(RELEASED)
    async with floor.open():
        await asyncio.sleep(600)
        assert driver.count("settle") == 0
        await asyncio.sleep(121)
    assert floor.journal.session(tidy.id).tidied
    assert not floor.journal.session(stuck.id).tidied, "and one that must wait does not keep the others"


@pytest.mark.parametrize("verdict", ["canceled", "failed"])
async def test_what_an_operator_ended_unpaid_is_taken_off_the_reader_soon(floor: Floor, verdict: str) -> None:
    session = await started(floor.journal, "k1", reader="r1")
    await floor.journal.record(session.id, EventKind.REFERENCE, {"name": "payment_intent", "value": "pi_1"})
    await floor.journal.record(session.id, EventKind.DOUBTED, {"code": "lost", "message": "lost"})
    await floor.journal.record(session.id, EventKind.RULED, {"verdict": verdict, "code": "operator"})
    driver = floor.adopt("r1")
    driver.settlements.append(RELEASED)
    async with floor.open():
        await asyncio.sleep(61)
    assert driver.count("settle") == 1
    assert floor.journal.session(session.id).tidied


# -- asking ----------------------------------------------------------------------------------------


async def test_what_was_begun_is_finished_and_its_error_belongs_to_who_asked(floor: Floor) -> None:
    floor.adopt("r1")
    lane = floor.lanes.lane("r1")

    async def fail() -> str:
        await asyncio.sleep(0)
        raise OrderError("no", param="x")

    async def succeed() -> str:
        return "done"

    assert await floor.lanes.finish(lane, succeed, "early") == "done"
    async with floor.open():
        assert await floor.lanes.finish(lane, succeed, "now") == "done"
        with pytest.raises(OrderError):
            await floor.lanes.finish(lane, fail, "wrong")
        await asyncio.sleep(0)
        assert lane.held == 0
        assert floor.lanes.status("r1").state is ReaderState.READY

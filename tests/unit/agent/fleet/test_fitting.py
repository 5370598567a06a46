"""Readers come, go and change between sales; a session keeps the reader it began on."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from agent.fleet.fitting import REFIT_S, Fitting
from agent.fleet.roster import NOT_REGISTERED, Roster
from agent.payments.errors import JournalError
from agent.payments.journal import Journal
from agent.payments.lanes import Lanes
from agent.payments.model import EventKind, Session, State
from agent.payments.policy import DeskPolicy
from drivers.contract import Capture, Driver, ReaderConfig
from drivers.registry import DriverUnknownError
from tests.unit.agent.payments.fake_driver import (
    LOST,
    PAID,
    POLICY,
    FakeDriver,
    config,
    held,
    now,
    open_journal,
    seconds,
)
from tests.unit.agent.payments.sales import order


class Store:
    """Lanes that follow a roster which a test writes."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.lanes = Lanes(journal, now=now, policy=DeskPolicy())
        self.roster = Roster()
        self.drivers: dict[str, FakeDriver] = {}
        self.looks: list[float] = []
        self.fitting = Fitting(
            self.lanes,
            journal,
            self._look,
            self._make,
            now=now,
            location="store",
            policy=POLICY,
            interval_s=60.0,
        )

    def _look(self) -> Roster:
        self.looks.append(seconds())
        return self.roster

    def _make(self, config: ReaderConfig) -> Driver:
        if config.driver == "abacus":
            raise DriverUnknownError("no driver is called abacus")
        driver = self.drivers[_key(config)] = self.drivers.pop(_key(config), FakeDriver())
        return driver

    def want(self, *configs: ReaderConfig, waiting: Mapping[str, ReaderConfig] | None = None) -> None:
        late = {each.name: each for each in (waiting or {}).values()}
        self.roster = Roster({each.name: each for each in configs}, late)

    def configs(self) -> list[ReaderConfig]:
        return [lane.config for lane in self.lanes.by_name.values()]

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self.lanes.run(), name="lanes"),
                group.create_task(self.fitting.run(), name="fitting"),
            ]
            await asyncio.sleep(0.1)
            yield
            for task in tasks:
                task.cancel()


def _key(config: ReaderConfig) -> str:
    return f"{config.name} {dict(config.options)}"


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    journal = open_journal(tmp_path)
    yield Store(journal)
    journal.close()


OLD, NEW = config(reader="tmr_old"), config(reader="tmr_new")


async def begun(journal: Journal, on: ReaderConfig = OLD) -> Session:
    session = await journal.open_session(order())
    facts = {"driver": on.driver, "options": dict(on.options)}
    return await journal.record(session.id, EventKind.STARTED, facts)


async def test_declared_readers_are_in_service_and_others_are_expected(store: Store) -> None:
    store.want(config("r1"), config("r2", "abacus"), waiting={"r3": config("r3", "stripe")})
    assert await store.fitting.refit()
    assert store.configs() == [config("r1")]
    whys = {str(each.name): each.why for each in store.lanes.statuses()}
    assert "no driver is called abacus" in whys["r2"]
    assert whys["r3"] == NOT_REGISTERED
    assert store.lanes.status("r3").location == "store"


async def test_a_reader_without_a_driver_is_told_once(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    store.want(config("r1", "abacus"))
    await store.fitting.refit()
    await store.fitting.refit()
    assert [each.levelname for each in caplog.records] == ["WARNING"]
    store.want()
    await store.fitting.refit()
    store.want(config("r1"))
    assert await store.fitting.refit()
    assert store.configs() == [config("r1")]


async def test_an_idle_reader_is_exchanged_at_once_and_one_that_is_not_wanted_goes(store: Store) -> None:
    store.want(OLD, config("r2"), config("r3"))
    async with store.open():
        store.want(NEW, config("r3"))
        store.fitting.changed()
        await asyncio.sleep(0.1)
        assert sorted(store.configs(), key=str) == sorted([NEW, config("r3")], key=str)


async def test_a_busy_reader_is_exchanged_after_its_sale(store: Store) -> None:
    store.want(OLD)
    async with store.open():
        session = await store.journal.open_session(order())
        store.lanes.lane("r1").offer(session)
        await asyncio.sleep(1)
        store.want(NEW)
        store.fitting.changed()
        await asyncio.sleep(REFIT_S + 1)
        assert store.configs() == [OLD]
        store.drivers[_key(OLD)].finish(PAID)
        await asyncio.sleep(REFIT_S + 1)
        assert store.configs() == [NEW]
        assert store.journal.session(session.id).state is State.PAID


@pytest.mark.parametrize("declared", [True, False])
async def test_a_session_of_an_earlier_life_gets_its_reader_back_as_it_was(
    store: Store, declared: bool
) -> None:
    session = await begun(store.journal)
    old = store.drivers[_key(OLD)] = FakeDriver()
    old.inquiries.extend([LOST, PAID])
    store.want(*([NEW] if declared else []))
    async with store.open():
        assert store.configs() == [OLD]
        await asyncio.sleep(2 * REFIT_S)
        assert store.journal.session(session.id).state is State.PAID
        assert store.configs() == ([NEW] if declared else [])


async def test_a_capture_of_an_earlier_life_does_not_need_the_old_reader(store: Store) -> None:
    session = await begun(store.journal)
    await store.journal.record(
        session.id, EventKind.CONCLUDED, {"verdict": "authorized", "amount_authorized": 1000}
    )
    await store.journal.record(session.id, EventKind.SETTLING, {"settlement": "capture"})
    new = store.drivers[_key(NEW)] = FakeDriver()
    new.settlements.append(PAID)
    store.want(NEW)
    async with store.open():
        await asyncio.sleep(1)
        assert store.configs() == [NEW]
        assert store.journal.session(session.id).state is State.PAID


async def test_a_capture_that_nobody_else_can_make_brings_its_reader_back(store: Store) -> None:
    session = await begun(store.journal)
    await store.journal.record(
        session.id, EventKind.CONCLUDED, {"verdict": "authorized", "amount_authorized": 1000}
    )
    await store.journal.record(session.id, EventKind.SETTLING, {"settlement": "capture"})
    old = store.drivers[_key(OLD)] = FakeDriver()
    old.settlements.extend([LOST] * 50)
    async with store.open():
        assert store.configs() == [OLD]
        await asyncio.sleep(2 * REFIT_S)
        assert store.configs() == [OLD], "it is not taken away in the middle"
        old.settlements.clear()
        old.settlements.append(PAID)
        await asyncio.sleep(60)
        assert store.journal.session(session.id).state is State.PAID
        assert store.configs() == []
    assert old.count("close") == 1


async def test_held_money_does_not_keep_a_reader(store: Store) -> None:
    await held(store.journal, capture=Capture.MANUAL)
    async with store.open():
        assert store.configs() == []


async def test_looks_are_rare_when_all_is_done_and_often_when_not(store: Store) -> None:
    async with store.open():
        await asyncio.sleep(119)
        assert len(store.looks) == 2
        session = await begun(store.journal)
        store.drivers[_key(OLD)] = FakeDriver(inquiries=deque([LOST] * 50))
        await asyncio.sleep(20)
        assert len(store.looks) >= 5
        assert store.journal.session(session.id).state is State.IN_DOUBT


async def test_a_journal_that_cannot_be_read_leaves_the_readers_as_they_are(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store.want(OLD)
    async with store.open():
        with monkeypatch.context() as patch:

            def broken() -> list[Session]:
                raise JournalError("input/output error")

            patch.setattr(store.journal, "unsettled", broken)
            store.want(NEW)
            store.fitting.changed()
            await asyncio.sleep(1)
            assert "stay as they are" in caplog.text
        await asyncio.sleep(REFIT_S)
        assert store.configs() == [NEW]

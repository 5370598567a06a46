"""Readers called by doctor itself: who answers, who does not, and who is left alone."""

import asyncio
import fcntl
import logging
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.cli import probe
from agent.cli.checks import Result
from agent.payments.journal import Journal
from agent.payments.model import Order, PosKey, TillName
from agent.settings import Settings, load
from drivers.contract import Driver, DriverError, LinkError, Money, ReaderConfig, ReaderInfo, ReaderName
from drivers.registry import DriverUnknownError

CONFIG = ReaderConfig(ReaderName("till-1"), "zvt", {"link": "tcp://127.0.0.1"})
INFO = ReaderInfo("VX820", "123", frozenset(), {"state": "ready"})

FLEET = """\
apiVersion: tillgate/v1
kind: Location
metadata: {name: here}
spec:
  display_name: Store
  address: {line1: Street 1, city: Berlin, postal_code: "10117", country: DE}
---
apiVersion: tillgate/v1
kind: Reader
metadata: {name: till-1}
spec: {location: here, driver: zvt, link: "tcp://127.0.0.1:1"}
---
apiVersion: tillgate/v1
kind: Reader
metadata: {name: till-2}
spec: {location: here, driver: zvt, link: "serial:///dev/nothing"}
---
apiVersion: tillgate/v1
kind: Reader
metadata: {name: till-3}
spec: {location: here, driver: stripe, registration_code: simulated-s700}
"""


class FakeDriver:
    """Opens as told; everything else a probe must not touch."""

    def __init__(self, result: ReaderInfo | Exception | None, closing: Exception | None = None) -> None:
        self.calls: list[str] = []
        self._result = result
        self._closing = closing

    async def open(self) -> ReaderInfo:
        self.calls.append("open")
        if self._result is None:
            await asyncio.sleep(3600)
        if isinstance(self._result, Exception):
            raise self._result
        assert self._result is not None
        return self._result

    async def close(self) -> None:
        self.calls.append("close")
        if self._closing is not None:
            raise self._closing

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"a probe may not use {name}")


def made(driver: FakeDriver) -> probe.Make:
    def make(config: ReaderConfig) -> Driver:
        del config
        return driver  # type: ignore[return-value]  # it has what a probe may use

    return make


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "fleet.yaml").write_text(FLEET)
    path = tmp_path / "gateway.yaml"
    path.write_text(
        "gateway: {name: g}\nlocation: here\nfleet: {paths: [fleet.yaml]}\njournal: {path: journal.db}\n"
    )
    return load(path)


async def test_a_reader_that_answers_is_let_go_again() -> None:
    driver = FakeDriver(INFO, closing=DriverError("gone"))
    check = await probe.call(CONFIG, made(driver))
    assert (check.result, check.found) == (Result.OK, "answers: VX820 123, ready")
    assert driver.calls == ["open", "close"]


@pytest.mark.parametrize(
    ("error", "found", "fix"),
    [
        (DriverError("a dragon is there; slay it"), "a dragon is there", "slay it"),
        (LinkError("no such port", code="link_absent"), "no such port", "/dev/serial/by-id"),
        (DriverError("strange", code="x"), "strange", "look at its power"),
        (None, "no answer within 40 s", "look at its power"),
    ],
)
async def test_a_reader_that_does_not_is_explained(error: Exception | None, found: str, fix: str) -> None:
    driver = FakeDriver(error)
    check = await probe.call(CONFIG, made(driver))
    assert (check.result, check.found) == (Result.PROBLEM, found)
    assert fix in check.fix
    assert driver.calls == ["open", "close"]


async def test_a_reader_without_a_driver() -> None:
    def make(config: ReaderConfig) -> Driver:
        raise DriverUnknownError(f"reader {config.name}: no driver is called 'abacus'")

    check = await probe.call(CONFIG, make)
    assert check.result is Result.PROBLEM
    assert "abacus" in check.found
    assert "install its driver" in check.fix


async def test_every_declared_reader_with_a_link_is_called(settings: Settings) -> None:
    found = await probe.check_readers(settings, made(FakeDriver(INFO)))
    assert [(each.name, each.result) for each in found] == [
        ("reader till-1", Result.OK),
        ("reader till-2", Result.OK),
    ]


@pytest.mark.real_time
async def test_the_usual_driver_is_found_by_its_name(settings: Settings) -> None:
    one, two = await probe.check_readers(settings)
    assert "Connect call failed" in one.found
    assert "switch ZVT on" in one.fix
    assert "/dev/nothing" in two.found
    assert two.fix


async def test_nothing_is_declared(settings: Settings) -> None:
    settings.fleet.paths[0].write_text("nonsense: 1")
    assert await probe.check_readers(settings) == []
    nowhere = settings.model_copy(update={"fleet": settings.fleet.model_copy(update={"paths": ()})})
    assert await probe.check_readers(nowhere) == []


async def test_a_reader_in_mid_sale_is_left_to_the_daemon(settings: Settings) -> None:
    with closing(Journal(settings.journal.path, now=lambda: datetime.now(UTC), inline=True)) as journal:
        order = Order(TillName("a"), PosKey("k"), ReaderName("till-2"), Money(100, "eur"))
        await journal.open_session(order)
        # its lock is that of a daemon, which calls its readers itself
        assert await probe.check_readers(settings, made(FakeDriver(INFO))) == []
    one, two = await probe.check_readers(settings, made(FakeDriver(INFO)))
    assert one.result is Result.OK
    assert (two.result, two.found) == (Result.WARNING, "not called: it has a sale that is not settled")


async def test_a_journal_that_cannot_be_read_may_be_in_mid_sale(settings: Settings) -> None:
    settings.journal.path.write_text("no database")
    found = await probe.check_readers(settings, made(FakeDriver(INFO)))
    assert {each.result for each in found} == {Result.WARNING}
    assert "gateway's user" in found[0].fix


def test_the_lock_of_a_daemon_is_seen_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    assert not probe.locked(path)
    lock = os.open(tmp_path / "journal.db.lock", os.O_RDWR | os.O_CREAT)
    try:
        assert not probe.locked(path)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert probe.locked(path)
    finally:
        os.close(lock)
    assert not probe.locked(path)


def test_only_what_holds_a_reader_counts(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    assert probe.unsettled(path) == frozenset()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE session (reader, holds, settling)")
        connection.executemany(
            "INSERT INTO session VALUES (?, ?, ?)", [("a", 1, 0), ("b", 0, 1), ("c", 0, 0)]
        )
        connection.commit()
    assert probe.unsettled(path) == frozenset({"a", "b"})


async def test_what_drivers_warn_of_is_said_once(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    class LoudDriver(FakeDriver):
        async def open(self) -> ReaderInfo:
            logging.getLogger("drivers.links.reconnect").warning("no link")
            return await super().open()

    await probe.check_readers(settings, made(LoudDriver(INFO)))
    assert not caplog.records
    assert logging.getLogger("drivers").level == logging.NOTSET

"""What a disk keeps: after a crash, after a power cut, and when it fails."""

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.chaos.disk import Disk, Files, connection_of, put_files, read_files, torn
from agent.payments.errors import JournalError
from agent.payments.journal import Journal
from agent.payments.model import Order, PosKey, TillName
from drivers.contract import Money, ReaderName
from drivers.simulators.chaos.life import Life

AT = datetime(2026, 1, 5, tzinfo=UTC)


def order(key: str) -> Order:
    return Order(TillName("t"), PosKey(key), ReaderName(f"r-{key}"), Money(100, "eur"))


class Machine:
    """A journal on a simulated disk."""

    def __init__(self, path: Path, seed: int = 1) -> None:
        self.told: list[Any] = []
        self.fired: list[str] = []
        self.life = Life(lambda _: None)
        self.disk = Disk(path, self.life, random.Random(seed), self._tell, self.fired.append)
        self.journal = Journal(path, now=lambda: AT, make_writer=self.disk.make_writer)

    def _tell(self, stored: Sequence[Any]) -> None:
        self.told += stored

    async def sell(self, key: str) -> None:
        await self.journal.open_session(order(key))

    def end(self, *, power: bool) -> None:
        """Die, and leave what is left."""
        self.life.dead = True
        self.disk.put_back(self.disk.what_is_left(power=power))


async def keys(path: Path) -> set[str]:
    machine = Machine(path)
    found = {each.order.pos_key for each in machine.journal.unsettled()}
    machine.journal.close()
    return set(found)


@pytest.mark.parametrize("power", [False, True])
async def test_what_was_acknowledged_survives_every_end(tmp_path: Path, power: bool) -> None:
    machine = Machine(tmp_path / "j.db")
    async with asyncio.TaskGroup() as group:
        for key in "abc":
            group.create_task(machine.sell(key), name=key)
    machine.end(power=power)
    assert await keys(tmp_path / "j.db") == {"a", "b", "c"}
    assert len(machine.told) == 3


async def test_a_log_that_is_not_flushed_is_lost_with_the_power(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "j.db")
    connection_of(machine.journal._store).execute("PRAGMA synchronous = NORMAL")
    await machine.sell("a")
    machine.end(power=True)
    assert await keys(tmp_path / "j.db") == set()


@pytest.mark.parametrize("doom", ["crash", "power"])
async def test_a_commit_in_which_the_end_comes_is_there_as_a_whole_or_not_at_all(
    tmp_path: Path, doom: str
) -> None:
    found: set[frozenset[str]] = set()
    for seed in range(30):
        path = tmp_path / f"{doom}{seed}.db"
        machine = Machine(path, seed)
        await machine.sell("a")
        machine.disk.doomed = doom
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await machine.sell("b")
        assert machine.life.dead
        machine.journal._writer.submit(None)  # type: ignore[arg-type]  # a dead process writes nothing
        machine.end(power=doom == "power")
        found.add(frozenset(await keys(path)))
    assert found == {frozenset("a"), frozenset("ab")}


async def test_a_full_disk_refuses_until_there_is_space(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "j.db")
    machine.disk.full_until_s = asyncio.get_running_loop().time() + 5
    with pytest.raises(JournalError, match="space"):
        await machine.sell("a")
    await asyncio.sleep(6)
    await machine.sell("a")
    machine.journal.close()
    assert machine.fired == ["disk full"]


async def test_a_transaction_that_is_interrupted_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "j.db")
    stored: set[str] = set()
    for number in range(40):
        machine.disk.failing = 1
        try:
            await machine.sell(str(number))
        except JournalError:
            continue
        stored.add(str(number))
    machine.journal.close()
    assert len(stored) < 40
    assert stored <= await keys(tmp_path / "j.db")


async def test_what_was_refused_for_want_of_a_flush_may_come_back_with_the_power(tmp_path: Path) -> None:
    found: set[frozenset[str]] = set()
    for seed in range(20):
        path = tmp_path / f"{seed}.db"
        machine = Machine(path, seed)
        await machine.sell("a")
        machine.disk.flushless = 1
        with pytest.raises(JournalError, match="flush"):
            await machine.sell("b")
        machine.end(power=True)
        found.add(frozenset(await keys(path)))
    assert found == {frozenset("a"), frozenset("ab")}


async def test_what_waits_at_the_end_is_written(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "j.db")
    selling = asyncio.get_running_loop().create_task(machine.sell("a"))
    await asyncio.sleep(0)
    machine.journal.close()
    await selling
    assert await keys(tmp_path / "j.db") == {"a"}


def test_files_are_put_where_they_were(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    assert read_files(path) == Files(b"", b"")
    put_files(path, Files(b"db", b"log"))
    assert read_files(path) == Files(b"db", b"log")
    put_files(path, Files(b"db2", b""))
    assert read_files(path) == Files(b"db2", b"")
    chance = random.Random(1)
    assert torn(Files(b"", b""), Files(b"new", b"x"), chance) == Files(b"new", b"x")
    lengths = {len(torn(Files(b"a", b"12345"), Files(b"b", b"123"), chance).log) for _ in range(50)}
    assert lengths == {3, 5}


async def test_a_disk_that_no_journal_was_opened_on_leaves_what_there_was(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    disk = Disk(path, Life(lambda _: None), random.Random(1), lambda _: None, lambda _: None)
    disk.put_back(disk.what_is_left(power=True))
    assert read_files(path) == Files(b"", b"")

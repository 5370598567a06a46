"""The file: gathered writes, a lost disk, another program's database, a newer version."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from agent.payments.errors import JournalError
from agent.pos.register.memory_file import APPLICATION_ID, FACT, FORMAT, MemoryFile, MemoryFileError


def fact(name: str, value: str = "1") -> list[tuple[str, tuple[object, ...]]]:
    return [(FACT, ("kasse-1", name, value))]


def test_the_file_is_for_our_own_user_only(tmp_path: Path) -> None:
    MemoryFile(tmp_path / "r.db").close()
    assert (tmp_path / "r.db").stat().st_mode & 0o077 == 0


@pytest.mark.real_time
async def test_what_gathers_while_the_disk_is_busy_goes_together(tmp_path: Path) -> None:
    file = MemoryFile(tmp_path / "r.db")
    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(file.write(fact(f"n{number}")), name=f"write {number}")
    await file.write([])
    await file.flushed()
    assert len(file.facts("kasse-1")) == 20
    file.close()


@pytest.mark.real_time
async def test_whoever_gives_up_waiting_keeps_nobody_else_from_it(tmp_path: Path) -> None:
    file = MemoryFile(tmp_path / "r.db")
    async with asyncio.TaskGroup() as group:
        first = group.create_task(file.write(fact("a")), name="first")
        second = group.create_task(file.write(fact("b")), name="second")
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait([second])
    await file.flushed()
    assert {name for name, _ in file.facts("kasse-1")} == {"a", "b"}
    file.close()


async def test_a_write_that_cannot_be_is_undone_and_told(tmp_path: Path) -> None:
    file = MemoryFile(tmp_path / "r.db")
    with pytest.raises(MemoryFileError, match="look at its disk"):
        await file.write([*fact("a"), ("INSERT INTO nowhere VALUES (1)", ())])
    assert file.facts("kasse-1") == []
    await file.write(fact("b"))
    assert file.facts("kasse-1") == [("b", "1")]
    file.close()
    with pytest.raises(JournalError):
        file.facts("kasse-1")
    with pytest.raises(MemoryFileError):
        await file.write(fact("c"))


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "r.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE theirs (x)")
    with pytest.raises(MemoryFileError, match="another program"):
        MemoryFile(path)


def test_a_newer_versions_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "r.db"
    MemoryFile(path).close()
    with closing(sqlite3.connect(path)) as newer:
        assert newer.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        newer.execute(f"PRAGMA user_version = {FORMAT + 1}")
    with pytest.raises(MemoryFileError, match="install the newer version"):
        MemoryFile(path)


def test_a_place_where_no_file_can_be(tmp_path: Path) -> None:
    with pytest.raises(MemoryFileError, match="cannot be kept"):
        MemoryFile(tmp_path / "missing" / "r.db")

"""Who commits: a thread that groups, or the caller. In order; everybody is told; nothing is lost."""

import asyncio
import threading
from collections.abc import Sequence
from itertools import pairwise

import pytest

from agent.payments.change import Write
from agent.payments.writer import MOST_TOGETHER, GroupWriter, InlineWriter, Pending

EMPTY = Write((), ())


def pending(number: int) -> Pending:
    return Pending(EMPTY, number, None)


class FakeDisk:
    """Commits that wait until they are let, one by one or all."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.threads: set[str] = set()
        self.begun = threading.Event()
        self.free = threading.Event()
        self.bug: Exception | None = None

    def commit(self, writes: Sequence[Write]) -> list[Exception | None]:
        self.sizes.append(len(writes))
        self.threads.add(threading.current_thread().name)
        self.begun.set()
        self.free.wait(10)
        if self.bug is not None:
            raise self.bug
        return [None] * len(writes)


class FakeJournal:
    """Notes what it is told, and where."""

    def __init__(self) -> None:
        self.told: list[int] = []
        self.errors: list[Exception | None] = []
        self.threads: set[str] = set()

    def done(self, batch: Sequence[Pending], results: Sequence[Exception | None]) -> None:
        self.told += [each.number for each in batch]
        self.errors += results
        self.threads.add(threading.current_thread().name)


async def turn() -> None:
    """Let the loop run what was handed to it."""
    done = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(done.set_result, None)
    await done


@pytest.mark.real_time
async def test_what_gathers_while_the_disk_is_busy_goes_together() -> None:
    disk, journal = FakeDisk(), FakeJournal()
    writer = GroupWriter(disk.commit, journal.done, asyncio.get_running_loop())
    writer.submit(pending(0))
    await turn()
    assert disk.begun.wait(10)
    for number in range(1, MOST_TOGETHER + 3):
        writer.submit(pending(number))
        await turn()
    disk.free.set()
    writer.close()
    await turn()
    assert disk.sizes == [1, MOST_TOGETHER, 2]
    assert journal.told == list(range(MOST_TOGETHER + 3))
    assert all(earlier < later for earlier, later in pairwise(journal.told))
    assert set(journal.errors) == {None}
    assert disk.threads == {"journal writer"}
    assert journal.threads == {threading.current_thread().name}


@pytest.mark.real_time
async def test_one_turn_of_the_loop_is_handed_over_at_once() -> None:
    disk, journal = FakeDisk(), FakeJournal()
    disk.free.set()
    writer = GroupWriter(disk.commit, journal.done, asyncio.get_running_loop())
    for number in range(3):
        writer.submit(pending(number))
    assert not disk.begun.is_set()
    while len(journal.told) < 3:
        await turn()
    assert disk.sizes == [3]
    writer.close()


@pytest.mark.real_time
@pytest.mark.parametrize("number", [0, 2])
async def test_closing_finishes_what_is_queued(number: int) -> None:
    disk, journal = FakeDisk(), FakeJournal()
    disk.free.set()
    writer = GroupWriter(disk.commit, journal.done, asyncio.get_running_loop())
    for each in range(number):
        writer.submit(pending(each))
    writer.close()
    await turn()
    assert sum(disk.sizes) == len(journal.told) == number
    assert "journal writer" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.real_time
async def test_a_bug_in_the_commit_reaches_those_who_wait_and_not_the_next() -> None:
    disk, journal = FakeDisk(), FakeJournal()
    disk.free.set()
    disk.bug = RuntimeError("a bug")
    writer = GroupWriter(disk.commit, journal.done, asyncio.get_running_loop())
    writer.submit(pending(1))
    while not journal.told:
        await turn()
    disk.bug = None
    writer.submit(pending(2))
    writer.close()
    await turn()
    assert [str(error) for error in journal.errors] == ["a bug", "None"]


def test_a_closed_loop_stops_no_commit() -> None:
    disk, journal = FakeDisk(), FakeJournal()
    loop = asyncio.new_event_loop()
    writer = GroupWriter(disk.commit, journal.done, loop)
    writer.submit(pending(1))
    loop.run_until_complete(turn())
    assert disk.begun.wait(10)
    writer.submit(pending(2))
    loop.close()
    disk.free.set()
    writer.close()
    assert disk.sizes == [1, 1]
    assert journal.told == []


def test_inline_everything_happens_at_once() -> None:
    disk, journal = FakeDisk(), FakeJournal()
    disk.free.set()
    writer = InlineWriter(disk.commit, journal.done)
    writer.submit(pending(1))
    assert journal.told == [1]
    assert journal.threads == disk.threads == {threading.current_thread().name}
    writer.close()

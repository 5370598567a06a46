"""Tests of what waits to be taken from a link."""

import asyncio

import pytest

from drivers.links.base import LinkLostError
from drivers.links.inbox import INBOX_MAX, Inbox


async def test_bytes_come_out_as_they_came_in() -> None:
    inbox = Inbox()
    inbox.put(b"ab")
    inbox.put(b"c")
    assert await inbox.take() == b"abc"
    async with asyncio.TaskGroup() as group:
        taking = group.create_task(inbox.take(), name="take")
        await asyncio.sleep(1)
        inbox.put(b"d")
    assert taking.result() == b"d"


async def test_what_has_come_is_taken_before_the_end_is_told() -> None:
    inbox = Inbox()
    inbox.put(b"last words")
    inbox.end()
    inbox.put(b"too late")
    assert inbox.ended
    assert await inbox.take() == b"last words"
    assert await inbox.take() == b""
    assert await inbox.take() == b""
    with pytest.raises(LinkLostError, match="the port was closed by the other side"):
        inbox.check("the port")


async def test_the_first_cause_of_death_is_kept() -> None:
    inbox = Inbox()
    inbox.check("a living link")
    inbox.end(LinkLostError("pulled"))
    inbox.end(LinkLostError("something later"))
    inbox.end()
    for _ in range(2):
        with pytest.raises(LinkLostError, match="pulled"):
            await inbox.take()
        with pytest.raises(LinkLostError, match="pulled"):
            inbox.check("the port")


async def test_who_waits_learns_of_the_end() -> None:
    inbox = Inbox()
    async with asyncio.TaskGroup() as group:
        taking = group.create_task(inbox.take(), name="take")
        await asyncio.sleep(1)
        inbox.end()
        inbox.end()
    assert taking.result() == b""


async def test_cancelling_takes_nothing_away() -> None:
    inbox = Inbox()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await inbox.take()
    async with asyncio.TaskGroup() as group:
        taking = group.create_task(inbox.take(), name="take")
        await asyncio.sleep(0)
        inbox.put(b"just")
        inbox.put(b" then")
        taking.cancel()
    assert await inbox.take() == b"just then"


async def test_two_readers_are_a_bug() -> None:
    inbox = Inbox()
    async with asyncio.TaskGroup() as group:
        group.create_task(inbox.take(), name="take")
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="two tasks"):
            await inbox.take()
        inbox.end()


async def test_the_source_waits_while_nobody_takes() -> None:
    calls: list[str] = []
    inbox = Inbox(pause=lambda: calls.append("pause"), resume=lambda: calls.append("resume"))
    inbox.put(bytes(INBOX_MAX - 1))
    assert calls == []
    inbox.put(b"xx")
    inbox.put(b"x")
    assert calls == ["pause"]
    assert len(await inbox.take()) == INBOX_MAX + 2
    assert calls == ["pause", "resume"]
    inbox.put(bytes(INBOX_MAX))
    inbox.end()
    await inbox.take()
    assert calls == ["pause", "resume", "pause"], "a link that is over is not asked for more"


async def test_what_nobody_wants_is_forgotten() -> None:
    inbox = Inbox()
    inbox.put(b"old")
    inbox.discard()
    inbox.end()
    assert await inbox.take() == b""


async def test_who_does_not_receive_is_told_of_the_end_once() -> None:
    inbox, ends = Inbox(), []
    inbox.on_end = lambda: ends.append(inbox.ended)
    inbox.end()
    inbox.end(LinkLostError("late"))
    assert ends == [True]

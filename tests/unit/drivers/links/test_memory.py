"""Tests of links inside one process."""

import asyncio

import pytest

from drivers.links.address import MemoryAddress
from drivers.links.base import Breakable, LinkLostError, LinkNotOpenedError
from drivers.links.inbox import INBOX_MAX
from drivers.links.memory import MemoryNetwork, pair


async def test_what_one_end_sends_the_other_receives() -> None:
    one, other = pair()
    assert isinstance(one, Breakable)
    await one.send(b"up")
    await other.send(b"down")
    await other.send(b"")
    assert (await other.receive(), await one.receive()) == (b"up", b"down")


async def test_nothing_waits_however_much_is_sent() -> None:
    one, other = pair()
    for _ in range(3):
        await one.send(bytes(INBOX_MAX))
    assert len(await other.receive()) == 3 * INBOX_MAX


async def test_closing_is_seen_after_the_last_bytes() -> None:
    one, other = pair("the till", "the terminal")
    await other.send(b"never read")
    await one.send(b"bye")
    before = other.ended
    await one.close()
    await one.close()
    assert (before, other.ended) == (False, True), "known before the last bytes are read"
    assert await other.receive() == b"bye"
    assert await other.receive() == b""
    with pytest.raises(LinkLostError, match="the terminal was closed by the other side"):
        await other.send(b"x")
    with pytest.raises(LinkLostError, match="the till was closed by us"):
        await one.send(b"x")
    with pytest.raises(LinkLostError) as closed:
        await one.receive()
    assert closed.value.code == "link_closed"


async def test_a_broken_pipe_is_lost_for_both() -> None:
    one, other = pair("the till", "the terminal")
    await one.send(b"half a fr")
    one.abort()
    assert await other.receive() == b"half a fr"
    for end in (one, other):
        with pytest.raises(LinkLostError, match="the till was cut"):
            await end.receive()
        with pytest.raises(LinkLostError, match="the till was cut"):
            await end.send(b"x")


async def test_a_listener_gets_a_link_for_each_caller() -> None:
    network = MemoryNetwork()
    listener = network.listen("terminal")
    assert listener.address == MemoryAddress("terminal")
    async with asyncio.TaskGroup() as group:
        accepting = group.create_task(listener.accept(), name="accept")
        await asyncio.sleep(1)
        first = network.call(listener.address)
    second = network.call(listener.address)
    await first.send(b"1")
    await second.send(b"2")
    assert await accepting.result().receive() == b"1"
    assert await (await listener.accept()).receive() == b"2"


async def test_nobody_listens() -> None:
    network = MemoryNetwork()
    with pytest.raises(LinkNotOpenedError, match="nobody listens at memory://x") as absent:
        network.call(MemoryAddress("x"))
    assert absent.value.code == "link_absent"
    listener = network.listen("x")
    waiting = network.call(MemoryAddress("x"))
    await listener.shut()
    with pytest.raises(LinkNotOpenedError):
        network.call(MemoryAddress("x"))
    await listener.open()
    network.call(MemoryAddress("x"))
    await listener.close()
    with pytest.raises(LinkNotOpenedError):
        network.call(MemoryAddress("x"))
    assert await waiting.receive() == b""

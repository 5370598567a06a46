"""Tests of links over descriptors: partial writes, loss, closing. Real descriptors, real clock."""

import asyncio
import errno
import os
import socket
import threading
import tty
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from drivers.links.base import Breakable, LinkLostError
from drivers.links.descriptor import OUTGOING_MAX, DescriptorLink
from drivers.links.inbox import INBOX_MAX
from tests.unit.drivers.links.descriptors import open_descriptors

pytestmark = pytest.mark.real_time


class CountingLink(DescriptorLink):
    calls = 0
    paused = False

    def _pause(self) -> None:
        super()._pause()
        self.paused = True

    def _resume(self) -> None:
        super()._resume()
        self.paused = False

    def _writable(self) -> None:
        self.calls += 1
        super()._writable()


class Wire:
    """A link on one end of a socket pair whose buffers are as small as they get; the other end is bare."""

    def __init__(self) -> None:
        ours, self.far = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.far.setblocking(False)
        self.fd = ours.detach()
        self.closed = 0
        self.link = CountingLink(self.fd, "the port", self._close)

    def _close(self) -> None:
        self.closed += 1
        os.close(self.fd)

    def has_writer(self) -> bool:
        return asyncio.get_running_loop().remove_writer(self.fd)

    def has_reader(self) -> bool:
        return asyncio.get_running_loop().remove_reader(self.fd)

    async def read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            data += await asyncio.get_running_loop().sock_recv(self.far, 65_536)
        return data


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    before = open_descriptors()
    made = Wire()
    yield made
    made.link.abort()
    made.far.close()
    assert open_descriptors() == before, "descriptors are left"


def owes(wire: Wire) -> bool:
    return wire.link.writing


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  # the condition is of the kernel, which sets no Event
            await asyncio.sleep(0)


async def test_bytes_go_both_ways(wire: Wire) -> None:
    link: Breakable = wire.link
    assert isinstance(link, Breakable)
    await wire.link.send(b"")
    await wire.link.send(b"\x06\x00up")
    assert await wire.read(4) == b"\x06\x00up"
    wire.far.send(b"down")
    assert await wire.link.receive() == b"down"
    assert not wire.link.writing
    assert not wire.has_writer()


async def test_after_a_partial_write_the_writer_is_removed(wire: Wire) -> None:
    sent = os.urandom(100_000)
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(wire.link.send(sent), name="send")
        await asyncio.sleep(0)
        assert owes(wire), "the kernel cannot have taken it all: nobody reads"
        assert not sending.done()
        assert await wire.read(len(sent)) == sent
    assert not owes(wire)
    calls = wire.link.calls
    assert calls > 0
    for _ in range(50):
        await asyncio.sleep(0)
    assert wire.link.calls == calls, "the loop calls a writer that has nothing to write"
    assert not wire.has_writer(), "the writer is still registered"
    await wire.link.send(b"again")
    assert await wire.read(5) == b"again"


async def test_sends_do_not_mix_and_a_cancelled_one_still_goes_out_whole(wire: Wire) -> None:
    async with asyncio.TaskGroup() as group:
        first = group.create_task(wire.link.send(b"a" * 50_000), name="first")
        await asyncio.sleep(0)
        second = group.create_task(wire.link.send(b"b" * 50_000), name="second")
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        assert first.cancelled()
        assert await wire.read(100_000) == b"a" * 50_000 + b"b" * 50_000
    assert second.done()
    await wire.link.send(b"c")
    assert await wire.read(1) == b"c"


async def test_an_empty_read_is_a_loss_and_the_descriptor_is_closed_at_once(wire: Wire) -> None:
    ends: list[bool] = []
    wire.link.on_end(lambda: ends.append(True))
    wire.far.send(b"last")
    wire.far.close()
    assert await wire.link.receive() == b"last"
    with pytest.raises(LinkLostError, match="the port is gone: unplugged") as lost:
        await wire.link.receive()
    assert lost.value.code == "link_lost"
    assert wire.closed == 1
    with pytest.raises(LinkLostError, match="unplugged"):
        await wire.link.send(b"x")
    await wire.link.close()
    wire.link.abort()
    assert (wire.closed, ends, wire.link.ended) == (1, [True], True)


async def test_a_write_that_fails_is_a_loss(wire: Wire) -> None:
    wire.far.close()
    with pytest.raises(LinkLostError, match="gone: Broken pipe"):
        await wire.link.send(b"x")
    assert wire.closed == 1


async def test_a_loss_in_the_middle_of_a_long_write_reaches_the_sender(wire: Wire) -> None:
    async with asyncio.TaskGroup() as group:
        failed = group.create_task(lost(wire.link.send(bytes(100_000))), name="send")
        await asyncio.sleep(0)
        assert wire.has_reader(), "so that the writer is the one who learns of it"
        wire.far.close()
    assert "Broken pipe" in failed.result()
    assert wire.closed == 1


async def lost(doing: Awaitable[object]) -> str:
    with pytest.raises(LinkLostError) as caught:
        await doing
    return str(caught.value)


async def test_an_error_of_the_driver_is_a_loss(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(fd: int, count: int) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO), fd, count)

    monkeypatch.setattr(os, "read", broken)
    wire.far.send(b"x")
    with pytest.raises(LinkLostError, match="gone: Input/output error"):
        await wire.link.receive()


async def test_a_false_alarm_is_no_loss(wire: Wire) -> None:
    wire.link._readable()
    wire.far.send(b"x")
    assert await wire.link.receive() == b"x"


async def test_a_kernel_that_is_full_from_the_start_is_waited_for(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_write = os.write
    refusals = [BlockingIOError(), BlockingIOError()]

    def write(fd: int, data: bytes) -> int:
        if fd == wire.fd and refusals:
            raise refusals.pop()
        return real_write(fd, data)

    monkeypatch.setattr(os, "write", write)
    await wire.link.send(b"abc")
    assert not refusals
    assert await wire.read(3) == b"abc"
    assert not wire.has_writer()


async def test_a_port_that_takes_nothing_is_given_up_before_memory_is_full(wire: Wire) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            task = group.create_task(wire.link.send(bytes(OUTGOING_MAX // 2)), name="send")
            await asyncio.sleep(0)
            task.cancel()
    with pytest.raises(LinkLostError, match="takes no bytes any more"):
        await wire.link.send(bytes(OUTGOING_MAX // 2))
    assert wire.closed == 1


async def test_a_flood_waits_in_the_kernel(wire: Wire) -> None:
    async with asyncio.TaskGroup() as group:
        flood = group.create_task(
            asyncio.get_running_loop().sock_sendall(wire.far, bytes(4 * INBOX_MAX)), name="flood"
        )
        await until(lambda: wire.link.paused)
        assert not flood.done()
        taken = 0
        while taken < 4 * INBOX_MAX:
            taken += len(await wire.link.receive())
    assert taken == 4 * INBOX_MAX
    assert not wire.link.paused


async def test_closing_ends_whoever_waits(wire: Wire) -> None:
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(lost(wire.link.send(bytes(100_000))), name="send")
        receiving = group.create_task(lost(wire.link.receive()), name="receive")
        await asyncio.sleep(0)
        await wire.link.close()
    assert sending.result() == receiving.result() == "the port was closed by us"
    await wire.link.close()
    assert wire.closed == 1


async def test_closing_waits_for_a_slow_kernel_in_a_thread() -> None:
    threads: list[int] = []
    master, slave = os.openpty()
    tty.setraw(slave)

    def close_slave() -> None:
        threads.append(threading.get_ident())
        os.close(slave)

    link = DescriptorLink(slave, "the port", close_slave)
    await link.close()
    os.close(master)
    assert threads
    assert threads != [threading.get_ident()]

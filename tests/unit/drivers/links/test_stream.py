"""Tests of links over asyncio's transports, on a transport that does what the test says."""

import asyncio
import ssl
from collections.abc import Callable

import pytest

from drivers.links.base import Breakable, Cause, LinkLostError
from drivers.links.inbox import INBOX_MAX
from drivers.links.stream import CLOSE_S, StreamLink


class FakeTransport(asyncio.Transport):
    """Remembers what it was told; `stuck` transports do not close by themselves."""

    def __init__(self, link: StreamLink, *, stuck: bool = False) -> None:
        super().__init__()
        self.link = link
        self.stuck = stuck
        self.said: list[str] = []
        self.closing = False
        self.on_write: Callable[[], None] = lambda: None
        link.connection_made(self)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.said.append(f"limits {high} {low}")

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.said.append(f"write {bytes(data)!r}")
        self.on_write()

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        self.said.append("pause")

    def resume_reading(self) -> None:
        self.said.append("resume")

    def close(self) -> None:
        self.said.append("close")
        self.closing = True
        if not self.stuck:
            asyncio.get_running_loop().call_soon(self.link.connection_lost, None)

    def abort(self) -> None:
        self.said.append("abort")
        self.closing = True
        asyncio.get_running_loop().call_soon(self.link.connection_lost, None)

    def break_by(self, error: Exception) -> None:
        self.closing = True
        asyncio.get_running_loop().call_soon(self.link.connection_lost, error)


def made(*, stuck: bool = False) -> tuple[StreamLink, FakeTransport]:
    link = StreamLink("tcp://t:1")
    transport = FakeTransport(link, stuck=stuck)
    transport.said.clear()
    return link, transport


async def test_any_byte_the_kernel_has_not_taken_makes_send_wait() -> None:
    told: list[StreamLink] = []
    link = StreamLink("tcp://t:1", on_made=told.append)
    transport = FakeTransport(link)
    assert isinstance(link, Breakable)
    assert told == [link]
    assert transport.said == ["limits 0 None"]
    transport.on_write = link.pause_writing
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(link.send(b"abc"), name="send")
        await asyncio.sleep(5)
        assert not sending.done()
        link.resume_writing()
    assert transport.said[1:] == ["write b'abc'"]


async def test_a_write_that_fails_on_the_spot_reaches_its_sender() -> None:
    link, transport = made()
    transport.on_write = lambda: transport.break_by(ConnectionResetError("reset by peer"))
    with pytest.raises(LinkLostError, match="tcp://t:1 broke: reset by peer") as lost:
        await link.send(b"x")
    assert lost.value.cause is Cause.LOST
    with pytest.raises(LinkLostError, match="reset by peer"):
        await link.send(b"y")
    assert transport.said == ["write b'x'"], "nothing is written to a link that is lost"


async def test_a_sender_that_waits_for_room_learns_of_the_loss() -> None:
    link, transport = made()
    transport.on_write = link.pause_writing
    async with asyncio.TaskGroup() as group:
        group.create_task(lost(link, "reset"), name="send")
        await asyncio.sleep(1)
        transport.break_by(ConnectionResetError("reset"))


async def lost(link: StreamLink, why: str) -> None:
    with pytest.raises(LinkLostError, match=why):
        await link.send(b"x")


async def test_a_half_closed_stream_is_over() -> None:
    link, transport = made()
    link.data_received(b"last")
    before = link.ended
    # gives None, so asyncio closes our half too
    link.eof_received()
    transport.close()
    assert (before, link.ended) == (False, True)
    assert await link.receive() == b"last"
    assert await link.receive() == b""
    await lost(link, "closed by the other side")


async def test_a_refused_certificate_is_named_as_such() -> None:
    link, transport = made()
    transport.break_by(ssl.SSLError(1, "tlsv13 alert certificate required"))
    with pytest.raises(LinkLostError, match="certificate required") as untrusted:
        await link.receive()
    assert untrusted.value.code == "link_untrusted"


async def test_reading_stops_while_nobody_takes() -> None:
    link, transport = made()
    link.data_received(bytes(INBOX_MAX))
    assert transport.said == ["pause"]
    await link.receive()
    assert transport.said == ["pause", "resume"]
    link.data_received(bytes(INBOX_MAX))
    transport.closing = True
    await link.receive()
    assert transport.said == ["pause", "resume", "pause"], "a closing transport cannot be resumed"


async def test_closing_lets_the_last_bytes_go_and_is_safe_twice() -> None:
    link, transport = made()
    link.data_received(b"never read")
    await link.close()
    await link.close()
    link.abort()
    assert transport.said == ["close"]
    with pytest.raises(LinkLostError, match="closed by us") as closed:
        await link.receive()
    assert closed.value.cause is Cause.CLOSED


async def test_a_side_that_does_not_let_us_close_is_broken_off() -> None:
    link, transport = made(stuck=True)
    started = asyncio.get_running_loop().time()
    await link.close()
    assert transport.said == ["close", "abort"]
    assert asyncio.get_running_loop().time() - started == CLOSE_S


async def test_a_cancelled_close_leaves_nothing_open() -> None:
    link, transport = made(stuck=True)
    async with asyncio.TaskGroup() as group:
        closing = group.create_task(link.close(), name="close")
        await asyncio.sleep(0.1)
        closing.cancel()
    assert closing.cancelled()
    assert transport.said == ["close", "abort"]


async def test_breaking_off() -> None:
    link, transport = made()
    link.abort()
    await lost(link, "closed by us")
    assert transport.said == ["abort"]


async def test_a_stream_that_never_connected() -> None:
    link = StreamLink("tcp://t:1")
    with pytest.raises(RuntimeError, match="not connected"):
        await link.send(b"x")
    await link.close()
    link.abort()

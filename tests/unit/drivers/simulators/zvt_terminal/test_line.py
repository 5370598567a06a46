"""A link with and without serial framing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from drivers.links.memory import MemoryLink, pair
from drivers.simulators.zvt_terminal.line import Line
from drivers.simulators.zvt_terminal.profiles import Framing
from drivers.zvt.errors import DecodeError
from drivers.zvt.serial_frame import ACK, encode_frame

OK = bytes.fromhex("800000")
DONE = bytes.fromhex("060F00")
LONG = b"\x04\x0f\xff\x34\x12" + bytes(0x1234)


class Ends:
    """A line and the far end of its link."""

    def __init__(self, framing: Framing, *, serial: bool) -> None:
        self.far, near = pair()
        self.failures = 0
        self.line = Line(near, framing, serial=serial, failed=self._failed)

    def _failed(self) -> None:
        self.failures += 1


@asynccontextmanager
async def ends(framing: Framing = Framing.PLAIN, *, serial: bool = False) -> AsyncIterator[Ends]:
    both = Ends(framing, serial=serial)
    async with asyncio.TaskGroup() as group:
        writing = group.create_task(both.line.write(), name="line writes")
        yield both
        writing.cancel()


async def all_of(link: MemoryLink, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += await link.receive()
    return data


async def test_messages_go_out_as_they_are() -> None:
    async with ends() as both:
        both.line.send(OK, more=True)
        assert await both.far.receive() == OK
        both.line.send(LONG)
        assert await all_of(both.far, len(LONG)) == LONG


async def test_what_belongs_together_shares_a_segment_or_is_flushed() -> None:
    async with ends(Framing.COALESCED) as both:
        both.line.send(OK, more=True)
        both.line.send(DONE)
        assert await both.far.receive() == OK + DONE
        both.line.send(OK, more=True)
        both.line.flush()
        both.line.flush()
        assert await both.far.receive() == OK


async def test_lengths_with_the_wrong_end_first() -> None:
    async with ends(Framing.BIG_ENDIAN) as both:
        both.line.send(DONE)
        assert await both.far.receive() == DONE
        both.line.send(LONG)
        turned = await all_of(both.far, len(LONG))
        assert turned[:5] == b"\x04\x0f\xff\x12\x34"
        assert turned[5:] == LONG[5:]


async def test_pieces_add_up() -> None:
    async with ends(Framing.CUT) as both:
        both.line.send(LONG)
        assert await all_of(both.far, len(LONG)) == LONG


async def test_reading_a_stream() -> None:
    async with ends() as both:
        assert both.line.feed(OK[:2]) == []
        assert [apdu.command for apdu in both.line.feed(OK[2:] + DONE)] == [0x8000, 0x060F]
        with pytest.raises(DecodeError):
            both.line.feed(b"HTTP")


async def test_a_serial_line_sends_one_frame_at_a_time() -> None:
    async with ends(serial=True) as both:
        both.line.send(OK)
        both.line.send(DONE)
        assert await both.far.receive() == encode_frame(OK)
        assert both.line.feed(ACK) == []
        assert await both.far.receive() == encode_frame(DONE)
        both.line.feed(ACK)
        await asyncio.sleep(30)
        assert both.failures == 0


async def test_a_serial_frame_is_repeated_twice_and_then_reported() -> None:
    async with ends(serial=True) as both:
        both.line.send(OK)
        await asyncio.sleep(14)
        assert both.failures == 0
        await asyncio.sleep(2)
        assert both.failures == 1
        assert await both.far.receive() == encode_frame(OK) * 3


async def test_a_reset_forgets_what_was_owed() -> None:
    async with ends(serial=True) as both:
        both.line.send(OK)
        both.line.send(DONE)
        both.line.reset()
        await asyncio.sleep(30)
        assert await both.far.receive() == encode_frame(OK)
        assert both.failures == 0


async def test_the_end_of_a_link() -> None:
    async with ends() as both:
        await both.far.close()
        assert await both.line.receive() is None
        both.line.send(OK)
        await asyncio.sleep(0.1)
    async with ends() as both:
        both.far.abort()
        assert await both.line.receive() is None

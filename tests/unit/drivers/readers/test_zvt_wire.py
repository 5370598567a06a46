"""Messages over links: timers, interruptions, strangers, and lines that lose bytes."""

import asyncio

import pytest

from drivers.links.base import LinkLostError
from drivers.links.memory import MemoryLink, pair
from drivers.readers.zvt_timing import Timing
from drivers.readers.zvt_wire import NEVER, BareWire, FramedWire, Wire, make_wire
from drivers.zvt.apdu import Apdu
from drivers.zvt.errors import ForeignProtocolError
from drivers.zvt.serial_frame import ACK, NAK, encode_frame

TIMING = Timing()
OK = bytes.fromhex("800000")
DONE = bytes.fromhex("060F00")


def now() -> float:
    return asyncio.get_running_loop().time()


def bare() -> tuple[Wire, MemoryLink]:
    ours, theirs = pair()
    return make_wire(ours, TIMING, framed=False), theirs


def framed() -> tuple[Wire, MemoryLink]:
    ours, theirs = pair()
    return make_wire(ours, TIMING, framed=True), theirs


def test_the_address_decides_the_wire() -> None:
    assert isinstance(bare()[0], BareWire)
    assert isinstance(framed()[0], FramedWire)


async def test_bare_messages_in_pieces_and_together() -> None:
    wire, pt = bare()
    await wire.send(OK)
    assert await pt.receive() == OK
    await wire.flush()
    await pt.send(OK + DONE)
    assert await wire.receive(NEVER) == [Apdu(0x8000), Apdu(0x060F)]
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(wire.receive(NEVER))
        for byte in DONE:
            await asyncio.sleep(1)
            await pt.send(bytes((byte,)))
    assert waiting.result() == [Apdu(0x060F)]
    # a message and a half, then the other half
    await pt.send(OK + DONE[:1])
    assert await wire.receive(NEVER) == [Apdu(0x8000)]
    await pt.send(DONE[1:])
    assert await wire.receive(NEVER) == [Apdu(0x060F)]


async def test_silence_ends_at_its_time() -> None:
    wire, _ = bare()
    with pytest.raises(TimeoutError):
        await wire.receive(now() + 7)
    assert now() == pytest.approx(7)


async def test_a_message_that_dribbles_in_ends_the_link() -> None:
    wire, pt = bare()
    await pt.send(DONE[:2])
    with pytest.raises(LinkLostError, match="did not end it in time"):
        await wire.receive(NEVER)
    assert now() == pytest.approx(TIMING.t3_s)


async def test_silence_may_end_before_a_dribbling_message_does() -> None:
    wire, pt = bare()
    await pt.send(DONE[:2])
    with pytest.raises(TimeoutError):
        await wire.receive(now() + 1)


@pytest.mark.parametrize("make", [bare, framed])
async def test_an_interruption_now_or_before(make: type) -> None:
    wire, _ = make()
    wire.interrupt()
    assert await wire.receive(NEVER) == []
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(wire.receive(now() + 60))
        await asyncio.sleep(1)
        wire.interrupt()
        wire.interrupt()
    assert waiting.result() == []
    assert now() == pytest.approx(1)
    with pytest.raises(TimeoutError):
        await wire.receive(now() + 1)


@pytest.mark.parametrize("make", [bare, framed])
async def test_a_closed_link_is_lost(make: type) -> None:
    wire, pt = make()
    await pt.close()
    with pytest.raises(LinkLostError, match="closed"):
        await wire.receive(NEVER)


async def test_good_messages_before_nonsense_still_count() -> None:
    wire, pt = bare()
    await pt.send(OK + b"HTTP/1.1 400 Bad Request")
    assert await wire.receive(NEVER) == [Apdu(0x8000)]
    with pytest.raises(ForeignProtocolError, match="an HTTP server"):
        await wire.receive(NEVER)


async def test_frames_are_acknowledged_and_wait_for_each_other() -> None:
    wire, pt = framed()
    await wire.send(OK)
    await wire.send(DONE)
    assert await pt.receive() == encode_frame(OK)
    await pt.send(ACK + encode_frame(OK))
    assert await wire.receive(NEVER) == [Apdu(0x8000)]
    # the ACK came with a frame: ours goes out, and so does the one that waited
    assert await pt.receive() == ACK + encode_frame(DONE)
    await pt.send(ACK)
    await wire.flush()
    await wire.flush()


async def test_a_frame_is_repeated_until_it_is_acknowledged() -> None:
    wire, pt = framed()
    await wire.send(OK)
    async with asyncio.TaskGroup() as group:
        flushing = group.create_task(wire.flush())
        await asyncio.sleep(TIMING.t2_s + 1)
        assert await pt.receive() == 2 * encode_frame(OK)
        await pt.send(ACK)
    flushing.result()


async def test_three_tries_are_enough() -> None:
    wire, pt = framed()
    await wire.send(OK)
    with pytest.raises(LinkLostError, match="no ACK after 3 tries"):
        await wire.flush()
    assert now() == pytest.approx(3 * TIMING.t2_s)
    assert await pt.receive() == 3 * encode_frame(OK)


async def test_half_a_frame_is_refused_after_t1() -> None:
    wire, pt = framed()
    await pt.send(encode_frame(DONE)[:4])
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(wire.receive(NEVER))
        await asyncio.sleep(TIMING.t1_s * 2)
        assert await pt.receive() == NAK
        await pt.send(encode_frame(DONE))
    assert waiting.result() == [Apdu(0x060F)]


async def test_a_repeated_frame_is_not_delivered_twice() -> None:
    wire, pt = framed()
    await pt.send(2 * encode_frame(DONE))
    assert await wire.receive(NEVER) == [Apdu(0x060F)]
    assert await pt.receive() == 2 * ACK


async def test_a_stranger_on_the_serial_line_is_named() -> None:
    wire, pt = framed()
    await pt.send(b"HTTP/1.1 400 Bad Request")
    with pytest.raises(ForeignProtocolError, match="an HTTP server"):
        await wire.receive(now() + 5)
    wire, pt = framed()
    await wire.send(OK)
    await pt.send(b"HTTP/1.1 400 Bad Request")
    with pytest.raises(ForeignProtocolError, match="an HTTP server"):
        await wire.flush()


async def test_noise_alone_is_silence() -> None:
    wire, pt = framed()
    await pt.send(b"\x00\x01")
    with pytest.raises(TimeoutError):
        await wire.receive(now() + 5)

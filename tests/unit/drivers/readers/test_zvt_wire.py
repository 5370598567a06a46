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


async def test_a_stranger_who_says_no_to_frames_is_named_at_once() -> None:
    wire, pt = framed()
    await wire.send(OK)
    for _ in range(3):
        await pt.send(b"\x15\x03\x69")
    with pytest.raises(ForeignProtocolError, match="an ECR17 terminal"):
        await wire.flush()
    assert now() == 0


async def test_a_terminal_that_was_understood_is_no_stranger() -> None:
    wire, pt = framed()
    await pt.send(encode_frame(DONE))
    assert await wire.receive(NEVER) == [Apdu(0x060F)]
    await wire.send(OK)
    for _ in range(3):
        await pt.send(b"\x15\x03\x69")
    with pytest.raises(LinkLostError, match="the serial line failed: no ACK"):
        await wire.flush()


async def test_bytes_without_frames_ask_for_the_settings_of_the_port() -> None:
    wire, pt = framed()
    await wire.send(OK)
    await pt.send(b"\x00\xf8")
    with pytest.raises(LinkLostError, match=r"\(no ACK.*, what came is 00 F8; do baud rate"):
        await wire.flush()


async def test_nothing_at_all_asks_for_cable_and_power() -> None:
    wire, _ = framed()
    await wire.send(OK)
    with pytest.raises(
        LinkLostError, match="all is silent there; is it switched on, is its cable in this port"
    ):
        await wire.flush()


async def test_a_stranger_is_heard_out() -> None:
    wire, pt = bare()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(_stranger(wire), name="receive")
        for byte in b"\x15\x03\x69":
            await pt.send(bytes((byte,)))
            await asyncio.sleep(0.1)
    assert waiting.result().protocol == "an ECR17 terminal"
    assert now() == pytest.approx(0.3)


@pytest.mark.parametrize("ending", ["silence", "close", "interrupted", "much"])
async def test_a_stranger_without_a_name_shows_what_it_said(ending: str) -> None:
    wire, pt = bare()
    await pt.send(b"Guten")
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(_stranger(wire), name="receive")
        await asyncio.sleep(0.1)
        await pt.send(b" Tag" * (20 if ending == "much" else 1))
        await asyncio.sleep(0.1)
        if ending == "close":
            await pt.close()
        if ending == "interrupted":
            wire.interrupt()
    error = waiting.result()
    assert error.protocol == "unknown"
    assert error.head.startswith(b"Guten Tag")
    assert "is ZVT enabled" in error.remedy
    assert now() <= 0.5


async def _stranger(wire: Wire) -> ForeignProtocolError:
    with pytest.raises(ForeignProtocolError) as caught:
        await wire.receive(NEVER)
    return caught.value


@pytest.mark.parametrize("ending", ["silence", "dribble", "close"])
async def test_an_answer_that_could_begin_a_message_is_looked_at_again(ending: str) -> None:
    wire, pt = bare()
    await pt.send(b"\x06\x03\x7a")
    if ending == "close":
        await pt.close()
    with pytest.raises(ForeignProtocolError, match="an ECR17 terminal"):
        await wire.receive(NEVER if ending == "dribble" else now() + 2)


async def test_who_hangs_up_before_a_word_may_be_somebody_elses() -> None:
    wire, pt = bare()
    await pt.close()
    with pytest.raises(LinkLostError, match="closed the connection; it said nothing before"):
        await wire.receive(NEVER)
    wire, pt = bare()
    await pt.send(OK)
    await wire.receive(NEVER)
    await pt.close()
    with pytest.raises(LinkLostError, match=r"closed the connection$"):
        await wire.receive(NEVER)


async def test_a_link_that_we_closed_is_not_explained() -> None:
    ours, _ = pair()
    wire = make_wire(ours, TIMING, framed=False)
    await ours.close()
    with pytest.raises(LinkLostError, match=r"was closed by us$"):
        await wire.receive(NEVER)


async def test_noise_alone_is_silence() -> None:
    wire, pt = framed()
    await pt.send(b"\x00\x01")
    with pytest.raises(TimeoutError):
        await wire.receive(now() + 5)

"""Messages on bare links and in serial frames."""

import asyncio

import pytest

from agent.pos.register.line import T3_S, BareLine, FramedLine
from drivers.links.memory import MemoryLink, pair
from drivers.zvt.errors import DecodeError
from drivers.zvt.serial_frame import ACK, NAK, encode_frame

PAY = bytes.fromhex("06010704000000001000")
YES = bytes.fromhex("800000")
LONG = bytes.fromhex("06D3FF0201") + bytes(0x102)


async def test_messages_come_whole_however_they_were_cut() -> None:
    register, ours = pair()
    line = BareLine(ours)
    for byte in PAY[:-1]:
        await register.send(bytes((byte,)))
        assert await line.receive() == []
    await register.send(PAY[-1:] + YES + YES[:1])
    apdus = await line.receive()
    assert apdus is not None
    assert [apdu.encode() for apdu in apdus] == [PAY, YES]
    await register.send(YES[1:])
    apdus = await line.receive()
    assert apdus is not None
    assert [apdu.encode() for apdu in apdus] == [YES]


async def test_a_message_that_dribbles_in_ends_the_connection() -> None:
    register, ours = pair()
    line = BareLine(ours)
    await register.send(PAY[:3])
    assert await line.receive() == []
    began = asyncio.get_running_loop().time()
    assert await line.receive() is None
    assert asyncio.get_running_loop().time() - began == pytest.approx(T3_S)


async def test_what_is_no_zvt_is_said_after_what_was() -> None:
    register, ours = pair()
    line = BareLine(ours)
    await register.send(YES + b"GET / HTTP/1.1\r\n")
    apdus = await line.receive()
    assert apdus is not None
    assert len(apdus) == 1
    with pytest.raises(DecodeError, match="HTTP"):
        await line.receive()
    register, ours = pair()
    await register.send(b"GET / HTTP/1.1\r\n")
    with pytest.raises(DecodeError):
        await BareLine(ours).receive()


@pytest.mark.parametrize("aborts", [False, True])
async def test_a_connection_that_is_over(aborts: bool) -> None:
    register, ours = pair()
    line = BareLine(ours)
    if aborts:
        register.abort()
    else:
        await register.close()
    assert await line.receive() is None
    line.send(YES)
    await line.write()
    line.reset()
    await line.close()


async def test_some_registers_read_the_long_length_the_wrong_way_round() -> None:
    register, ours = pair()
    line = BareLine(ours, big_endian=True)
    async with asyncio.TaskGroup() as group:
        writing = group.create_task(line.write(), name="writes")
        line.send(LONG)
        line.send(YES)
        await asyncio.sleep(0.1)
        assert await register.receive() == LONG[:3] + b"\x01\x02" + LONG[5:] + YES
        writing.cancel()


class Framed:
    """A framed line with its writer, and the register's end of it."""

    def __init__(self) -> None:
        self.register, ours = pair()
        self.failures = 0
        self.line = FramedLine(ours, self._failed)

    def _failed(self) -> None:
        self.failures += 1

    async def hear(self, link: MemoryLink | None = None) -> bytes:
        return await (link or self.register).receive()


async def test_frames_wait_for_the_acknowledgement_of_the_one_before() -> None:
    framed = Framed()
    async with asyncio.TaskGroup() as group:
        writing = group.create_task(framed.line.write(), name="writes")
        framed.line.send(YES)
        framed.line.send(PAY)
        assert await framed.hear() == encode_frame(YES)
        await framed.register.send(ACK)
        assert await framed.line.receive() == []
        assert await framed.hear() == encode_frame(PAY)
        writing.cancel()
    framed.line.reset()


async def test_a_frame_that_is_not_acknowledged_is_sent_three_times_and_given_up() -> None:
    framed = Framed()
    async with asyncio.TaskGroup() as group:
        writing = group.create_task(framed.line.write(), name="writes")
        framed.line.send(YES)
        for _ in range(3):
            assert await framed.hear() == encode_frame(YES)
        await asyncio.sleep(6)
        assert framed.failures == 1
        writing.cancel()


async def test_a_broken_frame_is_refused_and_an_empty_one_ignored() -> None:
    framed = Framed()
    async with asyncio.TaskGroup() as group:
        writing = group.create_task(framed.line.write(), name="writes")
        broken = bytearray(encode_frame(PAY))
        broken[-1] ^= 0xFF
        await framed.register.send(bytes(broken))
        assert await framed.line.receive() == []
        assert await framed.hear() == NAK
        await framed.register.send(encode_frame(b"\x06\x01\x07"))
        assert await framed.line.receive() == []
        assert await framed.hear() == ACK
        await framed.register.send(encode_frame(PAY)[:5])
        assert await framed.line.receive() == []
        assert await framed.hear() == NAK, "200 ms after its last byte"
        await framed.register.send(encode_frame(PAY))
        apdus = await framed.line.receive()
        assert apdus is not None
        assert [apdu.encode() for apdu in apdus] == [PAY]
        writing.cancel()
    await framed.register.close()
    assert await framed.line.receive() is None
    framed.line.reset()


async def test_a_port_that_is_pulled() -> None:
    framed = Framed()
    framed.register.abort()
    assert await framed.line.receive() is None
    await framed.line.close()

"""Tests of bytes carried as a plan says, between links in memory on virtual time."""

import asyncio

import pytest

from drivers.contract import Link
from drivers.links.base import LinkLostError
from drivers.links.memory import MemoryLink, pair
from drivers.simulators.faults import AfterBytes, Cut, Direction, Ending, Kind, NthChunk, Plan, Rule
from drivers.simulators.relay import Relay
from drivers.zvt.serial_frame import NAK, encode_frame

UP, DOWN = Direction.UP, Direction.DOWN


def now() -> float:
    return asyncio.get_running_loop().time()


class Line:
    """A till and a device with a relay between them."""

    def __init__(self, *rules: Rule, idle_s: float | None = None) -> None:
        self.till, app = pair("the till", "the relay's near end")
        device, self.device = pair("the relay's far end", "the device")
        self.cuts: list[tuple[float, Cut]] = []
        self.relay = Relay(app, device, Plan(rules, idle_s=idle_s), on_cut=self._on_cut)

    async def _on_cut(self, cut: Cut) -> None:
        self.cuts.append((now(), cut))


async def arrivals(link: Link, count: int) -> list[tuple[float, bytes]]:
    """When what came, until `count` bytes have."""
    told: list[tuple[float, bytes]] = []
    while sum(len(data) for _, data in told) < count:
        data = await link.receive()
        told.append((round(now(), 6), data))
    return told


async def run(line: Line, group: asyncio.TaskGroup) -> asyncio.Task[None]:
    task = group.create_task(line.relay.run(), name="relay")
    await asyncio.sleep(0)
    return task


async def test_a_good_line_carries_both_ways_and_passes_the_end_on() -> None:
    line = Line()
    async with asyncio.TaskGroup() as group:
        await run(line, group)
        await line.till.send(b"up")
        assert await line.device.receive() == b"up"
        await line.device.send(b"down")
        assert await line.till.receive() == b"down"
        await line.till.send(b"bye")
        await line.till.close()
        assert await line.device.receive() == b"bye"
        assert await line.device.receive() == b""


async def test_a_broken_end_is_passed_on_as_broken() -> None:
    line = Line()
    async with asyncio.TaskGroup() as group:
        await run(line, group)
        line.device.abort()
    with pytest.raises(LinkLostError, match="was cut"):
        await line.till.receive()


async def test_a_delay_is_the_same_for_all_and_keeps_their_order() -> None:
    line = Line(Rule(Kind.DELAY, UP, times=None, seconds=0.5))
    async with asyncio.TaskGroup() as group:
        task = await run(line, group)
        await line.till.send(b"a")
        await asyncio.sleep(0.1)
        await line.till.send(b"b")
        assert await arrivals(line.device, 2) == [(0.5, b"a"), (0.6, b"b")]
        task.cancel()
    assert await line.till.receive() == b"", "a relay that is ended lets both sides go"


async def test_bytes_come_one_by_one_at_the_speed_of_the_line() -> None:
    line = Line(Rule(Kind.SPLIT, UP, times=None, seconds=0.001))
    async with asyncio.TaskGroup() as group:
        task = await run(line, group)
        await line.till.send(b"ab")
        await line.till.send(b"cd")
        assert await arrivals(line.device, 4) == [(0, b"a"), (0.001, b"b"), (0.002, b"c"), (0.003, b"d")]
        task.cancel()


async def test_bytes_come_one_by_one_without_any_time_between() -> None:
    line = Line(Rule(Kind.SPLIT, UP, times=None))
    async with asyncio.TaskGroup() as group:
        task = await run(line, group)
        await line.till.send(b"abc")
        assert [data for _, data in await arrivals(line.device, 3)] == [b"a", b"b", b"c"]
        task.cancel()


async def test_what_is_sent_close_together_comes_as_one() -> None:
    line = Line(Rule(Kind.COALESCE, UP, times=None, seconds=0.05))
    async with asyncio.TaskGroup() as group:
        task = await run(line, group)
        for part in (b"a", b"b", b"c"):
            await line.till.send(part)
            await asyncio.sleep(0.02)
        await asyncio.sleep(1)
        await line.till.send(b"d")
        assert [data for _, data in await arrivals(line.device, 4)] == [b"abc", b"d"]
        assert now() == pytest.approx(1.11)
        task.cancel()


async def test_a_stall_silences_both_ways_for_a_while() -> None:
    line = Line(Rule(Kind.STALL, UP, AfterBytes(1), seconds=10))
    async with asyncio.TaskGroup() as group:
        task = await run(line, group)
        await line.till.send(b"ab")
        await asyncio.sleep(1)
        await line.device.send(b"x")
        assert await arrivals(line.till, 1) == [(10, b"x")]
        assert await arrivals(line.device, 2) == [(10, b"ab")]
        task.cancel()


async def test_silence_for_ever_ends_with_the_link() -> None:
    line = Line(Rule(Kind.STALL, DOWN, NthChunk(1)))
    async with asyncio.TaskGroup() as group:
        await run(line, group)
        await line.device.send(b"never seen")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(86_400):
                await line.till.receive()
        await line.till.send(b"nor this")
        await line.till.close()
    assert await line.device.receive() == b""


@pytest.mark.parametrize("after", range(5))
@pytest.mark.parametrize("way", Direction)
async def test_a_cut_lets_exactly_so_many_bytes_arrive(way: Direction, after: int) -> None:
    line = Line(Rule(Kind.CUT, way, AfterBytes(after), seconds=7))
    source, target = (line.till, line.device) if way is UP else (line.device, line.till)
    async with asyncio.TaskGroup() as group:
        await run(line, group)
        await source.send(b"abcd")
    assert line.cuts == [(0, Cut(Ending.BROKEN, 7))]
    if after:
        assert await target.receive() == b"abcd"[:after]
    for side in (source, target):
        with pytest.raises(LinkLostError, match="was cut"):
            await side.receive()


async def test_an_orderly_hang_up_is_an_end_and_no_break() -> None:
    line = Line(Rule(Kind.CUT, DOWN, AfterBytes(2), ending=Ending.CLOSED))
    async with asyncio.TaskGroup() as group:
        await run(line, group)
        await line.device.send(b"abcd")
    assert await line.till.receive() == b"ab"
    assert await line.till.receive() == b""


async def test_a_refusal_goes_back_to_the_sender() -> None:
    line = Line(Rule(Kind.REFUSE_FRAME, UP))
    async with asyncio.TaskGroup() as group:
        task = await run(line, group)
        await line.till.send(encode_frame(b"\x06\x01\x00"))
        assert await line.till.receive() == NAK
        task.cancel()


async def test_a_link_nobody_uses_is_hung_up() -> None:
    line = Line(idle_s=2)
    async with asyncio.TaskGroup() as group:
        await run(line, group)
        await asyncio.sleep(1.5)
        await line.till.send(b"still here")
        await line.device.receive()
        assert await line.till.receive() == b""
        assert now() == 3.5


async def test_writing_to_a_side_that_is_gone_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line(Rule(Kind.DELAY, UP, times=None, seconds=1))

    async def gone(self: MemoryLink, data: bytes) -> None:
        raise LinkLostError(f"{self.name} took no {data!r}")

    async with asyncio.TaskGroup() as group:
        await run(line, group)
        await line.till.send(b"x")
        monkeypatch.setattr(MemoryLink, "send", gone)
    assert now() == 1
    with pytest.raises(LinkLostError, match="was cut"):
        await line.till.receive()


class StubbornLink:
    """A link that can only be closed, and remembers whether the last bytes were waited for."""

    def __init__(self, inner: MemoryLink) -> None:
        self._inner = inner
        self.flushed = False

    async def send(self, data: bytes) -> None:
        await self._inner.send(data)

    async def receive(self) -> bytes:
        return await self._inner.receive()

    async def close(self) -> None:
        await self._inner.close()

    async def flush(self) -> None:
        self.flushed = True


async def test_a_foreign_link_is_flushed_and_closed_when_it_cannot_be_broken() -> None:
    till, app = pair()
    device, far = pair()
    stubborn = StubbornLink(app)
    async with asyncio.TaskGroup() as group:
        relay = Relay(stubborn, device, Plan([Rule(Kind.CUT, DOWN, AfterBytes(1))]))
        group.create_task(relay.run(), name="relay")
        await far.send(b"ab")
    assert stubborn.flushed
    assert await till.receive() == b"a"
    assert await till.receive() == b""
    relay.abort()

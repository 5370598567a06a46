"""Bytes carried between the two sides of a link as a plan of faults says."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias, assert_never, runtime_checkable

from drivers.contract import Link, LinkError
from drivers.links.base import Breakable
from drivers.simulators.faults import Act, Cut, Direction, Ending, Gather, Pause, Plan, Silence, Write


@runtime_checkable
class Flushable(Protocol):
    """A link that can say when the other side has taken what was sent."""

    async def flush(self) -> None:
        """Wait for it, but not for long."""
        ...


OnCut: TypeAlias = Callable[[Cut], Awaitable[None]]
"""Told of a cut before the link ends, so that nobody connects again too early."""


@dataclass(frozen=True, slots=True)
class _End:
    """A side will say nothing more."""

    broken: bool


class _Way:
    """One direction: what was sent and when, in order, until it may arrive."""

    def __init__(self, source: Link, target: Link) -> None:
        self.source = source
        self.target = target
        self._acts: deque[tuple[float, Act | _End]] = deque()
        self._something = asyncio.Event()

    def put(self, act: Act | _End) -> None:
        self._acts.append((_now(), act))
        self._something.set()

    async def next(self) -> tuple[float, Act | _End]:
        while not self._acts:
            self._something.clear()
            await self._something.wait()
        return self._acts.popleft()

    def together(self) -> bytes:
        """All bytes that come next without anything else happening between them."""
        data = b""
        while self._acts and isinstance(self._acts[0][1], Write | Gather):
            _, act = self._acts.popleft()
            if isinstance(act, Write):
                data += act.data
        return data


_FOR_EVER = float("inf")


class Relay:
    """Carries bytes between the gateway's side and the device's side of one link until either ends."""

    def __init__(self, app: Link, device: Link, plan: Plan, *, on_cut: OnCut | None = None) -> None:
        self._plan = plan
        self._on_cut = on_cut
        self._ways = {Direction.UP: _Way(app, device), Direction.DOWN: _Way(device, app)}
        self._links = (app, device)
        self._quiet_until = 0.0
        self._heard_at = _now()
        self._over = asyncio.Event()

    async def run(self) -> None:
        """Carry until the end; then both links are let go."""
        self._plan.new_link()
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(work(direction), name=f"relay {work.__name__} {direction}")
                    for direction in Direction
                    for work in (self._listen, self._deliver)
                ]
                if self._plan.idle_s is not None:
                    tasks.append(group.create_task(self._watch(self._plan.idle_s), name="relay idle watch"))
                await self._over.wait()
                for task in tasks:
                    task.cancel()
        finally:
            for link in self._links:
                await link.close()

    def abort(self) -> None:
        """End it at once and break both links; what is still on its way is lost."""
        self._end(Ending.BROKEN)

    async def _listen(self, direction: Direction) -> None:
        way = self._ways[direction]
        broken = False
        try:
            while data := await way.source.receive():
                self._heard_at = _now()
                for act in self._plan.apply(direction, data):
                    back = isinstance(act, Write) and act.direction is not direction
                    self._ways[direction.other if back else direction].put(act)
        except LinkError:
            broken = True
        way.put(_End(broken))
        if self._quiet_until == _FOR_EVER:
            self._over.set()

    async def _deliver(self, direction: Direction) -> None:
        way = self._ways[direction]
        try:
            while not self._over.is_set():
                sent_at, act = await way.next()
                await self._do(way, sent_at, act)
        except LinkError:
            # the side we write to is gone; its own listener says how, this one only cannot go on
            self._end(Ending.BROKEN)

    async def _do(self, way: _Way, sent_at: float, act: Act | _End) -> None:
        match act:
            case Write(_, data, delay_s):
                await _until(sent_at + delay_s)
                await self._write(way, data)
            case Gather(seconds):
                await _until(sent_at + seconds)
                await self._write(way, way.together())
            case Pause(seconds):
                await asyncio.sleep(seconds)
            case Silence(seconds):
                self._quiet_until = _FOR_EVER if seconds is None else _now() + seconds
            case Cut(ending):
                if isinstance(way.target, Flushable):
                    await way.target.flush()
                if self._on_cut is not None:
                    await self._on_cut(act)
                self._end(ending)
            case _End(broken):
                self._end(Ending.BROKEN if broken else Ending.CLOSED)
            case _:
                assert_never(act)

    async def _write(self, way: _Way, data: bytes) -> None:
        if self._quiet_until == _FOR_EVER:
            await self._over.wait()
        else:
            await _until(self._quiet_until)
            await way.target.send(data)

    async def _watch(self, idle_s: float) -> None:
        while True:
            left_s = self._heard_at + idle_s - _now()
            if left_s <= 0:
                self._end(Ending.CLOSED)
                return
            await asyncio.sleep(left_s)

    def _end(self, ending: Ending) -> None:
        if ending is Ending.BROKEN:
            for link in self._links:
                if isinstance(link, Breakable):
                    link.abort()
        self._over.set()


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _until(at: float) -> None:
    left_s = at - _now()
    if left_s > 0:
        await asyncio.sleep(left_s)

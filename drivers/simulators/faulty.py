"""Links, connections and listeners on which things go wrong as a plan says; and a proxy with bad manners."""

import asyncio
from types import TracebackType
from typing import Self

from drivers.contract import Link
from drivers.links.base import Breakable, Cause, LinkNotOpenedError, Listener
from drivers.links.memory import MemoryLink, pair
from drivers.links.reconnect import Connect
from drivers.simulators.faults import Cut, Plan
from drivers.simulators.relay import Relay

LINGER_S = 30.0
"""How long a closed link may still deliver what is on its way: more than any delay somebody would ask for."""


class FaultyLink:
    """The good end of a faulty line."""

    def __init__(self, near: MemoryLink, relay: Relay) -> None:
        self._near = near
        self._relay = relay
        self._finished = asyncio.Event()

    async def send(self, data: bytes) -> None:
        """Hand bytes to the line; what becomes of them is the plan's business. Errors: `LinkLostError`."""
        await self._near.send(data)

    async def receive(self) -> bytes:
        """What the plan lets through; b"" or `LinkLostError` at the end."""
        return await self._near.receive()

    async def close(self) -> None:
        """Let go; what is on its way may still arrive for up to LINGER_S seconds."""
        await self._near.close()
        try:
            async with asyncio.timeout(LINGER_S):
                await self._finished.wait()
        except TimeoutError:
            self._relay.abort()
            await self._finished.wait()

    def abort(self) -> None:
        """Let go at once."""
        self._near.abort()

    async def carry(self) -> None:
        """Let the line work until it ends."""
        await self._relay.run()

    def over(self) -> None:
        """The line has ended, or was given up before it began."""
        self._relay.abort()
        self._finished.set()


class _Crew:
    """Tasks that live as long as an `async with`, and are ended with it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.group = asyncio.TaskGroup()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.group.__aenter__()
        await self._begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        try:
            await self.group.__aexit__(kind, error, trace)
        finally:
            # also when it was cancelled, which the group passes on
            await self._end()

    async def _begin(self) -> None:
        """What to do before the first task."""

    async def _end(self) -> None:
        """What to do after the last one."""

    def _hire(self, link: FaultyLink, name: str) -> None:
        task = self.group.create_task(link.carry(), name=name)
        # a task that is cancelled before its first step runs none of its own endings
        task.add_done_callback(lambda _: link.over())
        self._start(task)

    def _start(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class FaultyConnector(_Crew):
    """Makes each link faulty that `connect` opens: the gateway's side of a bad line.

    To be entered with `async with`; then it is called like what it wraps.
    """

    def __init__(self, connect: Connect, plan: Plan) -> None:
        super().__init__(plan)
        self._connect = connect
        self._away_until = 0.0

    async def __call__(self) -> Link:
        """Open a link. Errors: `LinkNotOpenedError`, also while the plan says that nobody is there."""
        left_s = self._away_until - _now()
        if left_s > 0:
            raise LinkNotOpenedError(f"the device is away for another {left_s:.1f} s", cause=Cause.ABSENT)
        link = await self._connect()
        near, far = pair("the faulty link", "its far end")
        faulty = FaultyLink(near, Relay(far, link, self.plan, on_cut=self._cut))
        self._hire(faulty, "faulty link")
        return faulty

    async def _begin(self) -> None:
        self._away_until = _now() + self.plan.absent_s

    async def _cut(self, cut: Cut) -> None:
        self._away_until = _now() + cut.down_s


class _Listening(_Crew):
    """A listener that is gone for callers when the plan says so."""

    def __init__(self, listener: Listener, plan: Plan) -> None:
        super().__init__(plan)
        self._listener = listener

    async def _begin(self) -> None:
        if self.plan.absent_s:
            await self._away(self.plan.absent_s)
        else:
            await self._listener.open()

    async def _end(self) -> None:
        await self._listener.close()

    async def _cut(self, cut: Cut) -> None:
        if cut.down_s:
            await self._away(cut.down_s)

    async def _away(self, seconds: float) -> None:
        await self._listener.shut()
        self._start(self.group.create_task(self._back(seconds), name="faulty listener comes back"))

    async def _back(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._listener.open()


class FaultyListener(_Listening):
    """Makes each caller's link faulty: the device's side of a bad line. To be entered with `async with`."""

    async def accept(self) -> FaultyLink:
        """The next caller's link."""
        link = await self._listener.accept()
        near, far = pair("the faulty caller", "its far end")
        faulty = FaultyLink(near, Relay(link, far, self.plan, on_cut=self._cut))
        self._hire(faulty, "faulty caller")
        return faulty


class Proxy(_Listening):
    """Stands between callers of `listener` and what `connect` reaches; works while it is entered."""

    def __init__(self, listener: Listener, connect: Connect, plan: Plan) -> None:
        super().__init__(listener, plan)
        self._connect = connect

    async def _begin(self) -> None:
        await super()._begin()
        self._start(self.group.create_task(self._serve(), name="faulty proxy"))

    async def _serve(self) -> None:
        while True:
            caller = await self._listener.accept()
            self._start(self.group.create_task(self._carry(caller), name="faulty proxy's link"))

    async def _carry(self, caller: Breakable) -> None:
        try:
            device = await self._connect()
        except LinkNotOpenedError:
            # the caller sees what it would see without us: nobody there
            caller.abort()
            return
        await Relay(caller, device, self.plan, on_cut=self._cut).run()


def _now() -> float:
    return asyncio.get_running_loop().time()

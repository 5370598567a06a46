"""Links inside one process: two ends of a pipe, and a network of names where somebody listens."""

import asyncio
from collections import deque

from drivers.contract import Link
from drivers.links.address import MemoryAddress
from drivers.links.base import Cause, LinkLostError, LinkNotOpenedError
from drivers.links.inbox import Inbox


class MemoryLink:
    """One end of a pipe. What is sent is with the other end at once; nothing waits, nothing is cut up."""

    def __init__(self, name: str, inbox: Inbox, outbox: Inbox) -> None:
        self.name = name
        self._inbox = inbox
        self._outbox = outbox

    @property
    def ended(self) -> bool:
        """Whether it is known to be over."""
        return self._inbox.ended

    async def send(self, data: bytes) -> None:
        """Give bytes to the other end. Errors: `LinkLostError`."""
        self._inbox.check(self.name)
        if data:
            self._outbox.put(data)

    async def receive(self) -> bytes:
        """Bytes as they came; b"" when the other end closed, `LinkLostError` after `abort`."""
        return await self._inbox.take()

    async def close(self) -> None:
        """Let go; the other end still gets what was sent, then b""."""
        self._inbox.discard()
        self._inbox.end(LinkLostError(f"{self.name} was closed by us", cause=Cause.CLOSED))
        self._outbox.end()

    def abort(self) -> None:
        """Break the pipe: both ends are lost, after what has already come."""
        for inbox in (self._inbox, self._outbox):
            inbox.end(LinkLostError(f"{self.name} was cut"))


def pair(one: str = "one end", other: str = "the other end") -> tuple[MemoryLink, MemoryLink]:
    """Two joined ends; the names are for messages."""
    here, there = Inbox(), Inbox()
    return MemoryLink(one, here, there), MemoryLink(other, there, here)


class MemoryListener:
    """Somebody who listens under a name; each caller becomes a link. Made by `MemoryNetwork.listen`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._listening = True
        self._callers: deque[MemoryLink] = deque()
        self._called = asyncio.Event()

    @property
    def address(self) -> MemoryAddress:
        """Where to call."""
        return MemoryAddress(self.name)

    async def accept(self) -> MemoryLink:
        """The next caller's link, in order of calls."""
        while not self._callers:
            self._called.clear()
            await self._called.wait()
        return self._callers.popleft()

    async def open(self) -> None:
        """Listen again after `shut`."""
        self._listening = True

    async def shut(self) -> None:
        """Be absent until `open`; links that are there live on."""
        self._listening = False

    async def close(self) -> None:
        """Be absent for good and let go of callers nobody accepted."""
        await self.shut()
        while self._callers:
            await self._callers.popleft().close()

    def call(self) -> MemoryLink:
        """The caller's end of a new pipe. Errors: `LinkNotOpenedError`."""
        if not self._listening:
            raise LinkNotOpenedError(f"nobody listens at {self.address}", cause=Cause.ABSENT)
        ours, theirs = pair(str(self.address), f"caller of {self.address}")
        self._callers.append(theirs)
        self._called.set()
        return ours


class MemoryNetwork:
    """The names of one process (one test, one simulated world); there is none by default."""

    def __init__(self) -> None:
        self._listeners: dict[str, MemoryListener] = {}

    def listen(self, name: str) -> MemoryListener:
        """Listen under a name; a later listener takes the name over."""
        listener = MemoryListener(name)
        self._listeners[name] = listener
        return listener

    def stands_for(self, path: str) -> bool:
        """Whether somebody here listens under the path of a serial port, in its place."""
        return path in self._listeners

    def call(self, address: MemoryAddress) -> Link:
        """A link to who listens. Errors: `LinkNotOpenedError`."""
        listener = self._listeners.get(address.name)
        if listener is None:
            raise LinkNotOpenedError(f"nobody listens at {address}", cause=Cause.ABSENT)
        return listener.call()

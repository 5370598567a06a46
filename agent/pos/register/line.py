"""A register's link: whole messages in and out, bare as on TCP or in serial frames (PA00P016)."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from drivers.contract import Link, LinkError
from drivers.zvt.apdu import HEADER_LONG, SHORT_LENGTH_MAX, Apdu, ApduReader, parse_apdu
from drivers.zvt.errors import DecodeError
from drivers.zvt.serial_link import Delivered, Failed, SerialLink, Start, Step, Stop, Timer, Write

T3_S = 5.0
"""A message that takes longer to come in ends the connection (PA00P016 5.2.5)."""

TIMERS_S = {Timer.T1: 0.2, Timer.T2: 5.0}
"""Between two bytes of a frame, and from a frame to its acknowledgement (PA00P016 3.4)."""


class Line(Protocol):
    """One link, used once. `send` queues and returns; `write` is the task that writes."""

    serial: bool

    def send(self, apdu: bytes) -> None:
        """Queue a message."""
        ...

    async def write(self) -> None:
        """Write what is queued until the link is lost."""
        ...

    async def receive(self) -> list[Apdu] | None:
        """Messages as they come, None when the link is over; `DecodeError` for what is no ZVT."""
        ...

    def reset(self) -> None:
        """Forget what is under way."""
        ...

    async def close(self) -> None:
        """Let go of the link."""
        ...


class _Writer:
    """Bytes on their way out."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue()

    async def write(self) -> None:
        """Write what is queued until the link is lost."""
        try:
            while True:
                await self._link.send(await self._outgoing.get())
        except LinkError:
            # whoever reads learns of it too, and decides
            return

    async def close(self) -> None:
        """Let go of the link."""
        await self._link.close()


class BareLine(_Writer):
    """Messages one after another (PA00P016 4.1); `big_endian` turns the two extended length bytes around."""

    serial = False

    def __init__(self, link: Link, *, big_endian: bool = False) -> None:
        super().__init__(link)
        self._reader = ApduReader()
        self._big_endian = big_endian
        self._begun: float | None = None
        self._foreign: DecodeError | None = None

    def send(self, apdu: bytes) -> None:
        """Queue a message."""
        if self._big_endian and apdu[2] > SHORT_LENGTH_MAX:
            apdu = apdu[:3] + apdu[4:2:-1] + apdu[HEADER_LONG:]
        self._outgoing.put_nowait(apdu)

    async def receive(self) -> list[Apdu] | None:
        """Messages as they come, None when the link is over; `DecodeError` for what is no ZVT."""
        if self._foreign is not None:
            raise self._foreign
        clock = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout_at(None if self._begun is None else self._begun + T3_S):
                data = await self._link.receive()
        except (TimeoutError, LinkError):
            return None
        if not data:
            return None
        apdus, self._foreign = self._reader.drain(data)
        if not self._reader.pending:
            self._begun = None
        elif apdus or self._begun is None:
            self._begun = clock()
        if self._foreign is not None and not apdus:
            raise self._foreign
        return apdus

    def reset(self) -> None:
        """A connection begins new."""


class FramedLine(_Writer):
    """Messages in frames, acknowledged and repeated; `failed` is told when one did not get through."""

    serial = True

    def __init__(self, link: Link, failed: Callable[[], None]) -> None:
        super().__init__(link)
        self._failed = failed
        self._frames = SerialLink()
        self._timers: dict[Timer, asyncio.TimerHandle] = {}
        self._waiting: deque[bytes] = deque()

    def send(self, apdu: bytes) -> None:
        """Queue a message; it leaves when the frame before it is acknowledged."""
        self._waiting.append(apdu)
        self._next()

    async def receive(self) -> list[Apdu] | None:
        """Messages of good frames, None when the port is gone."""
        try:
            data = await self._link.receive()
        except LinkError:
            return None
        return self._do(self._frames.feed(data)) if data else None

    def reset(self) -> None:
        """Forget what is under way."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._waiting.clear()

    def _next(self) -> None:
        if self._waiting and self._frames.idle:
            self._do(self._frames.send(self._waiting.popleft()))

    def _do(self, steps: list[Step]) -> list[Apdu]:
        apdus: list[Apdu] = []
        gave_up = False
        for step in steps:
            match step:
                case Write(data):
                    self._outgoing.put_nowait(data)
                case Start(timer):
                    self._stop(timer)
                    after = asyncio.get_running_loop().call_later
                    self._timers[timer] = after(TIMERS_S[timer], self._expired, timer)
                case Stop(timer):
                    self._stop(timer)
                case Delivered(apdu):
                    apdus += _whole(apdu)
                case Failed(sending=True):
                    gave_up = True
                case _:
                    pass
        self._next()
        if gave_up:
            self._failed()
        return apdus

    def _stop(self, timer: Timer) -> None:
        running = self._timers.pop(timer, None)
        if running is not None:
            running.cancel()

    def _expired(self, timer: Timer) -> None:
        del self._timers[timer]
        # what a timer brings to an end is no message
        self._do(self._frames.expired(timer))


def _whole(apdu: bytes) -> list[Apdu]:
    """The message of a frame; none where it holds none, which the register's T3 will tell it."""
    try:
        return [parse_apdu(apdu)]
    except DecodeError:
        return []

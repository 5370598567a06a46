"""A register's link as the terminal sees it: APDUs in and out, with or without serial framing."""

import asyncio
from collections import deque
from collections.abc import Callable

from drivers.contract import Link, LinkError
from drivers.simulators.zvt_terminal.profiles import Framing
from drivers.zvt.apdu import HEADER_LONG, SHORT_LENGTH_MAX, Apdu, ApduReader, parse_apdu
from drivers.zvt.errors import DecodeError
from drivers.zvt.serial_link import Confirmed, Delivered, Failed, SerialLink, Start, Step, Stop, Timer, Write

TIMERS_S = {Timer.T1: 0.2, Timer.T2: 5.0}
"""PA00P016 chapter 3.4."""

PIECE = 1024
"""Where one maker cuts long messages."""


class Line:
    """One link, used once. `send` and `flush` only queue; `write` is the task that writes.

    `failed` is told when a frame was not acknowledged after all its repeats, `arrived` when the last was.
    """

    def __init__(
        self,
        link: Link,
        framing: Framing,
        *,
        serial: bool,
        failed: Callable[[], None],
        arrived: Callable[[], None] = lambda: None,
    ) -> None:
        self.link = link
        self.serial = serial
        self._framing = framing
        self._failed = failed
        self._arrived = arrived
        self._frames = SerialLink()
        self._stream = ApduReader()
        self._timers: dict[Timer, asyncio.TimerHandle] = {}
        self._waiting: deque[bytes] = deque()
        self._held = b""
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue()

    def send(self, apdu: bytes, *, more: bool = False) -> None:
        """Queue an APDU. `more`: another follows at once, and some terminals write both as one."""
        if self.serial:
            self._waiting.append(apdu)
            self._next_frame()
            return
        if self._framing is Framing.BIG_ENDIAN and apdu[2] > SHORT_LENGTH_MAX:
            apdu = apdu[:3] + apdu[4:2:-1] + apdu[HEADER_LONG:]
        self._held += apdu
        if not (more and self._framing is Framing.COALESCED):
            self.flush()

    def flush(self) -> None:
        """Write what was kept back for another message."""
        if self._held:
            self._outgoing.put_nowait(self._held)
            self._held = b""

    async def write(self) -> None:
        """Write what is queued until the link is lost."""
        try:
            while True:
                data = await self._outgoing.get()
                size = PIECE if self._framing is Framing.CUT else len(data)
                for at in range(0, len(data), size):
                    await self.link.send(data[at : at + size])
        except LinkError:
            # whoever reads learns of it too, and decides
            return

    async def receive(self) -> bytes | None:
        """Bytes as they come; None when the link is over."""
        try:
            return await self.link.receive() or None
        except LinkError:
            return None

    def feed(self, data: bytes) -> list[Apdu]:
        """The APDUs that these bytes complete. Errors: `DecodeError` on a stream that is no ZVT."""
        if not self.serial:
            return self._stream.feed(data)
        return self._do(self._frames.feed(data))

    def reset(self) -> None:
        """Forget everything, as after a power cut."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._waiting.clear()
        self._held = b""
        self._frames = SerialLink()
        self._stream = ApduReader()

    def _next_frame(self) -> None:
        if self._waiting and self._frames.idle:
            self._do(self._frames.send(self._waiting.popleft()))

    def _do(self, steps: list[Step]) -> list[Apdu]:
        apdus: list[Apdu] = []
        failed = False
        for step in steps:
            match step:
                case Write(data):
                    self._outgoing.put_nowait(data)
                case Start(timer):
                    self._stop(timer)
                    loop = asyncio.get_running_loop()
                    self._timers[timer] = loop.call_later(TIMERS_S[timer], self._expired, timer)
                case Stop(timer):
                    self._stop(timer)
                case Delivered(apdu):
                    try:
                        apdus.append(parse_apdu(apdu))
                    except DecodeError:
                        # acknowledged as a frame, understood by nobody: the register's T3 will tell it so
                        continue
                case Confirmed() if not self._waiting:
                    self._arrived()
                case Failed(sending=True):
                    failed = True
                case _:
                    pass
        self._next_frame()
        if failed:
            self._failed()
        return apdus

    def _stop(self, timer: Timer) -> None:
        running = self._timers.pop(timer, None)
        if running is not None:
            running.cancel()

    def _expired(self, timer: Timer) -> None:
        self._timers.pop(timer, None)
        self._do(self._frames.expired(timer))

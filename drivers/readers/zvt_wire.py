"""Messages over a link: bare as on TCP, or in serial frames; with the timers T1, T2 and T3 of PA00P016."""

import asyncio
from collections import deque
from contextlib import suppress
from typing import NoReturn, Protocol, assert_never

from drivers.contract import Link
from drivers.links.base import Cause, LinkLostError
from drivers.readers.zvt_timing import Timing
from drivers.zvt.apdu import UNKNOWN, Apdu, ApduReader, foreign, parse_apdu
from drivers.zvt.errors import ForeignProtocolError
from drivers.zvt.foreign import HEAD_BYTES, recognise, show
from drivers.zvt.serial_frame import ACK
from drivers.zvt.serial_link import (
    Confirmed,
    Delivered,
    Failed,
    Noise,
    Repeated,
    SerialLink,
    Start,
    Step,
    Stop,
    Timer,
    Write,
)

NEVER = float("inf")

GREETING_S = 0.5
"""How long the rest of a stranger's first words is waited for: slow lines bring them byte by byte."""

ECR17_BYTES = 3


NOTHING = ", all is silent there"
WORDLESS = (
    "; it said nothing before: does another register use it, and is this the port of its ZVT interface?"
)


class Wire(Protocol):
    """Carries whole messages. All of it is used by one task at a time, but for `interrupt`."""

    async def send(self, apdu: bytes) -> None:
        """Hand a message over; raises `LinkLostError`."""
        ...

    async def receive(self, until: float) -> list[Apdu]:
        """Messages as they come, [] after `interrupt`; `TimeoutError` at loop time `until`.

        Raises `LinkLostError`, and `DecodeError` for what is no ZVT.
        """
        ...

    def interrupt(self) -> None:
        """Let `receive` return at once, now or the next time."""
        ...

    async def flush(self) -> None:
        """Wait until the peer has what was sent, as far as the line can say so."""
        ...

    @property
    def silence(self) -> str:
        """What is mostly wrong when the peer does not answer, by what was heard of it."""
        ...


class Ear:
    """Waits for bytes of a link until a time, or until it is interrupted."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._timeout: asyncio.Timeout | None = None
        self._interrupted = False
        self.heard = False

    async def listen(self, until: float) -> bytes | None:
        """Bytes; None when interrupted; raises `TimeoutError` and `LinkLostError`."""
        if self._was_interrupted():
            return None
        try:
            async with asyncio.timeout_at(until if until < NEVER else None) as self._timeout:
                data = await self._link.receive()
        except TimeoutError:
            if self._was_interrupted():
                return None
            raise
        finally:
            self._timeout = None
        if not data:
            raise LinkLostError("the terminal closed the connection")
        self.heard = True
        return data

    def _was_interrupted(self) -> bool:
        was, self._interrupted = self._interrupted, False
        return was

    def interrupt(self) -> None:
        """End the wait."""
        self._interrupted = True
        if self._timeout is not None and not self._timeout.expired():
            self._timeout.reschedule(_now())


class BareWire:
    """Messages one after another, as on TCP (PA00P016 4.1)."""

    def __init__(self, link: Link, timing: Timing) -> None:
        self._link = link
        self._ear = Ear(link)
        self._timing = timing
        self._reader = ApduReader()
        self._foreign: ForeignProtocolError | None = None
        self._begun: float | None = None

    async def send(self, apdu: bytes) -> None:
        """Write it."""
        await self._link.send(apdu)

    async def receive(self, until: float) -> list[Apdu]:
        """Messages as they are complete; one that dribbles in for longer than T3 ends the link (5.2.5)."""
        while True:
            if self._foreign is not None:
                raise self._foreign
            late = until if self._begun is None else min(until, self._begun + self._timing.t3_s)
            try:
                data = await self._ear.listen(late)
            except TimeoutError:
                self._name_stranger()
                if late < until:
                    raise LinkLostError("the terminal began a message and did not end it in time") from None
                raise
            except LinkLostError as error:
                self._name_stranger()
                if self._ear.heard or error.cause is not Cause.LOST:
                    raise
                raise LinkLostError(f"{error}{WORDLESS}") from error
            if data is None:
                return []
            apdus, stranger = self._reader.drain(data)
            if stranger is not None:
                self._foreign = await self._heard_out(stranger)
            if apdus or self._begun is None:
                self._begun = _now()
            if not self._reader.pending:
                self._begun = None
            if apdus:
                return apdus

    def interrupt(self) -> None:
        """End the wait."""
        self._ear.interrupt()

    async def flush(self) -> None:
        """TCP says nothing of the peer; what it has is shown by what it says next."""

    @property
    def silence(self) -> str:
        """As `Wire.silence`."""
        nothing = "" if self._ear.heard else NOTHING
        return f"{nothing}; is it switched on, is this its port, and is ZVT enabled?"

    async def _heard_out(self, stranger: ForeignProtocolError) -> ForeignProtocolError:
        """The same with a name, when the rest of its greeting gives it one."""
        head, until = stranger.head, _now() + GREETING_S
        with suppress(LinkLostError, TimeoutError):
            while stranger.protocol == UNKNOWN and len(head) < HEAD_BYTES:
                head += await self._ear.listen(until) or b""
                stranger = foreign(head, stranger.position)
        return stranger

    def _name_stranger(self) -> None:
        """Raise the better error when what began like a message is another protocol's answer."""
        head = self._reader.pending[:ECR17_BYTES]
        stranger = recognise(head)
        if stranger is not None:
            raise ForeignProtocolError(stranger.name, 0, remedy=stranger.remedy, head=head) from None


class FramedWire:
    """Messages in serial frames, acknowledged and repeated (PA00P016 3)."""

    def __init__(self, link: Link, timing: Timing) -> None:
        self._link = link
        self._ear = Ear(link)
        self._after_s = {Timer.T1: timing.t1_s, Timer.T2: timing.t2_s}
        self._serial = SerialLink()
        self._timers: dict[Timer, float] = {}
        self._outbox: deque[bytes] = deque()
        self._inbox: list[Apdu] = []
        self._heard = b""
        self._understood = False

    async def send(self, apdu: bytes) -> None:
        """Send a frame as soon as the one before is confirmed."""
        self._outbox.append(apdu)
        await self._send_next()

    async def receive(self, until: float) -> list[Apdu]:
        """Messages of good frames; raises `LinkLostError` when three tries did not get one through."""
        while not self._inbox:
            if not await self._turn(until):
                return []
        found, self._inbox = self._inbox, []
        return found

    def interrupt(self) -> None:
        """End the wait."""
        self._ear.interrupt()

    async def flush(self) -> None:
        """Wait for the ACK of the last frame; `LinkLostError` when it never comes."""
        while self._outbox or not self._serial.idle:
            await self._turn(NEVER)

    async def _turn(self, until: float) -> bool:
        """Take what comes, or let a timer run out; False when interrupted."""
        try:
            data = await self._ear.listen(min([until, *self._timers.values()]))
        except TimeoutError:
            if not await self._expire():
                self._name_stranger()
                raise
            return True
        if data is None:
            return False
        self._heard = (self._heard + data)[:HEAD_BYTES]
        await self._carry_out(self._serial.feed(data))
        await self._send_next()
        return True

    async def _expire(self) -> bool:
        due = [timer for timer, at in self._timers.items() if at <= _now()]
        for timer in due:
            del self._timers[timer]
            await self._carry_out(self._serial.expired(timer))
        await self._send_next()
        return bool(due)

    async def _send_next(self) -> None:
        while self._outbox and self._serial.idle:
            await self._carry_out(self._serial.send(self._outbox.popleft()))

    async def _carry_out(self, steps: list[Step]) -> None:
        for step in steps:
            match step:
                case Write(data):
                    await self._link.send(data)
                case Start(timer):
                    self._timers[timer] = _now() + self._after_s[timer]
                case Stop(timer):
                    self._timers.pop(timer, None)
                case Delivered(apdu):
                    self._understood = True
                    self._inbox.append(parse_apdu(apdu))
                case Failed(_, reason):
                    self._give_up(reason)
                case Noise() | Confirmed() | Repeated():
                    pass
                case _:
                    assert_never(step)

    def _give_up(self, reason: str) -> NoReturn:
        self._name_stranger()
        if self._understood:
            raise LinkLostError(f"the serial line failed: {reason}")
        raise LinkLostError(f"no ZVT terminal answers on the serial line ({reason}){self.silence}")

    @property
    def silence(self) -> str:
        """As `Wire.silence`."""
        if not self._understood and self._heard.strip(ACK):
            come = show(self._heard)
            return f", what came is {come}; do baud rate, parity and stop bits fit, and is ZVT enabled?"
        nothing = "" if self._ear.heard else NOTHING
        return f"{nothing}; is it switched on, is its cable in this port, and is ZVT enabled?"

    def _name_stranger(self) -> None:
        """Raise the better error when what was heard instead of frames is another protocol."""
        stranger = None if self._understood else recognise(self._heard, framed=True)
        if stranger is not None:
            raise ForeignProtocolError(stranger.name, 0, remedy=stranger.remedy, head=self._heard)


def make_wire(link: Link, timing: Timing, *, framed: bool) -> Wire:
    """The wire that belongs to this kind of link."""
    return FramedWire(link, timing) if framed else BareWire(link, timing)


def _now() -> float:
    return asyncio.get_running_loop().time()

"""One connection with a ZVT terminal: one command at a time, and an answer to all it says meanwhile."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias, TypeVar

from drivers.contract import DriverError, Link, LinkError
from drivers.readers.zvt_timing import Timing
from drivers.readers.zvt_wire import Wire, make_wire
from drivers.zvt import results
from drivers.zvt.apdu import UNKNOWN, Apdu
from drivers.zvt.commands import answers
from drivers.zvt.commands.reports import StatusInformation
from drivers.zvt.ecr import (
    Aborted,
    Accepted,
    Completed,
    Event,
    Malformed,
    Refused,
    RegisterDialogue,
    State,
    StopAnswered,
    Told,
)
from drivers.zvt.errors import ForeignProtocolError, RemoteProtocolError
from drivers.zvt.foreign import show
from drivers.zvt.message import Message
from drivers.zvt.statuses import NEVER_TIMES_OUT
from drivers.zvt.turns import Repeated, Stray, Topic, Wait

log = logging.getLogger(__name__)

NOT_ZVT = "not_zvt"
"""The code of a `TerminalProtocolError` about a peer that speaks something else."""

_T = TypeVar("_T")


class End(StrEnum):
    """How a command ended."""

    DONE = "done"  # 06 0F, or 80 00 where nothing more follows
    ABORTED = "aborted"  # 06 1E
    REFUSED = "refused"  # 84 xx: it was not even begun


@dataclass(frozen=True, slots=True)
class Ended:
    """A command's end; `code` is a result code, 0 for DONE."""

    end: End
    code: int
    message: Message


Hear: TypeAlias = Callable[[Told], Awaitable[Message | None]]
"""Takes what the terminal tells and gives the answer: None is 80 00."""


class TerminalSilentError(DriverError):
    """The terminal did not answer in time."""


class TerminalProtocolError(DriverError):
    """The terminal said what ZVT does not allow, or something else than a ZVT terminal is there."""


async def listen_only(told: Told) -> Message | None:
    """The answer to what nobody waits for: a result that we did not ask for is never accepted.

    An approved 04 0F may belong to a payment whose link was lost. Saying no makes the terminal reverse it
    (PA00P015 2.2.8); saying yes would move money that is written down nowhere.
    """
    if told.topic is Topic.QUESTION:
        return answers.unknown_command()
    if told.topic is Topic.RESULT and told.unsolicited and approved(told.message):
        log.warning("a payment that nobody waits for is refused; the terminal reverses it")
        return answers.goods_failed()
    return None


def approved(message: Message) -> bool:
    """Whether a 04 0F says that money moves once we say yes."""
    return StatusInformation.from_message(message).approved


def _never() -> bool:
    return False


class Conversation:
    """Made for one link and used up with it: after any error `broken` is set and the link must go."""

    def __init__(self, link: Link, timing: Timing, *, framed: bool) -> None:
        self.link = link
        self.broken = False
        self.registered = False
        self.heard_at = _now()
        self._timing = timing
        self._wire: Wire = make_wire(link, timing, framed=framed)
        self._dialogue = RegisterDialogue()
        self._stop_at: float | None = None

    async def run(
        self, message: Message, hear: Hear = listen_only, stop: Callable[[], bool] = _never
    ) -> Ended:
        """Send a command and see it to its end; 06 B0 follows as soon as `stop()` says so.

        After any `DriverError` nobody knows what the terminal did. Errors of `hear` pass through.
        """
        try:
            ended = await self._run(message, hear, stop)
        except BaseException:
            self.broken = True
            raise
        return ended

    async def stop(self) -> None:
        """06 B0 to a terminal that works on something of an earlier connection; raises `DriverError`."""
        try:
            await self._said(self._wire.send(self._dialogue.stop()))
            while self._dialogue.waiting.wait is not Wait.NOTHING:
                for apdu in await self._hear(_now() + self._timing.t3_s):
                    await self._take(apdu, listen_only)
        except BaseException:
            self.broken = True
            raise

    def interrupt(self) -> None:
        """Look at `stop()` again, now."""
        self._wire.interrupt()

    async def _run(self, message: Message, hear: Hear, stop: Callable[[], bool]) -> Ended:
        self._stop_at = None
        accepted = False
        await self._said(self._wire.send(self._dialogue.send(message)))
        # T3 is the terminal's time to think: on a serial line it begins when the frame has got through
        await self._said(self._wire.flush())
        late = self._late()
        while True:
            if stop():
                await self._stop()
            wake = late
            if stop() and self._stop_at is not None:
                wake = min(late, self._stop_at)
            apdus = await self._hear(wake, late)
            if apdus:
                late = self._late()
            for apdu in apdus:
                event = await self._take(apdu, hear)
                match event:
                    case Accepted(_, answer, ended):
                        accepted = True
                        if ended:
                            return Ended(End.DONE, results.OK, answer)
                    case Refused(_, code, answer):
                        return Ended(End.REFUSED, code, answer)
                    case Completed(_, answer) if accepted:
                        return Ended(End.DONE, results.OK, answer)
                    case Aborted(_, code, answer) if accepted:
                        return Ended(End.ABORTED, code, answer)
                    case Completed() | Aborted():
                        # Perhaps the end of something older, while ours is about to begin.
                        raise TerminalProtocolError(
                            f"the terminal ended a command before it took {message.command:04X}",
                            code="out_of_turn",
                        )
                    case StopAnswered(True):
                        self._stop_at = float("inf")
                    case Malformed(_, error) if self._dialogue.state is State.READY:
                        raise TerminalProtocolError(
                            f"the end of {message.command:04X} cannot be read: {error}", code="zvt_malformed"
                        ) from error
                    case _:
                        pass
                late = self._late()

    async def _stop(self) -> None:
        """06 B0, again until the terminal takes it: lines lose bytes, and there is a wrong moment."""
        if self._stop_at is None or _now() >= self._stop_at:
            self._stop_at = _now() + self._timing.stop_again_s
            await self._said(self._wire.send(self._dialogue.stop()))

    async def _hear(self, wake: float, late: float | None = None) -> list[Apdu]:
        """What comes until `wake`; [] then, or when interrupted. Silence until `late` is an error."""
        late = wake if late is None else late
        try:
            apdus = await self._said(self._wire.receive(min(wake, late)))
        except TimeoutError:
            if wake < late:
                return []
            raise TerminalSilentError(
                f"the terminal did not answer ({self._dialogue.state}){self._wire.silence}",
                code="terminal_silent",
            ) from None
        if apdus:
            self.heard_at = _now()
        return apdus

    async def _said(self, action: Awaitable[_T]) -> _T:
        """Do it; what the wire calls a violation is a `DriverError`."""
        try:
            return await action
        except ForeignProtocolError as error:
            raise TerminalProtocolError(_told(error), code=NOT_ZVT) from error
        except RemoteProtocolError as error:
            text = f"the terminal said nonsense: {error}"
            raise TerminalProtocolError(text, code="zvt_malformed") from error

    async def _take(self, apdu: Apdu, hear: Hear) -> Event | None:
        """Understand one message and give it the answer that is owed."""
        try:
            events = self._dialogue.receive(apdu)
        except RemoteProtocolError as error:
            raise TerminalProtocolError(
                f"the terminal broke the rules: {error}", code="zvt_violation"
            ) from error
        for event in events:
            match event:
                case Told():
                    await self._answer(await hear(event))
                case Malformed():
                    log.warning("the terminal said something that cannot be read: %s", event.error)
                    await self._answer(answers.unknown_command())
                case Completed() | Aborted():
                    await self._end()
                case Repeated(_, bytes() as again):
                    await self._said(self._wire.send(again))
                case Stray():
                    log.debug("an answer to nothing: %04X", event.message.command)
                case _:
                    pass
            return event
        return None

    async def _answer(self, message: Message | None) -> None:
        await self._said(self._wire.send(self._dialogue.answer(message)))

    async def _end(self) -> None:
        """Answer the end of a command: without it the terminal stays busy, but its outcome is known."""
        try:
            await self._answer(None)
            await self._said(self._wire.flush())
        except (LinkError, TerminalProtocolError) as error:
            log.debug("the end of a command could not be answered: %s", error)
            self.broken = True

    def _late(self) -> float:
        """Loop time from which on silence is an error."""
        waiting = self._dialogue.waiting
        if waiting.wait is Wait.T4:
            longest = self._timing.t4_longest_s
            if waiting.minutes is None:
                return _now() + self._timing.t4_s
            return _now() + (
                longest if waiting.minutes == NEVER_TIMES_OUT else min(longest, 60.0 * waiting.minutes)
            )
        return _now() + self._timing.t3_s


def _told(stranger: ForeignProtocolError) -> str:
    """Who is there instead of a terminal, and what to do."""
    if stranger.protocol == UNKNOWN:
        return (
            f"no ZVT terminal answers there, but something that says {show(stranger.head)}; {stranger.remedy}"
        )
    return f"no ZVT terminal answers there, but {stranger.protocol}; {stranger.remedy}"


def _now() -> float:
    return asyncio.get_running_loop().time()

"""One connection of a register: bytes to dialogue, dialogue to jobs, jobs to bytes."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from agent.pos.register.line import Line
from drivers.links.base import Breakable
from drivers.zvt.errors import RemoteProtocolError
from drivers.zvt.masking import mask
from drivers.zvt.message import Message
from drivers.zvt.summary import summarise
from drivers.zvt.terminal import (
    Answered,
    Event,
    Ordered,
    Rejected,
    State,
    StopAsked,
    TerminalDialogue,
)
from drivers.zvt.turns import Repeated

log = logging.getLogger(__name__)


class NoAnswerError(Exception):
    """The register did not answer in time, or its link is gone."""


class Host(Protocol):
    """What a conversation is about: the terminal that this register sees."""

    name: str

    def new_dialogue(self) -> TerminalDialogue:
        """A dialogue that knows what this register allowed."""
        ...

    def stop(self) -> bool:
        """The register wants what runs to end; False: nothing runs."""
        ...

    def begin(self, conversation: "Conversation", ordered: Ordered) -> Coroutine[Any, Any, None]:
        """The work that a command asks for."""
        ...


class Conversation:
    """One link of one register, used once."""

    def __init__(self, host: Host, make_line: Callable[[Callable[[], None]], Line], link: Breakable) -> None:
        """`make_line` makes the line; it is given what to call when a frame did not get through."""
        self._host = host
        self._link = link
        self.line = make_line(self._unanswered)
        self.dialogue = host.new_dialogue()
        self.gone = False
        self.heard_at = asyncio.get_running_loop().time()
        """When the register said something last, in loop seconds."""
        self._waiter: asyncio.Future[Answered] | None = None
        self._job: asyncio.Task[None] | None = None
        self._on_gone: Callable[[], None] | None = None

    @property
    def working(self) -> bool:
        """Whether a command is being worked on."""
        return self._job is not None and not self._job.done()

    async def run(self) -> None:
        """Serve until the link is over and what it began has ended."""
        try:
            async with asyncio.TaskGroup() as group:
                writing = group.create_task(self.line.write(), name=f"{self._host.name} writes")
                await self._read(group)
                self._lost()
                if self._job is not None:
                    await asyncio.wait({self._job})
                writing.cancel()
        finally:
            self._lost()
            self.line.reset()
            await self.line.close()

    async def ask(self, message: Message, within_s: float) -> Answered:
        """Tell the register something and wait for its one answer. Errors: `NoAnswerError`."""
        return await self._exchange(lambda: self.dialogue.tell(message), within_s)

    async def complete(self, message: Message, within_s: float) -> None:
        """06 0F and its answer. Errors: `NoAnswerError`."""
        await self._exchange(lambda: self.dialogue.complete(message), within_s)

    async def abort(self, message: Message, within_s: float) -> None:
        """06 1E and its answer. Errors: `NoAnswerError`."""
        await self._exchange(lambda: self.dialogue.abort(message), within_s)

    def say(self, data: bytes) -> None:
        """Send an answer."""
        self.line.send(data)

    def when_gone(self, call: Callable[[], None] | None) -> None:
        """Whom to tell that the link is gone."""
        self._on_gone = call

    async def _exchange(self, say: Callable[[], bytes], within_s: float) -> Answered:
        if self.gone:
            raise NoAnswerError("the register has hung up")
        waiter: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        self._waiter = waiter
        try:
            self.line.send(say())
            async with asyncio.timeout(within_s):
                return await waiter
        except TimeoutError:
            if self.dialogue.state is State.ASKED:
                self.dialogue.give_up()
            raise NoAnswerError(f"no answer within {within_s:g} s") from None
        finally:
            self._waiter = None

    def say_no_more(self) -> None:
        """The procedure is over without an end: close the socket (PA00P016 5.2.5), or be idle if serial."""
        if self.gone:
            return
        if self.line.serial:
            self.dialogue = self._host.new_dialogue()
        else:
            self.hang_up()

    def hang_up(self) -> None:
        """Break the link off."""
        self._lost()
        self._link.abort()

    async def _read(self, group: asyncio.TaskGroup) -> None:
        while not self.gone:
            try:
                apdus = await self.line.receive()
                if apdus is None:
                    return
                for apdu in apdus:
                    self.heard_at = asyncio.get_running_loop().time()
                    for event in self.dialogue.receive(apdu):
                        self._on(event, group)
            except RemoteProtocolError as error:
                log.warning("%s: %s", self._host.name, error)
                # out of step with a stream there is no way back; a serial line finds its next frame
                if not self.line.serial:
                    self.hang_up()
                else:
                    self._unanswered()

    def _on(self, event: Event, group: asyncio.TaskGroup) -> None:
        match event:
            case Ordered(message):
                self._heard(message)
                name = f"{self._host.name} {message.command:04X}"
                self._job = group.create_task(self._host.begin(self, event), name=name)
            case StopAsked(message):
                self._heard(message)
                self._host.stop()
                self.line.send(self.dialogue.answer_stop())
            case Answered(message=message):
                self._heard(message)
                if self._waiter is not None and not self._waiter.done():
                    self._waiter.set_result(event)
            case Rejected(reason=reason, answer=answer):
                log.info("%s: %s", self._host.name, reason)
                self.line.send(answer)
            case Repeated(answer=said) if said is not None:
                self.line.send(said)
            case _:
                log.debug("%s: ignored %s", self._host.name, event)

    def _heard(self, message: Message) -> None:
        if log.isEnabledFor(logging.DEBUG):
            log.debug("%s > %s", self._host.name, summarise(mask(message)))

    def _unanswered(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            if self.dialogue.state is State.ASKED:
                self.dialogue.give_up()
            self._waiter.set_exception(NoAnswerError("the frame was not acknowledged"))

    def _lost(self) -> None:
        self.gone = True
        if self._on_gone is not None:
            self._on_gone()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(NoAnswerError("the link is gone"))

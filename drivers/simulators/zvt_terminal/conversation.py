"""One register on one link: bytes to dialogue, dialogue to jobs, jobs to bytes."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from drivers.contract import Link
from drivers.links.base import Breakable
from drivers.simulators.zvt_terminal.device import Device
from drivers.simulators.zvt_terminal.line import Line
from drivers.zvt.errors import RemoteProtocolError
from drivers.zvt.message import Message
from drivers.zvt.sequence import MessageSequence
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

T3_S = 5.0
"""How long the register may take to answer (PA00P016 chapter 5.2)."""

TRIES_S = 31.0
"""How long a serial frame, and the one before it, may take to arrive: three times T2 each."""


class NoAnswerError(Exception):
    """The register did not answer in time, or its link is gone."""


class Conversation:
    """One connection of a register; `begin` makes the work that a command asks for."""

    def __init__(
        self,
        device: Device,
        link: Link,
        begin: Callable[["Conversation", Message], Coroutine[Any, Any, None]],
        *,
        serial: bool,
        speed: Callable[[], int] | None = None,
    ) -> None:
        self.device = device
        self.line = Line(
            link, device.profile.framing, serial=serial, failed=self._unanswered, arrived=self._arrived
        )
        self.dialogue = self._new_dialogue()
        self.gone = False
        self._begin = begin
        self._speed = speed
        self._waiter: asyncio.Future[Answered] | None = None
        self._t3: tuple[asyncio.Timeout, float] | None = None
        self._job: asyncio.Task[None] | None = None
        self._heard_at = 0.0

    async def run(self) -> None:
        """Serve until the link is over and what it began has ended."""
        self.device.callers.add(self)
        try:
            async with asyncio.TaskGroup() as group:
                helpers = [group.create_task(self.line.write(), name="zvt terminal writes")]
                if self.device.profile.idle_close_s is not None:
                    watching = self._watch(self.device.profile.idle_close_s)
                    helpers.append(group.create_task(watching, name="zvt terminal hangs up when idle"))
                await self._read(group)
                self._lost()
                if self._job is not None:
                    await asyncio.wait({self._job})
                for helper in helpers:
                    helper.cancel()
        finally:
            self._lost()
            self.line.reset()
            self.device.callers.discard(self)
            await self.line.link.close()

    async def ask(self, message: Message, within_s: float = T3_S, *, hurry: bool = False) -> Answered:
        """Tell the register something and wait for its one answer. Errors: `NoAnswerError`.

        On a serial line its time begins when it has the message; with `hurry` when it is sent.
        """
        return await self._exchange(lambda: self.dialogue.tell(message), within_s, hurry=hurry)

    async def complete(self, message: Message) -> None:
        """06 0F and its answer. Errors: `NoAnswerError`."""
        await self._exchange(lambda: self.dialogue.complete(message), T3_S)

    async def abort(self, message: Message) -> None:
        """06 1E and its answer. Errors: `NoAnswerError`."""
        await self._exchange(lambda: self.dialogue.abort(message), T3_S)

    async def _exchange(self, say: Callable[[], bytes], within_s: float, *, hurry: bool = False) -> Answered:
        if self.gone:
            raise NoAnswerError("the register has hung up")
        waiter: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        self._waiter = waiter
        try:
            late = self.line.serial and not hurry
            async with asyncio.timeout(within_s + TRIES_S if late else within_s) as t3:
                self._t3 = (t3, within_s) if late else None
                self.line.send(say())
                return await waiter
        except TimeoutError:
            if self.dialogue.state is State.ASKED:
                self.dialogue.give_up()
            raise NoAnswerError(f"no answer within {within_s:g} s") from None
        finally:
            if self._waiter is waiter:  # the register may have begun its next command already
                self._waiter = self._t3 = None

    def _arrived(self) -> None:
        """The register has what was said last: now it is its turn (PA00P016 chapter 5.2)."""
        if self._t3 is not None and not self._t3[0].expired():
            # once: what else arrives meanwhile, a refusal for instance, gives nobody more time
            (t3, within_s), self._t3 = self._t3, None
            t3.reschedule(asyncio.get_running_loop().time() + within_s)

    def say_no_more(self) -> None:
        """The procedure is over without an end: close the socket (PA00P016 5.2.5), or be idle if serial."""
        if self.gone:
            return
        if self.line.serial:
            self.dialogue = self._new_dialogue(self.dialogue.sequence)
        else:
            self.hang_up()

    def hang_up(self) -> None:
        """Break the link off."""
        self._lost()
        link = self.line.link
        if isinstance(link, Breakable):
            link.abort()

    def power_off(self) -> None:
        """Lose the link; a serial line stays and the terminal is deaf on it until it has booted."""
        if not self.line.serial:
            self.hang_up()
            return
        self.line.reset()
        self.dialogue = self._new_dialogue()

    def power_off_job(self) -> None:
        """End the work at once, unless it is the one that asks."""
        if self._job is not None and self._job is not asyncio.current_task():
            self._job.cancel()

    def _new_dialogue(self, sequence: MessageSequence | None = None) -> TerminalDialogue:
        permits = self.device.permits
        dialogue = TerminalDialogue(sequences=self.device.profile.sequences, permits=permits)
        if sequence is not None:
            dialogue.sequence = sequence
        return dialogue

    async def _read(self, group: asyncio.TaskGroup) -> None:
        while not self.gone:
            data = await self.line.receive()
            if data is None:
                return
            if self.device.silent or self._out_of_tune():
                continue
            self._heard_at = asyncio.get_running_loop().time()
            try:
                for apdu in self.line.feed(data):
                    for event in self.dialogue.receive(apdu):
                        self._on(event, group)
            except RemoteProtocolError:
                # out of step with a stream there is no way back; a serial line finds its next frame
                if not self.line.serial:
                    self.hang_up()
                else:
                    self._unanswered()

    def _out_of_tune(self) -> bool:
        """Whether the bytes came at another rate than 08 40 has set: then they are none."""
        if self._speed is None or not self.device.speed_was_set:
            return False
        return self._speed() != self.device.baud_rate

    def _on(self, event: Event, group: asyncio.TaskGroup) -> None:
        match event:
            case Ordered(message):
                name = f"zvt terminal {message.command:04X}"
                self._job = group.create_task(self._begin(self, message), name=name)
            case StopAsked():
                if self.device.task is not None:
                    self.device.task.stop()
                self.line.send(self.dialogue.answer_stop())
            case Answered():
                if self._waiter is not None and not self._waiter.done():
                    self._waiter.set_result(event)
                if self.dialogue.state is State.READY:
                    self.device.over(self)
            case Rejected(answer=answer):
                self.line.send(answer)
            case Repeated(answer=said) if said is not None:
                self.line.send(said)
            case _:
                pass

    def _unanswered(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            if self.dialogue.state is State.ASKED:
                self.dialogue.give_up()
            self._waiter.set_exception(NoAnswerError("the frame was not acknowledged"))

    def _lost(self) -> None:
        self.gone = True
        # whoever waits for a key waits for nobody now
        self.device.pressed.set()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(NoAnswerError("the link is gone"))

    async def _watch(self, idle_s: float) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        while not self.gone:
            now = asyncio.get_running_loop().time()
            if self._job is not None and not self._job.done():
                self._heard_at = now
            left_s = self._heard_at + idle_s - now
            if left_s <= 0:
                self.gone = True
                await self.line.link.close()
                return
            await asyncio.sleep(left_s)

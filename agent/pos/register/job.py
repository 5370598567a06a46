"""One command at work: what its handler needs to talk to the register, to wait, and to end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from agent.pos.prompts import prompt
from agent.pos.register.conversation import Conversation, NoAnswerError
from drivers.contract import Progress
from drivers.zvt import results
from drivers.zvt.charset import encode_text
from drivers.zvt.commands import table
from drivers.zvt.commands.codec import encode
from drivers.zvt.commands.reports import Abort, IntermediateStatus
from drivers.zvt.fields import CONTAINER
from drivers.zvt.message import Message
from drivers.zvt.permits import Permits
from drivers.zvt.statuses import SEE_TEXT
from drivers.zvt.terminal import Answered, Ordered
from drivers.zvt.tlv import Tlv

if TYPE_CHECKING:  # the terminal makes jobs
    from agent.pos.register.terminal import TillTerminal

KEEP_ALIVE_S = 8.0
"""So often the register is told that we still work: it restarts its T4 (at least every ten seconds)."""

LINK_REPEATS_S = 10.0
"""Two repeats of a frame, each after T2 (PA00P016 3.4): only then is an acknowledgement missing (2.2.8)."""

TURN_S = 60.0
"""How long a command waits for the one before it to be settled, after its 80 00."""

STAMP_SIZE = 10
"""Bytes that tag 1F73 may add to a message."""

TEXT_MINUTES = 3
"""T4 as a 04 FF with texts names it: where there is a container, the minutes must be there (chapter 3.7)."""

ESSENTIAL = frozenset({0x27, 0x04, 0x0B, 0x29, 0x87})
"""Fields of 04 0F that tell one transaction from another."""

STATUS_OF: dict[Progress, int] = {
    Progress.PREPARING: 0x17,
    Progress.WAITING_FOR_CARD: 0x0A,
    Progress.CHOOSING_TIP: SEE_TEXT,
    Progress.ENTERING_PIN: 0x01,
    Progress.WRONG_PIN: 0x15,
    Progress.AUTHORIZING: 0x04,
    Progress.REMOVE_CARD: 0x0B,
    Progress.PRINTING: 0x0E,
    Progress.CANCELING: 0x17,
    Progress.CHECKING: 0x0E,
    Progress.CAPTURING: 0x0E,
    Progress.RELEASING: 0x05,
    Progress.REFUNDING: 0x0E,
}
"""The 04 FF of each step; where only a text tells, a register without texts hears that it is being worked."""

IN_PROGRESS = 0x0E


class EndedError(Exception):
    """The command has failed with a result code; the register is told by 06 1E and nothing else is owed."""

    def __init__(self, result: int, text: str = "", *, told: bool = False) -> None:
        """`told`: a 04 0F has said so already, or is not wanted."""
        super().__init__(text or f"result {result:02X}")
        self.result = result
        self.text = text
        self.told = told


class Job:
    """The work on one command of one register."""

    def __init__(self, till: "TillTerminal", conversation: Conversation, ordered: Ordered) -> None:
        self.till = till
        self.conversation = conversation
        self.message = ordered.message
        self.wants_end = asyncio.Event()
        """Set when nobody wants the result any more: 06 B0, a lost link, a register that is silent."""
        self._shown: Progress | None = None
        self._shown_at = 0.0

    # -- what the register allows ---------------------------------------------------------------------

    @property
    def permits(self) -> Permits:
        """What the register allows."""
        return self.conversation.dialogue.permits

    @property
    def tlv(self) -> bool:
        """Whether the register takes TLV, by its registration or by this command."""
        return self.till.profile.tlv and (self.permits.container or self.message.has_container)

    @property
    def shows_progress(self) -> bool:
        """Whether 04 FF is wanted."""
        return self.permits.allows(table.INTERMEDIATE_STATUS)

    def stop(self) -> None:
        """Nobody wants the result any more."""
        self.wants_end.set()

    # -- talking --------------------------------------------------------------------------------------

    def accept(self, answer: Message | None = None) -> None:
        """80 00."""
        self.conversation.say(self.conversation.dialogue.accept(answer))
        self.till.permits = self.permits

    def refuse(self, code: int = results.UNKNOWN_COMMAND, answer: Message | None = None) -> None:
        """84 xx."""
        self.conversation.say(self.conversation.dialogue.refuse(code, answer))

    async def tell(self, message: Message, within_s: float | None = None) -> Answered:
        """Tell or ask something. Errors: `NoAnswerError`."""
        limit_s = self.till.profile.t3_s if within_s is None else within_s
        return await self.conversation.ask(self._fit(message), limit_s + self._repeats_s)

    async def complete(self, message: Message | None = None) -> None:
        """06 0F. Errors: `NoAnswerError`."""
        given = self._fit(Message(table.COMPLETION) if message is None else message)
        await self.conversation.complete(given, self.till.profile.completion_s + self._repeats_s)

    async def abort(self, message: Message | int) -> None:
        """06 1E. Errors: `NoAnswerError`."""
        if isinstance(message, int):
            message = Abort(message).to_message()
        limit_s = self.till.profile.completion_s + self._repeats_s
        await self.conversation.abort(self._fit(message), limit_s)

    @property
    def _repeats_s(self) -> float:
        """What the link may need for its own repeats before a silence is the register's."""
        return LINK_REPEATS_S if self.conversation.line.serial else 0.0

    def _fit(self, message: Message) -> Message:
        """The message, or what of it a register takes that announced little room (tag 1A).

        Errors: `NoAnswerError` where even that is too much.
        """
        limit = self.permits.max_apdu
        if limit is None or len(encode(message)) + STAMP_SIZE <= limit:
            return message
        shorter = replace(message, fields=tuple(field for field in message.fields if field.id != CONTAINER))
        if len(encode(shorter)) + STAMP_SIZE <= limit:
            return shorter
        least = replace(message, fields=tuple(field for field in message.fields if field.id in ESSENTIAL))
        if len(encode(least)) + (STAMP_SIZE if self.till.sequence.active else 0) > limit:
            raise NoAnswerError(
                f"{message.command:04X} cannot be told to a register that takes {limit} bytes"
            )
        return least

    # -- signs of life --------------------------------------------------------------------------------

    async def show(self, step: Progress) -> None:
        """04 FF for what the customer sees, if it is news or was said long ago. Errors: `NoAnswerError`."""
        now = asyncio.get_running_loop().time()
        if not self.shows_progress:
            return
        if step is self._shown and now - self._shown_at < KEEP_ALIVE_S:
            return
        self._shown, self._shown_at = step, now
        await self.tell(self._intermediate(step))

    def _intermediate(self, step: Progress) -> Message:
        status = STATUS_OF[step]
        if not (self.tlv and self.till.profile.texts):
            return IntermediateStatus(IN_PROGRESS if status == SEE_TEXT else status).to_message()
        text = encode_text(prompt(step, self.till.language), self.till.charset)
        told = IntermediateStatus(status, TEXT_MINUTES).to_message()
        return told.with_tlv(Tlv(0x24, (Tlv(0x07, text),)))

    async def pause(self, seconds: float) -> None:
        """Let time pass; ends early when nobody wants the result any more."""
        try:
            async with asyncio.timeout(seconds):
                await self.wants_end.wait()
        except TimeoutError:
            return

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Inside, no other command of this till is at work. Errors: `EndedError` A0 after a long
        wait, `NoAnswerError` when the register has hung up meanwhile.
        """
        lock = self.till.turn
        until = asyncio.get_running_loop().time() + TURN_S
        while True:
            try:
                async with asyncio.timeout(min(KEEP_ALIVE_S, until - asyncio.get_running_loop().time())):
                    await lock.acquire()
                break
            except TimeoutError:
                if asyncio.get_running_loop().time() >= until:
                    raise EndedError(results.BUSY) from None
                await self.show(Progress.CHECKING)
        try:
            if self.conversation.gone:
                raise NoAnswerError("the register hung up while its command waited")
            self.till.job = self
            self.conversation.when_gone(self.stop)
            yield
        finally:
            self.conversation.when_gone(None)
            self.till.job = None
            lock.release()


__all__ = ["EndedError", "Job", "NoAnswerError"]

"""One command at work: what its handler needs to talk, to wait and to end."""

import asyncio
import contextlib
from dataclasses import replace
from typing import NoReturn

from drivers.simulators.zvt_terminal.conversation import T3_S, Conversation, NoAnswerError
from drivers.simulators.zvt_terminal.device import Device
from drivers.simulators.zvt_terminal.profiles import Loss
from drivers.zvt import results
from drivers.zvt.commands import table
from drivers.zvt.commands.codec import encode
from drivers.zvt.commands.reports import Abort, IntermediateStatus
from drivers.zvt.fields import CONTAINER
from drivers.zvt.message import Message
from drivers.zvt.permits import Permits
from drivers.zvt.statuses import intermediate_text
from drivers.zvt.terminal import Answered

KEEP_ALIVE_S = 10.0
"""Every so often the register is told that we still work: it restarts its T4."""

LAST_WORDS_S = 0.05
"""How long bytes take to leave before the power fails; no register answers as fast."""

STAMP_SIZE = 10
"""Bytes that tag 1F73 may add to a message."""

ESSENTIAL = frozenset({0x27, 0x04, 0x0B, 0x29, 0x87})
"""Fields of 04 0F that tell one transaction from another."""


class EndedError(Exception):
    """The work has failed with a result code; nothing moved."""

    def __init__(self, result: int) -> None:
        super().__init__(f"result {result:02X}")
        self.result = result


class PowerCutError(Exception):
    """The terminal has no power any more: nothing is said, nothing is tidied up."""


class Job:
    """The terminal's work on one command of one register."""

    def __init__(
        self, device: Device, conversation: Conversation, message: Message, known: frozenset[int]
    ) -> None:
        self.device = device
        self.conversation = conversation
        self.message = message
        self.known = known
        self._stopped = False
        self._bell = asyncio.Event()
        self._status: tuple[int, int | None] | None = None

    @property
    def permits(self) -> Permits:
        """What the register allows."""
        return self.conversation.dialogue.permits

    @property
    def tlv(self) -> bool:
        """Whether the register takes TLV, by its registration or by this command."""
        return self.permits.container or self.message.has_container

    def stop(self) -> None:
        """Somebody pressed stop; works as long as the host was not asked."""
        self._stopped = True
        self._bell.set()
        self.device.pressed.set()

    def power_off(self) -> None:
        """End without a word."""
        self.conversation.power_off_job()

    def cut_power(self) -> NoReturn:
        """The power fails in the middle of this very job. Errors: `PowerCutError`, always."""
        self.device.reboot()
        raise PowerCutError

    async def say_and_die(self, message: Message) -> NoReturn:
        """The power fails just after this was sent. Errors: `PowerCutError`, always."""
        with contextlib.suppress(NoAnswerError):
            await self.conversation.ask(self._fit(message), LAST_WORDS_S, hurry=True)
        self.cut_power()

    def accept(self, answer: Message | None = None) -> None:
        """80 00."""
        data = self.conversation.dialogue.accept(answer)
        self.device.permits = self.conversation.dialogue.permits
        self.conversation.line.send(data, more=table.row_of(self.message.command).end is table.End.COMPLETION)

    def refuse(self, code: int = results.UNKNOWN_COMMAND, answer: Message | None = None) -> None:
        """84 xx."""
        self.conversation.line.send(self.conversation.dialogue.refuse(code, answer))

    async def tell(self, message: Message, within_s: float = T3_S) -> Answered:
        """Tell or ask something. Errors: `NoAnswerError`."""
        return await self.conversation.ask(self._fit(message), within_s)

    async def complete(self, message: Message | None = None) -> None:
        """06 0F. Errors: `NoAnswerError`."""
        given = Message(table.COMPLETION) if message is None else message
        await self.conversation.complete(self._fit(given))

    async def abort(self, message: Message | int) -> None:
        """06 1E. Errors: `NoAnswerError`."""
        if isinstance(message, int):
            message = Abort(message).to_message()
        await self.conversation.abort(self._fit(message))

    def _fit(self, message: Message) -> Message:
        """The message, or what of it a register takes that announced little room (tag 1A)."""
        limit = self.permits.max_apdu
        if limit is None or len(encode(message)) + STAMP_SIZE <= limit:
            return message
        shorter = replace(message, fields=tuple(field for field in message.fields if field.id != CONTAINER))
        if len(encode(shorter)) + STAMP_SIZE <= limit:
            return shorter
        return replace(message, fields=tuple(field for field in message.fields if field.id in ESSENTIAL))

    async def progress(self, status: int, minutes: int | None = None) -> None:
        """04 FF, if the register wants it. Errors: `NoAnswerError`, unless the job goes on without it."""
        self._status = (status, minutes)
        if not self.permits.allows(table.INTERMEDIATE_STATUS):
            return
        if self.conversation.gone and self.device.profile.loss is Loss.FINISH:
            return
        texts = (intermediate_text(status),) if self.device.profile.texts and self.tlv else ()
        told = IntermediateStatus(status, minutes or (1 if texts else None), texts)
        try:
            await self.tell(told.to_message())
        except NoAnswerError:
            if not self.conversation.gone or self.device.profile.loss is Loss.STOP:
                raise

    async def pause(self, seconds: float, *, stoppable: bool = False) -> None:
        """Let time pass, with a sign of life now and then. Errors: `EndedError` 6C when stopped."""
        self.conversation.line.flush()
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while True:
            left_s = min(KEEP_ALIVE_S, end - loop.time())
            if stoppable:
                await self._wait_for_stop(left_s)
            elif left_s > 0:
                await asyncio.sleep(left_s)
            if loop.time() >= end:
                return
            if self._status is not None:
                await self.progress(*self._status)

    async def pause_silently(self, seconds: float) -> None:
        """Let time pass without a word."""
        self.conversation.line.flush()
        await asyncio.sleep(seconds)

    async def typed(self, seconds: float) -> bytes | None:
        """What somebody types within so long (0: for ever); None for nothing, or when stopped."""
        if not self.device.keys:
            self.device.pressed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds or None):
                    await self.device.pressed.wait()
        return self.device.keys.popleft() if self.device.keys else None

    async def _wait_for_stop(self, seconds: float) -> None:
        if not self._stopped:
            self._bell.clear()
            timer = asyncio.get_running_loop().call_later(max(seconds, 0.0), self._bell.set)
            try:
                await self._bell.wait()
            finally:
                timer.cancel()
        if self._stopped or (self.conversation.gone and self.device.profile.loss is Loss.STOP):
            raise EndedError(results.ABORTED)

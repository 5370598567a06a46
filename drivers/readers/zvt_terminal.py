"""A ZVT terminal as we reach it: its link, its registration, its state, and what was learnt about it."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from drivers.contract import DriverError, LinkError, LinkHealth
from drivers.links.base import Endable
from drivers.links.reconnect import Connect, Reconnector
from drivers.readers.zvt_conversation import (
    Conversation,
    End,
    Ended,
    Hear,
    TerminalProtocolError,
    TerminalSilentError,
    listen_only,
)
from drivers.readers.zvt_mark import Mark, terminal_time
from drivers.readers.zvt_options import Setup
from drivers.readers.zvt_outcome import why
from drivers.readers.zvt_profiles import Habit
from drivers.readers.zvt_standing import AT_WORK, BUSY, Identity, Standing, TerminalBusyError, refusal_of
from drivers.zvt import statuses
from drivers.zvt.charset import Charset, charset_code
from drivers.zvt.commands.reports import Completion, StatusInformation
from drivers.zvt.commands.setup import Registration, StatusEnquiry
from drivers.zvt.config import CompletionStatus, StatusService
from drivers.zvt.message import Message
from drivers.zvt.sequence import SIZE

log = logging.getLogger(__name__)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Terminal:
    """Holds at most one connection. To be used by one task at a time, but for `interrupt`."""

    def __init__(self, setup: Setup, connect: Connect, *, now: Callable[[], datetime] = _utc_now) -> None:
        self.setup = setup
        self.now = now
        self.identity = Identity()
        self.skew: timedelta | None = None
        """The terminal's local clock less UTC; None: not seen yet."""
        self.mark: Mark | None = None
        """Its last transaction; None when that is not certain and has to be asked for."""
        self.valid_receipt: int | None = None
        """The last receipt number that we hold valid, for 1F1F; None is "no history" and always safe."""
        self._agreed: Charset | None = None
        self._reconnector = Reconnector(setup.name, connect, proof=True)
        self._conversation: Conversation | None = None

    # -- the link ---------------------------------------------------------------------------------------

    @property
    def link_health(self) -> LinkHealth:
        """How its link is: up once the terminal has spoken over it."""
        return self._reconnector.health

    def on_link_end(self, told: Callable[[], None]) -> None:
        """Call `told` when a port is pulled or a device is out of range."""
        self._reconnector.on_end = told

    async def ready(self) -> Conversation:
        """A registered connection with a terminal that gave a sign of life just now; sends no payment.

        Raises `LinkNotOpenedError`, `TerminalBusyError`, `TerminalRefusedError` or another `DriverError`.
        """
        known = self._conversation
        if known is not None and known.registered:
            over = isinstance(known.link, Endable) and known.link.ended
            if not over and _loop_now() - known.heard_at <= self.setup.timing.fresh_s:
                return known
            if await self._still_there(known) is not None:
                return known
        return await self._registered(await self._connected())

    async def ask(self, *, patient: bool = False) -> Standing:
        """The terminal's state now, connecting and registering where that is needed. Raises as `ready`.

        `patient`: where the link was lost, that is the answer; when to make a new one is not for us to say.
        """
        known = self._conversation
        standing = await self._still_there(known) if known is not None and known.registered else None
        if standing is not None:
            return standing
        health = self.link_health
        if patient and health.cause:
            raise LinkError(health.cause, code=health.code)
        return await self.standing(await self._registered(await self._connected()))

    async def _still_there(self, known: Conversation) -> Standing | None:
        """Its answer to 05 01; None: many terminals hang up when idle, a reason to call again, no failure."""
        try:
            return await self.standing(known, idle=True)
        except (LinkError, TerminalSilentError) as error:
            log.debug("%s was left: %s", self.setup.name, error)
            return None

    async def run(
        self,
        conversation: Conversation,
        message: Message,
        hear: Hear = listen_only,
        stop: Callable[[], bool] = lambda: False,
        *,
        idle: bool = False,
    ) -> Ended:
        """Send a command on a connection; lets the connection go if that breaks it.

        `idle`: nothing was said over it for a while, so that its end may be but a habit of the other side.
        """
        try:
            ended = await conversation.run(message, hear, stop)
            self._reconnector.answered(conversation.link)
            return ended
        except DriverError as error:
            await self._drop(conversation, None if idle and self.setup.hangs_up else error)
            raise
        finally:
            if conversation.broken:
                await self._drop(conversation)

    async def let_go(self) -> None:
        """After a command: a terminal that wants a connection for each gets its wish."""
        if self.setup.profile.habit is Habit.TRANSACTION:
            await self.close()

    async def close(self) -> None:
        """Hang up."""
        if self._conversation is not None:
            await self._drop(self._conversation)

    def interrupt(self) -> None:
        """Let a running command look at its `stop` now."""
        if self._conversation is not None:
            self._conversation.interrupt()

    async def _drop(self, conversation: Conversation, error: DriverError | None = None) -> None:
        if conversation is self._conversation:
            self._conversation = None
        loss = (
            error if isinstance(error, LinkError) or error is None else LinkError(str(error), code=error.code)
        )
        await self._reconnector.drop(conversation.link, loss)

    async def _connected(self) -> Conversation:
        link = await self._reconnector.open()
        known = self._conversation
        if known is None or known.link is not link:
            known = Conversation(link, self.setup.timing, framed=self.setup.framed)
            self._conversation = known
        return known

    # -- registration and state -------------------------------------------------------------------------

    async def _registered(self, conversation: Conversation) -> Conversation:
        if conversation.registered:
            return conversation
        ended = await self.run(conversation, self._registration())
        if ended.end is not End.DONE:
            raise refusal_of(ended, "registration")
        told = Completion.from_message(ended.message)
        flags = told.flags or 0
        self._agreed = self._agreed_charset(ended.message)
        self.identity = replace(
            self.identity, terminal_id=told.terminal_id or self.identity.terminal_id, flags=flags
        )
        conversation.registered = True
        return conversation

    @property
    def charset(self) -> Charset | None:
        """That of its texts: what was agreed on when it was registered, else its kind's; None: guess."""
        return self._agreed or self.setup.profile.charset

    def _agreed_charset(self, completion: Message) -> Charset | None:
        """The set we asked for, where the terminal names it again (PA00P015 chapter 9.4, tag 27)."""
        asked, said = self.setup.profile.ask_charset, completion.find_bytes(0x27, 0x14)
        return asked if asked is not None and said == bytes((charset_code(asked),)) else None

    def _registration(self) -> Message:
        profile = self.setup.profile
        asked = profile.ask_charset if profile.tlv else None
        return Registration(
            password=self.setup.password,
            config=profile.config,
            currency=self.setup.currency,
            max_apdu=profile.max_apdu if profile.tlv else None,
            permitted=profile.permitted if profile.tlv else (),
            charsets=() if asked is None else (charset_code(asked),),
            sequence=bytes(SIZE) if profile.tlv and profile.sequence_ids else None,
            container=profile.tlv,
        ).to_message()

    async def standing(self, conversation: Conversation, *, idle: bool = False) -> Standing:
        """05 01: how the terminal is; teaches us its name and its clock. Never anything about a payment."""
        ended = await self.run(conversation, self._enquiry(), idle=idle)
        if ended.end is End.DONE:
            self._learn(ended.message)
            told = Completion.from_message(ended.message)
            code = told.status or statuses.READY
            return Standing(code, statuses.terminal_state_text(code), self.identity)
        if ended.code in BUSY:
            raise refusal_of(ended, "the question for its state")
        if ended.end is End.ABORTED:
            return Standing(ended.code, why(ended.message, ended.code), self.identity)
        raise refusal_of(ended, "the question for its state")

    def _enquiry(self) -> Message:
        if not self.setup.profile.status_tlv:
            return StatusEnquiry().to_message()
        return StatusEnquiry(self.setup.password, int(StatusService.SEND_TLV)).to_message()

    def _learn(self, message: Message) -> None:
        told = Completion.from_message(message)
        known = self.identity
        terminal_id = message.find_bytes(0x1F44)
        self.identity = replace(
            known,
            terminal_id=known.terminal_id or (terminal_id.hex().upper() if terminal_id else ""),
            device=told.device_name or known.device,
            version=told.device_version or told.sw_version or known.version,
            serial_number=told.serial_number or known.serial_number,
        )
        date, time = message.find_bytes(0x34, 0x1F0E), message.find_bytes(0x34, 0x1F0F)
        if date and time:
            self._learn_clock(date.hex()[-4:], time.hex())

    def learn_clock(self, status: StatusInformation) -> None:
        """How far the terminal's clock is from ours, from a transaction that was made just now."""
        if self.skew is None:
            self._learn_clock(status.date, status.time)

    def _learn_clock(self, date: str | None, time: str | None) -> None:
        now = self.now().replace(tzinfo=None)
        local = terminal_time(date, time, now)
        if local is not None:
            self.skew = timedelta(seconds=round((local - now).total_seconds()))

    @property
    def needs(self) -> str:
        """What the terminal asked for when it was registered; "" for nothing."""
        wants = {
            CompletionStatus.INITIALISATION_NEEDED: "initialisation",
            CompletionStatus.DIAGNOSIS_NEEDED: "diagnosis",
        }
        return ", ".join(text for flag, text in wants.items() if self.identity.flags & flag)

    # -- a terminal that is still at work ---------------------------------------------------------------

    async def resting(self) -> Conversation:
        """A connection with a terminal that says by 05 01 that it works on nothing; disturbs nothing.

        Raises `TerminalBusyError` when it does, else what `ready` raises.
        """
        conversation = await self.ready()
        standing = await self.standing(conversation)
        if standing.code in AT_WORK:
            raise TerminalBusyError(f"{self.setup.name} {standing.text}", code="terminal_busy")
        return conversation

    async def idle(self) -> Conversation:
        """Wait until the terminal has ended what it does, after asking it to stop (06 B0) once.

        Raises `TerminalBusyError` when that takes too long, else what `ready` raises.
        """
        timing = self.setup.timing
        ends_at = _loop_now() + timing.busy_for_s
        asked_to_stop = False
        while True:
            try:
                return await self.resting()
            except (TerminalBusyError, TerminalSilentError, TerminalProtocolError, LinkError) as error:
                trouble: DriverError = error
            if _loop_now() >= ends_at:
                raise trouble
            if isinstance(trouble, TerminalBusyError) and not asked_to_stop:
                asked_to_stop = await self._stop()
            await asyncio.sleep(timing.busy_pause_s)

    async def _stop(self) -> bool:
        """06 B0; whether it could be said. What was running then ends, or has ended meanwhile."""
        conversation = self._conversation
        if conversation is None:
            return False
        try:
            await conversation.stop()
        except DriverError as error:
            log.debug("%s could not be stopped: %s", self.setup.name, error)
            await self._drop(conversation, error)
            return False
        return True


def _loop_now() -> float:
    return asyncio.get_running_loop().time()

"""The terminal that one till sees: what it knows, who may be served, and which command means which work."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime
from importlib.metadata import version
from types import MappingProxyType
from typing import TYPE_CHECKING

from agent.payments.desk import Desk
from agent.payments.errors import PaymentsError, ReaderUnavailableError, UnknownReaderError
from agent.payments.model import ReaderState
from agent.pos.register import administration, bookings, books, payments
from agent.pos.register.conversation import Conversation, NoAnswerError
from agent.pos.register.job import EndedError, Job
from agent.pos.register.memory import Entry, Memory
from agent.pos.register.memory_file import MemoryFileError
from agent.pos.register.options import RegisterOptions
from agent.pos.register.settling import Settling
from drivers.contract import Capability
from drivers.zvt import results
from drivers.zvt.charset import Charset, charset_of
from drivers.zvt.commands.codec import decode_bytes
from drivers.zvt.commands.reports import Abort
from drivers.zvt.commands.setup import Registration
from drivers.zvt.currency import NUMBERS
from drivers.zvt.errors import DecodeError, RemoteProtocolError
from drivers.zvt.message import Message
from drivers.zvt.permits import Permits
from drivers.zvt.sequence import OFFER, MessageSequence
from drivers.zvt.terminal import Ordered, State, TerminalDialogue

if TYPE_CHECKING:
    from agent.payments.journal import Now

log = logging.getLogger(__name__)

WRONG_PASSWORD = 0x37

CLOSING_DUE = 0xF0

HANDLERS: Mapping[int, Callable[[Job], Awaitable[None]]] = MappingProxyType(
    {
        0x0501: administration.status,
        0x0600: administration.register,
        0x0601: payments.payment,
        0x0602: administration.log_off,
        0x0610: books.show_totals,
        0x0612: books.reprint,
        0x0618: administration.done,
        0x061A: administration.print_configuration,
        0x061B: administration.set_terminal_id,
        0x0620: books.repeat,
        0x0622: payments.hold,
        0x0623: bookings.release_part,
        0x0624: bookings.book,
        0x0625: bookings.release,
        0x0630: bookings.reversal,
        0x0631: bookings.refund,
        0x0650: books.end_of_day,
        0x0651: administration.done,
        0x0670: administration.diagnosis,
        0x0679: administration.done,
        0x0691: administration.set_clock,
        0x0693: administration.done,
        0x06C5: administration.nothing_inserted,
        0x06E0: administration.display,
        0x0830: administration.select_language,
    }
)
"""What the terminal does; anything else is answered 84 83."""

WHILE_BUSY = frozenset({0x0501, 0x0600, 0x0602, 0x06E0, 0x06C5})
"""Served at once even while something else is running for another connection."""

WHILE_LOCKED = WHILE_BUSY | {0x0620, 0x0650, 0x0610, 0x0612, 0x0830}
"""Served in every locked state (PA00P015 chapter 7): what cures it, and what moves no money."""

ALIVE_S = 15.0
"""A register that said something within this time is there: another one does not take its place."""


class TillTerminal:
    """One terminal for one till. The memory is the caller's to close."""

    def __init__(
        self,
        options: RegisterOptions,
        desk: Desk,
        memory: Memory,
        *,
        now: "Now",
        local: Callable[[], datetime],
        terminal_id: str,
    ) -> None:
        """`local` gives the time on the store's clocks; `terminal_id` is for a till that has none yet."""
        self.till, self.reader = options.till, options.reader
        self.name = f"register {options.till}"
        self.profile, self.header = options.profile, options.header
        self.currencies, self.contract_number = options.currencies, options.contract_number
        self.fixed_terminal_id = bool(options.terminal_id)
        self.desk, self.memory = desk, memory
        self.now, self.local = now, local
        self.version = version("tillgate")
        self.settling = Settling(desk, options.till, memory)
        self.turn = asyncio.Lock()
        self.job: Job | None = None
        self.commands = frozenset(HANDLERS)
        self.conversations: set[Conversation] = set()
        self.sequence = MessageSequence()
        self.unregistered = Permits()
        if self.profile.unregistered is not None:
            self.unregistered = Permits(self.profile.unregistered)
        self.permits = self.unregistered
        self.charset: Charset = self.profile.charset
        self.receipt_wishes: int | None = None
        self.receipt_tags = 0
        self._options = options
        memory.facts.terminal_id = options.terminal_id or memory.facts.terminal_id or terminal_id
        if memory.facts.registration:
            with suppress(DecodeError):  # of a version that could read more: the register registers again
                self._take_up(decode_bytes(bytes.fromhex(memory.facts.registration)))

    # -- how it stands --------------------------------------------------------------------------------

    @property
    def language(self) -> str:
        """Of texts: what the register chose by 08 30, else the configured one."""
        return self.memory.facts.language or self._options.language

    @property
    def serial_number(self) -> str:
        """Digits for tag 1F42."""
        return self.memory.facts.terminal_id

    @property
    def reader_state(self) -> ReaderState:
        """How the reader behind stands."""
        try:
            return self.desk.reader(self.reader).state
        except ReaderUnavailableError:
            return ReaderState.CONNECTING
        except UnknownReaderError:
            return ReaderState.OFFLINE

    def can(self, capability: Capability) -> bool:
        """Whether the reader can do this; one that was never reached has the benefit of the doubt."""
        try:
            known = self.desk.reader(self.reader).capabilities
        except PaymentsError:
            return True
        return not known or capability in known

    @property
    def lock(self) -> int:
        """The result code with which payments are refused now; 0: they are not."""
        after_h = self._options.closing_after_h
        if after_h is None:
            return results.OK
        first = self.memory.first_of_batch()
        if first is None:
            return results.OK
        age = self.local() - datetime.fromisoformat(first.at)
        return CLOSING_DUE if age.total_seconds() > after_h * 3600 else results.OK

    def reversed(self, entry: Entry) -> bool:
        """Whether a payment was taken back as a whole."""
        follower = self.memory.follower(entry)
        return follower is not None and follower.amount >= entry.amount

    async def keep(self, entry: Entry) -> None:
        """Save what may also be saved later."""
        try:
            await self.memory.save(entry)
        except MemoryFileError as error:
            log.warning("till %s: %s", self.till, error)

    # -- registration ---------------------------------------------------------------------------------

    def registered(self, message: Message | None) -> None:
        """Take over what a 06 00 wishes; None: the register has logged off."""
        self.charset, self.receipt_wishes, self.receipt_tags = self.profile.charset, None, 0
        if message is None:
            return
        wanted = Registration.from_message(message)
        if len(wanted.charsets) == 1:
            self.charset = charset_of(wanted.charsets[0])
        if wanted.receipt_wishes:
            self.receipt_wishes = wanted.receipt_wishes[0]
        if wanted.receipt_tags:
            self.receipt_tags = wanted.receipt_tags[0]

    def _take_up(self, message: Message) -> None:
        """The registration of an earlier life still holds: registers do not notice that we were away."""
        self.permits = Permits.of(Registration.from_message(message))
        self.registered(message)
        if message.find_bytes(OFFER.tag) is not None and self.profile.sequences:
            self.sequence.resume(self.memory.facts.heard)

    # -- serving (a `Host`) ---------------------------------------------------------------------------

    def new_dialogue(self) -> TerminalDialogue:
        """A dialogue that knows what this register allowed, on whatever connection it said so."""
        dialogue = TerminalDialogue(
            sequences=self.profile.sequences, permits=self.permits, hands_on_repeats=True
        )
        dialogue.sequence = self.sequence
        return dialogue

    def stop(self) -> bool:
        """06 B0, on whatever connection: what runs is to end."""
        if self.job is None:
            return False
        self.job.stop()
        return True

    async def begin(self, conversation: Conversation, ordered: Ordered) -> None:
        """Work on one command to its end."""
        job = Job(self, conversation, ordered)
        try:
            await self._serve(job)
        except NoAnswerError as error:
            log.info("till %s: %04X has no end: %s", self.till, job.message.command, error)
            conversation.say_no_more()

    async def _serve(self, job: Job) -> None:
        command = job.message.command
        handler = HANDLERS.get(command)
        if handler is None:
            job.refuse()
            return
        if not self._knows(job.message):
            log.warning("till %s sent %04X with a wrong password", self.till, command)
            job.refuse(WRONG_PASSWORD)
            return
        if command not in WHILE_BUSY and not self._takes_over(job.conversation):
            job.refuse(results.BUSY)
            return
        if self.lock and command not in WHILE_LOCKED:
            job.accept()
            await job.abort(self.lock)
            return
        try:
            await handler(job)
        except EndedError as end:
            await self._end(job, end.result, end.text)
        except RemoteProtocolError as error:
            # well formed, but it lacks a field that its command cannot do without
            await self._end(job, results.PROTOCOL_ERROR, str(error))
        except PaymentsError as error:
            log.warning("till %s: %04X cannot be carried out: %s", self.till, command, error)
            await self._end(job, results.OTHER_ERROR, str(error))

    async def _end(self, job: Job, result: int, text: str) -> None:
        state = job.conversation.dialogue.state
        if state is State.DECIDING:
            job.refuse(result)
        elif state is State.MASTER:
            log.info("till %s: %04X ends with %02X %s", self.till, job.message.command, result, text)
            currency = NUMBERS[self.currencies[0].upper()] if result == results.WRONG_CURRENCY else None
            told = Abort(result, currency=currency, error_text=text if text and job.tlv else None)
            await job.abort(told.to_message())

    def _knows(self, message: Message) -> bool:
        """Whether the password is right, where there is one and it matters."""
        right, given = self._options.password, message.params.get("password")
        if right is None or given is None:
            return True
        digits = self.profile.password_digits
        return given.hex()[:digits] == right.reveal()[:digits]

    def _takes_over(self, mine: Conversation) -> bool:
        """Whether this connection may work: not while another one, whose register is there, is at work."""
        now = asyncio.get_running_loop().time()
        for other in tuple(self.conversations):
            if other is mine or other.gone or not other.working:
                continue
            if now - other.heard_at < ALIVE_S:
                return False
            log.warning("till %s begins anew on another connection: the old one is given up", self.till)
            other.hang_up()
        return True

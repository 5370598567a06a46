"""The terminal's side of the dialogue: APDUs in, events out; reports in, bytes out (PA00P015 chapter 3)."""

from dataclasses import dataclass
from enum import StrEnum

from drivers.zvt import results
from drivers.zvt.apdu import Apdu
from drivers.zvt.commands import answers, table
from drivers.zvt.commands.answers import Verdict
from drivers.zvt.commands.codec import decode, encode
from drivers.zvt.commands.reports import Abort, Completion
from drivers.zvt.commands.setup import Registration
from drivers.zvt.commands.table import Direction, End, row_of
from drivers.zvt.config import Config
from drivers.zvt.errors import DecodeError, LocalProtocolError, RemoteProtocolError
from drivers.zvt.message import Message
from drivers.zvt.permits import Permits
from drivers.zvt.sequence import OFFER, MessageSequence, sequence_id
from drivers.zvt.turns import Repeated, Stray, Wait, Waiting

GOODS_TIMEOUT_S = 30
"""How long the register may take over 04 0F unless it says otherwise in BMP 01 (chapter 2.2.6)."""


class State(StrEnum):
    """Whose turn it is, as the terminal sees it."""

    READY = "ready"
    """The register is master."""
    DECIDING = "deciding"
    """A command is here; 80 00 or 84 xx is owed within T3."""
    MASTER = "master"
    """We work on a command and may tell and ask."""
    ASKED = "asked"
    """We told or asked something; the register owes one answer."""


class _Heard(StrEnum):
    COMMAND = "command"
    STOP = "06 B0"
    ANSWER = "80 00 or 84 xx"


class _Do(StrEnum):
    DECIDE = "owe 80 00 or 84 xx"
    STOP = "pass the stop on"
    ANSWERED = "take the answer"
    BUSY = "refuse: busy"
    STRAY = "ignore"


TURNS: dict[tuple[State, _Heard], _Do] = {
    (State.READY, _Heard.COMMAND): _Do.DECIDE,
    (State.READY, _Heard.STOP): _Do.STOP,
    (State.READY, _Heard.ANSWER): _Do.STRAY,
    (State.DECIDING, _Heard.COMMAND): _Do.BUSY,
    # registers send 06 B0 during 06 01 although chapter 2.23 does not say so, even before the 80 00
    (State.DECIDING, _Heard.STOP): _Do.STOP,
    (State.DECIDING, _Heard.ANSWER): _Do.STRAY,
    (State.MASTER, _Heard.COMMAND): _Do.BUSY,
    (State.MASTER, _Heard.STOP): _Do.STOP,
    (State.MASTER, _Heard.ANSWER): _Do.STRAY,
    (State.ASKED, _Heard.COMMAND): _Do.BUSY,
    (State.ASKED, _Heard.STOP): _Do.STOP,
    (State.ASKED, _Heard.ANSWER): _Do.ANSWERED,
}
"""What the terminal does in each state with each thing it can hear."""


@dataclass(frozen=True, slots=True)
class Ordered:
    """The register's command; to be accepted or refused within T3."""

    message: Message


@dataclass(frozen=True, slots=True)
class StopAsked:
    """06 B0; to be answered by `answer_stop`, then what runs ends by its own 04 0F and 06 1E."""

    message: Message
    running: int | None


@dataclass(frozen=True, slots=True)
class Answered:
    """The register's answer to `asked`; for 04 0F the verdict decides about the money (chapter 2.2.6)."""

    asked: Message
    verdict: Verdict
    message: Message


@dataclass(frozen=True, slots=True)
class Rejected:
    """Something that cannot be done now or cannot be read: only `answer` is to be sent."""

    apdu: Apdu
    reason: str
    answer: bytes


Event = Ordered | StopAsked | Answered | Rejected | Repeated | Stray


class TerminalDialogue:
    """One terminal talking to one register over one connection.

    `accept`, `refuse`, `tell`, `complete`, `abort` and `answer_stop` return the bytes to write and raise
    LocalProtocolError for what the protocol or this register forbids. `sequences`: whether 1F73 is supported.
    `hands_on_repeats`: a command that comes again when nothing runs is an order, because its answer was lost
    with an earlier connection; whoever decides knows what became of it.
    """

    def __init__(
        self, *, sequences: bool = True, permits: Permits | None = None, hands_on_repeats: bool = False
    ) -> None:
        """Begin idle; `permits` of an earlier connection of the same register may still hold."""
        self._state = State.READY
        self._sequences = sequences
        self._hands_on_repeats = hands_on_repeats
        self._command: Message | None = None
        self._order: Apdu | None = None
        self._asked: Message | None = None
        self._ending = False
        self._order_answer: bytes | None = None
        self._last_answer: bytes | None = None
        self._stop: Message | None = None
        self.permits = permits or Permits()
        self.sequence = MessageSequence()

    @property
    def state(self) -> State:
        """Whose turn it is."""
        return self._state

    @property
    def command(self) -> Message | None:
        """The command that waits for our decision or that we work on."""
        return self._command

    @property
    def waiting(self) -> Waiting:
        """What is waited for now."""
        if self._state is State.READY:
            return Waiting(Wait.NOTHING)
        if self._state is not State.ASKED or self._asked is None:
            return Waiting(Wait.US)
        if self._asked.command != table.STATUS_INFORMATION:
            return Waiting(Wait.T3)
        told = self._command.get(0x01) if self._command is not None else None
        return Waiting(Wait.GOODS, seconds=told[0] if told else GOODS_TIMEOUT_S)

    def receive(self, apdu: Apdu) -> list[Event]:
        """What an APDU of the register means; at most one event. RemoteProtocolError: no register says it."""
        heard = _hear(apdu.command)
        asked = self._asked.command if self._asked is not None else None
        try:
            message = decode(apdu, asked)
        except DecodeError as error:
            if heard is _Heard.ANSWER:
                raise
            # unknown BMPs and malformed fields alike (chapter 2.3 of PA00P016, chapter 13)
            return [Rejected(apdu, str(error), encode(answers.unknown_command()))]
        if heard is not _Heard.ANSWER and self.sequence.is_repeat(message) and not self._is_new(heard):
            return [Repeated(message, self._last_answer)]
        match TURNS[self._state, heard]:
            case _Do.DECIDE:
                return [self._decide(apdu, message)]
            case _Do.STOP:
                self._stop = message
                return [StopAsked(message, self._command.command if self._command is not None else None)]
            case _Do.ANSWERED:
                return [self._answered(message)]
            case _Do.BUSY:
                return [self._busy(apdu, message)]
            case _:
                return [Stray(message)]

    def _is_new(self, heard: _Heard) -> bool:
        return self._hands_on_repeats and self._state is State.READY and heard is _Heard.COMMAND

    def _decide(self, apdu: Apdu, message: Message) -> Event:
        if not table.is_known(apdu.command):
            self._last_answer = encode(self.sequence.echo(answers.unknown_command(), message))
            return Rejected(apdu, "unknown command", self._last_answer)
        self._command = message
        self._order, self._order_answer = apdu, None
        self._state = State.DECIDING
        return Ordered(message)

    def _busy(self, apdu: Apdu, message: Message) -> Event:
        if apdu == self._order:
            # A register that has seen our 80 00 has no reason to say the same again: its link lost the ACK.
            return Repeated(message, self._order_answer)
        # what is repeated under the same id must hear the same again, not what the running command heard
        self._last_answer = encode(self.sequence.echo(answers.busy(), message))
        return Rejected(apdu, f"busy with {self._running()}", self._last_answer)

    def _running(self) -> str:
        return f"{self._command.command:04X}" if self._command is not None else "its own affairs"

    def _answered(self, message: Message) -> Event:
        asked = self._asked
        assert asked is not None, "ASKED means that something was asked"
        self._asked = None
        verdict = answers.judge(message)
        only_status = self._command is not None and row_of(self._command.command).end is End.STATUS
        ended = self._ending or (only_status and asked.command == table.STATUS_INFORMATION)
        if ended or self._command is None:
            self._finish()
        else:
            self._state = State.MASTER
        return Answered(asked, verdict, message)

    def _finish(self) -> None:
        self._state = State.READY
        self._command = self._order = None
        self._ending = False

    def accept(self, answer: Message | None = None) -> bytes:
        """80 00 for the command that is here; with data where the command wants some (keys, input)."""
        command = self._decided(answer)
        self._settle(command)
        given = encode(self.sequence.echo(answer or answers.positive(), command))
        self._order_answer = self._last_answer = given
        if row_of(command.command).end is End.ANSWER:
            self._finish()
        else:
            self._state = State.MASTER
        return given

    def refuse(self, code: int = results.UNKNOWN_COMMAND, answer: Message | None = None) -> bytes:
        """84 xx for the command that is here, which is over then; `answer` for one with data (a currency)."""
        command = self._decided(answer)
        given = encode(self.sequence.echo(answer or answers.negative(code), command))
        self._last_answer = given
        self._finish()
        return given

    def _decided(self, answer: Message | None) -> Message:
        if self._state is not State.DECIDING or self._command is None:
            raise LocalProtocolError("no command waits for a decision")
        if answer is not None and not table.is_answer(answer.command):
            raise LocalProtocolError(f"{answer.command:04X} is no answer")
        return self._command

    def _settle(self, command: Message) -> None:
        """Registration and log-off take effect when they are accepted (chapters 2.1, 2.24)."""
        if command.command == table.REGISTRATION:
            self.permits = Permits.of(Registration.from_message(command))
            self.sequence.drop()
        elif command.command == table.LOG_OFF:
            self.permits = Permits()
            self.sequence.drop()

    def tell(self, message: Message) -> bytes:
        """Send a report, a print or a question while we are master, or on our own account while nobody is."""
        if self._state not in {State.MASTER, State.READY}:
            raise LocalProtocolError(f"{message.command:04X} cannot be sent while {self._state}")
        if message.command in {table.COMPLETION, table.ABORT}:
            raise LocalProtocolError("a command is ended by complete() or abort()")
        if row_of(message.command).direction is Direction.TO_TERMINAL or table.is_answer(message.command):
            raise LocalProtocolError(f"a terminal does not send {message.command:04X}")
        if self._state is State.READY and Config.NO_AMOUNT_ENTRY in self.permits.config:
            raise LocalProtocolError("this register starts everything itself")
        return self._say(message)

    def complete(self, completion: Message | None = None) -> bytes:
        """06 0F: the command is done; the register is master once it has answered."""
        message = Message(table.COMPLETION) if completion is None else completion
        if message.command != table.COMPLETION:
            raise LocalProtocolError(f"{message.command:04X} is no completion")
        command = self._working()
        if command.command == table.REGISTRATION and self._agrees(command):
            if sequence_id(message) is None:
                message = message.with_tlv(OFFER)
            data = self._say(message)
            self._ending = True
            self.sequence.agree()
            return data
        data = self._say(message)
        self._ending = True
        return data

    def abort(self, abort: Message | int) -> bytes:
        """06 1E: the command failed, with a result code or a whole message."""
        message = Abort(abort).to_message() if isinstance(abort, int) else abort
        if message.command != table.ABORT:
            raise LocalProtocolError(f"{message.command:04X} is no abort")
        self._working()
        data = self._say(message)
        self._ending = True
        return data

    def _working(self) -> Message:
        if self._state is not State.MASTER or self._command is None:
            raise LocalProtocolError("no command is being worked on")
        return self._command

    def _agrees(self, command: Message) -> bool:
        return self._sequences and command.find_bytes(OFFER.tag) is not None

    def _say(self, message: Message) -> bytes:
        requested = self._command is not None and self._command.has_container
        self.permits.require(message, container_in_request=requested)
        message = self.sequence.stamp(message)
        data = encode(message)
        limit = self.permits.max_apdu
        if limit is not None and len(data) > limit:
            raise LocalProtocolError(
                f"{message.command:04X} has {len(data)} bytes, the register takes {limit}"
            )
        self._asked = message
        self._state = State.ASKED
        return data

    def answer_stop(self, code: int = results.OK) -> bytes:
        """Answer 06 B0: 80 00, or 84 xx where it comes too late."""
        if self._stop is None:
            raise LocalProtocolError("nobody asked to stop")
        stop, self._stop = self._stop, None
        answer = answers.positive() if code == results.OK else answers.negative(code)
        self._last_answer = encode(self.sequence.echo(answer, stop))
        return self._last_answer

    def give_up(self) -> None:
        """The register's answer is overdue (T3 or goods): go on as master, or be idle if we had ended."""
        if self._state is not State.ASKED:
            raise LocalProtocolError("no answer is awaited")
        self._asked = None
        if self._ending or self._command is None:
            self._finish()
        else:
            self._state = State.MASTER


def registration_completion(terminal_id: str, currency: int | None, flags: int = 0) -> Message:
    """The usual completion of 06 00: status byte, terminal id, currency (chapter 2.1)."""
    return Completion(flags=flags, terminal_id=terminal_id, currency=currency).to_message()


def _hear(command: int) -> _Heard:
    if table.is_answer(command):
        return _Heard.ANSWER
    if command == table.INTERJECTED_ABORT:
        return _Heard.STOP
    if row_of(command).direction is Direction.TO_REGISTER:
        raise RemoteProtocolError(f"a register does not send {command:04X}")
    return _Heard.COMMAND

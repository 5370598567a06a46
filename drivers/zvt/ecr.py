"""The register's side of the dialogue: APDUs in, events out; commands in, bytes out (PA00P015 chapter 2)."""

from dataclasses import dataclass, replace
from enum import StrEnum

from drivers.zvt import results
from drivers.zvt.apdu import Apdu
from drivers.zvt.commands import answers, table
from drivers.zvt.commands.codec import decode, encode
from drivers.zvt.commands.setup import StopRunning
from drivers.zvt.commands.table import Direction, End, row_of
from drivers.zvt.errors import DecodeError, LocalProtocolError, RemoteProtocolError
from drivers.zvt.message import Message
from drivers.zvt.sequence import OFFER, MessageSequence, sequence_id
from drivers.zvt.turns import Repeated, Stray, Topic, Wait, Waiting
from drivers.zvt.values import unpack


class State(StrEnum):
    """Whose turn it is, as the register sees it."""

    READY = "ready"
    """We are master and may send a command."""
    SENT = "sent"
    """Our command is out, its 80 00 or 84 xx is not here."""
    RUNNING = "running"
    """The terminal is master and works on our command."""
    OWING = "owing"
    """The terminal told or asked something; exactly one answer is owed (PA00P016 5.2)."""


class _Heard(StrEnum):
    YES = "80 00"
    NO = "84 xx"
    TOLD = "message"
    DONE = "06 0F"
    FAILED = "06 1E"


class _Do(StrEnum):
    ACCEPTED = "take the acceptance"
    REFUSED = "take the refusal"
    OWE = "owe an answer, then go on"
    OWE_LAST = "owe an answer, then be master"
    STOP_ANSWERED = "take the answer to 06 B0"
    PROTEST = "protest: an answer is owed"


TURNS: dict[tuple[State, _Heard], _Do] = {
    # A terminal may start by itself (config bits 10 and 20 unset), and may speak late after we gave up.
    (State.READY, _Heard.YES): _Do.STOP_ANSWERED,
    (State.READY, _Heard.NO): _Do.STOP_ANSWERED,
    (State.READY, _Heard.TOLD): _Do.OWE,
    (State.READY, _Heard.DONE): _Do.OWE,
    (State.READY, _Heard.FAILED): _Do.OWE,
    (State.SENT, _Heard.YES): _Do.ACCEPTED,
    (State.SENT, _Heard.NO): _Do.REFUSED,
    # What comes before the acceptance belongs to something older, or the terminal forgot to say yes.
    (State.SENT, _Heard.TOLD): _Do.OWE,
    (State.SENT, _Heard.DONE): _Do.OWE_LAST,
    (State.SENT, _Heard.FAILED): _Do.OWE_LAST,
    (State.RUNNING, _Heard.YES): _Do.STOP_ANSWERED,
    (State.RUNNING, _Heard.NO): _Do.STOP_ANSWERED,
    (State.RUNNING, _Heard.TOLD): _Do.OWE,
    (State.RUNNING, _Heard.DONE): _Do.OWE_LAST,
    (State.RUNNING, _Heard.FAILED): _Do.OWE_LAST,
    (State.OWING, _Heard.YES): _Do.STOP_ANSWERED,
    (State.OWING, _Heard.NO): _Do.STOP_ANSWERED,
    (State.OWING, _Heard.TOLD): _Do.PROTEST,
    (State.OWING, _Heard.DONE): _Do.PROTEST,
    (State.OWING, _Heard.FAILED): _Do.PROTEST,
}
"""What the register does in each state with each thing it can hear."""

_TOPICS: dict[int, Topic] = {
    table.INTERMEDIATE_STATUS: Topic.PROGRESS,
    table.STATUS_INFORMATION: Topic.RESULT,
    table.PRINT_LINE: Topic.PRINT,
    table.PRINT_BLOCK: Topic.PRINT,
    0x0401: Topic.CLOCK,
}


@dataclass(frozen=True, slots=True)
class Accepted:
    """The terminal took our command; `ended`: nothing more follows. `message` may carry data (a key)."""

    command: int
    message: Message
    ended: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """The terminal refused our command with 84 xx; nothing was started."""

    command: int
    code: int
    message: Message


@dataclass(frozen=True, slots=True)
class Told:
    """The terminal tells or asks something and waits for our one answer. `unsolicited`: we asked nothing."""

    topic: Topic
    message: Message
    unsolicited: bool


@dataclass(frozen=True, slots=True)
class Completed:
    """06 0F: done. To be answered, or the terminal stays busy. `command` is ours, None if none ran."""

    command: int | None
    message: Message


@dataclass(frozen=True, slots=True)
class Aborted:
    """06 1E: failed with `code`. To be answered. `command` is ours, None if none ran."""

    command: int | None
    code: int
    message: Message


@dataclass(frozen=True, slots=True)
class StopAnswered:
    """The terminal's word on our 06 B0; the outcome of what was running still comes by itself."""

    accepted: bool
    code: int


@dataclass(frozen=True, slots=True)
class Malformed:
    """The terminal said something that cannot be read. To be answered, best by 84 83 (chapter 13)."""

    apdu: Apdu
    error: DecodeError


Event = Malformed | Accepted | Refused | Told | Completed | Aborted | StopAnswered | Repeated | Stray


class RegisterDialogue:
    """One register talking to one terminal over one connection.

    `send`, `stop` and `answer` return the bytes to write; LocalProtocolError when it is not our turn.
    `receive` raises RemoteProtocolError when the terminal breaks the rules (DecodeError: its answer is none).
    """

    def __init__(self) -> None:
        """Begin as master, unregistered."""
        self._state = State.READY
        self._command: int | None = None
        self._after_answer = State.READY
        self._owed: Message | None = None
        self._last_answer: bytes | None = None
        self._stopping = False
        self._minutes: int | None = None
        self._offered = False
        self.sequence = MessageSequence()

    @property
    def state(self) -> State:
        """Whose turn it is."""
        return self._state

    @property
    def command(self) -> int | None:
        """Our command that is out or running."""
        return self._command

    @property
    def waiting(self) -> Waiting:
        """What is waited for now."""
        match self._state:
            case State.READY:
                return Waiting(Wait.T3 if self._stopping else Wait.NOTHING)
            case State.SENT:
                return Waiting(Wait.T3)
            case State.RUNNING:
                return Waiting(Wait.T4, minutes=self._minutes)
            case _:
                return Waiting(Wait.US)

    def send(self, message: Message) -> bytes:
        """Send a command; only when we are master."""
        if self._state is not State.READY:
            raise LocalProtocolError(f"{message.command:04X} cannot be sent while {self._state}")
        row = row_of(message.command)
        if row.direction is Direction.TO_REGISTER or table.is_answer(message.command):
            raise LocalProtocolError(f"a register does not send {message.command:04X}")
        if row.end is End.NEVER:
            raise LocalProtocolError("06 B0 stops what is running: use stop()")
        strange = sorted({field.id for field in message.fields} - row.fields) if row.fields else []
        if strange:
            raise LocalProtocolError(f"{message.command:04X} does not carry BMP {strange[0]:02X}")
        if message.command in {table.REGISTRATION, table.LOG_OFF}:
            self.sequence.drop()
            self._offered = message.find_bytes(OFFER.tag) is not None
        else:
            message = self.sequence.stamp(message)
        self._state = State.SENT
        self._command = message.command
        self._minutes = None
        self._stopping = False
        return encode(message)

    def stop(self) -> bytes:
        """Interject 06 B0 (chapter 2.23); allowed whenever no answer of ours is owed."""
        if self._state is State.OWING:
            raise LocalProtocolError("answer the terminal before stopping it")
        self._stopping = True
        return encode(self.sequence.stamp(StopRunning().to_message()))

    def answer(self, message: Message | None = None) -> bytes:
        """Give the one answer that is owed; 80 00 without an argument. See `commands.answers` for others."""
        if self._state is not State.OWING or self._owed is None:
            raise LocalProtocolError("no answer is owed")
        given = answers.positive() if message is None else message
        if not table.is_answer(given.command):
            raise LocalProtocolError(f"{given.command:04X} is no answer")
        self._last_answer = encode(self.sequence.echo(given, self._owed))
        owed, self._owed = self._owed.command, None
        self._state = self._after_answer
        row = row_of(self._command) if self._command is not None else None
        if row is not None and row.end is End.STATUS and owed == table.STATUS_INFORMATION:
            # reading a card ends with its 04 0F (chapter 2.19)
            self._state = State.READY
        if self._state is State.READY:
            self._command = None
        return self._last_answer

    def give_up(self) -> None:
        """T3 or T4 has run out and ended the command for us; what still comes of it is `unsolicited`."""
        if self._state is State.OWING:
            raise LocalProtocolError("the terminal waits for us, not we for it")
        self._state = State.READY
        self._command = None
        self._stopping = False

    def receive(self, apdu: Apdu) -> list[Event]:
        """What an APDU of the terminal means; at most one event."""
        if apdu.command == table.ABORT and not apdu.data:
            # some terminals leave the code out
            apdu = replace(apdu, data=bytes((results.OTHER_ERROR,)))
        heard = _hear(apdu.command)
        try:
            message = decode(apdu, self._command)
        except DecodeError as error:
            if heard in {_Heard.YES, _Heard.NO} or self._state is State.OWING:
                raise
            return [self._malformed(apdu, heard, error)]
        if self._is_repeat(message):
            return [Repeated(message, self._last_answer if self._state is not State.OWING else None)]
        match TURNS[self._state, heard]:
            case _Do.ACCEPTED:
                return [self._accepted(message)]
            case _Do.REFUSED:
                return [self._refused(message)]
            case _Do.STOP_ANSWERED:
                return [self._stop_answered(message)]
            case _Do.OWE:
                return [self._owe(message, heard, self._state)]
            case _Do.OWE_LAST:
                return [self._owe(message, heard, State.READY)]
            case _:
                raise RemoteProtocolError(
                    f"{message.command:04X} although the answer to {self._told_command()} is still owed"
                )

    def _told_command(self) -> str:
        return f"{self._owed.command:04X}" if self._owed else "nothing"

    def _malformed(self, apdu: Apdu, heard: _Heard, error: DecodeError) -> Event:
        self._after_answer = self._state if heard is _Heard.TOLD else State.READY
        self._state = State.OWING
        self._owed = Message(apdu.command)
        return Malformed(apdu, error)

    def _is_repeat(self, message: Message) -> bool:
        if table.is_answer(message.command):
            return False
        if self.sequence.is_repeat(message):
            return True
        # without ids only a word that comes again before it was answered is certain to be a repeat
        return self._state is State.OWING and message == self._owed

    def _accepted(self, message: Message) -> Event:
        command = self._expect_command()
        ended = row_of(command).end is End.ANSWER
        self._state = State.READY if ended else State.RUNNING
        if ended:
            self._command = None
        return Accepted(command, message, ended)

    def _refused(self, message: Message) -> Event:
        code = message.command & 0xFF
        if code == results.OK:
            return self._accepted(message)
        command = self._expect_command()
        self._state = State.READY
        self._command = None
        return Refused(command, code, message)

    def _stop_answered(self, message: Message) -> Event:
        if not self._stopping:
            return Stray(message)
        self._stopping = False
        verdict = answers.judge(message)
        return StopAnswered(verdict.decision is answers.Decision.YES, verdict.code)

    def _owe(self, message: Message, heard: _Heard, after: State) -> Event:
        command = self._command
        unsolicited = self._state in {State.READY, State.SENT}
        self._after_answer = after
        self._state = State.OWING
        self._owed = message
        if heard is _Heard.DONE:
            self._finish(message)
            return Completed(command, message)
        if heard is _Heard.FAILED:
            self._stopping = False
            return Aborted(command, message.params["result"][0], message)
        if message.command == table.INTERMEDIATE_STATUS and "timeout_min" in message.params:
            # sets T4 until the command has ended (chapter 3.7)
            self._minutes = unpack(message.params["timeout_min"])
        return Told(_TOPICS.get(message.command, Topic.QUESTION), message, unsolicited)

    def _finish(self, message: Message) -> None:
        self._stopping = False
        if self._command == table.REGISTRATION and self._offered and sequence_id(message) is not None:
            self.sequence.agree()

    def _expect_command(self) -> int:
        assert self._command is not None, "SENT means that a command is out"
        return self._command


def _hear(command: int) -> _Heard:
    if command >> 8 == table.NEGATIVE_CLASS:
        return _Heard.NO
    if table.is_answer(command):
        return _Heard.YES
    if command == table.COMPLETION:
        return _Heard.DONE
    if command == table.ABORT:
        return _Heard.FAILED
    if row_of(command).direction is Direction.TO_TERMINAL:
        raise RemoteProtocolError(f"a terminal does not send {command:04X}")
    return _Heard.TOLD

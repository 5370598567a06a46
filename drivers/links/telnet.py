"""Telnet and its COM port option (RFC 854, RFC 2217), pure: bytes in, pieces out; both sides' words."""

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import TypeAlias

IAC = 0xFF
SE, NOP, BREAK, SB = 0xF0, 0xF1, 0xF3, 0xFA

SUB_MAX = 256
"""Bytes of one subnegotiation that are kept: the longest, a signature, is a line of text. Protects memory."""

ANSWER = 100
"""What an access server adds to a command's number in its answer (RFC 2217 chapter 3)."""


class TelnetError(Exception):
    """The other side speaks something that is no telnet."""


class Verb(IntEnum):
    """Negotiation of an option (RFC 854)."""

    WILL = 0xFB
    WONT = 0xFC
    DO = 0xFD
    DONT = 0xFE


class Option(IntEnum):
    """The options that matter here; others are refused."""

    BINARY = 0
    SUPPRESS_GO_AHEAD = 3
    COM_PORT = 44


class Com(IntEnum):
    """Commands of the COM port option (RFC 2217 chapter 3), as a client numbers them."""

    SIGNATURE = 0
    BAUDRATE = 1
    DATASIZE = 2
    PARITY = 3
    STOPSIZE = 4
    CONTROL = 5
    LINE_STATE = 6
    MODEM_STATE = 7
    SUSPEND = 8
    RESUME = 9
    LINE_STATE_MASK = 10
    MODEM_STATE_MASK = 11
    PURGE = 12


PARITIES = {"N": 1, "O": 2, "E": 3, "M": 4, "S": 5}
STOP_SIZES = {1.0: 1, 2.0: 2, 1.5: 3}


class Control(IntEnum):
    """Values of CONTROL; 0, 4, 7 and 10 ask for flow control, break, DTR and RTS."""

    ASK_FLOW = 0
    FLOW_NONE = 1
    FLOW_XON_XOFF = 2
    FLOW_HARDWARE = 3
    ASK_BREAK = 4
    BREAK_ON = 5
    BREAK_OFF = 6
    ASK_DTR = 7
    DTR_ON = 8
    DTR_OFF = 9
    ASK_RTS = 10
    RTS_ON = 11
    RTS_OFF = 12
    ASK_FLOW_IN = 13
    FLOW_IN_NONE = 14
    FLOW_IN_XON_XOFF = 15
    FLOW_IN_HARDWARE = 16
    FLOW_DCD = 17
    FLOW_IN_DTR = 18
    FLOW_DSR = 19


class LineState(IntFlag):
    """What a UART says of its line."""

    DATA_READY = 1
    OVERRUN = 2
    PARITY = 4
    FRAMING = 8
    BREAK = 16
    HOLDING_EMPTY = 32
    SHIFT_EMPTY = 64
    TIMEOUT = 128

    @property
    def words(self) -> str:
        """For people."""
        return ", ".join((each.name or "").lower() for each in LineState if each in self) or "nothing"


LINE_ERRORS = LineState.OVERRUN | LineState.PARITY | LineState.FRAMING


class ModemState(IntFlag):
    """The modem lines of a port, and which of them changed."""

    DELTA_CTS = 1
    DELTA_DSR = 2
    RING_ENDED = 4
    DELTA_CD = 8
    CTS = 16
    DSR = 32
    RING = 64
    CD = 128


class Purge(IntEnum):
    """What is thrown away: what the port has received, what it has to send, or both."""

    RECEIVED = 1
    TO_SEND = 2
    BOTH = 3


@dataclass(frozen=True, slots=True)
class Negotiated:
    """WILL, WONT, DO or DONT."""

    verb: Verb
    option: int

    def encode(self) -> bytes:
        """As it travels."""
        return bytes((IAC, self.verb, self.option))


@dataclass(frozen=True, slots=True)
class Subnegotiated:
    """What an option says; escapes are undone."""

    option: int
    data: bytes

    def encode(self) -> bytes:
        """As it travels."""
        return bytes((IAC, SB, self.option)) + escape(self.data) + bytes((IAC, SE))


@dataclass(frozen=True, slots=True)
class Command:
    """Any other command of one byte, such as BREAK."""

    code: int


Piece: TypeAlias = bytes | Negotiated | Subnegotiated | Command


def escape(data: bytes) -> bytes:
    """Double every FF, so that none is taken for a command."""
    return data.replace(b"\xff", b"\xff\xff")


def com(command: int, data: bytes = b"") -> bytes:
    """A COM port command as it travels; servers add `ANSWER` to its number."""
    return Subnegotiated(Option.COM_PORT, bytes((command,)) + data).encode()


class TelnetReader:
    """Takes a byte stream apart, however it was cut."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._pieces: list[Piece] = []
        self._sub: bytearray | None = None
        self._command: int | None = None
        self._escaped = False

    def feed(self, data: bytes) -> list[Piece]:
        """What has come, in order; payload with its escapes undone. Errors: `TelnetError`."""
        if IAC not in data and self._sub is None and not self._escaped and self._command is None:
            return [data] if data else []
        for byte in data:
            self._take(byte)
        self._flush()
        pieces, self._pieces = self._pieces, []
        return pieces

    def _take(self, byte: int) -> None:
        if self._command is not None:
            verb, self._command = Verb(self._command), None
            self._add(Negotiated(verb, byte))
        elif self._escaped:
            self._escaped = False
            self._after_iac(byte)
        elif byte == IAC:
            self._escaped = True
        elif self._sub is None:
            self._data.append(byte)
        else:
            self._keep(byte)

    def _after_iac(self, byte: int) -> None:
        if self._sub is not None:
            if byte == IAC:
                self._keep(byte)
            else:
                self._end_of_sub(byte)
        elif byte == IAC:
            self._data.append(byte)
        elif byte == SB:
            self._sub = bytearray()
        elif byte in set(Verb):
            self._command = byte
        else:
            self._add(Command(byte))

    def _keep(self, byte: int) -> None:
        assert self._sub is not None
        self._sub.append(byte)
        if len(self._sub) > SUB_MAX:
            raise TelnetError(f"a subnegotiation of more than {SUB_MAX} bytes: this is no telnet")

    def _end_of_sub(self, byte: int) -> None:
        assert self._sub is not None
        option, data = (self._sub[0], bytes(self._sub[1:])) if self._sub else (None, b"")
        self._sub = None
        if byte != SE:
            # broken off by another command: what it would have said is not known (RFC 855)
            self._after_iac(byte)
        elif option is not None:
            self._add(Subnegotiated(option, data))

    def _add(self, piece: Piece) -> None:
        self._flush()
        self._pieces.append(piece)

    def _flush(self) -> None:
        if self._data:
            self._pieces.append(bytes(self._data))
            self._data.clear()

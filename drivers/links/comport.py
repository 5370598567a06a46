"""Our side of RFC 2217, sans-io: agree on the COM port option, set the line up, then carry bytes."""

from collections.abc import Mapping
from enum import Enum, auto

from drivers.links.address import Rfc2217Address
from drivers.links.telnet import (
    ANSWER,
    LINE_ERRORS,
    PARITIES,
    STOP_SIZES,
    Com,
    Control,
    LineState,
    ModemState,
    Negotiated,
    Option,
    Piece,
    Purge,
    Subnegotiated,
    TelnetReader,
    Verb,
    com,
    escape,
)


class ComPortError(Exception):
    """The server does not do what this line needs."""


class Phase(Enum):
    """How far it has come."""

    OFFERED = auto()  # the option is offered, not taken yet
    SETTING_UP = auto()  # the line's settings are ordered, not confirmed yet
    READY = auto()


_WANTED_OF_US = frozenset({Option.COM_PORT, Option.BINARY, Option.SUPPRESS_GO_AHEAD})
_WANTED_OF_THEM = frozenset({Option.BINARY, Option.SUPPRESS_GO_AHEAD, Option.COM_PORT})


class ComPort:
    """One connection's dialogue with an access server; used once.

    Confirmed have to be the four settings of the line. What else servers leave unanswered (modem lines where
    there are none, masks) is not waited for.
    """

    def __init__(self, address: Rfc2217Address) -> None:
        self.phase = Phase.OFFERED
        self.suspended = False
        """Whether the server has asked us to send nothing for now."""
        self.line_errors = LineState(0)
        """What the port said was wrong with bytes from the device, all together."""
        self.modem = ModemState(0)
        self._reader = TelnetReader()
        self._settings: Mapping[Com, bytes] = {
            Com.BAUDRATE: address.baudrate.to_bytes(4, "big"),
            Com.DATASIZE: bytes((address.bytesize,)),
            Com.PARITY: bytes((PARITIES[address.parity],)),
            Com.STOPSIZE: bytes((STOP_SIZES[address.stopbits],)),
        }
        self._unconfirmed = set(self._settings)
        # what we have said ourselves needs no answer to their yes: two polite sides would never end
        self._ours = {int(option): True for option in _WANTED_OF_US}
        self._theirs = {int(option): True for option in _WANTED_OF_THEM if option is not Option.COM_PORT}

    @property
    def missing(self) -> str:
        """What the server has not said yet, in words."""
        if self.phase is Phase.OFFERED:
            return "it does not take the COM port option"
        return "it does not confirm " + ", ".join(sorted(each.name.lower() for each in self._unconfirmed))

    def begin(self) -> bytes:
        """The first bytes to be sent."""
        words = [Negotiated(Verb.WILL, option) for option in sorted(_WANTED_OF_US)]
        words += [Negotiated(Verb.DO, option) for option in (Option.BINARY, Option.SUPPRESS_GO_AHEAD)]
        return b"".join(word.encode() for word in words)

    def send(self, data: bytes) -> bytes:
        """Bytes for the device, as they travel."""
        return escape(data)

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Bytes of the device that came, and what has to be sent now.

        Errors: `ComPortError` when the server refuses, `TelnetError` when it is none.
        """
        payload, reply = b"", b""
        for piece in self._reader.feed(data):
            if isinstance(piece, bytes):
                payload += piece
            else:
                reply += self._hear(piece)
        return payload, reply

    def _hear(self, piece: Piece) -> bytes:
        match piece:
            case Negotiated(Verb.DO | Verb.DONT as verb, option):
                return self._asked(verb is Verb.DO, option)
            case Negotiated(verb, option):
                return self._offered(verb is Verb.WILL, option)
            case Subnegotiated(Option.COM_PORT, data) if data:
                self._told(data[0] - ANSWER, data[1:])
        return b""

    def _asked(self, do: bool, option: int) -> bytes:
        if option == Option.COM_PORT:
            if not do:
                raise ComPortError(
                    "it refuses the COM port option: is this port of the server set to RFC 2217?"
                )
            return self._set_up()
        agreed = do and option in _WANTED_OF_US
        return self._say(self._ours, option, Verb.WILL if agreed else Verb.WONT, agreed=agreed)

    def _offered(self, will: bool, option: int) -> bytes:
        agreed = will and option in _WANTED_OF_THEM
        return self._say(self._theirs, option, Verb.DO if agreed else Verb.DONT, agreed=agreed)

    def _say(self, said: dict[int, bool], option: int, verb: Verb, *, agreed: bool) -> bytes:
        if said.get(option) is agreed:
            return b""
        said[option] = agreed
        return Negotiated(verb, option).encode()

    def _set_up(self) -> bytes:
        if self.phase is not Phase.OFFERED:
            return b""
        self.phase = Phase.SETTING_UP
        words = [com(command, data) for command, data in self._settings.items()]
        words += [
            com(Com.CONTROL, bytes((value,)))
            for value in (Control.FLOW_NONE, Control.BREAK_OFF, Control.DTR_ON, Control.RTS_ON)
        ]
        words.append(com(Com.LINE_STATE_MASK, bytes((LINE_ERRORS,))))
        # only the lines themselves: a port that reports every change of a change says too much
        lines = ModemState.CTS | ModemState.DSR | ModemState.CD
        words.append(com(Com.MODEM_STATE_MASK, bytes((lines,))))
        # as when a port is opened here: what came before we did is nobody's answer to us
        words.append(com(Com.PURGE, bytes((Purge.BOTH,))))
        return b"".join(words)

    def _told(self, command: int, data: bytes) -> None:
        match command:
            case Com.SUSPEND:
                self.suspended = True
            case Com.RESUME:
                self.suspended = False
            case Com.LINE_STATE if data:
                self.line_errors |= LineState(data[0]) & LINE_ERRORS
            case Com.MODEM_STATE if data:
                self.modem = ModemState(data[0])
            case Com.BAUDRATE | Com.DATASIZE | Com.PARITY | Com.STOPSIZE:
                self._confirmed(Com(command), data)
            case _:
                pass  # the answer to something that need not be answered

    def _confirmed(self, setting: Com, data: bytes) -> None:
        wanted = self._settings[setting]
        if data != wanted:
            had, want = int.from_bytes(data, "big"), int.from_bytes(wanted, "big")
            raise ComPortError(f"it sets {setting.name.lower()} to {had} instead of {want}")
        self._unconfirmed.discard(setting)
        if not self._unconfirmed and self.phase is Phase.SETTING_UP:
            self.phase = Phase.READY

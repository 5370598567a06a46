"""An access server that speaks RFC 2217, with a fake UART for a port, as serial device servers have."""

import asyncio
from dataclasses import replace

from drivers.links.address import Rfc2217Address
from drivers.links.base import Breakable, Listener
from drivers.links.tcp import TcpListener
from drivers.links.telnet import (
    ANSWER,
    BREAK,
    PARITIES,
    STOP_SIZES,
    Com,
    Command,
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
from drivers.simulators.uart import FakeUart, LineSettings

SIGNATURE = b"tillgate simulated access server"

_KNOWN = frozenset(Option)
_FLOWS = {
    Control.FLOW_NONE,
    Control.FLOW_XON_XOFF,
    Control.FLOW_HARDWARE,
    Control.FLOW_DCD,
    Control.FLOW_DSR,
}
_FLOWS_IN = {Control.FLOW_IN_NONE, Control.FLOW_IN_XON_XOFF, Control.FLOW_IN_HARDWARE, Control.FLOW_IN_DTR}
_DELTAS = {
    ModemState.CTS: ModemState.DELTA_CTS,
    ModemState.DSR: ModemState.DELTA_DSR,
    ModemState.RING: ModemState.RING_ENDED,
    ModemState.CD: ModemState.DELTA_CD,
}


class PortDialogue:
    """The server's side of one connection, sans-io."""

    def __init__(self, uart: FakeUart, *, mute: frozenset[Com] = frozenset()) -> None:
        """Commands in `mute` are carried out and never answered, as some servers do."""
        self.uart = uart
        self._mute = mute
        self._reader = TelnetReader()
        self._said: dict[tuple[bool, int], bool] = {}
        self._line_mask = LineState(0)
        self._modem_mask = ModemState(0xFF)
        self._shown = uart.inputs
        self.suspended = False
        """Whether the client has asked for silence."""

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """What the device hears, and what goes back to the client."""
        heard, reply = b"", b""
        for piece in self._reader.feed(data):
            if isinstance(piece, bytes):
                heard += self.uart.to_device(piece)
            else:
                reply += self._hear(piece)
        return heard, reply

    def say(self, data: bytes) -> bytes:
        """What the device said, as it goes to the client, with complaints where they are wanted."""
        received, complaints = self.uart.from_device(data)
        told = complaints & self._line_mask
        notice = self._answer(Com.LINE_STATE, bytes((told,))) if told else b""
        return notice + escape(received)

    def show(self, inputs: ModemState) -> bytes:
        """The device changes its modem lines."""
        lines = ModemState.CTS | ModemState.DSR | ModemState.RING | ModemState.CD
        changed = (inputs ^ self._shown) & lines
        self.uart.inputs = self._shown = inputs
        state = inputs
        for line, delta in _DELTAS.items():
            if line in changed:
                state |= delta
        if not changed & self._modem_mask:
            return b""
        return self._answer(Com.MODEM_STATE, bytes((state & self._modem_mask,)))

    def _hear(self, piece: Piece) -> bytes:
        match piece:
            case Negotiated(verb, option):
                return self._negotiate(verb, option)
            case Subnegotiated(Option.COM_PORT, data) if data:
                return self._com(data[0], data[1:])
            case Command(code) if code == BREAK:
                self.uart.breaks += 1
        return b""

    def _negotiate(self, verb: Verb, option: int) -> bytes:
        asked = verb in {Verb.DO, Verb.DONT}  # about us; else about them
        agreed = verb in {Verb.DO, Verb.WILL} and option in _KNOWN
        if self._said.get((asked, option)) is agreed:
            return b""
        self._said[(asked, option)] = agreed
        yes, no = (Verb.WILL, Verb.WONT) if asked else (Verb.DO, Verb.DONT)
        answer = Negotiated(yes if agreed else no, option).encode()
        if agreed and option == Option.COM_PORT:
            # the lines as they are: a client that sets no mask waits for this
            answer += self._answer(Com.MODEM_STATE, bytes((self.uart.inputs,)))
        return answer

    def _com(self, command: int, data: bytes) -> bytes:
        uart = self.uart
        match command:
            case Com.SIGNATURE:
                return b"" if data else self._answer(Com.SIGNATURE, SIGNATURE)
            case Com.BAUDRATE if len(data) == 4:
                wanted = int.from_bytes(data, "big")
                if wanted:
                    uart.settings = replace(uart.settings, baudrate=wanted)
                return self._answer(Com.BAUDRATE, uart.settings.baudrate.to_bytes(4, "big"))
            case Com.DATASIZE | Com.PARITY | Com.STOPSIZE | Com.CONTROL if len(data) == 1:
                return self._set(Com(command), data[0])
            case Com.LINE_STATE_MASK if len(data) == 1:
                self._line_mask = LineState(data[0])
                return self._answer(Com.LINE_STATE_MASK, data)
            case Com.MODEM_STATE_MASK if len(data) == 1:
                self._modem_mask = ModemState(data[0])
                now = self._answer(Com.MODEM_STATE, bytes((uart.inputs & self._modem_mask,)))
                return self._answer(Com.MODEM_STATE_MASK, data) + now
            case Com.PURGE if data[:1] and data[0] in set(Purge):
                uart.purges.append(data[0])
                return self._answer(Com.PURGE, data)
            case Com.SUSPEND | Com.RESUME:
                self.suspended = command == Com.SUSPEND
                return b""
            case _:
                return b""  # servers say nothing to what they do not understand

    def _set(self, command: Com, value: int) -> bytes:
        uart = self.uart
        settings = uart.settings
        match command:
            case Com.DATASIZE:
                if 5 <= value <= 8:
                    uart.settings = replace(settings, bytesize=value)
                answer = uart.settings.bytesize
            case Com.PARITY:
                names = {number: name for name, number in PARITIES.items()}
                if value in names:
                    uart.settings = replace(settings, parity=names[value])
                answer = PARITIES[uart.settings.parity]
            case Com.STOPSIZE:
                sizes = {number: size for size, number in STOP_SIZES.items()}
                if value in sizes:
                    uart.settings = replace(settings, stopbits=sizes[value])
                answer = STOP_SIZES[uart.settings.stopbits]
            case _:
                answer = self._control(value)
        return self._answer(command, bytes((answer,)))

    def _control(self, value: int) -> int:
        uart = self.uart
        match value:
            case Control.DTR_ON | Control.DTR_OFF:
                uart.dtr = value == Control.DTR_ON
            case Control.RTS_ON | Control.RTS_OFF:
                uart.rts = value == Control.RTS_ON
            case Control.BREAK_ON | Control.BREAK_OFF:
                uart.breaks += value == Control.BREAK_ON
                uart.sending_break = value == Control.BREAK_ON
            case Control.ASK_DTR:
                return Control.DTR_ON if uart.dtr else Control.DTR_OFF
            case Control.ASK_RTS:
                return Control.RTS_ON if uart.rts else Control.RTS_OFF
            case Control.ASK_BREAK:
                return Control.BREAK_ON if uart.sending_break else Control.BREAK_OFF
            case Control.ASK_FLOW:
                return uart.flow
            case Control.ASK_FLOW_IN:
                return uart.flow_in
            case _ if value in _FLOWS:
                uart.flow = value
            case _ if value in _FLOWS_IN:
                uart.flow_in = value
            case _:
                return uart.flow
        return value

    def _answer(self, command: Com, data: bytes) -> bytes:
        return b"" if command in self._mute else com(command + ANSWER, data)


class PortLink:
    """The device's end of the port while one client is connected."""

    def __init__(self, inner: Breakable, dialogue: PortDialogue) -> None:
        self.dialogue = dialogue
        self._inner = inner
        self._resumed = asyncio.Event()
        self._resumed.set()
        self._heard = b""

    async def send(self, data: bytes) -> None:
        """The device says something; kept back while the client wants silence. Errors: `LinkLostError`."""
        await self._resumed.wait()
        await self._inner.send(self.dialogue.say(data))

    async def receive(self) -> bytes:
        """What the device hears; b"" or `LinkLostError` when the client is gone."""
        while not self._heard:
            data = await self._inner.receive()
            if not data:
                self._resumed.set()
                return b""
            heard, reply = self.dialogue.feed(data)
            self._heard += heard
            (self._resumed.clear if self.dialogue.suspended else self._resumed.set)()
            if reply:
                await self._inner.send(reply)
        heard, self._heard = self._heard, b""
        return heard

    async def show(self, inputs: ModemState) -> None:
        """The device changes its modem lines. Errors: `LinkLostError`."""
        if notice := self.dialogue.show(inputs):
            await self._inner.send(notice)

    async def hold(self, *, on: bool) -> None:
        """Ask the client to send nothing, or to go on. Errors: `LinkLostError`."""
        await self._inner.send(com((Com.SUSPEND if on else Com.RESUME) + ANSWER))

    async def close(self) -> None:
        """Hang up."""
        self._resumed.set()
        await self._inner.close()

    def abort(self) -> None:
        """Hang up without manners."""
        self._resumed.set()
        self._inner.abort()


class Rfc2217Listener:
    """One port of an access server: each caller becomes the device's line. The UART outlives its callers."""

    def __init__(
        self,
        listener: Listener,
        device: LineSettings | None = None,
        *,
        mute: frozenset[Com] = frozenset(),
    ) -> None:
        """`device` is how the device is set (9600-8N2 if left out)."""
        self.uart = FakeUart(device=device or LineSettings())
        self._listener = listener
        self._mute = mute

    @property
    def address(self) -> Rfc2217Address:
        """What to call, with the device's settings; only over TCP."""
        assert isinstance(self._listener, TcpListener)
        line = self.uart.device
        return Rfc2217Address(
            self._listener.host,
            self._listener.port,
            line.baudrate,
            line.bytesize,
            line.parity,
            line.stopbits,
        )

    async def accept(self) -> PortLink:
        """The next caller's line, in order of calls."""
        return PortLink(await self._listener.accept(), PortDialogue(self.uart, mute=self._mute))

    async def open(self) -> None:
        """Be there for callers (again). Errors: `LinkNotOpenedError`."""
        await self._listener.open()

    async def shut(self) -> None:
        """Be gone for callers until `open`."""
        await self._listener.shut()

    async def close(self) -> None:
        """Be gone for good."""
        await self._listener.close()

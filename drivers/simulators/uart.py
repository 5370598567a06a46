"""A serial line bit by bit: what arrives when the two ends are not set alike."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from drivers.links.telnet import LineState, ModemState


@dataclass(frozen=True, slots=True)
class LineSettings:
    """How one end of a line is set."""

    baudrate: int = 9600
    bytesize: int = 8
    parity: str = "N"
    stopbits: float = 2.0

    @property
    def byte_s(self) -> float:
        """Seconds that one byte takes."""
        return (1 + self.bytesize + (self.parity != "N") + self.stopbits) / self.baudrate

    def fits(self, other: "LineSettings") -> bool:
        """Whether every byte arrives as it was sent: a receiver looks at one stop bit only."""
        return (self.baudrate, self.bytesize, self.parity) == (other.baudrate, other.bytesize, other.parity)

    def __str__(self) -> str:
        return f"{self.baudrate}-{self.bytesize}{self.parity}{self.stopbits:g}"


def cross(data: bytes, sender: LineSettings, receiver: LineSettings) -> tuple[bytes, LineState]:
    """What a receiver makes of bytes that a sender put on the line back to back, and its complaints."""
    mask = (1 << sender.bytesize) - 1
    if sender.fits(receiver):
        return bytes(byte & mask for byte in data), LineState(0)
    return _sample(list(_levels(data, sender)), sender.baudrate, receiver)


def _levels(data: bytes, sender: LineSettings) -> Iterator[int]:
    """The line's levels, two for each bit so that one and a half stop bits can be; 1 is idle."""
    for byte in data:
        bits = [byte >> at & 1 for at in range(sender.bytesize)]
        yield from (0, 0)
        for bit in bits:
            yield from (bit, bit)
        if sender.parity != "N":
            parity = _parity_bit(bits, sender.parity)
            yield from (parity, parity)
        yield from (1,) * round(sender.stopbits * 2)


def _parity_bit(bits: list[int], parity: str) -> int:
    match parity:
        case "E":
            return sum(bits) % 2
        case "O":
            return 1 - sum(bits) % 2
        case "M":
            return 1
        case _:
            return 0


def _sample(levels: list[int], baudrate: int, receiver: LineSettings) -> tuple[bytes, LineState]:
    """Find each start bit's edge and look at the middle of every bit after it, at the receiver's pace."""
    half_bits = 2 * baudrate / receiver.baudrate  # levels for each bit of the receiver
    received, complaints = bytearray(), LineState(0)
    place, before = 0, 1

    def level(bit: float) -> int:
        at = int(place + (bit + 0.5) * half_bits)
        return levels[at] if at < len(levels) else 1

    while place < len(levels):
        if not (before == 1 and levels[place] == 0):
            before = levels[place]
            place += 1
            continue
        if level(0) == 1:  # too short for a start bit: noise
            before = 0
            place += 1
            continue
        bits = [level(1 + at) for at in range(receiver.bytesize)]
        ends = 1 + receiver.bytesize
        if receiver.parity != "N":
            if level(ends) != _parity_bit(bits, receiver.parity):
                complaints |= LineState.PARITY
            ends += 1
        stop = level(ends)
        if stop == 0:
            complaints |= LineState.FRAMING
        received.append(sum(bit << at for at, bit in enumerate(bits)))
        # it looks for the next edge from the middle of the stop bit on
        place = int(place + (ends + 0.5) * half_bits)
        before = stop
    return bytes(received), complaints


@dataclass
class FakeUart:
    """The port of an access server: its settings, its modem lines, and the device wired to it."""

    settings: LineSettings = field(default_factory=LineSettings)
    device: LineSettings = field(default_factory=LineSettings)
    """How the device is set, whatever the port is."""
    dtr: bool = False
    rts: bool = False
    sending_break: bool = False
    flow: int = 1
    flow_in: int = 14
    inputs: ModemState = ModemState.CTS | ModemState.DSR | ModemState.CD
    """What the device shows."""
    breaks: int = 0
    purges: list[int] = field(default_factory=list)

    def to_device(self, data: bytes) -> bytes:
        """What the device hears; nothing while a break holds the line."""
        if self.sending_break:
            return b""
        heard, _ = cross(data, self.settings, self.device)
        return heard

    def from_device(self, data: bytes) -> tuple[bytes, LineState]:
        """What the port receives of what the device says, and its complaints."""
        return cross(data, self.device, self.settings)

"""Frames on a serial line: DLE STX, doubled DLEs, DLE ETX, CRC; bare ACK and NAK (PA00P016 chapter 3)."""

from binascii import crc_hqx
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from drivers.zvt.apdu import APDU_MAX

DLE = 0x10
STX = 0x02
ETX = 0x03
ACK = b"\x06"
NAK = b"\x15"

FRAME_MAX = 2 * APDU_MAX
"""Bytes between DLE STX and DLE ETX when every one is doubled; a longer one is noise that never ends."""

GARBAGE_MAX = 256
"""Bytes outside of frames that are told at once; a storm of noise comes in pieces of this size."""

_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def crc(apdu: bytes) -> bytes:
    """The two check bytes as sent, low byte first: CRC-16/KERMIT over the bare APDU and ETX (chapter 3.1).

    The C routine of the standard library computes its mirror image: mirrored bits in, mirrored bits out.
    """
    mirrored = crc_hqx((apdu + b"\x03").translate(_REVERSED), 0)
    return mirrored.to_bytes(2, "big").translate(_REVERSED)


def encode_frame(apdu: bytes) -> bytes:
    """The frame round an APDU; its CRC is not stuffed (chapter 3.1 stuffs the APDU only)."""
    return b"\x10\x02" + apdu.replace(b"\x10", b"\x10\x10") + b"\x10\x03" + crc(apdu)


class Signal(StrEnum):
    """The two bytes that stand outside of frames."""

    ACK = "ACK"
    NAK = "NAK"


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame whose CRC was right."""

    apdu: bytes


@dataclass(frozen=True, slots=True)
class BrokenFrame:
    """Something that began as a frame and is none: to be answered with NAK. `raw` is as it came."""

    reason: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Garbage:
    """Bytes that belong to no frame and are no signal: to be ignored."""

    raw: bytes


Piece = Frame | BrokenFrame | Garbage | Signal


class _State(IntEnum):
    OUTSIDE = 0
    OUTSIDE_DLE = 1
    INSIDE = 2
    INSIDE_DLE = 3
    CRC_LOW = 4
    CRC_HIGH = 5


class FrameReader:
    """Cuts a serial byte stream into frames and signals, however it was chopped.

    A frame that goes wrong in its middle is read on to its end, so that its rest is not taken for others.
    """

    def __init__(self) -> None:
        """Begin outside of any frame."""
        self._state = _State.OUTSIDE
        self._raw = bytearray()
        self._apdu = bytearray()
        self._fault = ""
        self._garbage = bytearray()

    @property
    def inside(self) -> bool:
        """Whether a frame has begun and not ended: T1 runs (chapter 3.4)."""
        return self._state is not _State.OUTSIDE

    def abandon(self) -> BrokenFrame | Garbage | None:
        """Give up what has begun (T1 ran out, or the stream ended); None when nothing has."""
        raw, state, fault = bytes(self._raw), self._state, self._fault
        self._begin(_State.OUTSIDE)
        if state is _State.OUTSIDE:
            return None
        if state is _State.OUTSIDE_DLE:
            return Garbage(raw)
        return BrokenFrame(fault or "frame is cut off", raw)

    def feed(self, data: bytes) -> list[Piece]:
        """Frames, signals and leftovers completed by these bytes, oldest first."""
        pieces: list[Piece] = []
        position = 0
        end = len(data)
        while position < end:
            if self._state is _State.INSIDE:
                stop = data.find(b"\x10", position)
                if stop < 0:
                    stop = end
                if stop > position:
                    self._take(data[position:stop], pieces)
                    position = stop
                    continue
            self._step(data[position], pieces)
            position += 1
        self._flush(pieces)
        return pieces

    def _step(self, byte: int, pieces: list[Piece]) -> None:
        if self._state is _State.OUTSIDE:
            self._outside(byte, pieces)
            return
        if self._state is _State.OUTSIDE_DLE:
            self._after_stray_dle(byte, pieces)
            return
        self._raw.append(byte)
        match self._state:
            case _State.INSIDE:
                self._state = _State.INSIDE_DLE
            case _State.INSIDE_DLE:
                self._after_dle(byte, pieces)
            case _State.CRC_LOW:
                self._state = _State.CRC_HIGH
            case _:
                self._finish(pieces)

    def _outside(self, byte: int, pieces: list[Piece]) -> None:
        if byte == DLE:
            self._begin(_State.OUTSIDE_DLE, b"\x10")
        elif byte == ACK[0]:
            self._flush(pieces)
            pieces.append(Signal.ACK)
        elif byte == NAK[0]:
            self._flush(pieces)
            pieces.append(Signal.NAK)
        else:
            self._junk(byte, pieces)

    def _after_stray_dle(self, byte: int, pieces: list[Piece]) -> None:
        if byte == STX:
            self._begin(_State.INSIDE, b"\x10\x02")
            return
        self._junk(DLE, pieces)
        if byte != DLE:
            self._junk(byte, pieces)
            self._begin(_State.OUTSIDE)

    def _after_dle(self, byte: int, pieces: list[Piece]) -> None:
        if byte == ETX:
            self._state = _State.CRC_LOW
            return
        if byte == STX:
            # the end of this frame was lost and the next one begins, perhaps its repeat after T2
            self._flush(pieces)
            pieces.append(BrokenFrame(self._fault or "another frame begins inside", bytes(self._raw[:-2])))
            self._begin(_State.INSIDE, b"\x10\x02")
            return
        if byte != DLE and not self._fault:
            self._fault = f"bad DLE escape 10 {byte:02X}"
        self._apdu.append(byte)
        self._state = _State.INSIDE

    def _take(self, data: bytes, pieces: list[Piece]) -> None:
        self._raw += data
        self._apdu += data
        if len(self._raw) > FRAME_MAX:
            self._flush(pieces)
            pieces.append(BrokenFrame(f"frame is longer than {FRAME_MAX} bytes", bytes(self._raw)))
            self._begin(_State.OUTSIDE)

    def _finish(self, pieces: list[Piece]) -> None:
        self._flush(pieces)
        raw, apdu, received = bytes(self._raw), bytes(self._apdu), bytes(self._raw[-2:])
        expected = crc(apdu)
        if self._fault:
            pieces.append(BrokenFrame(self._fault, raw))
        elif received != expected:
            reason = f"bad crc {received.hex().upper()}, computed {expected.hex().upper()}"
            pieces.append(BrokenFrame(reason, raw))
        else:
            pieces.append(Frame(apdu))
        self._begin(_State.OUTSIDE)

    def _begin(self, state: _State, raw: bytes = b"") -> None:
        self._state = state
        self._raw = bytearray(raw)
        self._apdu.clear()
        self._fault = ""

    def _junk(self, byte: int, pieces: list[Piece]) -> None:
        self._garbage.append(byte)
        if len(self._garbage) >= GARBAGE_MAX:
            self._flush(pieces)

    def _flush(self, pieces: list[Piece]) -> None:
        if self._garbage:
            pieces.append(Garbage(bytes(self._garbage)))
            self._garbage.clear()

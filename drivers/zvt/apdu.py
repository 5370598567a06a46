"""APDUs: control field, length and data, whole or arriving in pieces (PA00P016 chapter 5.2.4)."""

from dataclasses import dataclass

from drivers.zvt.errors import DecodeError, ForeignProtocolError, IncompleteError, LocalProtocolError
from drivers.zvt.foreign import HEAD_BYTES, UNKNOWN_REMEDY, recognise

SHORT_LENGTH_MAX = 0xFE
"""FF in the length byte announces two more length bytes, low byte first."""

DATA_MAX = 0xFFFF
"""The two extended length bytes can say no more; it also bounds what a reader ever keeps of one message."""

HEADER_SHORT = 3
HEADER_LONG = 5
APDU_MAX = HEADER_LONG + DATA_MAX

CLASSES = frozenset({0x04, 0x05, 0x06, 0x08, 0x0F, 0x80, 0x84})
"""First bytes a ZVT message can have (PA00P015 chapters 2 and 3; 0F is the makers' own)."""

UNKNOWN = "unknown"
"""The protocol of a stranger without a name."""

CLASSES_EXPECTED = "a class byte 04, 05, 06, 08, 0F, 80 or 84"


@dataclass(frozen=True, slots=True)
class Apdu:
    """One message on the wire: `command` is class and instruction in one number, such as 0x0601.

    `long_form` remembers that the extended length was used where the short one would have done.
    """

    command: int
    data: bytes = b""
    long_form: bool = False

    def encode(self) -> bytes:
        """The bytes of the message, with the shortest length unless `long_form` says otherwise."""
        return join(self.command, self.data, self.long_form)


_SHORT_LENGTHS: list[bytes] = [bytes((length,)) for length in range(SHORT_LENGTH_MAX + 1)]


def join(command: int, data: bytes, long_form: bool) -> bytes:
    """The bytes of a message, as `Apdu.encode`."""
    length = len(data)
    if length <= SHORT_LENGTH_MAX and not long_form:
        return command.to_bytes(2, "big") + _SHORT_LENGTHS[length] + data
    if length > DATA_MAX:
        raise LocalProtocolError(f"an APDU carries at most {DATA_MAX} data bytes, not {length}")
    return command.to_bytes(2, "big") + b"\xff" + length.to_bytes(2, "little") + data


def measure(data: bytes | bytearray, start: int = 0) -> int | None:
    """Length of the whole APDU that begins at `start`, header included; None: too short to tell."""
    if len(data) - start < HEADER_SHORT:
        return None
    length = data[start + 2]
    if length <= SHORT_LENGTH_MAX:
        return HEADER_SHORT + length
    if len(data) - start < HEADER_LONG:
        return None
    return HEADER_LONG + data[start + 3] + (data[start + 4] << 8)


def _cut(data: bytes, start: int, size: int) -> tuple[int, bytes, bool]:
    command = data[start] << 8 | data[start + 1]
    if data[start + 2] <= SHORT_LENGTH_MAX:
        return command, data[start + HEADER_SHORT : start + size], False
    return command, data[start + HEADER_LONG : start + size], size - HEADER_LONG <= SHORT_LENGTH_MAX


def parse_apdu(data: bytes) -> Apdu:
    """Exactly one APDU; raises DecodeError (IncompleteError, ForeignProtocolError) for anything else."""
    return Apdu(*split(data))


def split(data: bytes) -> tuple[int, bytes, bool]:
    """What exactly one APDU consists of: command, data, and `long_form`; raises as `parse_apdu`."""
    if data and data[0] not in CLASSES:
        raise foreign(data, 0)
    size = measure(data)
    if size is None:
        need = HEADER_LONG if len(data) >= HEADER_SHORT else HEADER_SHORT
        raise IncompleteError(
            f"incomplete: message ends inside its header ({len(data)} of {need} bytes)",
            len(data),
            "class, instruction and length",
            need - len(data),
        )
    header = HEADER_SHORT if data[2] <= SHORT_LENGTH_MAX else HEADER_LONG
    if size > len(data):
        raise IncompleteError(
            f"length mismatch: {size - header} data bytes announced, only {len(data) - header} there",
            len(data),
            f"{size - len(data)} more bytes",
            size - len(data),
        )
    if size < len(data):
        raise DecodeError(
            f"length mismatch: {size - header} data bytes announced, {len(data) - size} more follow",
            size,
            "the end of the message",
        )
    return _cut(data, 0, size)


def foreign(data: bytes | bytearray, position: int) -> ForeignProtocolError:
    """The error for bytes that do not begin a ZVT message, with the other protocol's name if we know it."""
    head = bytes(data[:HEAD_BYTES])
    stranger = recognise(head)
    if stranger is not None:
        return ForeignProtocolError(stranger.name, position, remedy=stranger.remedy, head=head)
    return ForeignProtocolError(
        UNKNOWN,
        position,
        reason=f"not ZVT: no message begins with byte {data[0]:02X}",
        remedy=UNKNOWN_REMEDY,
        head=head,
    )


class ApduReader:
    """Cuts a byte stream (TCP, memory) into APDUs, however it was chopped or glued together.

    Keeps at most one unfinished message, so never more than APDU_MAX bytes.
    """

    def __init__(self) -> None:
        """Begin in step with the peer, at the start of a message."""
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Apdu]:
        """APDUs completed by these bytes, oldest first.

        Raises ForeignProtocolError when a message would begin with an impossible byte; from then on the
        stream is out of step and the connection is of no more use. Whole messages before it are lost with
        it only if they came in the same read; use `drain` to have them.
        """
        frames, error = self.drain(data)
        if error is not None:
            raise error
        return frames

    def drain(self, data: bytes) -> tuple[list[Apdu], ForeignProtocolError | None]:
        """Like `feed`, but hands over what was good together with the error that ended the stream."""
        if self._buffer:
            self._buffer += data
            size = measure(self._buffer)
            if size is None or len(self._buffer) < size:
                # not copied for every piece: a receipt may come byte by byte
                return [], None
            data = bytes(self._buffer)
        frames: list[Apdu] = []
        error: ForeignProtocolError | None = None
        start = 0
        end = len(data)
        while start < end:
            if data[start] not in CLASSES:
                error = foreign(data[start:], start)
                break
            size = measure(data, start)
            if size is None or start + size > end:
                break
            frames.append(Apdu(*_cut(data, start, size)))
            start += size
        self._buffer = bytearray() if error is not None else bytearray(data[start:])
        return frames, error

    @property
    def pending(self) -> bytes:
        """The beginning of a message whose end has not come yet."""
        return bytes(self._buffer)

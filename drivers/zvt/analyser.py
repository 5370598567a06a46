"""The protocol analyser: hexadecimal lines to JSON values and back, never raising for what a line holds."""

import re
from collections.abc import Mapping
from typing import Any

from drivers.zvt.apdu import CLASSES, Apdu, ApduReader, measure, parse_apdu
from drivers.zvt.charset import DEFAULT, Charset
from drivers.zvt.commands import table
from drivers.zvt.commands.codec import decode, encode
from drivers.zvt.errors import DecodeError, IncompleteError
from drivers.zvt.masking import mask
from drivers.zvt.notation import Notation, NotationError, from_notation, to_notation
from drivers.zvt.serial_frame import (
    ACK,
    NAK,
    BrokenFrame,
    Frame,
    FrameReader,
    Garbage,
    Piece,
    Signal,
    crc,
    encode_frame,
)
from drivers.zvt.summary import summarise

_COMMENT = re.compile(r"#.*")
_DIRECTION = re.compile(r"\s*([<>])")
_PREFIX = re.compile(r"\b0[xX](?=[0-9a-fA-F])")
_SEPARATORS = str.maketrans("", "", " \t\r\n\f\v:-,;_.")
_NOT_HEX = re.compile(r"[^0-9a-fA-F]")
_DIRECTIONS = {">": "ecr->pt", "<": "pt->ecr"}
_SIGNAL_BYTES = {Signal.ACK: ACK, Signal.NAK: NAK}


def read_hex(line: str) -> tuple[bytes, str | None]:
    """The bytes of a line, and the direction it is marked with: `>` to the terminal, `<` from it.

    Spaces, colons, dashes, commas and 0x are skipped, `#` begins a comment. DecodeError has the column.
    """
    text = _COMMENT.sub("", line)
    marked = _DIRECTION.match(text)
    if marked:
        text = text[: marked.start(1)] + " " + text[marked.end(1) :]
    digits = _PREFIX.sub("", text).translate(_SEPARATORS)
    wrong = _NOT_HEX.search(digits)
    if wrong:
        raise DecodeError(
            f"{wrong[0]!r} is no hexadecimal digit", line.find(wrong[0]), "pairs of hexadecimal digits"
        )
    if len(digits) % 2:
        raise DecodeError(
            "odd number of hexadecimal digits", len(line.rstrip()), "pairs of hexadecimal digits"
        )
    return bytes.fromhex(digits), _DIRECTIONS[marked[1]] if marked else None


class Analyser:
    """Decodes lines one by one. `raw` shows card data and adds the bytes of what is malformed.

    `serial` expects DLE STX framing. `dialogue` keeps in mind between lines which command was sent last,
    which decides how some answers are read; within a line and within a stream that is always so.
    """

    def __init__(
        self, *, serial: bool = False, raw: bool = False, dialogue: bool = False, charset: Charset = DEFAULT
    ) -> None:
        """Choose how lines are read and how results are shown."""
        self._serial = serial
        self._raw = raw
        self._dialogue = dialogue
        self._charset = charset
        self._running: int | None = None
        self._last: int | None = None
        self._apdu_readers: dict[str | None, ApduReader] = {}
        self._frame_readers: dict[str | None, FrameReader] = {}

    def line(self, text: str) -> list[Notation]:
        """What one line holds: nothing for an empty one, else a JSON object for each message."""
        try:
            data, direction = read_hex(text)
        except DecodeError as error:
            return [self._error(error, None)]
        if not data:
            return []
        if not self._dialogue:
            self._running = self._last = None
        return _directed(self._frames(data) if self._serial else self._messages(data), direction)

    def stream(self, data: bytes) -> list[Notation]:
        """What a capture holds, cut into messages wherever they end; the unfinished rest is an error."""
        return [*self.feed(data), *self.finish()]

    def feed(self, data: bytes, direction: str | None = None) -> list[Notation]:
        """What these bytes complete. A capture of both directions is cut for each of them by itself."""
        if self._serial:
            frames = self._frame_readers.setdefault(direction, FrameReader())
            return _directed([self._piece(piece) for piece in frames.feed(data)], direction)
        reader = self._apdu_readers.setdefault(direction, ApduReader())
        before = reader.pending
        apdus, error = reader.drain(data)
        found = [self._message(apdu, apdu.encode()) for apdu in apdus]
        if error is not None:
            found.append(self._error(error, (before + data)[error.position :]))
        return _directed(found, direction)

    def finish(self) -> list[Notation]:
        """What was begun and has no end; the next bytes begin a capture of their own."""
        found: list[Notation] = []
        for direction, frames in self._frame_readers.items():
            piece = frames.abandon()
            found += _directed([self._piece(piece)] if piece is not None else [], direction)
        for direction, reader in self._apdu_readers.items():
            rest = reader.pending
            found += _directed([self._rest(rest)] if rest else [], direction)
        self._frame_readers.clear()
        self._apdu_readers.clear()
        return found

    def _messages(self, data: bytes) -> list[Notation]:
        try:
            return [self._message(parse_apdu(data), data)]
        except DecodeError as error:
            parts, end = _split(data)
            # One message with bytes behind it has a wrong length. Two or more are a read that caught several;
            # what is left over then is the beginning of the next.
            if len(parts) < 2:
                return [self._error(error, data)]
            found = [self._message(parse_apdu(part), part) for part in parts]
            if end < len(data):
                found.append(self._rest(data[end:]))
            return found

    def _rest(self, data: bytes) -> Notation:
        try:
            return self._message(parse_apdu(data), data)
        except DecodeError as error:
            return self._error(error, data)

    def _message(self, apdu: Apdu, data: bytes) -> Notation:
        command = apdu.command
        after = self._running if command == table.COMPLETION else self._last
        self._last = command
        if table.row_of(command).end is not table.End.NEVER:
            self._running = command
        try:
            message = decode(apdu, after)
        except DecodeError as error:
            return self._error(error, data)
        if not self._raw:
            message = mask(message)
        shown = to_notation(message, len(apdu.data), self._charset)
        if "text" not in shown:
            shown["text"] = summarise(message)
        return shown

    def _frames(self, data: bytes) -> list[Notation]:
        reader = FrameReader()
        pieces = reader.feed(data)
        rest = reader.abandon()
        if rest is not None:
            pieces.append(rest)
        return [self._piece(piece) for piece in pieces]

    def _piece(self, piece: Piece) -> Notation:
        match piece:
            case Frame(apdu):
                try:
                    shown = self._message(parse_apdu(apdu), apdu)
                except DecodeError as error:
                    shown = self._error(error, None)
                if self._raw:
                    shown["apdu"] = apdu.hex().upper()
                elif "error" not in shown:
                    # what is shown is masked, so its bytes are
                    shown["apdu"] = compose(shown).hex().upper()
                shown["crc"] = crc(apdu).hex().upper()
                return shown
            case BrokenFrame(reason, raw):
                return self._error(DecodeError(reason, len(raw), "DLE STX, APDU, DLE ETX and its CRC"), raw)
            case Garbage(raw):
                return self._error(DecodeError("bytes outside of any frame", 0, "DLE STX, ACK or NAK"), raw)
            case signal:
                text = "frame received" if signal is Signal.ACK else "frame not received, send it again"
                return {"link": signal.value, "text": text}

    def _error(self, error: DecodeError, data: bytes | None) -> Notation:
        shown: Notation = {"error": error.reason, "position": error.position, "expected": error.expected}
        if isinstance(error, IncompleteError):
            shown["missing"] = error.missing
        if data is not None and self._raw:
            shown["hex"] = data.hex().upper()
        return shown


def _directed(found: list[Notation], direction: str | None) -> list[Notation]:
    if direction is not None:
        for item in found:
            item["direction"] = direction
    return found


def _split(data: bytes) -> tuple[list[bytes], int]:
    """Whole messages from the start of the data (known commands behind the first), and where they end."""
    parts: list[bytes] = []
    start = 0
    while start < len(data) and data[start] in CLASSES:
        size = measure(data, start)
        if size is None or start + size > len(data):
            break
        if parts and not table.is_known(data[start] << 8 | data[start + 1]):
            break
        parts.append(data[start : start + size])
        start += size
    return parts, start


def compose(source: Any) -> bytes:
    """The bytes that a decoded line came from; NotationError or LocalProtocolError say what is wrong."""
    if not isinstance(source, Mapping):
        raise NotationError("a JSON object is wanted, one a line")
    if "apdu" in source and "crc" in source and "error" in source:
        return encode_frame(_bytes(source["apdu"], "apdu"))
    if "error" in source:
        if "hex" not in source:
            raise NotationError("this line is an error and has no bytes; `decode --raw` adds them")
        return _bytes(source["hex"], "hex")
    if "link" in source:
        try:
            return _SIGNAL_BYTES[Signal(source["link"])]
        except ValueError:
            raise NotationError(f"link: ACK or NAK, not {source['link']!r}") from None
    apdu = encode(from_notation(source))
    return encode_frame(apdu) if "crc" in source else apdu


def _bytes(value: Any, key: str) -> bytes:
    try:
        return bytes.fromhex(value)
    except (TypeError, ValueError):
        raise NotationError(f"{key}: hexadecimal text, not {value!r}") from None

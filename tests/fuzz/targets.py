"""What must hold for any bytes: a target takes some, and raises if more happens to it than a refusal."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

from drivers.zvt.analyser import Analyser, compose, read_hex
from drivers.zvt.apdu import APDU_MAX, Apdu, ApduReader, measure, parse_apdu
from drivers.zvt.charset import Charset
from drivers.zvt.commands.codec import decode, decode_bytes, encode
from drivers.zvt.commands.typed import typed
from drivers.zvt.ecr import RegisterDialogue
from drivers.zvt.ecr import State as RegisterState
from drivers.zvt.errors import DecodeError, LocalProtocolError, RemoteProtocolError
from drivers.zvt.fields import encode_fields, parse_fields
from drivers.zvt.masking import mask
from drivers.zvt.message import Message
from drivers.zvt.notation import NotationError, from_notation, to_notation
from drivers.zvt.receipts import read_print
from drivers.zvt.sequence import OFFER
from drivers.zvt.serial_frame import Frame, FrameReader, encode_frame
from drivers.zvt.serial_link import Delivered, SerialLink, Step, Timer, Write
from drivers.zvt.summary import summarise
from drivers.zvt.terminal import State as TerminalState
from drivers.zvt.terminal import TerminalDialogue
from drivers.zvt.tlv import encode_tlv, parse_tlv
from drivers.zvt.turns import Wait

Target = Callable[[bytes], None]

AFTER = (None, 0x0501, 0x0600, 0x06E1, 0x06E7, 0x0F10)
"""Commands whose answers are read in ways of their own."""


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    """The data cut into pieces of one size."""
    for start in range(0, len(data), size):
        yield data[start : start + size]


def apdus(data: bytes) -> None:
    """A TCP stream: the same messages however it is cut, and each message as `message`."""
    if not data:
        return
    size, stream = 1 + data[0] % 16, data[1:]
    whole, error = ApduReader().drain(stream)
    reader = ApduReader()
    found: list[Apdu] = []
    refused = None
    for piece in pieces(stream, size):
        more, refused = reader.drain(piece)
        found += more
        if refused is not None:
            break
    assert found == whole
    assert len(reader.pending) < APDU_MAX
    assert (error is None) == (refused is None)
    for apdu in whole:
        assert parse_apdu(apdu.encode()) == apdu
        message(bytes((data[0],)) + apdu.encode())
    Analyser(raw=bool(data[0] & 1)).stream(stream)


def message(data: bytes) -> None:
    """One message: what can be read is written the same, masked, and shown in a way that can be read."""
    if not data:
        return
    after, wire = AFTER[data[0] % len(AFTER)], data[1:]
    try:
        read = decode_bytes(wire, after)
    except DecodeError:
        return
    assert encode(read) == wire
    with suppress(RemoteProtocolError):
        face = typed(read)
        if face is not None:
            with suppress(LocalProtocolError):
                face.to_message()
    masked = mask(read)
    assert len(encode(masked)) == len(wire)
    assert mask(masked) == masked
    summarise(masked)
    if read.command in {0x06D1, 0x06D3}:
        read_print(read)
    for charset in Charset:
        shown = json.loads(json.dumps(to_notation(read, len(parse_apdu(wire).data), charset)))
        assert encode(from_notation(shown)) == wire


def fields(data: bytes) -> None:
    """BMPs, and the same bytes as TLV objects: refused, or written the same."""
    with suppress(DecodeError):
        assert encode_fields(parse_fields(data)) == data
    with suppress(DecodeError):
        assert encode_tlv(parse_tlv(data, 0, len(data))) == data


def frames(data: bytes) -> None:
    """A serial line: the same frames however it is cut; nothing is lost; and a link that lives through it."""
    if not data:
        return
    size, stream = 1 + data[0] % 16, data[1:]
    reader, chopped = FrameReader(), FrameReader()
    whole = [each for each in reader.feed(stream) if isinstance(each, Frame)]
    found = [
        each for piece in pieces(stream, size) for each in chopped.feed(piece) if isinstance(each, Frame)
    ]
    assert found == whole
    assert chopped.inside == reader.inside
    for frame in whole:
        assert FrameReader().feed(encode_frame(frame.apdu)) == [frame]
    _live_through(stream, size)
    Analyser(serial=True).stream(stream)


def _live_through(stream: bytes, size: int) -> None:
    """A link that hears all this, whose timers run out now and then, still carries a message afterwards."""
    link = SerialLink()
    for number, piece in enumerate(pieces(stream, size)):
        if link.idle and number % 3 == 0:
            link.send(b"\x80\x00\x00")
        _delivered(link.feed(piece))
        if number % 5 == 4:
            link.expired(Timer.T1)
        if number % 7 == 6:
            link.expired(Timer.T2)
    link.expired(Timer.T1)
    while not link.idle:
        link.expired(Timer.T2)
    other = SerialLink()
    [sent] = [step.data for step in other.send(b"\x06\x00\x01\x10") if isinstance(step, Write)]
    # what it heard last may have been the same frame, which is a repeat then
    heard = _delivered(link.feed(sent))
    assert heard in ([b"\x06\x00\x01\x10"], [])


def _delivered(steps: list[Step]) -> list[bytes]:
    return [step.apdu for step in steps if isinstance(step, Delivered)]


def lines(data: bytes) -> None:
    """What a person types or pipes into the analyser: an answer for every line, and bytes that come back."""
    text = data.decode("utf-8", errors="replace")
    for serial in (False, True):
        Analyser(serial=serial).line(text)
        for item in Analyser(serial=serial, raw=True).line(text):
            assert isinstance(json.dumps(item), str)
    with suppress(DecodeError):
        wire, _ = read_hex(text)
        shown = Analyser(raw=True).line(text)
        assert b"".join(compose(json.loads(json.dumps(item))) for item in shown) == wire


def notation(data: bytes) -> None:
    """What a person writes as JSON: bytes that read the same, or a refusal that says why."""
    try:
        source = json.loads(data)
    except (ValueError, RecursionError):
        return
    try:
        wire = compose(source)
    except (NotationError, LocalProtocolError):
        return
    assert isinstance(wire, bytes)


def _read(data: bytes, start: int) -> tuple[Apdu | None, int]:
    """The APDU that begins there, cut off where the data ends, and where the next thing begins."""
    size = measure(data, start)
    end = len(data) if size is None else min(len(data), start + size)
    try:
        return parse_apdu(data[start:end]), end
    except DecodeError:
        return None, end


def _message(apdu: Apdu) -> Message | None:
    try:
        return decode(apdu)
    except DecodeError:
        return None


REGISTER = ("send", "receive", "answer", "answer with", "stop", "give up")
"""What happens to a register, by the byte in front; the first two and the fourth are followed by an APDU."""


def register(data: bytes) -> None:
    """Any history of a register's dialogue: it only ever refuses, and always knows whose turn it is."""
    dialogue = RegisterDialogue()
    at = 0
    while at < len(data):
        step = REGISTER[data[at] % len(REGISTER)]
        at += 1
        apdu = None
        if step in {"send", "receive", "answer with"}:
            apdu, at = _read(data, at)
            if apdu is None:
                continue
        try:
            _register_step(dialogue, step, apdu)
        except (LocalProtocolError, RemoteProtocolError):
            assert apdu is not None or step in {"answer", "stop", "give up"}
        assert (dialogue.waiting.wait is Wait.US) == (dialogue.state is RegisterState.OWING)
        assert dialogue.command is not None or dialogue.state in {RegisterState.READY, RegisterState.OWING}


def _register_step(dialogue: RegisterDialogue, step: str, apdu: Apdu | None) -> None:
    given = None if apdu is None else _message(apdu)
    if step == "send" and given is not None:
        sent = decode_bytes(dialogue.send(given))
        assert sent.command == given.command == dialogue.command
        assert dialogue.state is RegisterState.SENT
    elif step == "receive" and apdu is not None:
        owed = dialogue.state is RegisterState.OWING
        events = dialogue.receive(apdu)
        assert len(events) == 1
        assert not owed or dialogue.state is RegisterState.OWING
    elif step in {"answer", "answer with"}:
        answer = parse_apdu(dialogue.answer(given))
        assert answer.command >> 8 in {0x80, 0x84}
        assert dialogue.state is not RegisterState.OWING
    elif step == "stop":
        assert dialogue.stop().startswith(b"\x06\xb0")
    elif step == "give up":
        dialogue.give_up()
        assert dialogue.state is RegisterState.READY


TERMINAL = (
    "receive",
    "accept",
    "refuse",
    "tell",
    "complete",
    "abort",
    "answer stop",
    "give up",
    "complete with",
)
"""What happens to a terminal, by the byte in front; some are followed by an APDU or by a code."""


def terminal(data: bytes) -> None:
    """Any history of a terminal's dialogue."""
    if not data:
        return
    dialogue = TerminalDialogue(sequences=bool(data[0] & 1), hands_on_repeats=bool(data[0] & 2))
    at = 1
    while at < len(data):
        step = TERMINAL[data[at] % len(TERMINAL)]
        at += 1
        apdu, code = None, 0
        if step in {"receive", "tell", "complete with"}:
            apdu, at = _read(data, at)
            if apdu is None:
                continue
        elif step in {"refuse", "abort", "answer stop"}:
            code = data[at] if at < len(data) else 0
            at += 1
        with suppress(LocalProtocolError, RemoteProtocolError):
            _terminal_step(dialogue, step, apdu, code)
        assert (dialogue.state is TerminalState.READY) == (dialogue.waiting.wait is Wait.NOTHING)


def _terminal_step(dialogue: TerminalDialogue, step: str, apdu: Apdu | None, code: int) -> None:
    given = None if apdu is None else _message(apdu)
    if step == "receive" and apdu is not None:
        assert len(dialogue.receive(apdu)) == 1
    elif step == "accept":
        assert dialogue.accept().startswith(b"\x80\x00")
    elif step == "refuse":
        assert parse_apdu(dialogue.refuse(code)).command == 0x8400 | code
    elif step == "tell" and given is not None:
        assert decode_bytes(dialogue.tell(given)).command == given.command
        assert dialogue.state is TerminalState.ASKED
    elif step == "complete" or (step == "complete with" and given is not None):
        assert parse_apdu(dialogue.complete(given)).command == 0x060F
    elif step == "abort":
        assert parse_apdu(dialogue.abort(code)).command == 0x061E
    elif step == "answer stop":
        assert dialogue.answer_stop(code)
    elif step == "give up":
        dialogue.give_up()


def both(data: bytes) -> None:
    """A register and a terminal of ours on one line that loses nothing: neither breaks the other's rules."""
    if not data:
        return
    ecr, pt = RegisterDialogue(), TerminalDialogue(sequences=bool(data[0] & 1))
    at = 1
    while at < len(data):
        apdu, at = _read(data, at)
        given = None if apdu is None else _unnumbered(_message(apdu))
        with suppress(LocalProtocolError):
            if given is not None and ecr.state is RegisterState.READY:
                _order(ecr, pt, given)
            elif given is not None and pt.state is TerminalState.MASTER:
                _report(ecr, pt, given)
    if pt.state is TerminalState.MASTER:
        _exchange(ecr, pt, pt.complete())
        assert ecr.state is RegisterState.READY
    assert pt.state is not TerminalState.ASKED


def _unnumbered(message: Message | None) -> Message | None:
    """Ids are the dialogues' own business; an application only ever offers them."""
    if message is None or message.find(OFFER.tag) is None:
        return message
    bare = message.without_tlv(OFFER.tag)
    return bare.with_tlv(OFFER) if message.command in {0x0600, 0x060F} else bare


def _order(ecr: RegisterDialogue, pt: TerminalDialogue, message: Message) -> None:
    [event] = pt.receive(parse_apdu(ecr.send(message)))
    if pt.state is TerminalState.DECIDING:
        try:
            answer = pt.accept()
        except RemoteProtocolError:
            answer = pt.refuse()
    else:
        answer = getattr(event, "answer", None) or b"\x84\x83\x00"
    ecr.receive(parse_apdu(answer))
    assert (ecr.state is RegisterState.RUNNING) == (pt.state is TerminalState.MASTER)


def _report(ecr: RegisterDialogue, pt: TerminalDialogue, message: Message) -> None:
    if message.command == 0x060F:
        said = pt.complete(message)
    elif message.command == 0x061E:
        said = pt.abort(message)
    else:
        said = pt.tell(message)
    _exchange(ecr, pt, said)


def _exchange(ecr: RegisterDialogue, pt: TerminalDialogue, said: bytes) -> None:
    ecr.receive(parse_apdu(said))
    assert ecr.state is RegisterState.OWING
    pt.receive(parse_apdu(ecr.answer()))
    assert pt.state is not TerminalState.ASKED


TARGETS: Mapping[str, Target] = {
    "message": message,
    "apdus": apdus,
    "fields": fields,
    "frames": frames,
    "register": register,
    "terminal": terminal,
    "both": both,
    "lines": lines,
    "notation": notation,
}

"""From an APDU to a message and back, by the command's row."""

from drivers.zvt.apdu import HEADER_LONG, HEADER_SHORT, SHORT_LENGTH_MAX, Apdu, join, split
from drivers.zvt.commands.layout import SW_VERSION_DIGITS
from drivers.zvt.commands.table import row_of
from drivers.zvt.errors import DecodeError, LocalProtocolError
from drivers.zvt.fields import encode_fields, encode_var
from drivers.zvt.message import Message, make


def decode(apdu: Apdu, after: int | None = None) -> Message:
    """What an APDU says; `after` is the command it answers, where that is known.

    Raises DecodeError with the offset counted from the first byte of the APDU.
    """
    return _decode(apdu.command, apdu.data, apdu.long_form, after)


def decode_bytes(data: bytes, after: int | None = None) -> Message:
    """What exactly one APDU's bytes say; raises DecodeError."""
    command, body, long_form = split(data)
    return _decode(command, body, long_form, after)


def _decode(command: int, data: bytes, long_form: bool, after: int | None) -> Message:
    try:
        params, fields = row_of(command).layout.reader(data, after)
    except DecodeError as error:
        header = HEADER_LONG if long_form or len(data) > SHORT_LENGTH_MAX else HEADER_SHORT
        # a plain DecodeError even for missing bytes: the frame is whole, what its body lacks will never come
        raise DecodeError(error.reason, error.position + header, error.expected) from None
    return make(command, params, fields, long_form)


def to_apdu(message: Message) -> Apdu:
    """The APDU of a message; raises LocalProtocolError for parameters its command does not have."""
    return Apdu(message.command, _body(message), message.long_form)


def encode(message: Message) -> bytes:
    """The bytes of a message, with the shortest lengths unless it remembers others."""
    return join(message.command, _body(message), message.long_form)


def _body(message: Message) -> bytes:
    params = message.params
    body = encode_fields(message.fields) if message.fields else b""
    if not params:
        return body
    head = b""
    left = len(params)
    for name in row_of(message.command).layout.params:
        value = params.get(name)
        if value is not None:
            left -= 1
            head += value if name != "sw" else encode_var(value, SW_VERSION_DIGITS)
    if left:
        extra = sorted(set(params) - set(row_of(message.command).layout.params))
        raise LocalProtocolError(f"{message.command:04X} has no parameter {', '.join(extra)}")
    return head + body

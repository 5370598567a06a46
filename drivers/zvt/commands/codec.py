"""From an APDU to a message and back, by the command's row."""

from drivers.zvt.apdu import HEADER_LONG, HEADER_SHORT, Apdu, parse_apdu
from drivers.zvt.commands.layout import SW_VERSION_DIGITS
from drivers.zvt.commands.table import row_of
from drivers.zvt.errors import DecodeError, LocalProtocolError
from drivers.zvt.fields import encode_fields, encode_var
from drivers.zvt.message import Message


def decode(apdu: Apdu, after: int | None = None) -> Message:
    """What an APDU says; `after` is the command it answers, where that is known.

    Raises DecodeError with the offset counted from the first byte of the APDU.
    """
    layout = row_of(apdu.command).layout
    try:
        params, fields = layout.reader(apdu.data, after)
    except DecodeError as error:
        header = HEADER_LONG if apdu.long_form or len(apdu.data) > 0xFE else HEADER_SHORT
        # a plain DecodeError even for missing bytes: the frame is whole, what its body lacks will never come
        raise DecodeError(error.reason, error.position + header, error.expected) from None
    return Message(apdu.command, params, fields, apdu.long_form)


def decode_bytes(data: bytes, after: int | None = None) -> Message:
    """What exactly one APDU's bytes say; raises DecodeError."""
    return decode(parse_apdu(data), after)


def to_apdu(message: Message) -> Apdu:
    """The APDU of a message; raises LocalProtocolError for parameters its command does not have."""
    params = message.params
    body = encode_fields(message.fields) if message.fields else b""
    if params:
        parts: list[bytes] = []
        left = len(params)
        for name in row_of(message.command).layout.params:
            value = params.get(name)
            if value is not None:
                left -= 1
                parts.append(encode_var(value, SW_VERSION_DIGITS) if name == "sw" else value)
        if left:
            extra = sorted(set(params) - set(row_of(message.command).layout.params))
            raise LocalProtocolError(f"{message.command:04X} has no parameter {', '.join(extra)}")
        body = b"".join(parts) + body
    return Apdu(message.command, body, message.long_form)


def encode(message: Message) -> bytes:
    """The bytes of a message, with the shortest lengths unless it remembers others."""
    return to_apdu(message).encode()

"""Names of other protocols that live on the ports and cables where a ZVT terminal was expected."""

from typing import NamedTuple

HEAD_BYTES = 64
"""How much of what a stranger says is kept and looked at: all greetings below are shorter."""

SHOWN_BYTES = 12


class Stranger(NamedTuple):
    """Who speaks there instead, and what a person can do about it."""

    name: str
    remedy: str


_SWITCH = "switch it to ZVT in its menu, or ask its provider for a terminal that speaks ZVT"
_OTHER_PORT = "correct the address: host and port of the terminal's ZVT interface, mostly 20007"

_HTTP = Stranger("an HTTP server", _OTHER_PORT)
_ECR17 = Stranger("an ECR17 terminal", _SWITCH)
_YOMANI = Stranger("a Yomani terminal with its own text protocol", _SWITCH)
_XML = Stranger("an XML protocol (perhaps O.P.I.)", _SWITCH)
_TLS = Stranger("TLS", "write tls:// instead of tcp:// in its address")
_FRAMED = Stranger(
    "ZVT in serial framing (DLE STX)",
    "write rfc2217:// where a serial device server is between, else switch the terminal to TCP",
)
_BARE = Stranger(
    "ZVT without serial framing",
    "switch the terminal to its serial connection, or let the converter between pass bytes on as they are",
)

_ANYWHERE: tuple[tuple[bytes, Stranger], ...] = (
    # NAK or ACK, ETX and a check byte that the Italian ECR17 protocol starts at 7F
    (b"\x15\x03\x69", _ECR17),
    (b"\x06\x03\x7a", _ECR17),
    (b"HTTP/", _HTTP),
    (b"<!DO", _HTTP),
    (b"<htm", _HTTP),
    (b"<HTM", _HTTP),
    (b"VER|", _YOMANI),
    (b"<?xml", _XML),
    (b"SSH-", Stranger("an SSH server", _OTHER_PORT)),
)
"""Told apart even when other bytes come first: a length, or noise of a line that was just opened."""

_AT_FIRST: tuple[tuple[bytes, Stranger], ...] = (
    (b"220", Stranger("an FTP or mail server", _OTHER_PORT)),
    (b"\x16\x03", _TLS),
    (b"\x15\x03\x01", _TLS),
    (b"\x15\x03\x03", _TLS),
    (
        b"\xff\xfb",
        Stranger("a telnet or RFC 2217 server", "write rfc2217:// instead of tcp:// in its address"),
    ),
    (
        b"\xff\xfd",
        Stranger("a telnet or RFC 2217 server", "write rfc2217:// instead of tcp:// in its address"),
    ),
    (b"\x02", Stranger("a protocol framed by STX and ETX", _SWITCH)),
)

_DLE_STX = b"\x10\x02"
_BARE_STARTS = (b"\x80\x00\x00", b"\x84")

UNKNOWN_REMEDY = "is this the terminal's address, and is ZVT enabled on it?"
"""What to do about a stranger without a name."""


def recognise(data: bytes | bytearray, *, framed: bool = False) -> Stranger | None:
    """Who speaks like this, or None when these first bytes tell nothing.

    `framed`: serial frames were expected, else bare messages.
    """
    head = bytes(data[:HEAD_BYTES])
    for signature, stranger in _AT_FIRST:
        if head.startswith(signature):
            return stranger
    for signature, stranger in _ANYWHERE:
        if signature in head:
            return stranger
    if framed:
        return _BARE if head.startswith(_BARE_STARTS) else None
    return _FRAMED if head.startswith(_DLE_STX) else None


def show(data: bytes | bytearray) -> str:
    """The first bytes for people: hexadecimal, and as text where they are some."""
    head = bytes(data[:SHOWN_BYTES])
    text = head.decode("latin-1")
    return (
        f"{head.hex(' ').upper()} {text!r}"
        if text.isascii() and text.isprintable()
        else head.hex(" ").upper()
    )

"""Names of other protocols that live on the ports and cables where a ZVT terminal was expected."""

_ECR17_ANSWERS = (b"\x15\x03\x69", b"\x06\x03\x7a")
"""NAK or ACK, ETX and a check byte that the Italian ECR17 protocol starts at 7F."""

_BANNER_LENGTH_BYTES = 4

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"HTTP/", "an HTTP server"),
    (b"<!DO", "an HTTP server"),
    (b"<htm", "an HTTP server"),
    (b"SSH-", "an SSH server"),
    (b"220 ", "an FTP or mail server"),
    (b"<?xml", "an XML protocol (perhaps O.P.I.)"),
    (b"\x16\x03", "TLS (connect with tls:// instead of tcp://)"),
    (b"\x15\x03\x01", "TLS (connect with tls:// instead of tcp://)"),
    (b"\x15\x03\x03", "TLS (connect with tls:// instead of tcp://)"),
    (b"\x10\x02", "ZVT in serial framing (DLE STX), where the bare message was expected"),
)


def recognise(data: bytes | bytearray) -> str | None:
    """The protocol that speaks like this, or None when these first bytes tell nothing."""
    head = bytes(data[:8])
    if head[:3] in _ECR17_ANSWERS:
        return "an ECR17 terminal"
    for signature, name in _SIGNATURES:
        if head.startswith(signature):
            return name
    if head[_BANNER_LENGTH_BYTES:].startswith(b"VER|"):
        return "a Yomani terminal's own text protocol"
    return None

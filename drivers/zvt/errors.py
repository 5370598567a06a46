"""What can go wrong on the wire, and whose fault it was."""


class ZvtError(Exception):
    """Root of every error this package raises."""


class LocalProtocolError(ZvtError):
    """We tried to say something that the protocol forbids here: a bug of ours; nothing was sent."""


class RemoteProtocolError(ZvtError):
    """The peer said something that the protocol forbids here."""


class DecodeError(RemoteProtocolError):
    """Bytes that are not a well-formed message: where, why, and what would have been right."""

    def __init__(self, reason: str, position: int, expected: str) -> None:
        """Keep the offset of the offending byte, counted from the first byte of the message."""
        super().__init__(f"{reason} at byte {position}; expected {expected}")
        self.reason = reason
        self.position = position
        self.expected = expected


class IncompleteError(DecodeError):
    """The message is a good beginning: `missing` more bytes were announced (at least)."""

    def __init__(self, reason: str, position: int, expected: str, missing: int) -> None:
        """Say how many bytes are still owed, as far as can be known."""
        super().__init__(reason, position, expected)
        self.missing = missing


class ForeignProtocolError(DecodeError):
    """The peer does not speak ZVT; `protocol` names what it does speak, `remedy` what to do about it.

    `head` holds the first bytes that are no ZVT, a few of them.
    """

    def __init__(
        self, protocol: str, position: int, *, reason: str = "", remedy: str = "", head: bytes = b""
    ) -> None:
        """Name the protocol in the reason, so that a person can fix the cabling or the port."""
        super().__init__(reason or f"not ZVT: this is {protocol}", position, "a ZVT class byte")
        self.protocol = protocol
        self.remedy = remedy
        self.head = head

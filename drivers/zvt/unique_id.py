"""Unique transaction ids (tag 1F1F): how both sides learn that a result got lost (PA00P015 chapter 4.2)."""

from enum import StrEnum

from drivers.zvt.message import Message
from drivers.zvt.tlv import Tlv
from drivers.zvt.values import pack, unpack

TAG = 0x1F1F
SIZE = 2
RECEIPT_LAST = 9999

COMMANDS = frozenset(
    {0x0601, 0x0603, 0x0604, 0x060C, 0x0621, 0x0622, 0x0623, 0x0624, 0x0625, 0x0630, 0x0631, 0x0650}
)
"""Commands that mirror the last id (chapter 4.2)."""

NO_HISTORY = b""
"""A register without a history sends the tag empty, never with a value of zero."""


def mirror(last_valid: int | None) -> bytes:
    """What the register puts into 1F1F: the last receipt number it holds valid, or that it knows of none."""
    return NO_HISTORY if last_valid is None else pack(last_valid, SIZE)


def id_object(receipt: int) -> Tlv:
    """What the terminal puts into 04 0F: the receipt number of this very transaction."""
    return Tlv(TAG, pack(receipt, SIZE))


class Finding(StrEnum):
    """What the mirrored number tells the terminal."""

    NOTHING = "nothing"
    """Not sent, no history, or any other difference: to be ignored."""
    AGREED = "agreed"
    """The register knows our last transaction."""
    LAST_IS_UNKNOWN = "last is unknown"
    """The register never learnt of our last transaction: reverse it and use its number again."""


def compare(command: Message, own_last: int | None) -> Finding:
    """What a command's 1F1F says about the terminal's own last transaction, receipt number `own_last`."""
    value = command.find_bytes(TAG)
    if command.command not in COMMANDS or not value or own_last is None:
        return Finding.NOTHING
    theirs = unpack(value)
    if theirs == own_last:
        return Finding.AGREED
    # receipt numbers run from 1 to 9999 and begin again
    before = own_last - 1 if own_last > 1 else RECEIPT_LAST
    return Finding.LAST_IS_UNKNOWN if theirs == before else Finding.NOTHING

"""Message sequence ids (tag 1F73): the one clean way to recognise a repeated message (PA00P015 chapter 5)."""

from drivers.zvt.commands.layout import Layout
from drivers.zvt.commands.table import row_of
from drivers.zvt.message import Message
from drivers.zvt.tlv import Tlv
from drivers.zvt.values import pack, unpack

TAG = 0x1F73
SIZE = 3
LAST = 999_999
OFFER = Tlv(TAG, pack(0, SIZE))
"""What the register sends in 06 00, and the terminal echoes if it takes part."""


def sequence_id(message: Message) -> int | None:
    """The id a message carries, or None."""
    value = message.find_bytes(TAG)
    return unpack(value) if value else None


class MessageSequence:
    """One counter for both sides: a new message takes the next id, an answer has that of its question."""

    def __init__(self) -> None:
        """Not agreed on yet."""
        self.active = False
        self._last = 0
        self._heard = 0

    def agree(self) -> None:
        """Both sides want it: the next message has id 1."""
        self.active = True
        self._last = 0
        self._heard = 0

    def resume(self, heard: int) -> None:
        """Still agreed on, after one side was started again; `heard` is the last id it remembers."""
        self.active = True
        self._last = self._heard = heard

    def drop(self) -> None:
        """No longer agreed on: logged off, or registered anew."""
        self.active = False

    def stamp(self, message: Message) -> Message:
        """A new message with the next id; as it is where ids are not agreed on or cannot be carried."""
        if not self.active or not _can_carry(message):
            return message
        self._last = self._last + 1 if self._last < LAST else 1
        return _numbered(message, self._last)

    def echo(self, answer: Message, answered: Message) -> Message:
        """An answer with the id of what it answers."""
        number = sequence_id(answered)
        # 0 stands in the offer and its acceptance, before any message is numbered
        if not self.active or not number or not _can_carry(answer):
            return answer
        return _numbered(answer, number)

    def is_repeat(self, message: Message) -> bool:
        """Whether the peer says again what it said last; takes note of the id if it is new."""
        number = sequence_id(message)
        # a register that was started again offers 0 anew, on a line where ids were agreed on before
        if not self.active or not number:
            return False
        if number == self._heard:
            return True
        # compared with what was heard, not with what was counted: two messages that cross take the same id
        self._heard = self._last = number
        return False


def _numbered(message: Message, number: int) -> Message:
    """The message with this id and no other: of two the peer would take the first."""
    return message.without_tlv(TAG).with_tlv(Tlv(TAG, pack(number, SIZE)))


def _can_carry(message: Message) -> bool:
    """A print line is text up to its end, and bare answers have no place for a container."""
    return row_of(message.command).layout is not Layout.PRINT_LINE and "raw" not in message.params

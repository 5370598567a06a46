"""The answers 80 00 and 84 xx: making them, and what they decide about 04 0F (PA00P015 chapter 2.2.6)."""

from dataclasses import dataclass
from enum import StrEnum

from drivers.zvt import results
from drivers.zvt.commands.table import NEGATIVE_CLASS, POSITIVE
from drivers.zvt.fields import Field, container
from drivers.zvt.message import Message
from drivers.zvt.tlv import Tlv
from drivers.zvt.values import AMOUNT

_NEGATIVE = NEGATIVE_CLASS << 8


def positive(*fields: Field) -> Message:
    """80 00: understood, and for 04 0F: the goods are handed out."""
    return Message(POSITIVE, fields=fields)


def negative(code: int, *fields: Field) -> Message:
    """84 xx: refused, with a result code. 84 00 is a yes in disguise."""
    return Message(_NEGATIVE | code, fields=fields)


def wrong_currency(own: int) -> Message:
    """84 1E: the terminal's answer to a registration in a currency that is not its own (chapter 2.1)."""
    body = bytes((results.WRONG_CURRENCY,)) + bytes.fromhex(f"{own:04}")
    return Message(_NEGATIVE | 0x1E, {"raw": body})


def unknown_command() -> Message:
    """84 83: the command, or a field of it, is not known."""
    return negative(results.UNKNOWN_COMMAND)


def busy() -> Message:
    """84 A0: something else is running."""
    return negative(results.BUSY)


def printer_not_ready() -> Message:
    """84 CC: the receipt cannot be printed; the terminal then reverses the payment (2.2.8)."""
    return negative(results.PRINTER_NOT_READY)


def postponed() -> Message:
    """84 9C: whether the goods can be handed out is not known yet; 04 0F comes again after two seconds."""
    return negative(results.PLEASE_WAIT)


def partly_issued(amount: int) -> Message:
    """84 9D: goods for only this amount (minor units) were handed out."""
    return negative(results.PARTIAL_ISSUE, Field(0x04, AMOUNT.encode(amount)))


def goods_failed() -> Message:
    """84 66: no goods; the terminal reverses the payment."""
    return negative(results.GOODS_FAILED)


def input_answer(value: bytes) -> Message:
    """The answer to 04 0D with what was typed."""
    return positive(container(Tlv(0x32, (Tlv(0x1F3A, value),))))


def menu_answer(choice: int) -> Message:
    """The answer to 04 0E and 06 D0 with the number of the chosen item."""
    return positive(container(Tlv(0x19, bytes((choice,)))))


def key_answer(key: int) -> Message:
    """The terminal's answer to 06 E1."""
    return Message(POSITIVE, {"raw": bytes((key,))})


class Decision(StrEnum):
    """What an answer means to the one who asked."""

    YES = "yes"
    LATER = "later"
    PARTLY = "partly"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Verdict:
    """An answer understood: `amount` (minor units) only for PARTLY, `code` the second byte of 84 xx."""

    decision: Decision
    code: int = 0
    amount: int | None = None


def judge(answer: Message) -> Verdict:
    """What an 80 00 or 84 xx decides; 84 00 is a yes (chapter 2.2.6)."""
    code = answer.command & 0xFF
    if answer.command >> 8 != NEGATIVE_CLASS or code == results.OK:
        return Verdict(Decision.YES)
    if code == results.PLEASE_WAIT:
        return Verdict(Decision.LATER, code)
    if code == results.PARTIAL_ISSUE:
        amount = answer.get(0x04)
        # without its amount nobody knows what was handed out: nothing was, as for any other refusal
        if amount is not None:
            return Verdict(Decision.PARTLY, code, AMOUNT.decode(amount))
    return Verdict(Decision.NO, code)

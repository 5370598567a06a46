"""Whose printer receipts come out of, and the commands that bring them there (PA00P015 2.1, 3.4, 3.5).

The gateway has no printer: what a register does not print itself is not printed.
"""

from typing import Any

from agent.payments.model import Session
from agent.pos.register import slip
from agent.pos.register.job import STAMP_SIZE, Job
from agent.pos.register.memory import Deed, Entry
from agent.pos.register.status import needs_signature
from drivers.zvt.commands.codec import decode_bytes
from drivers.zvt.commands.reports import StatusInformation
from drivers.zvt.commands.table import PRINT_BLOCK, PRINT_LINE
from drivers.zvt.config import ReceiptKind
from drivers.zvt.currency import NUMBERS, amount_text
from drivers.zvt.message import Message
from drivers.zvt.receipts import Line, print_blocks, print_lines

BLOCK_MAX = 0x1000
"""Bytes of a 06 D3 to a register that did not say how many it takes (tag 1A)."""

BLOCK_MIN = 0x80
"""A register that takes less has no use for receipts."""

_CUSTOMER, _MERCHANT, _CUSTOMER_FIRST = 0x80, 0x20, 0x08
_CUSTOMER_FAILED, _MERCHANT_FAILED = 0x40, 0x10
"""Bits of tag 1F04: which copies a register wants, and in which order."""


def copies(job: Job) -> list[ReceiptKind]:
    """Which copies of a successful transaction are printed, first to last."""
    wishes = job.till.receipt_wishes
    kinds = [ReceiptKind.MERCHANT, ReceiptKind.CUSTOMER]
    if wishes is None:
        return kinds
    wanted = {ReceiptKind.MERCHANT: wishes & _MERCHANT, ReceiptKind.CUSTOMER: wishes & _CUSTOMER}
    kept = [kind for kind in kinds if wanted[kind]]
    return kept[::-1] if wishes & _CUSTOMER_FIRST else kept


def keep_lines(job: Job, entry: Entry, session: Session, status: Message) -> None:
    """Write the receipt down with its entry, so that it can be printed again as it was."""
    told = StatusInformation.from_message(status)
    for kind in (ReceiptKind.MERCHANT, ReceiptKind.CUSTOMER):
        lines = slip.transaction(
            told,
            entry.deed.value,
            kind,
            session,
            language=job.till.language,
            header=job.till.header,
            sign=needs_signature(session) and entry.deed is Deed.PAYMENT,
        )
        entry.receipt_lines[str(int(kind))] = stored(lines)


def stored(lines: list[Line]) -> list[list[Any]]:
    """Lines as the memory keeps them."""
    return [[line.text, line.attribute] for line in lines]


def restored(lines: list[list[Any]]) -> list[Line]:
    """The lines that `stored` wrote."""
    return [Line(str(text), int(attribute)) for text, attribute in lines]


def receipts(job: Job, entry: Entry) -> list[Message]:
    """The print commands of a transaction; none for a reservation (chapter 2.9), or where nobody prints."""
    if entry.deed is Deed.HOLD:
        return []
    return [
        message
        for kind in copies(job)
        for message in to_print(
            job, restored(entry.receipt_lines.get(str(int(kind)), [])), kind, payment=True
        )
    ]


def to_print(job: Job, lines: list[Line], kind: ReceiptKind, *, payment: bool) -> list[Message]:
    """The print commands of one receipt; none where the register builds it, or has no use for it."""
    permits = job.permits
    fits = permits.max_apdu is None or permits.max_apdu >= BLOCK_MIN
    if not lines or not fits or not permits.prints(payment=payment):
        return []
    if permits.print_command == PRINT_BLOCK and job.tlv:
        room = min(permits.max_apdu or BLOCK_MAX, BLOCK_MAX)
        return print_blocks(lines, kind, charset=job.till.charset, max_apdu=room - STAMP_SIZE)
    return print_lines(lines, job.till.charset) if permits.allows(PRINT_LINE) else []


def failure_receipts(job: Job, entry: Entry, text: str) -> list[Message]:
    """What is printed when a payment did not work: nothing, unless the register asked for it (tag 1F04)."""
    wishes = job.till.receipt_wishes or 0
    kinds = [
        kind
        for bit, kind in ((_MERCHANT_FAILED, ReceiptKind.MERCHANT), (_CUSTOMER_FAILED, ReceiptKind.CUSTOMER))
        if wishes & bit
    ]
    amount = amount_text(entry.amount, NUMBERS.get(entry.currency.upper()))
    lines = slip.failure(
        entry.deed.value,
        text,
        amount,
        job.till.memory.facts.terminal_id,
        language=job.till.language,
        header=job.till.header,
    )
    return [message for kind in kinds for message in to_print(job, lines, kind, payment=True)]


def status_of(entry: Entry) -> Message:
    """The stored 04 0F, byte for byte."""
    return decode_bytes(bytes.fromhex(entry.status))

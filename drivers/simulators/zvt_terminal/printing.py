"""Receipts: what stands on them, and whose printer they come out of."""

from drivers.simulators.zvt_terminal.job import STAMP_SIZE, Job
from drivers.simulators.zvt_terminal.memory import Kind, Record
from drivers.zvt.cards import card_type_text
from drivers.zvt.commands.codec import decode_bytes
from drivers.zvt.commands.reports import StatusInformation
from drivers.zvt.commands.table import PRINT_BLOCK
from drivers.zvt.config import Config, ReceiptKind
from drivers.zvt.currency import amount_text
from drivers.zvt.message import Message
from drivers.zvt.receipts import CENTRED, Line, print_blocks, print_lines
from drivers.zvt.results import result_text
from drivers.zvt.values import TOTAL_KINDS

BLOCK_MAX = 0x1000
"""Bytes of a 06 D3 to a register that did not say how many it takes (tag 1A)."""

BLOCK_MIN = 0x80
"""A register that takes less has no use for receipts."""

_TITLES = {
    Kind.PAYMENT: ("Kartenzahlung", "Card payment"),
    Kind.REFUND: ("Gutschrift", "Refund"),
    Kind.REVERSAL: ("Storno", "Reversal"),
    Kind.HOLD: ("Reservierung", "Reservation"),
    Kind.EXTENSION: ("Nachreservierung", "Extension"),
    Kind.BOOKING: ("Buchung der Reservierung", "Booking"),
    Kind.RELEASE: ("Auflösung der Reservierung", "Release"),
}
_COPIES = {
    ReceiptKind.MERCHANT: ("* Händlerbeleg *", "* Merchant copy *"),
    ReceiptKind.CUSTOMER: ("* Kundenbeleg *", "* Customer copy *"),
}
_GERMAN = 0


def _word(job: Job, words: tuple[str, str]) -> str:
    return words[0 if job.device.memory.facts.language == _GERMAN else 1]


def transaction_lines(job: Job, record: Record, kind: ReceiptKind) -> list[Line]:
    """The receipt of a transaction, built from its 04 0F (PA00P015 chapter 6)."""
    told = StatusInformation.from_message(decode_bytes(bytes.fromhex(record.status)))
    lines = [
        Line(_word(job, _COPIES[kind]), CENTRED),
        Line(_word(job, _TITLES[record.kind]), CENTRED),
        Line(""),
        Line(amount_text(record.amount, record.currency), 0x30),
        Line(f"Terminal-ID {told.terminal_id}"),
        Line(f"TA-Nr. {record.trace or 0:06}  Beleg {record.receipt or 0:04}"),
    ]
    if told.date is not None and told.time is not None:
        day, month = told.date[2:], told.date[:2]
        lines.append(Line(f"{day}.{month}. {told.time[:2]}:{told.time[2:4]}"))
    if told.card_kind is not None:
        lines += [Line(card_type_text(told.card_kind)), Line(f"#{(told.card_number or '')[-4:]}")]
    if told.aid is not None:
        lines.append(Line(f"AID {told.aid.hex().upper()}"))
    if told.approval:
        lines.append(Line(f"Genehm.-Nr. {told.approval}"))
    return [*lines, Line(""), Line(result_text(told.result or 0), CENTRED)]


def closing_lines(job: Job, status: Message) -> list[Line]:
    """The receipt of an end of day, built from its 04 0F."""
    told = StatusInformation.from_message(status)
    lines = [
        Line(_word(job, ("Kassenschnitt", "End of day")), CENTRED),
        Line(f"Terminal-ID {job.device.memory.facts.terminal_id}"),
    ]
    if told.totals is not None:
        lines.append(Line(f"Belege {told.totals.first_receipt:04} - {told.totals.last_receipt:04}"))
        for name, total in zip(TOTAL_KINDS, told.totals.cards, strict=True):
            if total.transactions:
                lines.append(Line(f"{name} {total.transactions} x {total.amount}"))
    return [*lines, Line(f"Summe {amount_text(told.amount or 0, None)}")]


def to_print(job: Job, lines: list[Line], kind: ReceiptKind, *, payment: bool) -> list[Message]:
    """The print commands of a receipt; none when it is for our own printer, or the register's to build."""
    permits = job.permits
    fits = permits.max_apdu is None or permits.max_apdu >= BLOCK_MIN
    if permits.prints(payment=payment) and fits:
        if permits.print_command == PRINT_BLOCK:
            room = min(permits.max_apdu or BLOCK_MAX, BLOCK_MAX)
            return print_blocks(lines, kind, charset=job.device.charset, max_apdu=room - STAMP_SIZE)
        messages = print_lines(lines, job.device.charset)
        if job.device.profile.kind_behind_text:
            return [_with_kind(message, kind) for message in messages]
        return messages
    wanted = Config.PAYMENT_RECEIPTS if payment else Config.ADMIN_RECEIPTS
    register_builds = wanted in permits.config and Config.PRINT_COMMANDS not in permits.config
    if job.device.profile.printer and not register_builds:
        job.device.paper.append(tuple(line.text for line in lines))
    return []


def _with_kind(message: Message, kind: ReceiptKind) -> Message:
    behind = bytes((0x06, 0x04, 0x1F, 0x07, 0x01, kind))
    return Message(message.command, {**message.params, "text": message.params["text"] + behind})


def copies(job: Job, record: Record) -> list[Message]:
    """Both copies of a transaction's receipt; a successful reservation has none (chapter 2.9)."""
    if record.kind in {Kind.HOLD, Kind.EXTENSION}:
        return []
    return [
        message
        for kind in (ReceiptKind.MERCHANT, ReceiptKind.CUSTOMER)
        for message in to_print(job, transaction_lines(job, record, kind), kind, payment=True)
    ]

"""Totals, end of day and receipts that are printed again (PA00P015 chapters 2.15 to 2.18, 2.26)."""

from dataclasses import replace

from drivers.simulators.zvt_terminal import printing
from drivers.simulators.zvt_terminal.customers import CARDS
from drivers.simulators.zvt_terminal.job import EndedError, Job
from drivers.simulators.zvt_terminal.memory import Kind, Memory, Record
from drivers.simulators.zvt_terminal.profiles import Repeat
from drivers.zvt import results
from drivers.zvt.commands import table
from drivers.zvt.commands.codec import decode_bytes, encode
from drivers.zvt.commands.reports import Abort, Completion, StatusInformation
from drivers.zvt.config import Config, ReceiptKind, RepeatService
from drivers.zvt.fields import CONTAINER
from drivers.zvt.message import Message
from drivers.zvt.receipts import Line
from drivers.zvt.values import RECEIPT, TOTAL_KINDS, Total, Totals

CLOSING_DUE = 0xF0
MEMORY_FULL = 0xB1
MAINTENANCE = 0xE0
OF_CLOSING = 0x04
BY_NUMBER = frozenset({0x02, 0x03})
"""Values of 1F01 that name a receipt by 1F02 and 1F03."""

_ANYTHING = 0xFF


def signed(record: Record, memory: Memory) -> int:
    """What a standing transaction adds to the merchant's money, in minor units."""
    match record.kind:
        case Kind.PAYMENT | Kind.BOOKING:
            return record.amount
        case Kind.REFUND:
            return -record.amount
        case Kind.REVERSAL:
            original = memory.get(record.original)
            return record.amount if original is not None and original.kind is Kind.REFUND else -record.amount
        case _:
            return 0


def totals(memory: Memory) -> StatusInformation:
    """What was turned over since the last end of day: 04 and 60 of a 04 0F."""
    counts = dict.fromkeys(TOTAL_KINDS, 0)
    sums = dict.fromkeys(TOTAL_KINDS, 0)
    records = memory.of_batch()
    for record in records:
        kind = CARDS[record.card].total if record.card in CARDS else "others"
        counts[kind] += 1
        sums[kind] += signed(record, memory)
    receipts = [record.receipt or 0 for record in records]
    cards = tuple(Total(counts[kind], max(sums[kind], 0)) for kind in TOTAL_KINDS)
    first, last = (receipts[0], receipts[-1]) if receipts else (0, 0)
    return StatusInformation(
        result=results.OK,
        # the wire has no sign: a day that paid out more than it took shows nothing
        amount=max(sum(sums.values()), 0),
        totals=Totals(first, last, cards),
    )


def _totals_message(job: Job) -> Message:
    memory = job.device.memory
    now = job.device.now()
    told = replace(
        totals(memory), trace=memory.next_trace(), time=f"{now:%H%M%S}", date=f"{now:%m%d}"
    ).to_message()
    memory.save()
    return told


async def show_totals(job: Job) -> None:
    """06 10."""
    job.accept()
    message = _totals_message(job)
    await job.tell(message)
    await _print(job, printing.closing_lines(job, message))
    await job.complete()


async def end_of_day(job: Job) -> None:
    """06 50. The host has the books then, whether or not the register hears of it."""
    job.accept()
    memory = job.device.memory
    holds = memory.open_holds()
    if holds and job.device.profile.open_holds_block_closing:
        refusal = Abort(results.OPEN_PRE_AUTHORISATION, receipt=holds[0].receipt)
        await job.abort(refusal.to_message())
        return
    await job.pause(job.device.times.work_s)
    message = _totals_message(job)
    facts = memory.facts
    facts.closing = encode(message).hex()
    facts.batch += 1
    if job.device.profile.restarts_receipts:
        facts.receipt = 0
    if facts.lock in {CLOSING_DUE, MEMORY_FULL}:
        facts.lock = 0
    memory.save()
    await job.tell(message)
    await _print(job, printing.closing_lines(job, message))
    if not job.device.profile.update_after_closing:
        await job.complete()
        return
    await job.complete(Completion(result=MAINTENANCE).to_message())
    job.device.be_silent(job.device.times.update_s)


async def repeat(job: Job) -> None:
    """06 20: the stored 04 0F as it was, if asked for, and the receipt."""
    profile, memory = job.device.profile, job.device.memory
    if profile.repeat is Repeat.NEVER:
        job.refuse()
        return
    job.accept()
    given = job.message.get(0x03)
    service = RepeatService(given[0] if given else 0)
    locked = Config.NO_AMOUNT_ENTRY | Config.NO_ADMINISTRATION
    if profile.repeat is Repeat.LOCKED_ONLY and job.permits.config & locked != locked:
        await job.complete()
        return
    if job.message.find_bytes(0x1F01) == bytes((OF_CLOSING,)) and memory.facts.closing:
        message = decode_bytes(bytes.fromhex(memory.facts.closing))
        if RepeatService.SEND_STATUS in service:
            await job.tell(message)
        if RepeatService.DO_NOT_PRINT not in service:
            await _print(job, printing.closing_lines(job, message))
        await job.complete()
        return
    record = _wanted(job)
    if record is None:
        raise EndedError(_ANYTHING)
    if RepeatService.SEND_STATUS in service:
        await job.tell(stored_status(job, record))
    if RepeatService.DO_NOT_PRINT not in service:
        for told in printing.copies(job, record):
            await job.tell(told)
    await job.complete()


def stored_status(job: Job, record: Record) -> Message:
    """The 04 0F of a transaction, byte for byte; without its container for a register that takes none."""
    message = decode_bytes(bytes.fromhex(record.status))
    if job.tlv:
        return message
    return replace(message, fields=tuple(field for field in message.fields if field.id != CONTAINER))


def _wanted(job: Job) -> Record | None:
    memory = job.device.memory
    which = job.message.find_bytes(0x1F01)
    number = job.message.find_bytes(0x1F02)
    if which and which[0] in BY_NUMBER and number is not None and job.device.profile.repeat_by_number:
        return memory.by_receipt(RECEIPT.decode(number) or 0)
    return memory.last_stored()


async def reprint(job: Job) -> None:
    """06 12: the receipts from one number to another."""
    job.accept()
    single = job.message.get(0x87)
    first = job.message.find_bytes(0x1F02) or single
    last = job.message.find_bytes(0x1F03) or first
    if first is None or last is None:
        raise EndedError(results.PROTOCOL_ERROR)
    low, high = RECEIPT.decode(first) or 0, RECEIPT.decode(last) or 0
    for record in job.device.memory.of_batch():
        if record.receipt is not None and low <= record.receipt <= high:
            for told in printing.copies(job, record):
                await job.tell(told)
    await job.complete()


async def print_configuration(job: Job) -> None:
    """06 1A."""
    job.accept()
    profile, facts = job.device.profile, job.device.memory.facts
    lines = [
        Line(profile.device_name),
        Line(profile.sw_version),
        Line(f"Terminal-ID {facts.terminal_id}"),
        Line(f"{job.device.baud_rate} 8N{profile.stop_bits}"),
        *(
            Line(f"{table.row_of(command).command:04X} {table.row_of(command).name}")
            for command in sorted(job.known)
        ),
    ]
    await _print(job, lines)
    await job.complete()


async def _print(job: Job, lines: list[Line]) -> None:
    for message in printing.to_print(job, lines, ReceiptKind.ADMINISTRATION, payment=False):
        await job.tell(message)

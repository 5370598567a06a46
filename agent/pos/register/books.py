"""Totals, end of day and receipts that are told again (PA00P015 chapters 2.15 to 2.18, 2.26)."""

from dataclasses import replace

from agent.pos.register import printing, slip
from agent.pos.register.job import EndedError, Job
from agent.pos.register.memory import Entry, Memory
from agent.pos.register.outcomes import TOTAL_OF
from agent.pos.register.repeats import learn
from drivers.zvt import results
from drivers.zvt.commands.codec import decode_bytes, encode
from drivers.zvt.commands.reports import Abort, StatusInformation
from drivers.zvt.config import ReceiptKind, RepeatService
from drivers.zvt.currency import NUMBERS
from drivers.zvt.fields import CONTAINER
from drivers.zvt.message import Message
from drivers.zvt.receipts import Line
from drivers.zvt.values import RECEIPT, TOTAL_KINDS, Total, Totals

OF_CLOSING = 0x04
BY_NUMBER = frozenset({0x02, 0x03})
"""Values of 1F01 that name a receipt by 1F02 and 1F03."""


def totals(memory: Memory, currency: str) -> StatusInformation:
    """What was turned over since the last end of day: 04 and 60 of a 04 0F."""
    counts = dict.fromkeys(TOTAL_KINDS, 0)
    sums = dict.fromkeys(TOTAL_KINDS, 0)
    entries = [entry for entry in memory.of_batch() if entry.currency == currency]
    for entry in entries:
        kind = TOTAL_OF.get(entry.card_type, "others")
        counts[kind] += 1
        sums[kind] += entry.signed
    receipts = [entry.receipt or 0 for entry in entries]
    first, last = (receipts[0], receipts[-1]) if receipts else (0, 0)
    return StatusInformation(
        result=results.OK,
        # the wire has no sign: a day that paid out more than it took shows nothing
        amount=max(sum(sums.values()), 0),
        terminal_id=memory.facts.terminal_id,
        totals=Totals(first, last, tuple(Total(counts[kind], max(sums[kind], 0)) for kind in TOTAL_KINDS)),
    )


def _counted(job: Job) -> tuple[Message, StatusInformation]:
    """The totals of the till's own currency, with a trace number of their own."""
    till = job.till
    now = till.local()
    facts = till.memory.facts
    facts.trace = facts.trace % 999_999 + 1
    asked = till.profile.always_currency or job.message.get(0x49) is not None
    told = replace(
        totals(till.memory, till.currencies[0]),
        trace=facts.trace,
        time=f"{now:%H%M%S}",
        date=f"{now:%m%d}",
        currency=NUMBERS.get(till.currencies[0].upper()) if asked else None,
    )
    return told.to_message(), told


def _slip(job: Job, told: StatusInformation, title: str) -> list[Line]:
    till = job.till
    return slip.closing(told, title, till.currencies[0], language=till.language, header=till.header)


async def show_totals(job: Job) -> None:
    """06 10."""
    job.accept()
    async with job.turn():
        message, told = _counted(job)
        await job.till.memory.save()
        await job.tell(message)
        await _print(job, _slip(job, told, "totals"))
        await job.complete()


async def end_of_day(job: Job) -> None:
    """06 50. The day is closed whether or not the register hears of it: 06 20 tells the totals again."""
    job.accept()
    async with job.turn():
        await learn(job)
        memory = job.till.memory
        holds = await job.till.settling.open_holds()
        if holds and job.till.profile.open_holds_block_closing:
            await job.abort(Abort(results.OPEN_PRE_AUTHORISATION, receipt=holds[0].receipt).to_message())
            return
        message, told = _counted(job)
        lines = _slip(job, told, "closing")
        if job.till.profile.restarts_receipts:
            memory.facts.receipt = 0
        await memory.close_batch(encode(message).hex(), printing.stored(lines), job.till.now().isoformat())
        await job.tell(message)
        await _print(job, lines)
        await job.complete()


async def repeat(job: Job) -> None:
    """06 20: the stored 04 0F as it was, if asked for, and the receipt."""
    job.accept()
    given = job.message.get(0x03)
    service = RepeatService(given[0] & 0x03 if given else 0)
    async with job.turn():
        facts = job.till.memory.facts
        if job.message.find_bytes(0x1F01) == bytes((OF_CLOSING,)) and facts.closing:
            if RepeatService.SEND_STATUS in service:
                await job.tell(decode_bytes(bytes.fromhex(facts.closing)))
            if RepeatService.DO_NOT_PRINT not in service:
                await _print(job, printing.restored(facts.closing_lines))
            await job.complete()
            return
        entry = _wanted(job)
        if entry is None:
            raise EndedError(results.OTHER_ERROR, "there is no transaction to repeat")
        # a register that builds its receipts itself has nothing else to build one from
        if RepeatService.SEND_STATUS in service or not printing.receipts(job, entry):
            await job.tell(stored_status(job, entry))
        if RepeatService.DO_NOT_PRINT not in service:
            await _reprint(job, entry)
        await job.complete()


def stored_status(job: Job, entry: Entry) -> Message:
    """The 04 0F of a transaction, byte for byte; without its container for a register that takes none."""
    message = printing.status_of(entry)
    if job.tlv:
        return message
    return replace(message, fields=tuple(field for field in message.fields if field.id != CONTAINER))


def _wanted(job: Job) -> Entry | None:
    which = job.message.find_bytes(0x1F01)
    number = job.message.find_bytes(0x1F02)
    if which and which[0] in BY_NUMBER and number is not None:
        return job.till.memory.by_receipt(RECEIPT.decode(number) or 0)
    return job.till.memory.last_stands()


async def reprint(job: Job) -> None:
    """06 12: the receipts from one number to another, of this day."""
    job.accept()
    single = job.message.get(0x87)
    first = job.message.find_bytes(0x1F02) or single
    last = job.message.find_bytes(0x1F03) or first
    if first is None or last is None:
        raise EndedError(results.PROTOCOL_ERROR, "which receipts?")
    low, high = RECEIPT.decode(first) or 0, RECEIPT.decode(last) or 0
    async with job.turn():
        for entry in job.till.memory.of_batch():
            if entry.receipt is not None and low <= entry.receipt <= high:
                await _reprint(job, entry)
        await job.complete()


async def _reprint(job: Job, entry: Entry) -> None:
    for message in printing.receipts(job, entry):
        await job.tell(message)


async def _print(job: Job, lines: list[Line]) -> None:
    for message in printing.to_print(job, lines, ReceiptKind.ADMINISTRATION, payment=False):
        await job.tell(message)

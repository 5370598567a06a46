"""What a register may have said before: message numbers, order numbers, unique ids (PA00P015 4, 5)."""

import logging
from datetime import datetime

from agent.pos.register import printing
from agent.pos.register.job import EndedError, Job
from agent.pos.register.memory import Deed, Entry, Fate
from drivers.zvt import results
from drivers.zvt.sequence import LAST, sequence_id
from drivers.zvt.unique_id import Finding, compare
from drivers.zvt.values import TEXT

log = logging.getLogger(__name__)

_REFUSES_REPEATED_ORDERS = 0x04

SAME_ORDER_S = 3600.0
"""What was paid longer ago is another order, unless the register says otherwise: most count anew each day."""


async def is_known(job: Job) -> bool:
    """Whether this very message was carried out before (1F73): then it is only answered again."""
    number = sequence_id(job.message) if job.till.sequence.active else None
    memory = job.till.memory
    if number is None or (memory.facts.heard - number) % LAST > LAST // 2:
        return False  # beyond the last that was heard: six digits come round again within months
    entry = memory.by_sequence(number)
    if entry is None or not entry.stands or not entry.status:
        return False
    log.info("till %s repeats message %d: receipt %s is told again", job.till.till, number, entry.receipt)
    await tell_again(job, entry)
    await job.complete()
    return True


async def tell_again(job: Job, entry: Entry) -> None:
    """The stored 04 0F and the receipts. Errors: `NoAnswerError`."""
    await job.tell(printing.status_of(entry))
    for message in printing.receipts(job, entry):
        await job.tell(message)


async def learn(job: Job) -> None:
    """Draw the consequence of a command's 1F1F (chapter 4.2)."""
    memory = job.till.memory
    number = memory.facts.receipt
    if not job.till.profile.unique_ids or not number:
        return
    if compare(job.message, number) is not Finding.LAST_IS_UNKNOWN:
        return
    last = memory.last_stands()
    if last is not None and last.receipt == number:
        if last.deed not in {Deed.PAYMENT, Deed.HOLD}:
            return
        log.warning("till %s does not know of receipt %04d: it is taken back", job.till.till, number)
        last.fate, last.unsettled = Fate.VOID, True
        await memory.save(last)
        memory.restore(last)
        job.till.settling.wake()
    memory.receipt_back()


async def order_number(job: Job, amount: int) -> str | None:
    """1F0D. Errors: `EndedError` B4 for an order that was paid before; the register has its 04 0F by then."""
    value = job.message.find_bytes(0x1F0D)
    if not value:
        return None
    name = str(TEXT.decode(value))
    control = job.message.find_bytes(0x1F15)
    asked = bool(control and control[0] & _REFUSES_REPEATED_ORDERS)
    rule = job.till.profile.repeated_orders
    paid = job.till.memory.by_order(name)
    if paid is None or rule == "never" or job.till.reversed(paid):
        return name
    repeat = rule == "same-amount" and paid.amount == amount and _age_s(job, paid) < SAME_ORDER_S
    if asked or repeat:
        log.info("till %s: order %s was paid as receipt %s", job.till.till, name, paid.receipt)
        await tell_again(job, paid)
        raise EndedError(results.ALREADY_REVERSED)
    return name


def _age_s(job: Job, entry: Entry) -> float:
    return (job.till.local() - datetime.fromisoformat(entry.at)).total_seconds()

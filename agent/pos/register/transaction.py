"""What all commands that move money share: amounts, numbers, telling, failing (PA00P015 chapter 2)."""

import asyncio

from agent.payments.model import Session
from agent.pos.register import printing, status
from agent.pos.register.handover import Handover
from agent.pos.register.job import EndedError, Job
from agent.pos.register.memory import Deed, Entry, Fate
from drivers.contract import Progress
from drivers.zvt import results
from drivers.zvt.currency import CURRENCIES, EURO
from drivers.zvt.message import Message
from drivers.zvt.sequence import sequence_id
from drivers.zvt.values import AMOUNT, CURRENCY, RECEIPT

WRONG_HOLD = 0xB7

AMOUNT_MAX = 99_999_999
"""Eight digits are the most that Stripe takes."""

TOO_MUCH = 0xC3

SETTLE_S = 30.0
"""How long a refund or release may take before the register is told that it did not work."""


def amount_of(message: Message) -> int:
    """BMP 04 in minor units. Errors: `EndedError`: the gateway has no keys on which one could be typed."""
    value = message.get(0x04)
    amount = None if value is None else AMOUNT.decode(value)
    if not amount:
        raise EndedError(results.PROTOCOL_ERROR, "no amount")
    if amount > AMOUNT_MAX:
        raise EndedError(TOO_MUCH)
    return int(amount)


def currency_of(job: Job) -> str:
    """BMP 49, the till's own without it. Errors: `EndedError` 6F for one it does not take."""
    value = job.message.get(0x49)
    if value is None:
        return job.till.currencies[0]
    known = CURRENCIES.get(CURRENCY.decode(value) or EURO)
    code = "" if known is None else known.code.lower()
    if code not in job.till.currencies:
        raise EndedError(results.WRONG_CURRENCY)
    return code


class InHand:
    """While a job works on an entry nobody else does; afterwards whoever is left with it is woken."""

    def __init__(self, job: Job, entry: Entry) -> None:
        self._settling, self._entry = job.till.settling, entry

    def __enter__(self) -> None:
        self._settling.in_hand.add(self._entry.id)

    def __exit__(self, *_: object) -> None:
        self._settling.in_hand.discard(self._entry.id)
        if self._entry.unsettled:
            self._settling.wake()


async def begin(
    job: Job,
    deed: Deed,
    amount: int,
    currency: str,
    *,
    original: Entry | None = None,
    order_number: str | None = None,
) -> Entry:
    """Write down that a transaction begins, under the message's number.

    Errors: `MemoryFileError`.
    """
    till = job.till
    number = sequence_id(job.message) if till.sequence.active else None
    if number is not None:
        till.memory.facts.heard = number
    at = till.local().isoformat(timespec="seconds")
    return await till.memory.begin(
        deed, amount, currency, at, original=original, order_number=order_number, sequence=number
    )


async def hand_over(job: Job, entry: Entry, session: Session, original: Entry | None = None) -> None:
    """Number it and tell the register."""
    if original is None:
        entry.amount = session.amount_captured or session.amount_authorized
    job.till.memory.number(entry)
    told = status.approved(job, entry, session, original)
    printing.keep_lines(job, entry, session, told)
    await Handover(job, entry, session, told, lambda: printing.receipts(job, entry)).run()


async def fail(job: Job, entry: Entry, result: int, text: str) -> None:
    """Nothing counts: let go of what may be there, and say so by 04 0F and 06 1E. Errors: `NoAnswerError`."""
    till = job.till
    entry.fate = Fate.VOID
    till.memory.number(entry, receipt=False)
    await till.keep(entry)
    await till.settling.settle(entry)
    if till.profile.status_on_failure:
        await job.tell(status.declined(job, entry, result, text))
        for message in printing.failure_receipts(job, entry, text):
            await job.tell(message)
    await job.abort(result)


def named(job: Job) -> Entry | None:
    """The standing transaction whose receipt number BMP 87 has."""
    value = job.message.get(0x87)
    receipt = None if value is None else RECEIPT.decode(value)
    return None if receipt is None else job.till.memory.by_receipt(receipt)


def session_of(job: Job, entry: Entry) -> Session:
    """The session of an entry. Errors: `EndedError` B5."""
    session = job.till.settling.session_of(entry)
    if session is None:
        raise EndedError(results.REVERSAL_IMPOSSIBLE, "the journal does not have it")
    return session


async def until_over(job: Job, session: Session) -> Session:
    """The session when it has ended, or as it is after a while."""
    clock = asyncio.get_running_loop().time
    until = clock() + SETTLE_S
    while not session.state.ended and (left_s := until - clock()) > 0:
        session = await job.till.desk.changed(session.id, session.seq, min(left_s, 5.0), job.till.till)
        await job.show(Progress.REFUNDING)
    return session

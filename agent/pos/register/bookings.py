"""Commands about an earlier payment or hold: 06 23 to 06 25, 06 30, 06 31 (PA00P015 chapters 2.8 to 2.14)."""

import logging

from agent.payments.errors import OrderError, PaymentsError
from agent.payments.model import PosKey, Session, State
from agent.pos.register import printing, status
from agent.pos.register.job import EndedError, Job
from agent.pos.register.memory import Deed, Entry, Fate
from agent.pos.register.repeats import learn
from agent.pos.register.transaction import (
    TOO_MUCH,
    WRONG_HOLD,
    InHand,
    amount_of,
    begin,
    currency_of,
    fail,
    hand_over,
    named,
    session_of,
    until_over,
)
from drivers.contract import Progress
from drivers.zvt import results
from drivers.zvt.commands.codec import encode
from drivers.zvt.commands.reports import Abort
from drivers.zvt.values import AMOUNT, ANY_RECEIPT, RECEIPT

log = logging.getLogger(__name__)

_UNREACHABLE = 0xA1


async def reversal(job: Job) -> None:
    """06 30: of the payment with this receipt number, if its amount is not another one."""
    job.accept()
    async with job.turn():
        await learn(job)
        original = named(job)
        given = job.message.get(0x04)
        if original is None or original.deed not in {Deed.PAYMENT, Deed.BOOKING}:
            raise EndedError(results.REVERSAL_IMPOSSIBLE)
        session = await _captured(job, original)
        if job.till.reversed(original) or session.amount_refunded >= session.amount_captured > 0:
            raise EndedError(results.ALREADY_REVERSED)
        if given is not None and AMOUNT.decode(given) != original.amount:
            raise EndedError(results.REVERSAL_IMPOSSIBLE)
        currency_of(job)
        await _give_back(job, Deed.REVERSAL, original, session, None)


async def refund(job: Job) -> None:
    """06 31: money back from the payment with this receipt number; a card alone names no payment."""
    job.accept()
    amount = amount_of(job.message)
    currency = currency_of(job)
    async with job.turn():
        await learn(job)
        original = named(job)
        if original is None:
            raise EndedError(results.UNKNOWN_COMMAND, "name the payment by its receipt number (BMP 87)")
        if original.deed not in {Deed.PAYMENT, Deed.BOOKING} or original.currency != currency:
            raise EndedError(results.REVERSAL_IMPOSSIBLE)
        session = await _captured(job, original)
        if amount > session.amount_captured - session.amount_refunded:
            raise EndedError(TOO_MUCH)
        await _give_back(job, Deed.REFUND, original, session, amount)


async def _give_back(job: Job, deed: Deed, original: Entry, session: Session, amount: int | None) -> None:
    """Refund first: the register must not print a reversal that may not be. Repeats are answered with B4."""
    till = job.till
    left = session.amount_captured - session.amount_refunded
    entry = await begin(job, deed, left if amount is None else amount, original.currency, original=original)
    with InHand(job, entry):
        await job.show(Progress.REFUNDING)
        try:
            given, _ = await till.desk.refund(session.id, amount, PosKey(entry.key), till.till)
            given = await until_over(job, given)
        except OrderError as error:
            await fail(job, entry, results.REVERSAL_IMPOSSIBLE, str(error))
            return
        except PaymentsError as error:
            log.warning("till %s: %s", till.till, error)
            await fail(job, entry, _UNREACHABLE, str(error))
            return
        if given.state.ended and given.state is not State.PAID:
            await fail(job, entry, results.REVERSAL_IMPOSSIBLE, given.message)
            return
        # still under way counts as given back: it is repeated until it is, and no second one is made
        entry.card_type = original.card_type
        till.memory.number(entry)
        told = status.approved(job, entry, session, original)
        printing.keep_lines(job, entry, session, told)
        entry.status = encode(told).hex()
        entry.fate = Fate.STANDS
        # whatever the disk says, it is given back: a register that hears "failed" would do it again
        await till.keep(entry)
        await till.settling.settle(entry)
        await job.tell(told)
        for message in printing.receipts(job, entry):
            await job.tell(message)
        await job.complete()


async def _captured(job: Job, entry: Entry) -> Session:
    """The session of a payment, once its money has moved. Errors: `EndedError`."""
    session = await until_over(job, session_of(job, entry))
    if session.state is not State.PAID:
        raise EndedError(results.REVERSAL_IMPOSSIBLE, f"its session is {session.state}")
    return session


async def _open_hold(job: Job) -> Entry:
    found = named(job)
    if found is None or found not in await job.till.settling.open_holds():
        raise EndedError(results.OPEN_PRE_AUTHORISATION)
    return found


async def release_part(job: Job) -> None:
    """06 23: the amount is what was not used; the rest is booked. With receipt FFFF: which are open?"""
    job.accept()
    async with job.turn():
        if job.message.get(0x87) == RECEIPT.encode(ANY_RECEIPT):
            await _list_open(job)
            return
        await learn(job)
        held = await _open_hold(job)
        unused = amount_of(job.message)
        if unused > held.amount:
            raise EndedError(WRONG_HOLD)
        deed = Deed.BOOKING if unused < held.amount else Deed.RELEASE
        await _book(job, deed, held, held.amount - unused if deed is Deed.BOOKING else unused)


async def _list_open(job: Job) -> None:
    numbers = tuple(entry.receipt or 0 for entry in await job.till.settling.open_holds())
    first = numbers[0] if numbers else ANY_RECEIPT
    listed = numbers if job.tlv and len(numbers) > 1 else ()
    await job.abort(Abort(results.OPEN_PRE_AUTHORISATION, receipt=first, open_receipts=listed).to_message())


async def book(job: Job) -> None:
    """06 24: the amount is what was used."""
    job.accept()
    async with job.turn():
        await learn(job)
        held = await _open_hold(job)
        amount = amount_of(job.message)
        if amount > held.amount:
            raise EndedError(WRONG_HOLD)
        await _book(job, Deed.BOOKING, held, amount)


async def release(job: Job) -> None:
    """06 25: let all of it go."""
    job.accept()
    async with job.turn():
        await learn(job)
        held = await _open_hold(job)
        given = job.message.get(0x04)
        if given is not None and AMOUNT.decode(given) != held.amount:
            raise EndedError(WRONG_HOLD)
        await _book(job, Deed.RELEASE, held, held.amount)


async def _book(job: Job, deed: Deed, held: Entry, amount: int) -> None:
    """Tell first, and do it on the register's yes: until then the money stays held as it was."""
    session = session_of(job, held)
    if session.state is not State.AUTHORIZED:
        raise EndedError(results.OPEN_PRE_AUTHORISATION, f"the hold is {session.state}")
    currency_of(job)
    entry = await begin(job, deed, amount, held.currency, original=held)
    with InHand(job, entry):
        await hand_over(job, entry, session, held)

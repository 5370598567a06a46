"""The commands that move money: 06 01, 06 22 to 06 25, 06 30, 06 31 (PA00P015 chapters 2.2, 2.8 to 2.14)."""

import asyncio
import logging
from datetime import datetime

from agent.payments.errors import OrderError, PaymentsError
from agent.payments.model import PosKey, Session, State
from agent.pos.register import printing, status
from agent.pos.register.handover import Handover
from agent.pos.register.job import EndedError, Job
from agent.pos.register.memory import Deed, Entry, Fate
from agent.pos.register.outcomes import result_of
from agent.pos.register.sale import open_session, over, watch
from drivers.contract import Capability, Progress
from drivers.zvt import results
from drivers.zvt.commands.codec import encode
from drivers.zvt.commands.reports import Abort
from drivers.zvt.currency import CURRENCIES, EURO
from drivers.zvt.message import Message
from drivers.zvt.results import result_text
from drivers.zvt.sequence import LAST, sequence_id
from drivers.zvt.unique_id import Finding, compare
from drivers.zvt.values import AMOUNT, ANY_RECEIPT, CURRENCY, RECEIPT, TEXT

log = logging.getLogger(__name__)

WRONG_HOLD = 0xB7
_UNREACHABLE = 0xA1
_NOT_SUPPORTED = 0xC5

AMOUNT_MAX = 99_999_999
"""Eight digits are the most that Stripe takes."""

_TOO_MUCH = 0xC3
_REFUSES_REPEATED_ORDERS = 0x04

SAME_ORDER_S = 3600.0
"""What was paid longer ago is another order, unless the register says otherwise: most count anew each day."""

SETTLE_S = 30.0
"""How long a refund or release may take before the register is told that it did not work."""


def amount_of(message: Message) -> int:
    """BMP 04 in minor units. Errors: `EndedError`: the gateway has no keys on which one could be typed."""
    value = message.get(0x04)
    amount = None if value is None else AMOUNT.decode(value)
    if not amount:
        raise EndedError(results.PROTOCOL_ERROR, "no amount")
    if amount > AMOUNT_MAX:
        raise EndedError(_TOO_MUCH)
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


async def payment(job: Job) -> None:
    """06 01."""
    job.accept()
    amount, currency = amount_of(job.message), currency_of(job)
    async with job.turn():
        if await _is_known(job):
            return
        await learn(job)
        order = await _order_number(job, amount)
        entry = await _begin(job, Deed.PAYMENT, amount, currency, order_number=order)
        with _in_hand(job, entry):
            await _with_card(job, entry, manual=job.till.can(Capability.MANUAL_CAPTURE))


async def hold(job: Job) -> None:
    """06 22: hold an amount until it is booked or released."""
    job.accept()
    amount, currency = amount_of(job.message), currency_of(job)
    if not job.till.can(Capability.MANUAL_CAPTURE):
        raise EndedError(_NOT_SUPPORTED, "this reader cannot hold money")
    if job.message.get(0x0B) is not None or job.message.find_bytes(0x1F2B) is not None:
        raise EndedError(WRONG_HOLD, "a reservation cannot be extended: release it and hold anew")
    async with job.turn():
        if await _is_known(job):
            return
        await learn(job)
        entry = await _begin(job, Deed.HOLD, amount, currency)
        with _in_hand(job, entry):
            await _with_card(job, entry, manual=True)


class _in_hand:  # noqa: N801  # reads as a word where it is used
    """While a job works on an entry nobody else does; afterwards whoever is left with it is woken."""

    def __init__(self, job: Job, entry: Entry) -> None:
        self._settling, self._entry = job.till.settling, entry

    def __enter__(self) -> None:
        self._settling.in_hand.add(self._entry.id)

    def __exit__(self, *_: object) -> None:
        self._settling.in_hand.discard(self._entry.id)
        if self._entry.unsettled:
            self._settling.wake()


async def _begin(
    job: Job,
    deed: Deed,
    amount: int,
    currency: str,
    *,
    original: Entry | None = None,
    order_number: str | None = None,
) -> Entry:
    till = job.till
    number = sequence_id(job.message) if till.sequence.active else None
    if number is not None:
        till.memory.facts.heard = number
    at = till.local().isoformat(timespec="seconds")
    return await till.memory.begin(
        deed, amount, currency, at, original=original, order_number=order_number, sequence=number
    )


# -- what a register may have said before -------------------------------------------------------------------


async def _is_known(job: Job) -> bool:
    """Whether this very message was carried out before (1F73): then it is only answered again."""
    number = sequence_id(job.message) if job.till.sequence.active else None
    memory = job.till.memory
    if number is None or (memory.facts.heard - number) % LAST > LAST // 2:
        return False  # beyond the last that was heard: six digits come round again within months
    entry = memory.by_sequence(number)
    if entry is None or not entry.stands or not entry.status:
        return False
    log.info("till %s repeats message %d: receipt %s is told again", job.till.till, number, entry.receipt)
    await _tell_again(job, entry)
    await job.complete()
    return True


async def _tell_again(job: Job, entry: Entry) -> None:
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


async def _order_number(job: Job, amount: int) -> str | None:
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
        await _tell_again(job, paid)
        raise EndedError(results.ALREADY_REVERSED)
    return name


def _age_s(job: Job, entry: Entry) -> float:
    return (job.till.local() - datetime.fromisoformat(entry.at)).total_seconds()


# -- with the customer's card -------------------------------------------------------------------------------


async def _with_card(job: Job, entry: Entry, *, manual: bool) -> None:
    try:
        session = await open_session(job, entry, manual=manual)
    except EndedError as error:
        await _fail(job, entry, error.result, error.text)
        return
    session = await watch(job, session)
    if not over(session) or session.state not in {State.AUTHORIZED, State.PAID}:
        result = result_of(session) if over(session) else results.ABORTED
        await _fail(job, entry, result, result_text(result))
        return
    await _hand_over(job, entry, session)


async def _hand_over(job: Job, entry: Entry, session: Session, original: Entry | None = None) -> None:
    """Number it and tell the register."""
    if original is None:
        entry.amount = session.amount_captured or session.amount_authorized
    job.till.memory.number(entry)
    told = status.approved(job, entry, session, original)
    printing.keep_lines(job, entry, session, told)
    await Handover(job, entry, session, told, lambda: printing.receipts(job, entry)).run()


async def _fail(job: Job, entry: Entry, result: int, text: str) -> None:
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


# -- without a card -----------------------------------------------------------------------------------------


async def reversal(job: Job) -> None:
    """06 30: of the payment with this receipt number, if its amount is not another one."""
    job.accept()
    async with job.turn():
        await learn(job)
        original = _named(job)
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
        original = _named(job)
        if original is None:
            raise EndedError(results.UNKNOWN_COMMAND, "name the payment by its receipt number (BMP 87)")
        if original.deed not in {Deed.PAYMENT, Deed.BOOKING} or original.currency != currency:
            raise EndedError(results.REVERSAL_IMPOSSIBLE)
        session = await _captured(job, original)
        if amount > session.amount_captured - session.amount_refunded:
            raise EndedError(_TOO_MUCH)
        await _give_back(job, Deed.REFUND, original, session, amount)


async def _give_back(job: Job, deed: Deed, original: Entry, session: Session, amount: int | None) -> None:
    """Refund first: the register must not print a reversal that may not be. Repeats are answered with B4."""
    till = job.till
    left = session.amount_captured - session.amount_refunded
    entry = await _begin(job, deed, left if amount is None else amount, original.currency, original=original)
    with _in_hand(job, entry):
        await job.show(Progress.REFUNDING)
        try:
            given, _ = await till.desk.refund(session.id, amount, PosKey(entry.key), till.till)
            given = await _until_over(job, given)
        except OrderError as error:
            await _fail(job, entry, results.REVERSAL_IMPOSSIBLE, str(error))
            return
        except PaymentsError as error:
            log.warning("till %s: %s", till.till, error)
            await _fail(job, entry, _UNREACHABLE, str(error))
            return
        if given.state.ended and given.state is not State.PAID:
            await _fail(job, entry, results.REVERSAL_IMPOSSIBLE, given.message)
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


async def _until_over(job: Job, session: Session) -> Session:
    """The session when it has ended, or as it is after a while."""
    clock = asyncio.get_running_loop().time
    until = clock() + SETTLE_S
    while not session.state.ended and (left_s := until - clock()) > 0:
        session = await job.till.desk.changed(session.id, session.seq, min(left_s, 5.0), job.till.till)
        await job.show(Progress.REFUNDING)
    return session


def _named(job: Job) -> Entry | None:
    value = job.message.get(0x87)
    receipt = None if value is None else RECEIPT.decode(value)
    return None if receipt is None else job.till.memory.by_receipt(receipt)


async def _captured(job: Job, entry: Entry) -> Session:
    """The session of a payment, once its money has moved. Errors: `EndedError`."""
    session = await _until_over(job, _session_of(job, entry))
    if session.state is not State.PAID:
        raise EndedError(results.REVERSAL_IMPOSSIBLE, f"its session is {session.state}")
    return session


def _session_of(job: Job, entry: Entry) -> Session:
    session = job.till.settling.session_of(entry)
    if session is None:
        raise EndedError(results.REVERSAL_IMPOSSIBLE, "the journal does not have it")
    return session


# -- pre-authorisations -------------------------------------------------------------------------------------


async def _open_hold(job: Job) -> Entry:
    found = _named(job)
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
    session = _session_of(job, held)
    if session.state is not State.AUTHORIZED:
        raise EndedError(results.OPEN_PRE_AUTHORISATION, f"the hold is {session.state}")
    currency_of(job)
    entry = await _begin(job, deed, amount, held.currency, original=held)
    with _in_hand(job, entry):
        await _hand_over(job, entry, session, held)

"""The commands that move money (PA00P015 chapters 2.2, 2.8 to 2.14)."""

from drivers.simulators.zvt_terminal import sale
from drivers.simulators.zvt_terminal.conversation import NoAnswerError
from drivers.simulators.zvt_terminal.device import Device
from drivers.simulators.zvt_terminal.job import EndedError, Job
from drivers.simulators.zvt_terminal.memory import Kind, Memory, Record, State
from drivers.simulators.zvt_terminal.outcomes import APPROVED, Script, script_for
from drivers.simulators.zvt_terminal.settlement import settle
from drivers.zvt import results
from drivers.zvt.commands.codec import decode_bytes
from drivers.zvt.commands.reports import Abort
from drivers.zvt.config import Config
from drivers.zvt.currency import EURO
from drivers.zvt.message import Message
from drivers.zvt.unique_id import Finding, compare
from drivers.zvt.values import AMOUNT, ANY_RECEIPT, CURRENCY, RECEIPT, TEXT, unpack

WRONG_HOLD = 0xB7
USUAL_HOLD = 5000
"""Minor units held when 06 22 names no amount."""

CONFIRM_AMOUNT = 0x00
"""04 FF while the cashier types."""

AMOUNTS = 10**12
"""BMP 04 has twelve digits."""

_REFUSES_REPEATED_ORDERS = 0x04


def amount_of(message: Message) -> int | None:
    """BMP 04 in minor units."""
    value = message.get(0x04)
    return None if value is None else AMOUNT.decode(value)


def currency_of(device: Device, message: Message) -> int:
    """BMP 49, euros without it. Errors: `EndedError` 6F for one the terminal does not take."""
    value = message.get(0x49)
    currency = EURO if value is None else CURRENCY.decode(value)
    if currency not in device.profile.currencies:
        raise EndedError(results.WRONG_CURRENCY)
    return int(currency)


def learn_from(device: Device, message: Message) -> None:
    """Draw the consequence of a command's 1F1F (chapter 4.2)."""
    memory = device.memory
    number = memory.facts.receipt
    if not device.profile.unique_ids or not number:
        return
    last = next((record for record in reversed(memory.records) if record.receipt == number), None)
    finding = compare(message, number)
    if last is None or finding is Finding.NOTHING:
        return
    if finding is Finding.AGREED and last.state is State.APPROVED:
        last.state = State.STORED
        last.acknowledged = True
    elif finding is Finding.LAST_IS_UNKNOWN:
        if last.stands:
            last.state = State.REVERSED
        memory.receipt_back()
    memory.save(last)


async def payment(job: Job) -> None:
    """06 01."""
    await _with_card(job, Kind.PAYMENT)


async def refund(job: Job) -> None:
    """06 31: always approved, tied to no payment."""
    await _with_card(job, Kind.REFUND)


async def _typed_amount(job: Job) -> int:
    """What the cashier types in at the terminal, unless the register forbids it (config bit 10)."""
    if Config.NO_AMOUNT_ENTRY in job.permits.config:
        raise EndedError(results.PROTOCOL_ERROR)
    await job.progress(CONFIRM_AMOUNT)
    typed = await job.typed(job.device.times.card_wait_s)
    if typed is None or not typed.isdigit() or not int(typed):
        raise EndedError(results.ABORTED)
    return int(typed) % AMOUNTS


async def _with_card(job: Job, kind: Kind) -> None:
    job.accept()
    amount = amount_of(job.message) or await _typed_amount(job)
    currency = currency_of(job.device, job.message)
    order = job.message.find_bytes(0x1F0D)
    name = None if order is None or not job.device.profile.order_numbers else TEXT.decode(order)
    if name is not None and await _is_repeated_order(job, name):
        return
    record = job.device.memory.begin(kind, amount, currency, order_number=name)
    await _ask_customer(job, record, script_for(amount) if kind is Kind.PAYMENT else APPROVED)


async def _ask_customer(job: Job, record: Record, script: Script) -> None:
    try:
        customer, card = await sale.present_card(job, record, script)
        await sale.ask_host(job, script)
    except EndedError as end:
        await sale.fail(job, record, end.result)
        return
    except NoAnswerError:
        sale.give_up(job, record)
        raise
    status = sale.approve(job, record, card)
    await settle(job, record, status, script=script, first=lambda: sale.take_card_out(job, customer, card))


async def _is_repeated_order(job: Job, name: str) -> bool:
    """One maker's guard: an order number paid before is refused, and its result is sent again."""
    control = job.message.find_bytes(0x1F15)
    if not control or not control[0] & _REFUSES_REPEATED_ORDERS:
        return False
    paid = [record for record in job.device.memory.records if record.order_number == name and record.stands]
    if not paid:
        return False
    await job.tell(decode_bytes(bytes.fromhex(paid[-1].status)))
    await job.abort(results.ALREADY_REVERSED)
    return True


async def reversal(job: Job) -> None:
    """06 30: of the payment with this receipt number, if its amount is not another one."""
    job.accept()
    memory = job.device.memory
    amount = amount_of(job.message)
    original = _last_payment(memory) if job.device.profile.reverses_last else _named(memory, job.message)
    if original is None or original.kind not in {Kind.PAYMENT, Kind.REFUND, Kind.BOOKING}:
        raise EndedError(results.REVERSAL_IMPOSSIBLE)
    if memory.follower(original) is not None:
        raise EndedError(results.ALREADY_REVERSED)
    if amount is not None and amount != original.amount and not job.device.profile.reverses_last:
        raise EndedError(results.REVERSAL_IMPOSSIBLE)
    currency_of(job.device, job.message)
    await _booked(job, Kind.REVERSAL, original.amount, original)


def _named(memory: Memory, message: Message) -> Record | None:
    value = message.get(0x87)
    receipt = None if value is None else RECEIPT.decode(value)
    return None if receipt is None else memory.by_receipt(receipt)


def _last_payment(memory: Memory) -> Record | None:
    payments = (
        record for record in reversed(memory.records) if record.kind is Kind.PAYMENT and record.stands
    )
    return next(payments, None)


async def _booked(job: Job, kind: Kind, amount: int, original: Record) -> None:
    """A transaction at the host alone: no card, no customer."""
    record = job.device.memory.begin(kind, amount, original.currency, original=original)
    record.card = original.card
    try:
        await sale.ask_host(job)
    except NoAnswerError:
        sale.give_up(job, record)
        raise
    status = sale.approve(job, record, None, original=original)
    await settle(job, record, status)


async def hold(job: Job) -> None:
    """06 22: hold an amount; with a trace number, hold more on an earlier reservation."""
    job.accept()
    memory = job.device.memory
    currency = currency_of(job.device, job.message)
    given = amount_of(job.message)
    amount = USUAL_HOLD if given is None else given
    long, short = job.message.find_bytes(0x1F2B), job.message.get(0x0B)
    trace = long or short
    if trace is not None:
        opened = [record for record in memory.open_holds() if record.trace == unpack(trace)]
        if not opened:
            raise EndedError(results.OPEN_PRE_AUTHORISATION)
        await _booked(job, Kind.EXTENSION, amount, opened[-1])
        return
    record = memory.begin(Kind.HOLD, amount, currency)
    await _ask_customer(job, record, script_for(amount))


def _open_hold(job: Job) -> Record:
    found = _named(job.device.memory, job.message)
    if found is None or found not in job.device.memory.open_holds():
        raise EndedError(results.OPEN_PRE_AUTHORISATION)
    return found


async def release_part(job: Job) -> None:
    """06 23: the amount is what was not used; the rest is booked. With receipt FFFF: which are open?"""
    job.accept()
    if job.message.get(0x87) == RECEIPT.encode(ANY_RECEIPT):
        await _list_open(job)
        return
    held = _open_hold(job)
    total = job.device.memory.held(held)
    unused = amount_of(job.message)
    if unused is None or unused > total:
        raise EndedError(WRONG_HOLD)
    await _booked(job, Kind.BOOKING, total - unused, held)


async def _list_open(job: Job) -> None:
    numbers = tuple(record.receipt or 0 for record in job.device.memory.open_holds())
    first = numbers[0] if numbers else ANY_RECEIPT
    listed = numbers if job.tlv and len(numbers) > 1 else ()
    await job.abort(Abort(results.OPEN_PRE_AUTHORISATION, receipt=first, open_receipts=listed).to_message())


async def book(job: Job) -> None:
    """06 24: the amount is what was used."""
    job.accept()
    held = _open_hold(job)
    amount = amount_of(job.message)
    if amount is None or amount > job.device.memory.held(held):
        raise EndedError(WRONG_HOLD)
    await _booked(job, Kind.BOOKING, amount, held)


async def release(job: Job) -> None:
    """06 25: let all of it go."""
    job.accept()
    held = _open_hold(job)
    given = amount_of(job.message)
    total = job.device.memory.held(held)
    if given is not None and given != total:
        raise EndedError(WRONG_HOLD)
    await _booked(job, Kind.RELEASE, total, held)

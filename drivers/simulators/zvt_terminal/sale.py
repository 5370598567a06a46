"""A transaction up to the host's word: the customer's part, the numbers, the 04 0F."""

from dataclasses import replace

from drivers.simulators.zvt_terminal.customers import CARDS, Card, Customer
from drivers.simulators.zvt_terminal.job import EndedError, Job
from drivers.simulators.zvt_terminal.memory import Record, State
from drivers.simulators.zvt_terminal.outcomes import APPROVED, PIN_TRIES, WRONG_PIN, Power, Script
from drivers.zvt import results
from drivers.zvt.cards import SEE_TAG_41
from drivers.zvt.commands.codec import encode
from drivers.zvt.commands.reports import StatusInformation
from drivers.zvt.config import CardHandling
from drivers.zvt.message import Message
from drivers.zvt.results import result_text
from drivers.zvt.tlv import Tlv
from drivers.zvt.unique_id import id_object
from drivers.zvt.values import pack

INSERT_CARD, REMOVE_CARD, IN_PROGRESS, WAIT_FOR_HOST = 0x0A, 0x0B, 0x0E, 0x04
PIN_PAD, WRONG_PIN_TYPED, PIN_TOO_OFTEN, UNREADABLE, EXPIRED, DECLINED = 0x01, 0x15, 0x18, 0x0C, 0x09, 0x1D

_READING = {0x64: UNREADABLE, 0x78: EXPIRED}


async def present_card(job: Job, record: Record, script: Script = APPROVED) -> tuple[Customer, Card]:
    """Ask for the card and the PIN. Errors: `EndedError`, `NoAnswerError`, `PowerCutError`."""
    customer = job.device.customer()
    card = CARDS[customer.card]
    record.prompts += 1
    record.card = card.name
    job.device.memory.save(record)
    await job.progress(INSERT_CARD, 1)
    await _wait_for_card(job, customer, script)
    job.device.card_inserted = card.technology == 0x01
    await job.progress(IN_PROGRESS)
    await job.pause(job.device.times.read_s, stoppable=True)
    if script.result in _READING:
        await job.progress(_READING[script.result])
        raise EndedError(script.result)
    if customer.pulls_card:
        job.device.card_inserted = False
        raise EndedError(results.ABORTED)
    wrong = max(script.wrong_pins, customer.wrong_pins)
    if card.pin or wrong:
        await _ask_pin(job, customer, wrong)
    return customer, card


async def _wait_for_card(job: Job, customer: Customer, script: Script) -> None:
    patience_s = job.device.times.card_wait_s
    comes_s = None if script.walks_away else customer.comes_after_s
    stops_s = customer.stops_after_s
    if script.stops and stops_s is None:
        stops_s = comes_s or 0.0
    if stops_s is not None and stops_s < patience_s:
        await job.pause(stops_s, stoppable=True)
        raise EndedError(results.ABORTED)
    if comes_s is None or comes_s >= patience_s:
        await job.pause(patience_s, stoppable=True)
        raise EndedError(results.ABORTED)
    await job.pause(comes_s, stoppable=True)


async def _ask_pin(job: Job, customer: Customer, wrong: int) -> None:
    for attempt in range(1, PIN_TRIES + 1):
        await job.progress(PIN_PAD)
        await job.pause(customer.pin_after_s, stoppable=True)
        if attempt > wrong:
            return
        await job.progress(WRONG_PIN_TYPED if attempt < PIN_TRIES else PIN_TOO_OFTEN)
    raise EndedError(WRONG_PIN)


async def ask_host(job: Job, script: Script = APPROVED) -> None:
    """The host decides; from here on nobody can stop it. Errors: `EndedError`, `PowerCutError`."""
    if script.power is Power.BEFORE_HOST:
        job.cut_power()
    await job.progress(WAIT_FOR_HOST)
    await job.pause(job.device.times.host_s)
    if script.result != results.OK:
        raise EndedError(script.result)


def approve(job: Job, record: Record, card: Card | None, *, original: Record | None = None) -> Message:
    """The host said yes: give it its numbers, make it durable, and say how its 04 0F reads."""
    memory = job.device.memory
    record.trace = memory.next_trace()
    record.receipt = memory.next_receipt()
    record.turnover = memory.next_turnover()
    record.result = results.OK
    record.state = State.APPROVED
    status = _status(job, record, card, original)
    record.status = encode(status).hex()
    memory.save(record)
    return status


def _status(job: Job, record: Record, card: Card | None, original: Record | None) -> Message:
    device = job.device
    now = device.now()
    long_trace = device.profile.long_trace and job.tlv
    told = StatusInformation(
        result=results.OK,
        amount=record.amount,
        trace=0 if long_trace else record.trace,
        original_trace=original.trace if original is not None else None,
        time=f"{now:%H%M%S}",
        date=f"{now:%m%d}",
        terminal_id=device.memory.facts.terminal_id,
        approval=f"{device.chance.randrange(1_000_000):06}",
        # only where the request had one (chapter 1.3)
        currency=record.currency if job.message.get(0x49) is not None else None,
        receipt=record.receipt,
        merchant=device.profile.merchant.ljust(15),
        turnover=record.turnover,
    )
    objects: list[Tlv] = []
    if card is not None:
        wide = card.kind >= SEE_TAG_41
        told = replace(
            told,
            expiry=card.expiry,
            card_sequence="0001",
            handling=CardHandling.PIN if card.pin else CardHandling.ONLINE,
            card_number=f"EEEEEEEEEEEE{card.last4}",
            card_type=SEE_TAG_41 if wide else card.kind,
            card_name=card.name,
        )
        if wide:
            objects.append(Tlv(0x41, card.kind.to_bytes(2, "big")))
        how = (Tlv(0x1F10, bytes((0x02 if card.pin else 0x00,))), Tlv(0x1F12, bytes((card.technology,))))
        objects.append(Tlv(0x43, bytes.fromhex(card.aid)))
        objects += how if device.profile.flat_tags else (Tlv(0x2F, (*how, Tlv(0x1F11, b"\x01"))),)
    if long_trace and record.trace is not None:
        objects.append(Tlv(0x1F2B, pack(record.trace, 4)))
    if device.profile.unique_ids and record.receipt is not None:
        objects.append(id_object(record.receipt))
    message = told.to_message()
    return message.with_tlv(*objects) if job.tlv and objects else message


async def fail(job: Job, record: Record, result: int) -> None:
    """Nothing moved: say so by 04 0F and 06 1E. Errors: `NoAnswerError`."""
    device = job.device
    record.state = State.DECLINED if result <= results.HOST_LAST else State.ABORTED
    record.result = result
    record.trace = device.memory.next_trace()
    device.memory.save(record)
    device.card_inserted = False
    if record.state is State.DECLINED:
        await job.progress(DECLINED)
    if not device.profile.tells_failures:
        await job.abort(result)
        return
    now = device.now()
    told = StatusInformation(
        result=result,
        amount=record.amount,
        trace=record.trace,
        time=f"{now:%H%M%S}",
        date=f"{now:%m%d}",
        terminal_id=device.memory.facts.terminal_id,
        currency=record.currency if job.message.get(0x49) is not None else None,
        additional=result_text(result),
    )
    await job.tell(told.to_message())
    await job.abort(result)


def give_up(job: Job, record: Record) -> None:
    """The register is silent and the host was not asked: the procedure counts as aborted."""
    record.state = State.ABORTED
    record.result = results.ABORTED
    job.device.memory.save(record)
    job.device.card_inserted = False


async def take_card_out(job: Job, customer: Customer, card: Card) -> None:
    """Wait until the customer has the card back. Errors: `NoAnswerError`."""
    if card.technology == 0x01:
        await job.progress(REMOVE_CARD)
        await job.pause(customer.leaves_card_s)
    job.device.card_inserted = False

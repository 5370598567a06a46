"""Registration, state, language and what else a register asks of a terminal (PA00P015 chapter 2)."""

from dataclasses import replace

from agent.payments.model import ReaderState
from agent.pos.register import printing
from agent.pos.register.job import EndedError, Job
from drivers.zvt import results
from drivers.zvt.charset import CODES
from drivers.zvt.commands import table
from drivers.zvt.commands.answers import wrong_currency
from drivers.zvt.commands.codec import encode
from drivers.zvt.commands.reports import Completion, SetRegisterClock
from drivers.zvt.commands.setup import Registration
from drivers.zvt.config import LANGUAGES, ReceiptKind, StatusService
from drivers.zvt.currency import NUMBERS
from drivers.zvt.message import Message
from drivers.zvt.receipts import Line
from drivers.zvt.sequence import OFFER
from drivers.zvt.tlv import Tlv
from drivers.zvt.values import pack

OUT_OF_ORDER = 0xDF

STATES: dict[ReaderState, int] = {
    ReaderState.READY: results.OK,
    ReaderState.BUSY: results.PLEASE_WAIT,
    ReaderState.IN_DOUBT: results.PLEASE_WAIT,
    ReaderState.CONNECTING: results.PLEASE_WAIT,
    ReaderState.OFFLINE: OUT_OF_ORDER,
}
"""What 05 01 says of each state of the reader."""

OUR_APDU_MAX = 0xFFFF
"""Tag 1A: whatever the two length bytes can say."""


async def register(job: Job) -> None:
    """06 00: from here on the register has what it wished for."""
    wanted = Registration.from_message(job.message)
    till = job.till
    own = NUMBERS[till.currencies[0].upper()]
    taken = {NUMBERS[code.upper()] for code in till.currencies}
    if wanted.currency is not None and wanted.currency not in taken:
        job.refuse(answer=wrong_currency(own))
        return
    job.accept()
    till.registered(job.message)
    if job.message.find_bytes(OFFER.tag) is not None:
        till.memory.facts.epoch += 1
    till.memory.facts.registration = encode(job.message).hex()
    await till.memory.save()
    # the register's own currency where it named one that is taken
    told = Completion(flags=0, terminal_id=till.memory.facts.terminal_id, currency=wanted.currency or own)
    if job.tlv:
        told = replace(told, max_apdu=OUR_APDU_MAX)
        # one character set offered is one agreed on, if it is known; of several none is (chapter 9.4)
        if len(wanted.charsets) == 1 and wanted.charsets[0] in CODES:
            told = replace(told, charsets=wanted.charsets)
    message = told.to_message()
    if job.tlv:
        commands = tuple(Tlv(0x0A, command.to_bytes(2, "big")) for command in sorted(till.commands))
        message = message.with_tlv(Tlv(0x26, commands))
    await job.complete(message)


async def log_off(job: Job) -> None:
    """06 02: what the registration agreed on is over."""
    till = job.till
    till.registered(None)
    till.memory.facts.registration = ""
    await till.memory.save()
    job.accept()
    job.conversation.dialogue.permits = till.permits = till.unregistered


async def status(job: Job) -> None:
    """05 01: is the terminal there, what is its state; never what became of a payment."""
    job.accept()
    given = job.message.get(0x03)
    service = StatusService(given[0] & 0x07 if given else 0)
    till = job.till
    told = Completion(
        sw_version=None if StatusService.NO_VERSION in service else till.version,
        status=till.lock or STATES[till.reader_state],
    )
    if job.tlv and StatusService.SEND_TLV in service:
        told = replace(
            told, device_name="tillgate", device_version=till.version, serial_number=till.serial_number
        )
        now = till.local()
        clock = (Tlv(0x1F0E, bytes.fromhex(f"{now:%Y%m%d}")), Tlv(0x1F0F, bytes.fromhex(f"{now:%H%M%S}")))
        own = Tlv(0x1F44, bytes.fromhex(till.memory.facts.terminal_id))
        await job.complete(told.to_message().with_tlv(own, Tlv(0x34, clock)))
        return
    await job.complete(told.to_message())


async def diagnosis(job: Job) -> None:
    """06 70: offers the time, and says how the terminal is set up."""
    job.accept()
    if job.permits.allows(SetRegisterClock.COMMAND):
        await job.tell(SetRegisterClock.at(job.till.local()).to_message())
    await _print(job, _configuration(job))
    await job.complete()


async def print_configuration(job: Job) -> None:
    """06 1A."""
    job.accept()
    await _print(job, _configuration(job))
    await job.complete()


def _configuration(job: Job) -> list[Line]:
    till = job.till
    return [
        *(Line(text) for text in till.header),
        Line(f"tillgate {till.version}"),
        Line(f"Terminal-ID {till.memory.facts.terminal_id}"),
        Line(f"{till.till} -> {till.reader}"),
        *(Line(f"{command:04X} {table.row_of(command).name}") for command in sorted(till.commands)),
    ]


async def _print(job: Job, lines: list[Line]) -> None:
    for message in printing.to_print(job, lines, ReceiptKind.ADMINISTRATION, payment=False):
        await job.tell(message)


async def done(job: Job) -> None:
    """Initialisation, self test, offline transactions, reset: the gateway has nothing to do for them."""
    job.accept()
    await job.complete()


async def set_clock(job: Job) -> None:
    """06 91: the gateway keeps its own time, and says what it is."""
    job.accept()
    now = job.till.local()
    await job.complete(
        Message(table.COMPLETION).with_tlv(
            Tlv(
                0x34, (Tlv(0x1F0E, pack(int(f"{now:%Y%m%d}"), 4)), Tlv(0x1F0F, pack(int(f"{now:%H%M%S}"), 3)))
            )
        )
        if job.tlv
        else None
    )


async def set_terminal_id(job: Job) -> None:
    """06 1B: another terminal id, unless gateway.yaml has fixed one."""
    job.accept()
    value = job.message.get(0x29)
    if value is None:
        raise EndedError(results.PROTOCOL_ERROR, "which terminal id?")
    if job.till.fixed_terminal_id:
        raise EndedError(results.UNKNOWN_COMMAND, "the terminal id is set in gateway.yaml")
    if job.till.memory.first_of_batch() is not None:
        raise EndedError(0xF0, "end of day first")
    job.till.memory.facts.terminal_id = value.hex().upper()
    await job.till.memory.save()
    await job.complete()


async def select_language(job: Job) -> None:
    """08 30; stays after a restart."""
    wanted = LANGUAGES.get(job.message.params["value"][0])
    if wanted is None:
        job.refuse()
        return
    job.accept()
    job.till.memory.facts.language = wanted
    await job.till.memory.save()
    await job.complete()


async def display(job: Job) -> None:
    """06 E0: the readers' displays are not the register's; the text is taken and shown to nobody."""
    job.accept()


async def nothing_inserted(job: Job) -> None:
    """06 C5: there is no card session to be closed."""
    job.refuse(0x1E)

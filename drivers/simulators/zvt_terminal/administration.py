"""Registration, status and settings (PA00P015 chapters 2.1, 2.24, 2.36 to 2.55)."""

from datetime import datetime

from drivers.simulators.zvt_terminal.job import EndedError, Job
from drivers.zvt import results
from drivers.zvt.charset import Charset, charset_code, charset_of
from drivers.zvt.commands import answers, table
from drivers.zvt.commands.reports import Completion, SetRegisterClock
from drivers.zvt.commands.setup import Registration, SetTerminalClock
from drivers.zvt.config import BAUD_RATES, LANGUAGES, Key, StatusService
from drivers.zvt.message import Message
from drivers.zvt.receipts import read_print
from drivers.zvt.terminal import registration_completion
from drivers.zvt.tlv import Tlv

BAUD_S = 2.0
"""After 08 40 the terminal listens at the new rate that much later (chapter 2.52)."""

ROOM_MIN = 64
"""The smallest APDU a register may be able to take (tag 1A); no 04 0F is said in less."""

_BAUD_REFUSED = 0xFD
_WANTS_REGISTRATION = 0x01
_UNDERSTOOD = (0x1F0D, 0x1F15, 0x1F1F, 0x1F26, 0x1F73)


async def register(job: Job) -> None:
    """06 00."""
    asked = Registration.from_message(job.message)
    profile = job.device.profile
    if asked.currency is not None and asked.currency not in profile.currencies:
        job.refuse(answer=answers.wrong_currency(profile.currencies[0]))
        return
    if asked.max_apdu is not None and asked.max_apdu < ROOM_MIN:
        job.refuse(results.PROTOCOL_ERROR)
        return
    job.accept()
    job.device.rebooted = False
    agreed = _agree(job, asked)
    message = registration_completion(
        job.device.memory.facts.terminal_id, asked.currency, flags=profile.flags or 0
    )
    if job.message.has_container:
        objects = [Tlv(0x1A, profile.max_apdu.to_bytes(2, "big"))]
        objects += [Tlv(0x27, (Tlv(0x14, bytes((charset_code(job.device.charset),))),))] if agreed else []
        objects.append(
            Tlv(0x26, tuple(Tlv(0x0A, command.to_bytes(2, "big")) for command in sorted(job.known)))
        )
        objects.append(Tlv(0x1F71, b"".join(tag.to_bytes(2, "big") for tag in _UNDERSTOOD)))
        message = message.with_tlv(*objects)
    await job.complete(message)


def _agree(job: Job, asked: Registration) -> bool:
    """Take the one character set that is offered, if it is ours; with several nothing is agreed on."""
    job.device.charset = job.device.profile.charset
    if len(asked.charsets) != 1:
        return False
    wanted: Charset = charset_of(asked.charsets[0])
    if wanted not in job.device.profile.charsets:
        return False
    job.device.charset = wanted
    return True


async def log_off(job: Job) -> None:
    """06 02."""
    job.accept()


async def status(job: Job) -> None:
    """05 01: never says what became of a payment."""
    state = job.device.state
    job.accept()
    given = job.message.get(0x03)
    service = StatusService(given[0] if given else 0)
    profile = job.device.profile
    version = None if StatusService.NO_VERSION in service else profile.sw_version
    told = Completion(sw_version=version, status=state)
    message = told.to_message()
    if StatusService.SEND_TLV in service and job.tlv:
        now = job.device.now()
        objects = [
            Tlv(0x1F44, bytes.fromhex(job.device.memory.facts.terminal_id)),
            Tlv(
                0xE4,
                (
                    Tlv(0x1F40, profile.device_name.encode()),
                    Tlv(0x1F41, profile.sw_version.encode()),
                    Tlv(0x1F42, bytes.fromhex(profile.serial_number)),
                    Tlv(0x1F43, b"\0"),
                ),
            ),
            Tlv(
                0x34,
                (Tlv(0x1F0E, bytes.fromhex(f"{now:%Y%m%d}")), Tlv(0x1F0F, bytes.fromhex(f"{now:%H%M%S}"))),
            ),
        ]
        if job.device.rebooted:
            objects.append(Tlv(0x1F79, bytes((_WANTS_REGISTRATION,))))
        message = message.with_tlv(*objects)
    await job.complete(message)


async def set_clock(job: Job) -> None:
    """06 91."""
    job.accept()
    asked = SetTerminalClock.from_message(job.message)
    try:
        local = datetime.strptime(asked.date + asked.time, "%y%m%d%H%M%S")  # noqa: DTZ007  # its own zone
    except ValueError:
        raise EndedError(results.PROTOCOL_ERROR) from None
    job.device.set_clock(local)
    await job.complete()


async def select_language(job: Job) -> None:
    """08 30; survives a power cut."""
    language = job.message.params["value"][0]
    if language not in LANGUAGES:
        job.refuse()
        return
    job.accept()
    job.device.memory.facts.language = language
    job.device.memory.save()
    await job.complete()


async def change_baud_rate(job: Job) -> None:
    """08 40: the new rate holds two seconds later, until a power cut."""
    rate = BAUD_RATES.get(job.message.params["value"][0])
    if rate is None:
        job.refuse(_BAUD_REFUSED)
        return
    job.accept()
    await job.pause_silently(BAUD_S)
    job.device.baud_rate = rate
    job.device.speed_was_set = True


async def change_password(job: Job) -> None:
    """06 95; survives a power cut."""
    job.accept()
    job.device.memory.facts.password = job.message.params["new_password"].hex()
    job.device.memory.save()
    await job.complete()


async def set_terminal_id(job: Job) -> None:
    """06 1B."""
    job.accept()
    identity = job.message.get(0x29)
    if identity is None:
        raise EndedError(results.PROTOCOL_ERROR)
    job.device.memory.facts.terminal_id = identity.hex().upper()
    job.device.memory.save()
    await job.complete()


async def reset(job: Job) -> None:
    """06 18: the completion, then a restart."""
    job.accept()
    await job.complete()
    job.cut_power()


async def update(job: Job) -> None:
    """08 10: the completion comes before the update, during which nobody is heard."""
    job.accept()
    await job.complete()
    job.device.be_silent(job.device.times.update_s)


async def diagnosis(job: Job) -> None:
    """06 70: a call to the host, which knows the time."""
    job.accept()
    await job.pause(job.device.times.work_s)
    if job.permits.allows(0x0401):
        await job.tell(SetRegisterClock.at(job.device.now()).to_message())
    await job.complete()


async def work(job: Job) -> None:
    """06 93, 06 79, 06 51 and their like: takes a while, and is done."""
    job.accept()
    await job.pause(job.device.times.work_s)
    await job.complete()


async def display(job: Job) -> None:
    """06 E0 and, with a key to be pressed, 06 E1 and 06 E2."""
    texts = [job.message.get(0xF0 + row) for row in range(1, 9)]
    job.device.display = tuple(text.decode("cp437") for text in texts if text is not None)
    if job.message.command == 0x06E0:
        job.accept()
        return
    seconds = job.message.get(0xF0)
    typed = await job.typed(seconds[0] if seconds else 0) or bytes((Key.TIMEOUT,))
    job.accept(Message(table.POSITIVE, {"raw": typed}))


async def print_for_register(job: Job) -> None:
    """06 D1 and 06 D3 from the register: out of the terminal's own printer."""
    if not job.device.profile.printer:
        job.refuse(results.PRINTER_NOT_READY)
        return
    job.device.paper.append(tuple(line.text for line in read_print(job.message).lines))
    job.accept()


async def eject_card(job: Job) -> None:
    """06 C5."""
    job.device.card_inserted = False
    job.accept()

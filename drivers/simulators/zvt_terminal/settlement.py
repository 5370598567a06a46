"""When money is final: the register's word on 04 0F and on the prints (PA00P015 chapters 2.2.6 to 2.2.8)."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from drivers.simulators.zvt_terminal import printing
from drivers.simulators.zvt_terminal.conversation import NoAnswerError
from drivers.simulators.zvt_terminal.job import Job
from drivers.simulators.zvt_terminal.memory import Record, State
from drivers.simulators.zvt_terminal.outcomes import APPROVED, Power, Script
from drivers.simulators.zvt_terminal.profiles import Reversal
from drivers.zvt import results, statuses
from drivers.zvt.commands.answers import Decision
from drivers.zvt.commands.codec import encode
from drivers.zvt.commands.reports import StatusInformation
from drivers.zvt.fields import Field
from drivers.zvt.message import Message
from drivers.zvt.terminal import GOODS_TIMEOUT_S
from drivers.zvt.values import AMOUNT


class _RefusedError(Exception):
    """The register wants it undone."""


async def _nothing() -> None:
    return


async def settle(
    job: Job,
    record: Record,
    status: Message,
    *,
    script: Script = APPROVED,
    first: Callable[[], Awaitable[None]] = _nothing,
) -> None:
    """Hand an approved transaction over to the register: it is stored, or undone by the terminal's habit.

    `first` is what happens before 04 0F. Errors: `NoAnswerError` for an end that nobody acknowledged,
    `PowerCutError`.
    """
    if script.power is Power.AFTER_HOST:
        job.cut_power()
    prints = printing.copies(job, record)
    try:
        await first()
        if job.device.profile.prints_first:
            await _print(job, prints)
        part = await _goods(job, record, status, script)
        if not job.device.profile.prints_first:
            await _print(job, prints, binding=part is None)
    except _RefusedError:
        await _undo(job, record, refused=True)
        return
    except NoAnswerError:
        await _undo(job, record, refused=False)
        return
    if part is not None:
        record.amount = part
        fields = (replace_amount(field, part) for field in status.fields)
        record.status = encode(replace(status, fields=tuple(fields))).hex()
    record.state = State.STORED
    record.acknowledged = True
    job.device.memory.save(record)
    await job.complete()


def replace_amount(field: Field, amount: int) -> Field:
    """The same field, or another amount where it is one."""
    return Field(0x04, AMOUNT.encode(amount)) if field.id == 0x04 else field


async def _goods(job: Job, record: Record, status: Message, script: Script) -> int | None:
    """Ask until the register has decided: None is all, a number the part it handed out."""
    window, limit = job.message.get(0x01), job.message.get(0x02)
    within_s = float(window[0] if window and window[0] else GOODS_TIMEOUT_S)
    hasty_s = job.device.profile.hasty_postpone_s
    pause_s = job.device.profile.postpone_s if window or hasty_s is None else hasty_s
    postponed = 0
    if script.power is Power.AFTER_STATUS:
        await job.say_and_die(status)
    while True:
        verdict = (await job.tell(status, within_s)).verdict
        match verdict.decision:
            case Decision.YES:
                return None
            case Decision.PARTLY if (
                job.device.profile.partial_issue
                and verdict.amount is not None
                and verdict.amount <= record.amount
            ):
                return verdict.amount
            case Decision.LATER if limit is None or postponed < limit[0]:
                postponed += 1
                await job.pause(pause_s)
            case _:
                raise _RefusedError


async def _print(job: Job, prints: list[Message], *, binding: bool = True) -> None:
    """Print at the register; `binding`: the money depends on it (2.2.8), unless part of the goods is out."""
    try:
        for message in prints:
            verdict = (await job.tell(message)).verdict
            if verdict.decision is not Decision.YES:
                raise _RefusedError
    except (_RefusedError, NoAnswerError):
        if binding:
            raise


async def _undo(job: Job, record: Record, *, refused: bool) -> None:
    habit = job.device.profile.reversal
    if habit is Reversal.DEFERRED and not refused:
        # it stands until a 1F1F says that nobody knows of it (chapter 4.2)
        job.conversation.say_no_more()
        return
    # durable first: what is being reversed must not stand again after a power cut
    record.state = State.DECLINED if habit is Reversal.DECLINED else State.REVERSED
    record.result = results.ABORTED
    job.device.memory.save(record)
    told = not job.conversation.gone
    if told:
        try:
            await job.progress(statuses.AUTOMATIC_REVERSAL)
        except NoAnswerError:
            told = False
    await job.pause_silently(job.device.times.reversal_s)
    if not told:
        job.conversation.say_no_more()
        return
    await job.tell(StatusInformation(result=results.ABORTED).to_message())
    await job.abort(results.ABORTED)

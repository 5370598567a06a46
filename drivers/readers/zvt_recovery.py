"""What became of a command whose end we did not hear: asking the terminal, and judging its answer (ch. 4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from drivers.readers.zvt_conversation import Conversation, End, Ended
from drivers.readers.zvt_mark import SKEW_TOLERANCE, Age, Before, Mark
from drivers.readers.zvt_outcome import NOT_ABLE, Wanted, why
from drivers.readers.zvt_standing import BUSY, TerminalBusyError
from drivers.readers.zvt_terminal import Terminal
from drivers.zvt.commands import answers
from drivers.zvt.commands.reports import StatusInformation
from drivers.zvt.commands.setup import RepeatReceipt, TurnoverTotals
from drivers.zvt.config import RepeatService
from drivers.zvt.ecr import Told
from drivers.zvt.message import Message
from drivers.zvt.statuses import TERMINAL_STATES
from drivers.zvt.turns import Topic


class Finding(StrEnum):
    """What the terminal's memory says about a command."""

    OURS = "ours"  # it holds exactly this transaction
    NOTHING = "nothing"  # it holds none, and will not any more
    DECLINED = "declined"  # it holds its refusal
    UNKNOWN = "unknown"  # it cannot tell


@dataclass(frozen=True, slots=True)
class Found:
    """A finding with its reason; `message` is the 04 0F it rests on, `code` a result code for DECLINED."""

    finding: Finding
    reason: str = ""
    message: Message | None = None
    code: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """A command whose outcome is asked for.

    `record` is the mark of the approved 04 0F that was made durable, if it came so far. `follows`: it undoes
    or books an earlier transaction, with this trace number if known. `moved`: what it adds to the totals.
    """

    wanted: Wanted
    before: Before | None
    record: Mark | None = None
    terminal_id: str = ""
    follows: bool = False
    original_trace: int | None = None
    moved: int = 0


class Ear:
    """Keeps the last 04 0F of an answer that is only repeated or summed up."""

    def __init__(self) -> None:
        self.status: Message | None = None

    async def __call__(self, told: Told) -> Message | None:
        """Accept a repeated result; refuse an approved one that comes of something older."""
        if told.topic is Topic.QUESTION:
            return answers.unknown_command()
        if told.topic is not Topic.RESULT:
            return None
        if told.unsolicited:
            late = StatusInformation.from_message(told.message).approved
            return answers.goods_failed() if late else None
        self.status = told.message
        return None


@dataclass(frozen=True, slots=True)
class Shown:
    """What 06 20 showed: a 04 0F, or the code by which the terminal said that it has none."""

    message: Message | None = None
    none: int | None = None
    reason: str = ""


async def last_shown(terminal: Terminal, conversation: Conversation) -> Shown:
    """06 20 with status and without print. Raises `DriverError` when there was no answer."""
    if not terminal.setup.profile.repeat_receipt:
        return Shown(reason="this kind of terminal does not repeat results")
    service = int(RepeatService.SEND_STATUS | RepeatService.DO_NOT_PRINT)
    ear = Ear()
    ended = await terminal.run(
        conversation, RepeatReceipt(terminal.setup.password, service).to_message(), ear
    )
    if ended.end is End.DONE:
        reason = "" if ear.status is not None else "the terminal did not show its last transaction"
        return Shown(ear.status, reason=reason)
    _raise_if_busy(ended)
    if ended.end is End.REFUSED or ended.code in NOT_ABLE or ended.code in TERMINAL_STATES:
        return Shown(reason=f"the terminal does not repeat results: {why(ended.message, ended.code)}")
    return Shown(none=ended.code)


async def totals_of(terminal: Terminal, conversation: Conversation) -> str | None:
    """06 10 as "count:sum"; None where the terminal does not tell."""
    if not terminal.setup.profile.totals:
        return None
    ear = Ear()
    ended = await terminal.run(conversation, TurnoverTotals(terminal.setup.password).to_message(), ear)
    if ended.end is not End.DONE:
        _raise_if_busy(ended)
        return None
    if ear.status is None:
        return None
    told = StatusInformation.from_message(ear.status)
    if told.totals is None:
        return None
    count = sum(total.transactions for total in told.totals.cards)
    return f"{count}:{sum(total.amount for total in told.totals.cards)}"


def _raise_if_busy(ended: Ended) -> None:
    if ended.code in BUSY:
        text = f"the terminal is busy: {why(ended.message, ended.code)}"
        raise TerminalBusyError(text, code="terminal_busy")


async def take_mark(terminal: Terminal, conversation: Conversation) -> Mark:
    """What the terminal's last transaction is now; asked only when it is not known for certain."""
    mark = terminal.mark
    if mark is None:
        shown = await last_shown(terminal, conversation)
        if shown.message is not None:
            mark = Mark.of(StatusInformation.from_message(shown.message))
        else:
            mark = Mark(none=shown.none)
        terminal.mark = mark
    return mark.with_totals(await totals_of(terminal, conversation))


async def look(terminal: Terminal, conversation: Conversation, claim: Claim) -> Found:
    """Ask a terminal that is idle what became of a command; read-only. Raises `DriverError`: ask again."""
    shown = await last_shown(terminal, conversation)
    if shown.message is not None:
        found = judge(claim, shown.message)
    elif shown.none is not None and claim.before is not None and claim.before.mark.none == shown.none:
        found = Found(Finding.NOTHING, "the terminal holds no transaction, as before")
    else:
        reason = shown.reason or f"the terminal shows no transaction (code {shown.none or 0:02X})"
        found = Found(Finding.UNKNOWN, reason)
    if found.finding is Finding.UNKNOWN and claim.before is not None and claim.before.mark.totals:
        found = _by_totals(claim, claim.before.mark.totals, await totals_of(terminal, conversation), found)
    if found.finding is not Finding.UNKNOWN and shown.message is not None:
        terminal.mark = Mark.of(StatusInformation.from_message(shown.message))
    return found


def _by_totals(claim: Claim, before: str, after: str | None, found: Found) -> Found:
    """Settle it by the day's totals, where they changed by exactly this transaction or not at all."""
    if after is None:
        return found
    (count, amount), (new_count, new_amount) = _pair(before), _pair(after)
    if (new_count, new_amount) == (count, amount):
        return Found(Finding.NOTHING, "the terminal's totals did not change")
    if (new_count - count, new_amount - amount) == (1, claim.moved):
        return Found(Finding.OURS, "the terminal's totals changed by this transaction")
    return Found(Finding.UNKNOWN, f"{found.reason}; its totals went from {before} to {after}")


def _pair(text: str) -> tuple[int, int]:
    count, _, amount = text.partition(":")
    return int(count), int(amount)


def judge(claim: Claim, message: Message) -> Found:
    """Whether the terminal's last transaction is the claimed one: all has to fit, or people decide."""
    status = StatusInformation.from_message(message)
    record = Mark.of(status)
    if claim.record is not None and claim.record.age(record) is Age.SAME:
        return _fits(claim, message, status)
    before = claim.before
    age = before.mark.age(record) if before is not None and before.mark.known else Age.UNCLEAR
    since = before.since(status) if before is not None else None
    if age is Age.UNCLEAR:
        # where the memory was empty, anything recent came since
        empty = before is not None and before.mark.none is not None
        age = _by_clock(since, SKEW_TOLERANCE if empty else timedelta())
    if age is Age.SAME:
        return Found(Finding.NOTHING, "the terminal's last transaction is an older one")
    if age is Age.UNCLEAR:
        return Found(Finding.UNKNOWN, f"it cannot be told whether it is newer: {_shown(status)}", message)
    if since is not None and since < -SKEW_TOLERANCE:
        return Found(Finding.UNKNOWN, f"its numbers are newer, its time is older: {_shown(status)}", message)
    return _fits(claim, message, status)


def _by_clock(since: timedelta | None, slack: timedelta) -> Age:
    if since is None:
        return Age.UNCLEAR
    if since >= -slack:
        return Age.NEWER
    return Age.SAME if since < -SKEW_TOLERANCE else Age.UNCLEAR


def _fits(claim: Claim, message: Message, status: StatusInformation) -> Found:
    """Judge a record that is newer than anything before the command."""
    if claim.terminal_id and status.terminal_id and status.terminal_id != claim.terminal_id:
        return Found(Finding.UNKNOWN, f"it is of another terminal id: {_shown(status)}", message)
    misfit = claim.wanted.misfit(message)
    if status.original_trace is not None and not claim.follows:
        return _reversal(claim, message, status)
    if status.result and not misfit:
        return Found(Finding.DECLINED, why(message, status.result), message, status.result)
    if status.result or status.host_result:
        return Found(Finding.NOTHING, f"its last transaction was refused: {_shown(status)}", message)
    if claim.original_trace is not None and status.original_trace not in {None, claim.original_trace}:
        return Found(Finding.UNKNOWN, f"it undid another transaction: {_shown(status)}", message)
    if misfit or status.amount is None:
        return Found(Finding.UNKNOWN, f"{misfit or 'no amount'}: {_shown(status)}", message)
    return Found(Finding.OURS, "", message)


def _reversal(claim: Claim, message: Message, status: StatusInformation) -> Found:
    """Something was undone since: ours, if what was undone is newer than what was before."""
    newer = claim.before is not None and claim.before.mark.precedes_trace(status.original_trace)
    if newer and not claim.wanted.misfit(message):
        return Found(Finding.NOTHING, "the terminal reversed it", message)
    return Found(Finding.UNKNOWN, f"the terminal undid a transaction: {_shown(status)}", message)


def _shown(status: StatusInformation) -> str:
    """A record in one line, for people."""
    told: Mapping[str, object] = {
        "amount": status.amount,
        "receipt": status.receipt,
        "trace": status.trace_number,
        "date": status.date,
        "time": status.time,
        "result": status.result,
    }
    return ", ".join(f"{name} {value}" for name, value in told.items() if value is not None)

"""One command that moves money, from the journal's promise to the terminal's last word (PA00P015 2.2, 4)."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from drivers.contract import (
    DriverError,
    NotStartedError,
    PaymentRequest,
    Progress,
    Report,
)
from drivers.readers.zvt_conversation import End, Ended
from drivers.readers.zvt_mark import Before, Mark
from drivers.readers.zvt_outcome import Booked, Wanted, references_of, status_number, why
from drivers.readers.zvt_progress import step_of
from drivers.readers.zvt_receipt import Paper, built, facts
from drivers.readers.zvt_recovery import Claim, take_mark
from drivers.readers.zvt_terminal import Terminal
from drivers.zvt import results
from drivers.zvt.charset import Charset
from drivers.zvt.commands import answers
from drivers.zvt.commands.reports import IntermediateStatus, SetRegisterClock, StatusInformation
from drivers.zvt.ecr import Told
from drivers.zvt.message import Message
from drivers.zvt.turns import Topic
from drivers.zvt.unique_id import mirror
from drivers.zvt.values import ANY_RECEIPT

log = logging.getLogger(__name__)

RESULT = "result"
"""Reference suffix: the mark of the approved 04 0F, durable before it is acknowledged."""


def before_name(operation: str) -> str:
    """The reference that holds what was known before a command."""
    return f"before_{operation}"


def result_name(operation: str) -> str:
    """The reference that holds what the terminal said of it."""
    return f"{operation}_{RESULT}"


@dataclass(frozen=True, slots=True)
class Command:
    """What is to be sent: `make` builds the message from the value for 1F1F (None: leave it out).

    `what` names it on receipts. `follows`, `original_trace` and `moved` are as in `Claim`. `prefix` keeps the
    numbers of what ends a sale apart from the sale's own.
    """

    operation: str
    what: str
    wanted: Wanted
    make: Callable[[bytes | None], Message]
    follows: bool = False
    original_trace: int | None = None
    moved: int = 0
    prefix: str = ""

    def claim(self, request: PaymentRequest) -> Claim:
        """The question what became of it, from what was written down before and while it ran."""
        before = request.references.get(before_name(self.operation))
        result = request.references.get(result_name(self.operation), "")
        return Claim(
            self.wanted,
            Before.from_text(before) if before is not None else None,
            Mark.from_text(result) if result.startswith(_APPROVED) else None,
            request.references.get("terminal_id", ""),
            self.follows,
            self.original_trace,
            self.moved,
        )


_APPROVED = "approved"
_REFUSED = "refused"


def refusal_of(request: PaymentRequest, operation: str) -> int | None:
    """The result code of a refusal that was written down: it needs no asking."""
    text = request.references.get(result_name(operation), "")
    code = text.removeprefix(_REFUSED).strip()
    return int(code, 16) if text.startswith(_REFUSED) and code else None


@dataclass(frozen=True, slots=True)
class Done:
    """The command's certain end: booked, or refused with a code and the terminal's words."""

    booked: Booked | None
    code: int = 0
    text: str = ""
    message: Message | None = None


class Transaction:
    """Sends one `Command`, once. It may be canceled at any time; the answer still comes from `run`."""

    def __init__(self, terminal: Terminal, request: PaymentRequest, report: Report, command: Command) -> None:
        self._terminal = terminal
        self._request = request
        self._report = report
        self._command = command
        self._paper = Paper(self._charset)
        self._approved: Message | None = None
        self._refused: tuple[int, Message] | None = None
        self._misfit = ""
        self._was_approved = False
        self.sent = False
        self.canceled = False

    @property
    def _charset(self) -> Charset | None:
        return self._terminal.charset

    def cancel(self) -> None:
        """Ask for the end."""
        self.canceled = True
        self._terminal.interrupt()

    async def run(self) -> Done:
        """See it through. `NotStartedError`: it was not sent, or refused at once; other errors are doubt."""
        terminal = self._terminal
        try:
            conversation = await terminal.ready()
            mark = await take_mark(terminal, conversation)
            unique = mirror(terminal.valid_receipt) if terminal.setup.profile.unique_ids else None
            message = self._command.make(unique)
        except NotStartedError:
            raise
        except DriverError as error:
            raise NotStartedError(f"{self._command.what} was not sent: {error}", code=error.code) from error
        if self.canceled:
            raise NotStartedError(f"{self._command.what} was canceled before it was sent", code="canceled")
        await self._promise(mark)
        if self.canceled:
            raise NotStartedError(f"{self._command.what} was canceled before it was sent", code="canceled")
        self._paper = Paper(self._charset)  # which may have been agreed on just now
        # From here on nothing is certain until the terminal has said it.
        valid, terminal.valid_receipt, terminal.mark = terminal.valid_receipt, None, None
        self.sent = True
        ended = await terminal.run(conversation, message, self._hear, lambda: self.canceled)
        done = self._judge(ended)
        if done.booked is None and self._refused is None:
            await self._write_down(f"{_REFUSED} {done.code:02X}")
        if done.booked is None:
            terminal.mark, terminal.valid_receipt = replace(mark, totals=None), valid
        else:
            status = StatusInformation.from_message(done.booked.message)
            terminal.mark = Mark.of(status) if Mark.of(status).known else None
            terminal.valid_receipt = None if status.receipt == ANY_RECEIPT else status.receipt
        return done

    async def _promise(self, mark: Mark) -> None:
        """What recovery needs is durable before the command leaves."""
        terminal = self._terminal
        if terminal.identity.terminal_id:
            await self._report.reference("terminal_id", terminal.identity.terminal_id)
        before = Before(mark, terminal.now(), terminal.skew)
        await self._report.reference(before_name(self._command.operation), before.to_text())
        await self._report.attempt(self._command.operation)

    # -- what the terminal tells meanwhile --------------------------------------------------------------

    async def _hear(self, told: Told) -> Message | None:
        match told.topic:
            case Topic.PROGRESS:
                step = step_of(IntermediateStatus.from_message(told.message))
                if step is not None:
                    await self._report.progress(step)
                return None
            case Topic.RESULT:
                return await self._decide(told)
            case Topic.PRINT:
                self._paper.print(told.message)
                await self._report.progress(Progress.PRINTING)
                return None
            case Topic.CLOCK:
                log.debug("the terminal offers the time %s", SetRegisterClock.from_message(told.message))
                return None
            case _:
                return answers.unknown_command()

    async def _decide(self, told: Told) -> Message | None:
        """The answer to 04 0F. A yes moves the money, so what it says is on disk before."""
        status = StatusInformation.from_message(told.message)
        if not status.approved:
            if not told.unsolicited:
                self._approved, self._refused = (
                    None,
                    (status_number(status) or results.OTHER_ERROR, told.message),
                )
                await self._write_down(f"{_REFUSED} {self._refused[0]:02X}")
            return None
        misfit = self._command.wanted.misfit(told.message)
        if told.unsolicited or misfit:
            log.error("a 04 0F is refused, the terminal reverses it: %s", misfit or "nobody asked for it yet")
            self._misfit = misfit
            return answers.goods_failed()
        for name, value in references_of(status).items():
            await self._report.reference(f"{self._command.prefix}{name}", value)
        await self._write_down(f"{_APPROVED} {Mark.of(status).to_text()}".rstrip())
        self._terminal.learn_clock(status)
        self._approved, self._refused, self._was_approved = told.message, None, True
        return None

    async def _write_down(self, text: str) -> None:
        await self._report.reference(result_name(self._command.operation), text)

    # -- how it ended -----------------------------------------------------------------------------------

    def _judge(self, ended: Ended) -> Done:
        """What is certain once the command is over; doubt is an error."""
        what = self._command.what
        if ended.end is End.REFUSED:
            text = f"the terminal refused {what}: {why(ended.message, ended.code, self._charset)}"
            raise NotStartedError(text, code=f"zvt_{ended.code:02x}")
        if ended.end is End.DONE and self._approved is not None:
            return Done(self._booked(self._approved))
        if ended.end is End.DONE and self._refused is None:
            raise DriverError(f"the terminal ended {what} without saying how it went", code="result_missing")
        if ended.end is End.ABORTED and self._approved is not None:
            # Perhaps our yes did not arrive in time, perhaps only what came after it failed (2.2.9).
            text = f"{what} was approved and then aborted: {why(ended.message, ended.code, self._charset)}"
            raise DriverError(text, code="aborted_after_approval")
        code, message = self._refused or (ended.code, ended.message)
        text = why(message, code, self._charset)
        if text == results.result_text(code) and ended.end is End.ABORTED:
            text = why(ended.message, code, self._charset)
        if self._misfit:
            return Done(None, results.GOODS_FAILED, f"the terminal offered {self._misfit}; refused", message)
        if self._was_approved:
            return Done(None, results.GOODS_FAILED, f"the terminal took it back: {text}", message)
        return Done(None, code, text, message)

    def _booked(self, message: Message) -> Booked:
        booked = Booked(message, self._command.wanted, self._charset)
        receipt = {**facts(message, self._charset), **self._paper.texts}
        if not self._paper.texts:
            receipt["customer_text"] = receipt["merchant_text"] = built(
                message,
                what=self._command.what,
                amount=booked.total,
                currency=self._command.wanted.currency,
                charset=self._charset,
            )
        return replace(booked, receipt=receipt)

"""When money is final: the register's word on 04 0F and on the prints (PA00P015 chapters 2.2.6 to 2.2.8)."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from agent.payments.errors import PaymentsError
from agent.payments.model import Session
from agent.pos.register.job import Job, NoAnswerError
from agent.pos.register.memory import Deed, Entry, Fate
from agent.pos.register.settling import answer_name
from drivers.contract import Progress
from drivers.zvt import results
from drivers.zvt.commands.answers import Decision
from drivers.zvt.commands.codec import encode
from drivers.zvt.commands.reports import StatusInformation
from drivers.zvt.fields import Field
from drivers.zvt.message import Message
from drivers.zvt.values import AMOUNT

log = logging.getLogger(__name__)

POSTPONE_S = 2.0
"""Until 04 0F is repeated after 84 9C."""

YES = "80 00"
PARTLY = "84 9D"


class NotTakenError(Exception):
    """The register wants it undone, or never said that it does not."""


@dataclass(frozen=True, slots=True)
class Handover:
    """One approved transaction on its way to the register.

    `prints` are built when the register has said yes to 04 0F.
    """

    job: Job
    entry: Entry
    session: Session
    status: Message
    prints: Callable[[], list[Message]]

    async def run(self) -> None:
        """To its end, 06 0F or 06 1E included. Errors: `NoAnswerError` for an end nobody acknowledged."""
        job, entry = self.job, self.entry
        entry.status = encode(self.status).hex()
        try:
            await job.till.memory.save(entry)
            part = await self._goods()
            await self._print(binding=part is None)
            await self._remember(part)
        except NotTakenError as reason:
            await self._undo(str(reason))
            return
        except PaymentsError as error:
            # what is not on disk does not count: neither their yes nor our numbers
            log.warning("till %s: the register's answer cannot be kept: %s", job.till.till, error)
            await self._undo(str(error))
            return
        await self._finish()

    async def _goods(self) -> int | None:
        """Ask until the register has decided: None is all, a number the part it handed out."""
        job = self.job
        window, limit = job.message.get(0x01), job.message.get(0x02)
        within_s = float(window[0]) if window and window[0] else job.till.profile.goods_s
        postponed = 0
        while True:
            if job.wants_end.is_set():
                raise NotTakenError("nobody wants it any more")
            try:
                verdict = (await job.tell(self.status, within_s)).verdict
            except NoAnswerError as error:
                raise NotTakenError(str(error)) from error
            match verdict.decision:
                case Decision.YES:
                    return None
                case Decision.PARTLY if (
                    verdict.amount is not None and 0 < verdict.amount <= self.entry.amount
                ):
                    return verdict.amount
                case Decision.LATER if limit is None or postponed < limit[0]:
                    postponed += 1
                    await job.pause(POSTPONE_S)
                case _:
                    raise NotTakenError(f"84 {verdict.code:02X}")

    async def _print(self, *, binding: bool) -> None:
        """Print at the register; `binding`: the money depends on it (2.2.8), unless part is handed out."""
        try:
            for message in self.prints():
                verdict = (await self.job.tell(message)).verdict
                if verdict.decision is not Decision.YES:
                    raise NotTakenError(f"the receipt was refused (84 {verdict.code:02X})")
        except NoAnswerError as error:
            if binding:
                raise NotTakenError(f"the receipt: {error}") from error
        except NotTakenError:
            if binding:
                raise

    async def _remember(self, part: int | None) -> None:
        """Write the register's word down before anything else: from here on the transaction stands."""
        job, entry = self.job, self.entry
        answer = YES if part is None else f"{PARTLY} {part}"
        known = {answer_name(entry): answer, **_names(entry)}
        await job.till.desk.note(self.session.id, known, job.till.till)
        if part is not None:
            entry.amount = part
            fields = (_replace_amount(field, part) for field in self.status.fields)
            entry.status = encode(replace(self.status, fields=tuple(fields))).hex()
        entry.fate = Fate.STANDS
        # the journal has it, which decides; if this cannot be written it is decided again at the next start
        await job.till.keep(entry)

    async def _finish(self) -> None:
        """The money follows; where it cannot, the register hears so at once."""
        job = self.job
        await job.till.settling.settle(self.entry)
        if self.entry.stands:
            await job.complete()
        else:
            await job.abort(results.OTHER_ERROR)

    async def _undo(self, why: str) -> None:
        """Let the money go, then say so to whoever still listens. Errors: `NoAnswerError`."""
        job, entry = self.job, self.entry
        log.warning("till %s: receipt %s is taken back: %s", job.till.till, entry.receipt, why)
        entry.fate = Fate.VOID
        await job.till.keep(entry)
        await job.till.settling.settle(entry)
        await job.show(Progress.RELEASING)
        await job.tell(StatusInformation(result=results.ABORTED).to_message())
        await job.abort(results.ABORTED)


def _names(entry: Entry) -> dict[str, str]:
    """The numbers under which the register knows it, for people who compare."""
    if entry.deed not in {Deed.PAYMENT, Deed.HOLD}:
        return {}
    return {"register_receipt": f"{entry.receipt or 0:04}", "register_trace": f"{entry.trace or 0:06}"}


def _replace_amount(field: Field, amount: int) -> Field:
    """The same field, or another amount where it is one."""
    return Field(0x04, AMOUNT.encode(amount)) if field.id == 0x04 else field

"""Asking what became of a session, ending one that holds money, and giving money back."""

from collections.abc import Callable, Mapping

from drivers import contract
from drivers.contract import (
    Capture,
    Decision,
    DriverError,
    Kind,
    NotStartedError,
    Outcome,
    PaymentRequest,
    Progress,
    RefusedError,
    Report,
    Settlement,
    Verdict,
)
from drivers.readers import zvt_orders as orders
from drivers.readers.zvt_options import Setup
from drivers.readers.zvt_outcome import Booked, code_name, refused
from drivers.readers.zvt_payment import Command, Done, Transaction, refusal_of
from drivers.readers.zvt_profiles import Reversals
from drivers.readers.zvt_receipt import built, facts
from drivers.readers.zvt_recovery import Finding, Found, look, take_mark
from drivers.readers.zvt_standing import TerminalBusyError
from drivers.readers.zvt_terminal import Terminal
from drivers.zvt import results
from drivers.zvt.commands.reports import StatusInformation

NEVER_SENT = Outcome(
    Verdict.FAILED,
    code=contract.NEVER_SENT,
    message="No command that moves money was ever sent to the terminal.",
)
"""An attempt is on disk before anything leaves, so without one nobody can have paid."""

NOT_BOOKED = "not_booked"
"""Code of a FAILED outcome: it was sent, and the terminal holds nothing of it."""

_ASK_AGAIN = frozenset({results.REVERSAL_IMPOSSIBLE, results.UNKNOWN_COMMAND, results.OTHER_ERROR})
"""Refusals of a reversal after which a refund to the card may still be possible."""

Began = Callable[[Transaction], None]
"""Told of a transaction that is about to run, so that it can be canceled."""


def verdict_of(operation: str, request: PaymentRequest) -> Verdict:
    """What it means for the session that an operation was booked."""
    held = request.capture is Capture.MANUAL
    return {
        orders.AUTHORIZE: Verdict.AUTHORIZED if held else Verdict.PAID,
        orders.RELEASE: Verdict.RELEASED,
        orders.REVERSE: Verdict.RELEASED,
    }.get(operation, Verdict.PAID)


# -- asking ---------------------------------------------------------------------------------------------


def known(request: PaymentRequest) -> Outcome | None:
    """What needs no asking: nothing was sent, or the terminal's no is written down."""
    operation = _last_operation(request)
    if operation is None:
        return NEVER_SENT
    code = refusal_of(request, operation)
    return None if code is None else refused(code, None)


def _last_operation(request: PaymentRequest) -> str | None:
    tried = (orders.REFUND, orders.REFUND_REVERSE) if request.kind is Kind.REFUND else (orders.AUTHORIZE,)
    return next((operation for operation in tried if request.attempts.get(operation, 0)), None)


async def inquire(terminal: Terminal, request: PaymentRequest) -> Outcome:
    """What became of a session, by 05 01 and 06 20: neither moves or stops anything.

    PENDING while the terminal is at work. Raises `DriverError` when it cannot be asked. What is `known`
    needs no asking.
    """
    command = _sent_command(terminal, request)
    try:
        found = await look(terminal, await terminal.resting(), command.claim(request))
    except TerminalBusyError as error:
        message = f"The terminal is still at work, perhaps on this {command.what}: {error}."
        return Outcome(Verdict.PENDING, code=error.code, message=message)
    return _answer(terminal, request, command, found)


async def end(terminal: Terminal, request: PaymentRequest) -> Outcome:
    """Stop what the terminal works on (06 B0), wait until it rests, and say what became of a session.

    A payment whose register was lost is never paid in order: its result finds nobody who may say yes.
    """
    answer = known(request)
    if answer is not None:
        return answer
    command = _sent_command(terminal, request)
    found = await look(terminal, await terminal.idle(), command.claim(request))
    return _answer(terminal, request, command, found)


def _sent_command(terminal: Terminal, request: PaymentRequest) -> Command:
    make = _SENT[_last_operation(request) or ""]
    try:
        return make(terminal.setup, request)
    except NotStartedError as error:
        # It has started: only our settings do not allow it any more.
        raise DriverError(str(error), code=error.code) from error


_SENT: Mapping[str, Callable[[Setup, PaymentRequest], Command]] = {
    orders.AUTHORIZE: orders.authorise,
    orders.REFUND: orders.refund,
    orders.REFUND_REVERSE: orders.refund_by_reversal,
}
"""The commands of a session's own operations, made anew as they were sent."""


def _answer(terminal: Terminal, request: PaymentRequest, command: Command, found: Found) -> Outcome:
    match found.finding:
        case Finding.OURS:
            verdict = verdict_of(command.operation, request)
            return _booked(terminal, command, found).outcome(verdict)
        case Finding.DECLINED:
            return refused(found.code, found.message, terminal.charset)
        case Finding.NOTHING:
            message = f"Nothing was booked: {found.reason}."
            return Outcome(Verdict.FAILED, code=NOT_BOOKED, message=message)
        case Finding.UNKNOWN:
            return Outcome(
                Verdict.UNKNOWN,
                code="terminal_cannot_tell",
                message=f"The terminal cannot tell what became of the {command.what} of {request.money}: "
                f"{found.reason}. Look into its journal and rule.",
            )


def _booked(terminal: Terminal, command: Command, found: Found) -> Booked:
    """What the terminal holds of ours; without a 04 0F only that it is there."""
    charset = terminal.charset
    if found.message is None:
        return Booked(StatusInformation(result=results.OK).to_message(), command.wanted, charset)
    booked = Booked(found.message, command.wanted, charset, facts(found.message, charset))
    text = built(
        found.message,
        what=command.what,
        amount=booked.total,
        currency=command.wanted.currency,
        charset=charset,
    )
    receipt = {**booked.receipt, "customer_text": text, "merchant_text": text}
    return Booked(found.message, command.wanted, charset, receipt)


# -- ending what is held --------------------------------------------------------------------------------


async def settle(
    terminal: Terminal, request: PaymentRequest, decision: Decision, report: Report, began: Began
) -> Outcome:
    """Capture, release or reverse; a repeat first looks whether the last try went through."""
    loose = decision.settlement is Settlement.RELEASE and not _is_held(request)
    if request.kind is Kind.REFUND or loose or request.references.get("receipt_no") is None:
        # Nothing is known to be held: what the terminal says of the sale is the answer.
        return await end(terminal, request)
    command = _settling(terminal, request, decision)
    await report.progress(Progress.CAPTURING if command.operation == orders.CAPTURE else Progress.RELEASING)
    if request.attempts.get(command.operation, 0) and refusal_of(request, command.operation) is None:
        found = await look(terminal, await terminal.idle(), command.claim(request))
        if found.finding in {Finding.OURS, Finding.UNKNOWN}:
            return _settled(request, command, _answer(terminal, request, command, found))
    transaction = Transaction(terminal, request, report, command)
    began(transaction)
    done = await transaction.run()
    if done.booked is None:
        raise RefusedError(done.text, code=code_name(done.code), decline_code=f"{done.code:02X}")
    return _settled(request, command, done.booked.outcome(verdict_of(command.operation, request)))


def _is_held(request: PaymentRequest) -> bool:
    return request.capture is Capture.MANUAL


def _settling(terminal: Terminal, request: PaymentRequest, decision: Decision) -> Command:
    match decision.settlement:
        case Settlement.CAPTURE:
            return orders.capture(terminal.setup, request, decision.amount)
        case Settlement.RELEASE:
            return orders.release(terminal.setup, request)
        case Settlement.REVERSE:
            if _is_held(request):
                return orders.release(terminal.setup, request)
            return orders.reverse(terminal.setup, request)


def _settled(request: PaymentRequest, command: Command, outcome: Outcome) -> Outcome:
    """The outcome with the sale's own names kept: the numbers of its booking stand beside them."""
    own = {name: request.references[name] for name in _OWN if name in request.references}
    booked = {f"{command.prefix}{name}": value for name, value in outcome.references.items()}
    code = "reversed" if outcome.verdict is Verdict.RELEASED else outcome.code
    return Outcome(
        outcome.verdict,
        code=code,
        message=outcome.message,
        amount_authorized=outcome.amount_authorized,
        amount_captured=outcome.amount_captured,
        amount_tip=outcome.amount_tip,
        references={**booked, **own},
        card=outcome.card,
        receipt=outcome.receipt,
    )


_OWN = ("terminal_id", "receipt_no", "trace_no", "turnover_no")


# -- giving back ----------------------------------------------------------------------------------------


async def refund(terminal: Terminal, request: PaymentRequest, report: Report, began: Began) -> Done:
    """06 30 where the whole of a sale goes back and the terminal can, else 06 31; each of them once.

    Raises `NotStartedError` only when nothing was sent, other `DriverError` for doubt.
    """
    await report.progress(Progress.REFUNDING)
    reverse = await _may_reverse(terminal, request)
    if reverse:
        transaction = Transaction(
            terminal, request, report, orders.refund_by_reversal(terminal.setup, request)
        )
        began(transaction)
        done = await _sent(transaction)
        if done.booked is not None or done.code not in _ASK_AGAIN or not terminal.setup.profile.refunds:
            return done
    transaction = Transaction(terminal, request, report, orders.refund(terminal.setup, request))
    began(transaction)
    return await transaction.run()


async def _sent(transaction: Transaction) -> Done:
    """Run it; a refusal at once is as certain as a later one."""
    try:
        return await transaction.run()
    except NotStartedError as error:
        if transaction.sent:
            return Done(None, results.REVERSAL_IMPOSSIBLE, str(error))
        raise


async def _may_reverse(terminal: Terminal, request: PaymentRequest) -> bool:
    try:
        conversation = await terminal.ready()
        if terminal.setup.profile.reversals is Reversals.LAST:
            await take_mark(terminal, conversation)
    except DriverError as error:
        raise NotStartedError(f"the refund was not sent: {error}", code=error.code) from error
    last = terminal.mark.receipt if terminal.mark is not None else None
    return orders.may_reverse(terminal.setup, request, terminal.identity.terminal_id, last)

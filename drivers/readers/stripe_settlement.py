"""Asking what became of a sale, and ending it: capture, release, reverse. None of it needs the device."""

from drivers.contract import (
    NEVER_SENT,
    Decision,
    DriverError,
    Outcome,
    PaymentRequest,
    Progress,
    RefusedError,
    Report,
    Settlement,
    Verdict,
)
from drivers.readers.stripe_calls import IntentFacts, StripeCalls
from drivers.readers.stripe_dispatch import OPERATION
from drivers.readers.stripe_keys import Keys
from drivers.readers.stripe_outcome import (
    BEFORE_THE_KEYS,
    DECIDED,
    SESSION_KEY,
    STRIPE_FAILED,
    decided,
    ended,
    stale,
)
from drivers.readers.stripe_sale import OLD_CHARGE
from drivers.readers.stripe_timing import Timing
from drivers.readers.stripe_withdrawal import Withdrawal, ours

NOTHING_SENT = Outcome(
    Verdict.FAILED,
    code=NEVER_SENT,
    message="No payment was ever sent to the reader.",
)
"""The reference is on disk before any reader is told, so without one nobody can have paid."""


async def inquire(calls: StripeCalls, reader: str, request: PaymentRequest) -> Outcome:
    """What became of a sale; read-only. Raises `DriverError` when Stripe cannot be asked."""
    known = request.references.get("payment_intent")
    if known is None:
        return NOTHING_SENT
    intent = await calls.retrieve_payment_intent(known)
    if intent.status in DECIDED:
        return decided(intent, request)
    return await _undecided(calls, reader, request, intent)


async def _undecided(
    calls: StripeCalls, reader: str, request: PaymentRequest, intent: IntentFacts
) -> Outcome:
    references = {"payment_intent": intent.id}
    old_charge = request.references.get(OLD_CHARGE, "")
    try:
        action = ours(await calls.retrieve_reader(reader), intent.id)
    except RefusedError:
        action = None  # no such reader any more
    if action is None or action.payment_intent is None:
        message = "Unpaid, and not on the reader; not yet withdrawn."
        return Outcome(Verdict.PENDING, code="prompt_gone", message=message, references=references)
    if action.payment_intent.status in DECIDED:
        return decided(action.payment_intent, request)  # it happened between the two reads
    if action.status == "in_progress":
        message = "The reader waits for the customer."
        return Outcome(Verdict.PENDING, code="in_progress", message=message, references=references)
    # Without an attempt the end is an earlier session's; with more than one, an earlier one may have ended
    # while a later one is still on its way.
    only = request.attempts.get(OPERATION, 0) == 1
    if only and not stale(action, action.payment_intent, old_charge):
        outcome = ended(action, action.payment_intent, old_charge)
        if outcome is not None:
            return outcome
    message = "The reader gave up; not yet withdrawn."
    return Outcome(Verdict.PENDING, code="prompt_gone", message=message, references=references)


async def settle(
    calls: StripeCalls,
    reader: str,
    request: PaymentRequest,
    decision: Decision,
    report: Report,
    *,
    timing: Timing,
) -> Outcome:
    """End a sale as decided; answers with what is true then, whatever was asked for."""
    known = request.references.get("payment_intent")
    if known is None:
        return NOTHING_SENT
    keys = Keys(request, report)
    match decision.settlement:
        case Settlement.CAPTURE:
            await report.progress(Progress.CAPTURING)
            return await _capture(calls, known, request, decision.amount, keys)
        case Settlement.RELEASE:
            await report.progress(Progress.RELEASING)
            return await Withdrawal(calls, reader, known, timing).carry_out(request)
        case Settlement.REVERSE:
            await report.progress(Progress.REFUNDING)
            return await _reverse(calls, reader, known, request, keys, timing)


async def _capture(
    calls: StripeCalls, known: str, request: PaymentRequest, amount: int | None, keys: Keys
) -> Outcome:
    try:
        intent = await calls.capture_payment_intent(known, key=await keys.of("capture"), amount=amount)
    except RefusedError as refusal:
        if refusal.code in BEFORE_THE_KEYS:
            raise DriverError(str(refusal), code=refusal.code) from refusal
        if keys.answered("capture"):
            return await _capture(calls, known, request, amount, keys)
        return await _true_now(calls, known, request, refusal)
    except DriverError as doubt:
        # A PaymentIntent is captured once, under whatever key: another number does no harm.
        if doubt.code == STRIPE_FAILED and keys.answered("capture"):
            return await _capture(calls, known, request, amount, keys)
        raise
    return decided(intent, request)


async def _true_now(
    calls: StripeCalls, known: str, request: PaymentRequest, refusal: RefusedError
) -> Outcome:
    """What the PaymentIntent is after a refusal, with the refusal's reason where it is still as before."""
    intent = await calls.retrieve_payment_intent(known)
    if intent.status not in DECIDED:
        raise DriverError(f"{known} is {intent.status}: {refusal}", code=refusal.code) from refusal
    truth = decided(intent, request)
    if truth.verdict is not Verdict.AUTHORIZED:
        return truth
    return Outcome(
        Verdict.AUTHORIZED,
        code=refusal.code,
        message=str(refusal),
        amount_authorized=truth.amount_authorized,
        amount_tip=truth.amount_tip,
        references=truth.references,
        card=truth.card,
        receipt=truth.receipt,
    )


async def _reverse(
    calls: StripeCalls, reader: str, known: str, request: PaymentRequest, keys: Keys, timing: Timing
) -> Outcome:
    intent = await calls.retrieve_payment_intent(known)
    if intent.status != "succeeded":
        return await Withdrawal(calls, reader, known, timing).carry_out(request)
    before = decided(intent, request)
    if before.verdict is not Verdict.PAID:
        return before
    try:
        refund = await calls.create_refund(
            known, key=await keys.of("reverse"), metadata={SESSION_KEY: request.session}
        )
    except RefusedError as refusal:
        if refusal.code in BEFORE_THE_KEYS:
            raise DriverError(str(refusal), code=refusal.code) from refusal
        if keys.answered("reverse"):
            return await _reverse(calls, reader, known, request, keys, timing)
        truth = decided(await calls.retrieve_payment_intent(known), request)
        if truth.verdict is Verdict.PAID:
            raise DriverError(f"{known} could not be given back: {refusal}", code=refusal.code) from refusal
        return truth
    if refund.status in {"failed", "canceled"}:
        keys.answered("reverse")
        raise DriverError(
            f"{known} could not be given back: {refund.failure_reason or refund.status}", code="refund_failed"
        )
    references = {**before.references, "refund": refund.id}
    return Outcome(
        Verdict.RELEASED, code="reversed", message="The money was given back.", references=references
    )

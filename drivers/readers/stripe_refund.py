"""Giving money back: a session of its own that points at the paid one."""

from drivers.contract import (
    DriverError,
    NotStartedError,
    Outcome,
    PaymentRequest,
    Progress,
    RefusedError,
    Report,
    Verdict,
)
from drivers.readers.stripe_calls import RefundFacts, StripeCalls
from drivers.readers.stripe_keys import Keys
from drivers.readers.stripe_outcome import BEFORE_THE_KEYS, SESSION_KEY, STRIPE_FAILED, refunded
from drivers.readers.stripe_settlement import NOTHING_SENT

OPERATION = "refund"
"""Name under which the attempts of this call are numbered."""

ORIGINAL = "refund_of_payment_intent"
"""Reference: the PaymentIntent whose money goes back."""


async def refund(calls: StripeCalls, request: PaymentRequest, report: Report) -> Outcome:
    """Give back `request.money`; repeated after a crash it finds the refund it made.

    Raises `NotStartedError` only when no request ever left, `DriverError` while nobody knows.
    """
    original = request.references.get(ORIGINAL)
    if original is None:
        raise NotStartedError("a refund needs the payment it gives back", code="refund_without_payment")
    await report.progress(Progress.REFUNDING)
    fresh = request.attempts.get(OPERATION, 0) == 0
    if not fresh:
        found = await _find(calls, request, original)
        if found is not None:
            await report.reference("refund", found.id)
            return refunded(found)
    try:
        made = await _make(calls, request, original, Keys(request, report))
    except RefusedError as refusal:
        found = None if fresh else await _find(calls, request, original)
        if found is not None:
            await report.reference("refund", found.id)
            return refunded(found)
        if refusal.code == "idempotency_error" or (not fresh and refusal.code in BEFORE_THE_KEYS):
            raise DriverError(str(refusal), code=refusal.code) from refusal
        return Outcome(Verdict.FAILED, code=refusal.code, message=str(refusal))
    except NotStartedError as unsent:
        if fresh:
            raise
        raise DriverError(str(unsent), code=unsent.code) from unsent
    await report.reference("refund", made.id)
    return refunded(made)


async def _make(calls: StripeCalls, request: PaymentRequest, original: str, keys: Keys) -> RefundFacts:
    try:
        return await calls.create_refund(
            original,
            key=await keys.of(OPERATION),
            amount=request.money.amount,
            metadata={**request.metadata, SESSION_KEY: request.session},
        )
    except DriverError as doubt:
        if doubt.code != STRIPE_FAILED or not keys.answered(OPERATION):
            raise
    # Stripe's word on the last number is that it failed: what is not in its list by now was not made.
    return await _find(calls, request, original) or await _make(calls, request, original, keys)


async def inquire(calls: StripeCalls, request: PaymentRequest) -> Outcome:
    """What became of a refund; read-only. Raises `DriverError` when Stripe cannot be asked."""
    original = request.references.get(ORIGINAL)
    if original is None or (request.attempts.get(OPERATION, 0) == 0 and "refund" not in request.references):
        return NOTHING_SENT
    found = await _find(calls, request, original)
    if found is not None:
        return refunded(found)
    message = "No such refund at Stripe yet; it can be sent again with the same key."
    return Outcome(Verdict.PENDING, code="refund_not_found", message=message)


async def _find(calls: StripeCalls, request: PaymentRequest, original: str) -> RefundFacts | None:
    known = request.references.get("refund")
    if known is not None:
        return await calls.retrieve_refund(known)
    mine = (
        found
        for found in await calls.list_refunds(original)
        if found.metadata.get(SESSION_KEY) == request.session
    )
    return next(mine, None)

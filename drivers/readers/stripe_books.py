"""What Stripe keeps in this gateway's name: held, payable or paid, whatever our own journal says of it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

from drivers.contract import Entry, Money, SessionId, Verdict
from drivers.readers.stripe_calls import IntentFacts, StripeCalls
from drivers.readers.stripe_outcome import GATEWAY_KEY, SESSION_KEY

_VERDICTS = {
    "requires_capture": Verdict.AUTHORIZED,
    "requires_payment_method": Verdict.PENDING,
    "requires_confirmation": Verdict.PENDING,
    "succeeded": Verdict.PAID,
}


async def entries(calls: StripeCalls, gateway: str, since: datetime) -> list[Entry]:
    """Every hold of this gateway, and its payable and paid sales made since then. Raises `DriverError`."""
    return [
        entry
        for status in _VERDICTS
        async for intent in _of_status(calls, gateway, status, since)
        if (entry := _entry(intent)) is not None
    ]


def _of_status(calls: StripeCalls, gateway: str, status: str, since: datetime) -> AsyncIterator[IntentFacts]:
    # Holds are few and must not be missed, so their age does not matter.
    young = "" if status == "requires_capture" else f" AND created>{int(since.timestamp())}"
    return calls.search_payment_intents(f'metadata["{GATEWAY_KEY}"]:"{gateway}" AND status:"{status}"{young}')


def _entry(intent: IntentFacts) -> Entry | None:
    """None for what is not a sale of ours, has moved on since it was indexed, or was given back."""
    session, verdict = intent.metadata.get(SESSION_KEY), _VERDICTS.get(intent.status)
    charge = intent.latest_charge
    if session is None or verdict is None or (charge is not None and charge.refunded):
        return None
    references = {"payment_intent": intent.id}
    if charge is not None:
        references["charge"] = charge.id
    amount = {
        Verdict.AUTHORIZED: intent.amount_capturable,
        Verdict.PAID: intent.amount_received,
    }.get(verdict, intent.amount)
    return Entry(
        session=SessionId(session),
        verdict=verdict,
        money=Money(amount, intent.currency),
        references=references,
        made_at=datetime.fromtimestamp(intent.created, UTC),
        expires_at=_expiry(intent) if verdict is Verdict.AUTHORIZED else None,
    )


def _expiry(intent: IntentFacts) -> datetime | None:
    details = None if intent.latest_charge is None else intent.latest_charge.payment_method_details
    card = None if details is None else details.card_present
    before = None if card is None else card.capture_before
    return None if before is None else datetime.fromtimestamp(before, UTC)

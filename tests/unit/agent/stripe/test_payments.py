"""The calls on money, against the simulated Stripe."""

import asyncio
from datetime import UTC, datetime, timedelta

from agent.stripe.form import Value
from tests.stripe_store import EPOCH_S, StripeStore

PARAMS: dict[str, Value] = {
    "amount": 1200,
    "currency": "eur",
    "allowed_payment_method_types": ["card_present"],
    "capture_method": "manual",
}


async def test_an_intent_lives_from_creation_to_refund() -> None:
    store = StripeStore()
    await store.begin()
    api = store.stripe.api
    made = await api.create_payment_intent(PARAMS, key="k")
    assert (made.status, made.payment_method_types) == ("requires_payment_method", ["card_present"])
    changed = await api.update_payment_intent(made.id, {"description": "Tea"}, key="u")
    assert changed.description == "Tea"
    await api.process_payment_intent(store.reader, made.id, key="p", config={"skip_tipping": True})
    await store.stripe.present(store.reader)
    held = await api.retrieve_payment_intent(made.id)
    assert held.latest_charge is not None
    assert (held.status, held.latest_charge.status) == ("requires_capture", "succeeded")
    captured = await api.capture_payment_intent(made.id, key="c", amount=1000)
    assert (captured.status, captured.amount_received) == ("succeeded", 1000)
    part = await api.create_refund(made.id, key="r1", amount=300, metadata={"a": "b"}, reason="duplicate")
    rest = await api.create_refund(made.id, key="r2")
    assert (part.amount, rest.amount, part.metadata) == (300, 700, {"a": "b"})
    assert (await api.retrieve_refund(part.id)).payment_intent == made.id
    assert [refund.id for refund in await api.list_refunds(made.id)] == [rest.id, part.id]


async def test_a_hold_is_let_go_with_a_reason_and_twice_is_harmless() -> None:
    store = StripeStore()
    await store.begin()
    made = await store.stripe.api.create_payment_intent(PARAMS, key="k")
    canceled = await store.stripe.api.cancel_payment_intent(made.id, reason="abandoned", key="x")
    assert (canceled.status, canceled.cancellation_reason) == ("canceled", "abandoned")
    assert (await store.stripe.api.cancel_payment_intent(made.id, reason="abandoned", key="x")) == canceled


async def test_the_intents_of_a_span_of_time_are_listed() -> None:
    store = StripeStore()
    await store.begin()
    start = datetime.fromtimestamp(EPOCH_S, UTC)
    made = []
    for number in range(3):
        made.append((await store.stripe.api.create_payment_intent(PARAMS, key=f"k{number}")).id)
        await asyncio.sleep(60)
    listed = store.stripe.api.list_payment_intents(
        created_from=start + timedelta(seconds=30), created_before=start + timedelta(seconds=100)
    )
    assert [intent.id async for intent in listed] == [made[1]]

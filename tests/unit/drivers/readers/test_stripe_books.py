"""What the books at Stripe say in our name."""

import asyncio
from datetime import UTC, datetime, timedelta

from drivers.contract import Audited, Capture, Entry, Money, Verdict
from drivers.readers.stripe import StripeReader
from drivers.readers.stripe_calls import Value
from tests.stripe_store import EPOCH_S, Session, StripeStore

START = datetime.fromtimestamp(EPOCH_S, UTC)
LAG_S = 60


async def sold(store: StripeStore, driver: StripeReader, session: Session, **wishes: object) -> str:
    await store.customer(**(wishes or {"auto_present": {"after": 1}}))
    await driver.pay(session.request, session.report)
    return session.intent


async def named(driver: StripeReader, since: datetime = START - timedelta(days=1)) -> dict[str, Entry]:
    return {str(entry.session): entry for entry in await driver.entries(since)}


async def test_holds_payable_and_paid_sales_of_this_gateway_are_found() -> None:
    store = StripeStore()
    await store.begin()
    ours, other = store.driver("north"), store.driver("south")
    held = await sold(store, ours, Session("held", capture=Capture.MANUAL, amount=700))
    paid = await sold(store, ours, Session("paid", amount=900))
    await sold(store, other, Session("theirs", capture=Capture.MANUAL))
    payable = Session("payable")
    task_over = asyncio.timeout(5)
    await store.customer(auto_present=None)
    try:
        async with task_over:
            await ours.pay(payable.request, payable.report)
    except TimeoutError:
        pass
    await asyncio.sleep(LAG_S)
    found = await named(ours)
    assert {name: (each.verdict, each.money) for name, each in found.items()} == {
        "held": (Verdict.AUTHORIZED, Money(700, "eur")),
        "paid": (Verdict.PAID, Money(900, "eur")),
        "payable": (Verdict.PENDING, Money(1200, "eur")),
    }
    assert found["held"].references["payment_intent"] == held
    assert found["paid"].references["payment_intent"] == paid
    assert found["held"].references["charge"].startswith("ch_")
    assert set(found["payable"].references) == {"payment_intent"}
    assert found["held"].made_at >= START
    expiry = found["held"].expires_at
    assert expiry is not None
    assert timedelta(hours=12) < expiry - found["held"].made_at < timedelta(days=31)
    assert found["paid"].expires_at is None


async def test_of_old_sales_only_holds_matter() -> None:
    store = StripeStore()
    await store.begin()
    ours = store.driver("north")
    await sold(store, ours, Session("held", capture=Capture.MANUAL))
    await sold(store, ours, Session("paid"))
    await asyncio.sleep(LAG_S)
    assert set(await named(ours, START + timedelta(hours=1))) == {"held"}


async def test_what_was_given_back_is_no_entry() -> None:
    store = StripeStore()
    await store.begin()
    ours = store.driver("north")
    intent = await sold(store, ours, Session("paid"))
    await store.stripe.api.create_refund(intent, key="k1")
    await asyncio.sleep(LAG_S)
    assert await named(ours) == {}


async def test_what_is_no_sale_of_ours_is_no_entry() -> None:
    store = StripeStore()
    await store.begin()
    ours = store.driver("north")
    made: dict[str, Value] = {
        "amount": 100,
        "currency": "eur",
        "allowed_payment_method_types": ["card_present"],
        "metadata": {"tillgate_gateway": "north"},
    }
    await store.stripe.api.create_payment_intent(made, key="somebody")
    await asyncio.sleep(LAG_S)
    assert await named(ours) == {}


async def test_a_driver_keeps_books_if_it_knows_its_gateway() -> None:
    store = StripeStore()
    await store.begin()
    assert isinstance(store.driver(), Audited)
    assert store.driver("north").books == store.driver("north").books != store.driver("south").books
    assert store.driver().books == ""

"""What is left at Stripe although nobody needs it is found in the books and let go; what is needed stays."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from agent.payments.desk import Desk
from agent.payments.journal import Journal
from agent.payments.lane import Lane
from agent.payments.model import Order, PosKey, Session, State, TillName
from agent.payments.sweeper import Sweeper
from drivers.contract import Capture, Money, ReaderConfig, ReaderName
from drivers.readers.stripe_calls import Value
from tests.stripe_store import StripeStore
from tests.unit.agent.payments.fake_driver import now

READER = ReaderName("till-1")


class Store:
    """A gateway's payments on one simulated smart reader, without doors."""

    def __init__(self, stripe: StripeStore, journal: Journal) -> None:
        self.stripe = stripe
        self.journal = journal
        self.desk = Desk(journal, now=now)
        config = ReaderConfig(READER, "stripe", {"reader": stripe.reader})
        self.desk.lanes.adopt(Lane(config, stripe.driver("north"), journal, now=now))
        self.sweeper = Sweeper(self.desk.lanes, journal, lambda name: self.desk.cancel(name, None), now=now)

    async def hold(self, pos_key: str) -> Session:
        """A sale that ends with held money."""
        order = Order(TillName("t1"), PosKey(pos_key), READER, Money(1000, "eur"), capture=Capture.MANUAL)
        session, _ = await self.desk.open(order)
        while not (session.state.ended or session.state is State.AUTHORIZED):
            session = await self.desk.changed(session.id, session.seq, 60, None)
        return session

    async def orphan(self, session: str) -> str:
        """Held money of a sale that this journal has never heard of, as after its disk was lost."""
        made: dict[str, Value] = {
            "amount": 700,
            "currency": "eur",
            "capture_method": "manual",
            "allowed_payment_method_types": ["card_present"],
            "metadata": {"tillgate_session": session, "tillgate_gateway": "north"},
        }
        intent = await self.stripe.stripe.api.create_payment_intent(made, key=session)
        await self.stripe.stripe.api.process_payment_intent(self.stripe.reader, intent.id, key=session + "p")
        await asyncio.sleep(30)
        return intent.id

    async def status(self, intent: str) -> str:
        return (await self.stripe.stripe.api.retrieve_payment_intent(intent)).status


@asynccontextmanager
async def store(folder: Path) -> AsyncIterator[Store]:
    """Runs until the block ends."""
    stripe = StripeStore()
    await stripe.begin()
    await stripe.customer(auto_present={"after": 1})
    journal = Journal(folder / "journal.db", now=now, inline=True)
    made = Store(stripe, journal)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(made.desk.run()), group.create_task(made.sweeper.run())]
        await asyncio.sleep(1)
        try:
            yield made
        finally:
            for task in tasks:
                task.cancel()
    journal.close()


async def test_a_hold_that_nobody_captures_is_released_before_it_expires(tmp_path: Path) -> None:
    async with store(tmp_path) as shop:
        held = await shop.hold("k1")
        intent = held.references["payment_intent"]
        await asyncio.sleep(60)  # until it is indexed
        (entry,) = await shop.stripe.driver("north").entries(now() - timedelta(days=1))
        assert entry.expires_at is not None
        left_s = (entry.expires_at - now()).total_seconds()
        await asyncio.sleep(left_s - 8 * 3600)
        assert shop.journal.session(held.id).state is State.AUTHORIZED
        await asyncio.sleep(3 * 3600)
        assert shop.journal.session(held.id).state is State.RELEASED
        assert await shop.status(intent) == "canceled"


async def test_money_held_for_an_unknown_sale_is_let_go_after_a_day(tmp_path: Path) -> None:
    async with store(tmp_path) as shop:
        intent = await shop.orphan("ses_of_a_lost_disk")
        await asyncio.sleep(20 * 3600)
        assert await shop.status(intent) == "requires_capture"
        await asyncio.sleep(6 * 3600)
        assert await shop.status(intent) == "canceled"
        assert shop.sweeper.released == 1


async def test_holds_of_other_gateways_are_none_of_our_business(tmp_path: Path) -> None:
    async with store(tmp_path) as shop:
        intent = await shop.orphan("ses_theirs")
        await shop.stripe.stripe.api.update_payment_intent(
            intent, {"metadata": {"tillgate_gateway": "south"}}, key="u1"
        )
        await asyncio.sleep(30 * 3600)
        assert await shop.status(intent) == "requires_capture"


async def test_a_hold_captured_in_the_dashboard_is_paid_here_too(tmp_path: Path) -> None:
    async with store(tmp_path) as shop:
        held = await shop.hold("k1")
        await shop.stripe.stripe.api.capture_payment_intent(held.references["payment_intent"], key="c1")
        await asyncio.sleep(3 * 3600)
        paid = shop.journal.session(held.id)
        assert (paid.state, paid.amount_captured) == (State.PAID, 1000)


async def test_a_hold_canceled_in_the_dashboard_is_released_here_too(tmp_path: Path) -> None:
    async with store(tmp_path) as shop:
        held = await shop.hold("k1")
        await shop.stripe.stripe.api.cancel_payment_intent(held.references["payment_intent"])
        await asyncio.sleep(3 * 3600)
        assert shop.journal.session(held.id).state is State.RELEASED

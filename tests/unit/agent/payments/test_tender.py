"""One sale in several parts: never more of it is payable at any moment than its amount."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from agent.payments.desk import Desk
from agent.payments.errors import OrderError, PaymentsError, SaleCoveredError, UnknownSaleError
from agent.payments.journal import Journal
from agent.payments.model import PosKey, Sale, Session, State, TillName
from drivers.contract import Capture, Money, Outcome, Verdict
from tests.unit.agent.payments.fake_driver import (
    CANCELED,
    DECLINED,
    HELD,
    LOST,
    PAID,
    RELEASED,
    FakeDriver,
    make_lane,
    now,
    open_journal,
)
from tests.unit.agent.payments.sales import order

TILL = TillName("till-1")
TABLE = Sale("table 5", 3000)


class Restaurant:
    """A desk with three readers that do what they are told."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.desk = Desk(journal, now=now)
        self.drivers = {name: FakeDriver() for name in ("r1", "r2", "r3")}
        for name, driver in self.drivers.items():
            self.desk.lanes.adopt(make_lane(journal, driver, name))

    async def part(
        self, pos_key: str, reply: Outcome | Exception | None = PAID, *, reader: str = "r1", **changes: Any
    ) -> Session:
        """One session of the sale, to its end unless nobody replies; `reply` None: the customer thinks."""
        pays = self.drivers[reader].pays
        if reply is not None:
            pays.append(reply)
        try:
            session, _ = await self.desk.open(order(pos_key, reader, **{"sale": TABLE, **changes}))
        except PaymentsError:
            pays.clear()
            raise
        while reply is not None and session.state in {State.OPENED, State.IN_FLIGHT}:
            session = await self.desk.changed(session.id, session.seq, 10, None)
        return session

    def sums(self) -> tuple[int, int, int, int]:
        tender = self.desk.tender(TABLE.id, TILL)
        return tender.paid, tender.held, tender.under_way, tender.left


@asynccontextmanager
async def opened(journal: Journal) -> AsyncIterator[Restaurant]:
    restaurant = Restaurant(journal)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(restaurant.desk.run())
        await asyncio.sleep(0.1)
        yield restaurant
        task.cancel()


@pytest_asyncio.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    journal = open_journal(tmp_path)
    yield journal
    journal.close()


async def test_three_guests_pay_one_table(journal: Journal) -> None:
    async with opened(journal) as place:
        first = await place.part("k1")
        assert first.order.sale == TABLE
        assert place.sums() == (1000, 0, 0, 2000)
        await place.part("k2", HELD, reader="r2", capture=Capture.MANUAL)
        assert place.sums() == (1000, 1000, 0, 1000)
        await place.part("k3", None, reader="r3")
        assert place.sums() == (1000, 1000, 1000, 0)
        with pytest.raises(SaleCoveredError, match=r"0 are left, not 1000\. Wait for or cancel") as refused:
            await place.part("k4")
        assert refused.value.code == "sale_covered"
        place.drivers["r3"].finish(PAID)
        await asyncio.sleep(1)
        tender = place.desk.tender(TABLE.id, TILL)
        assert (tender.paid, tender.left, tender.currency) == (2000, 0, "eur")
        assert [each.order.pos_key for each in tender.sessions] == ["k1", "k2", "k3"]


async def test_a_repeat_of_a_part_is_the_same_part(journal: Journal) -> None:
    async with opened(journal) as place:
        await place.part("k1", money=Money(3000, "eur"))
        again, created = await place.desk.open(order("k1", sale=TABLE, money=Money(3000, "eur")))
        assert (again.order.pos_key, created) == ("k1", False)


async def test_the_sale_may_move_to_another_reader_only_once_the_first_cannot_be_paid(
    journal: Journal,
) -> None:
    """A reader drops out in the middle: the till cannot take the money twice, however impatient it is."""
    async with opened(journal) as place:
        place.drivers["r1"].inquiries.extend([LOST, LOST, CANCELED])
        whole: dict[str, Any] = {"money": Money(3000, "eur")}
        doubtful = await place.part("k1", LOST, **whole)
        assert doubtful.state is State.IN_DOUBT
        with pytest.raises(SaleCoveredError, match=r"3000 under way.*in_doubt"):
            await place.part("k2", reader="r2", **whole)
        await asyncio.sleep(60)
        assert journal.session(doubtful.id).state is State.CANCELED
        paid = await place.part("k2", Outcome(Verdict.PAID, amount_captured=3000), reader="r2", **whole)
        assert paid.state is State.PAID
        assert place.sums() == (3000, 0, 0, 0)


@pytest.mark.parametrize("ending", [DECLINED, CANCELED, RELEASED, Outcome(Verdict.FAILED)])
async def test_what_ended_unpaid_is_free_again(journal: Journal, ending: Outcome) -> None:
    async with opened(journal) as place:
        await place.part("k1", ending, money=Money(3000, "eur"))
        assert place.sums() == (0, 0, 0, 3000)
        await place.part("k2", Outcome(Verdict.PAID, amount_captured=3000), money=Money(3000, "eur"))
        assert place.sums() == (3000, 0, 0, 0)


async def test_a_tip_pays_nothing_of_the_sale_and_a_part_captured_frees_the_rest(journal: Journal) -> None:
    async with opened(journal) as place:
        await place.part("k1", Outcome(Verdict.PAID, amount_captured=1200, amount_tip=200))
        assert place.sums() == (1000, 0, 0, 2000)
        await place.part("k2", Outcome(Verdict.PAID, amount_captured=400), money=Money(2000, "eur"))
        assert place.sums() == (1400, 0, 0, 1600)
        with pytest.raises(SaleCoveredError):
            await place.part("k3", money=Money(1601, "eur"))
        await place.part("k3", Outcome(Verdict.PAID, amount_captured=1600), money=Money(1600, "eur"))
        assert place.sums() == (3000, 0, 0, 0)


async def test_what_was_given_back_can_be_paid_by_another(journal: Journal) -> None:
    async with opened(journal) as place:
        whole: dict[str, Any] = {"money": Money(3000, "eur")}
        with_tip = Outcome(Verdict.PAID, amount_captured=3300, amount_tip=300)
        wrong_card = await place.part("k1", with_tip, **whole)
        place.drivers["r1"].pays.append(Outcome(Verdict.PAID, amount_captured=3300))
        refund, _ = await place.desk.refund(wrong_card.id, None, PosKey("back"), TILL)
        assert refund.state is State.PAID
        assert place.sums() == (0, 0, 0, 3000)
        await place.part("k2", Outcome(Verdict.PAID, amount_captured=3000), **whole)
        assert place.sums() == (3000, 0, 0, 0)


async def test_every_part_says_the_same_amount_and_currency(journal: Journal) -> None:
    async with opened(journal) as place:
        await place.part("k1")
        for changes in ({"sale": Sale(TABLE.id, 9000)}, {"money": Money(1000, "usd")}):
            with pytest.raises(OrderError, match=r"is about 3000 eur; every session") as refused:
                await place.part("k2", **changes)
            assert (refused.value.code, refused.value.param) == ("sale_differs", "sale.amount")


async def test_a_part_is_not_more_than_the_whole(journal: Journal) -> None:
    async with opened(journal) as place:
        with pytest.raises(OrderError, match="more than all of sale 'table 5', 3000") as refused:
            await place.part("k1", money=Money(3001, "eur"))
        assert refused.value.param == "sale.amount"


async def test_ten_tills_at_once_never_oversell(journal: Journal) -> None:
    async with opened(journal) as place:
        results: list[Session | Exception] = []

        async def ask(number: int) -> None:
            try:
                results.append(await place.part(f"k{number}", None, reader=f"r{number % 3 + 1}"))
            except Exception as error:  # noqa: BLE001  # what each was told is the point
                results.append(error)

        async with asyncio.TaskGroup() as group:
            for number in range(10):
                group.create_task(ask(number))
        assert sum(isinstance(each, Session) for each in results) == 3
        assert place.sums() == (0, 0, 3000, 0)


async def test_sales_of_other_tills_are_other_sales(journal: Journal) -> None:
    async with opened(journal) as place:
        await place.part("k1", money=Money(3000, "eur"))
        await place.part("k1", money=Money(3000, "eur"), till=TillName("till-2"))
        with pytest.raises(UnknownSaleError):
            place.desk.tender(TABLE.id, TillName("till-3"))

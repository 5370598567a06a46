"""What an order may be. What the desk makes of it is tested with the desk."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from agent.payments import orders
from agent.payments.change import Conflict, ConflictError
from agent.payments.errors import JournalError, OrderError, PosKeyReusedError, ReaderBusyError
from agent.payments.journal import Journal
from agent.payments.lane import Lane
from agent.payments.model import Sale
from drivers.contract import Money
from tests.unit.agent.payments.fake_driver import FakeDriver, concluded, make_lane, open_journal
from tests.unit.agent.payments.sales import DECLINED, order


@pytest_asyncio.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    journal = open_journal(tmp_path)
    yield journal
    journal.close()


@pytest_asyncio.fixture
async def lane(journal: Journal) -> Lane:
    return make_lane(journal, FakeDriver())


async def test_the_same_key_needs_the_same_order(journal: Journal) -> None:
    known = await journal.open_session(order(sale=Sale("s", 2000)))
    assert orders.same(known, order(sale=Sale("s", 2000))) is known
    for other, differs in (
        (order(), "sale"),
        (order(sale=Sale("s", 2001)), "sale"),
        (order(sale=Sale("s", 2000), money=Money(1, "eur")), "money"),
        (order(sale=Sale("s", 2000), description="x"), "description"),
    ):
        with pytest.raises(PosKeyReusedError, match=f"with another {differs}"):
            orders.same(known, other)


async def test_a_busy_reader_says_with_what(lane: Lane) -> None:
    assert "not reached yet" in str(orders.busy(lane))


async def test_a_retry_keeps_its_sale(journal: Journal, lane: Lane) -> None:
    declined = await concluded(journal, "k1", DECLINED, sale=Sale("s", 2000))
    again = order("k2", retry_of=declined.id, sale=Sale("s", 2000))
    orders.check_retry(again, declined, lane, age=timedelta(seconds=600), window_s=600)
    with pytest.raises(OrderError, match="of sale 's'; a retry keeps that"):
        orders.check_retry(order("k2", retry_of=declined.id), declined, lane, age=timedelta(0), window_s=600)
    with pytest.raises(OrderError, match="too old"):
        orders.check_retry(again, declined, lane, age=timedelta(seconds=601), window_s=600)


@pytest.mark.parametrize(
    ("conflict", "kind"),
    [
        (Conflict.READER, ReaderBusyError),
        (Conflict.REFUND, OrderError),
        (Conflict.RETRY, OrderError),
        (Conflict.REFERENCE, OrderError),
        (Conflict.OTHER, JournalError),
    ],
)
async def test_each_conflict_has_its_words(
    journal: Journal, conflict: Conflict, kind: type[Exception]
) -> None:
    assert isinstance(orders.refusal(order(), ConflictError(conflict, "no"), journal), kind)

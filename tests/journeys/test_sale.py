"""Sales from an empty account to agreeing books: fleet healed, doors open, tills over HTTP."""

import asyncio
from typing import Any

import pytest

from agent.payments.model import SessionQuery
from tests.shop import STRANGER, Shop, declare, in_a_shop

pytestmark = pytest.mark.real_time


def test_every_kind_of_end_and_the_books_agree() -> None:
    async def play(shop: Shop) -> None:
        async def sale(reader: str, key: str, **order: Any) -> dict[str, Any]:
            opened = await shop.sell(reader=reader, pos_key=key, **order)
            assert opened.status == 201, opened
            ended: dict[str, Any] = await shop.end(opened.body["id"])
            return ended

        await shop.customer("till-1", auto_present={"after": 7})
        await shop.customer("till-2", auto_present={"after": 7, "number": "4000000000009995"})
        await shop.customer("till-3", auto_cancel={"after": 6})
        async with asyncio.TaskGroup() as group:
            paid = group.create_task(sale("till-1", "a"), name="a")
            declined = group.create_task(sale("till-2", "b"), name="b")
            left = group.create_task(sale("till-3", "c"), name="c")
        assert (paid.result()["state"], paid.result()["amount_captured"]) == ("paid", 1200)
        assert (declined.result()["state"], left.result()["state"]) == ("declined", "canceled")
        assert declined.result()["verdict"]["decline_code"] == "insufficient_funds"

        held = await sale("till-1", "d", capture="manual", amount=5000)
        assert (held["state"], held["amount_authorized"]) == ("authorized", 5000)
        captured = await shop.call("POST", f"/v1/sessions/{held['id']}/capture", {"amount": 4000})
        assert (captured.body["state"], captured.body["amount_captured"]) == ("paid", 4000)
        again = await shop.call("POST", f"/v1/sessions/{held['id']}/capture", {"amount": 4000})
        assert again.body["state"] == "paid"

        back = await shop.call(
            "POST", f"/v1/sessions/{paid.result()['id']}/refund", {"amount": 200, "pos_key": "r"}
        )
        assert (back.status, back.body["state"]) == (201, "paid"), back
        whole = await shop.call("GET", f"/v1/sessions/{paid.result()['id']}")
        assert whole.body["amount_refunded"] == 200

        opened = await shop.sell(pos_key="e")
        await shop.call("POST", f"/v1/sessions/{opened.body['id']}/cancel")
        assert (await shop.end(opened.body["id"]))["state"] == "canceled"

        journal = shop.gateway.desk.find(SessionQuery(limit=100), None)
        sales = [each for each in journal if each.order.kind == "payment"]
        assert sum(each.amount_captured - each.amount_refunded for each in sales) == 5000
        assert await shop.captured() == 5000
        assert len(journal) == 6

    in_a_shop(play, ("till-1", "till-2", "till-3"))


def test_a_capture_that_is_refused_for_good_leaves_the_money_held_and_says_why() -> None:
    async def play(shop: Shop) -> None:
        await shop.customer("till-1", auto_present={"after": 6})
        opened = await shop.sell(capture="manual")
        held = await shop.end(opened.body["id"])
        assert held["state"] == "authorized"
        await shop.stripe.fault(
            "status:400:amount_too_large", method="POST", path="/v1/payment_intents/*/capture"
        )
        refused = await shop.call("POST", f"/v1/sessions/{held['id']}/capture", {})
        assert (refused.body["state"], refused.body["verdict"]["code"]) == ("authorized", "amount_too_large")
        captured = await shop.call("POST", f"/v1/sessions/{held['id']}/capture", {})
        assert captured.body["state"] == "paid"
        assert await shop.captured() == 1200

    in_a_shop(play)


def test_readers_come_and_go_between_sales_and_never_during_one() -> None:
    async def play(shop: Shop) -> None:
        folder = shop.settings.journal.path.parent
        opened = await shop.sell()
        declare(folder, ["till-2"])
        await shop.ready("till-2")
        assert (await shop.call("GET", f"/v1/sessions/{opened.body['id']}")).body["state"] == "in_flight"
        await shop.call("POST", f"/v1/sessions/{opened.body['id']}/cancel")
        assert (await shop.end(opened.body["id"]))["state"] == "canceled"
        await shop.until("/v1/readers/till-1", lambda answer: "error" in answer)
        assert (await shop.sell(pos_key="k2")).code == "reader_not_found"
        declare(folder, ["till-2"], document=STRANGER)
        await shop.until("/v1/readers/till-2", lambda reader: "abacus" in reader.get("why", ""))
        assert (await shop.sell(pos_key="k3", reader="till-2")).status in {409, 503}

    in_a_shop(play)

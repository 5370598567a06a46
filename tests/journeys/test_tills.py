"""Many tills at once, and tills that ask wrongly, at the real door of a whole gateway."""

import asyncio
from typing import Any

import pytest

from tests.shop import Answer, Shop, in_a_shop

pytestmark = pytest.mark.real_time


def test_ten_tills_with_one_key_at_once_get_one_session() -> None:
    async def play(shop: Shop) -> None:
        await shop.customer("till-1", auto_present={"after": 6})
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(shop.sell(), name=f"request {number}") for number in range(10)]
        answers = [each.result() for each in asked]
        assert {each.body["id"] for each in answers} == {answers[0].body["id"]}
        assert sorted(each.status for each in answers) == [200] * 9 + [201]
        assert (await shop.end(answers[0].body["id"]))["state"] == "paid"
        assert (await shop.sell()).body["state"] == "paid"
        assert await shop.captured() == 1200
        assert len(await shop.stripe.ledger()) == 1

    in_a_shop(play)


def test_the_same_key_of_another_till_is_another_key() -> None:
    async def play(shop: Shop) -> None:
        first = await shop.sell(till="front", reader="till-1")
        second = await shop.sell(till="back", reader="till-2")
        assert (first.status, second.status) == (201, 201)
        assert first.body["id"] != second.body["id"]
        hidden = await shop.call("GET", f"/v1/sessions/{first.body['id']}", till="back")
        assert (hidden.status, hidden.code) == (404, "session_not_found")
        stolen = await shop.call("POST", f"/v1/sessions/{first.body['id']}/cancel", till="back")
        assert stolen.status == 404

    in_a_shop(play, ("till-1", "till-2"))


def test_of_two_tills_on_one_reader_the_second_is_told_busy_and_the_first_is_undisturbed() -> None:
    async def play(shop: Shop) -> None:
        await shop.customer("till-1", auto_present={"after": 8})
        first = await shop.sell(till="front", pos_key="a")
        second = await shop.sell(till="back", pos_key="b", amount=999)
        assert (second.status, second.code) == (409, "reader_busy")
        async with asyncio.TaskGroup() as group:
            crowd = [
                group.create_task(shop.sell(till=f"till{number}", pos_key="c"), name=f"till {number}")
                for number in range(5)
            ]
        assert {each.result().code for each in crowd} == {"reader_busy"}
        assert (await shop.end(first.body["id"]))["amount_captured"] == 1200
        rows = await shop.stripe.ledger()
        assert [(row["captured"], row["prompts_replaced"]) for row in rows] == [(1200, 0)]
        third = await shop.sell(till="back", pos_key="b", amount=999)
        assert third.status == 201, "a refused key was not used up"

    in_a_shop(play)


def test_of_two_tills_that_begin_at_once_on_one_reader_one_wins() -> None:
    async def play(shop: Shop) -> None:
        async with asyncio.TaskGroup() as group:
            asked = [
                group.create_task(shop.sell(till=f"till{number}"), name=f"till {number}")
                for number in range(6)
            ]
        answers = [each.result() for each in asked]
        assert sorted(each.status for each in answers) == [201] + [409] * 5
        assert {each.code for each in answers if each.status == 409} == {"reader_busy"}

    in_a_shop(play)


def test_a_key_with_other_content_is_refused() -> None:
    async def play(shop: Shop) -> None:
        first = await shop.sell()
        changes: list[dict[str, Any]] = [
            {"amount": 1201},
            {"currency": "usd"},
            {"reader": "till-2"},
            {"capture": "manual"},
            {"description": "another"},
            {"metadata": {"a": "b"}},
            {"tip": {"skip": True}},
        ]
        for change in changes:
            other = await shop.sell(**change)
            assert (other.status, other.code) == (409, "pos_key_reused"), change
        assert (await shop.sell()).body["id"] == first.body["id"]

    in_a_shop(play, ("till-1", "till-2"))


def test_who_may_not_sell_is_told_so_and_nothing_is_stored() -> None:
    async def play(shop: Shop) -> None:
        good = shop.till("front")
        order = {"reader": "till-1", "amount": 100, "currency": "eur", "pos_key": "k"}

        async def ask(token: str) -> Answer:
            return await shop.call("POST", "/v1/sessions", order, token=token)

        assert (await ask("")).status == 401
        assert (await ask("tg_wrong")).status == 401
        shop.gateway.tills.revoke("front")
        revoked = await ask(good)
        assert revoked.status == 401
        assert "revoked" in revoked.body["error"]["message"]
        assert (await shop.call("GET", "/v1/sessions", till="back")).body["data"] == []
        assert await shop.stripe.ledger() == []

    in_a_shop(play)


@pytest.mark.parametrize("amount", [0, -1, 1.5, 10**12, "10", True, None])
def test_an_amount_that_cannot_be_is_refused(amount: object) -> None:
    async def play(shop: Shop) -> None:
        refused = await shop.sell(amount=amount)
        assert (refused.status, refused.body["error"]["param"]) == (400, "amount")
        assert (await shop.call("GET", "/v1/sessions")).body["data"] == []

    in_a_shop(play)


def test_other_wrong_orders_are_refused_and_nothing_is_stored() -> None:
    async def play(shop: Shop) -> None:
        assert (await shop.sell(currency="zzz")).status == 400
        assert (await shop.sell(reader="till-9")).code == "reader_not_found"
        assert (await shop.sell(description="x" * 1_000_000)).status in {400, 413}
        assert (await shop.sell(colour="red")).status == 400
        assert (await shop.sell(retry_of="ses_none")).status in {400, 404}
        assert (await shop.call("GET", "/v1/sessions")).body["data"] == []

    in_a_shop(play)


def test_a_till_that_hangs_up_in_the_middle_of_its_request_loses_nothing() -> None:
    async def play(shop: Shop) -> None:
        await shop.customer("till-1", auto_present={"after": 6})
        body = b'{"reader": "till-1", "amount": 1200, "currency": "eur", "pos_key": "k1"}'
        token = shop.till("front")
        head = (
            f"POST /v1/sessions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode()
        _, writer = await asyncio.open_connection("127.0.0.1", shop.gateway.port)
        writer.write(head + body)
        await writer.drain()
        writer.transport.abort()
        await shop.until("/v1/sessions", lambda page: page["data"] != [])
        again = await shop.sell()
        assert again.status == 200
        assert (await shop.end(again.body["id"]))["state"] == "paid"

    in_a_shop(play)

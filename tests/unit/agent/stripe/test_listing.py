"""Pages, one after the other."""

from agent.secret import Secret
from agent.stripe.client import StripeClient
from agent.stripe.listing import every, every_found
from agent.stripe.objects import PaymentIntent, Refund
from tests.fake_exchange import FakeExchange, answer


async def ids(exchange: FakeExchange) -> list[str]:
    client = StripeClient(exchange, Secret("sk_test_1"))
    return [item.id async for item in every(client, Refund, "/v1/refunds", {"payment_intent": "pi_1"})]


async def test_every_page_is_read_until_there_is_no_more() -> None:
    exchange = FakeExchange(
        answer({"object": "list", "data": [{"id": "re_3"}, {"id": "re_2"}], "has_more": True}),
        answer({"object": "list", "data": [{"id": "re_1"}], "has_more": False}),
    )
    assert await ids(exchange) == ["re_3", "re_2", "re_1"]
    assert [request.url.partition("?")[2] for request in exchange.requests] == [
        "payment_intent=pi_1&limit=100",
        "payment_intent=pi_1&limit=100&starting_after=re_2",
    ]


async def test_a_list_that_promises_more_and_gives_nothing_ends() -> None:
    exchange = FakeExchange(answer({"object": "list", "data": [], "has_more": True}))
    assert await ids(exchange) == []
    assert len(exchange.requests) == 1


async def test_every_page_of_a_search_is_read() -> None:
    exchange = FakeExchange(
        answer({"object": "search_result", "data": [{"id": "pi_3"}, {"id": "pi_2"}], "next_page": "page_2"}),
        answer({"object": "search_result", "data": [{"id": "pi_1"}], "next_page": None}),
    )
    client = StripeClient(exchange, Secret("sk_test_1"))
    found = every_found(client, PaymentIntent, "/v1/payment_intents/search", {"query": "amount>1"})
    assert [item.id async for item in found] == ["pi_3", "pi_2", "pi_1"]
    assert [request.url.partition("?")[2] for request in exchange.requests] == [
        "query=amount%3E1&limit=100",
        "query=amount%3E1&limit=100&page=page_2",
    ]

"""One object for all typed calls."""

from agent.secret import Secret
from agent.stripe.api import Stripe
from agent.stripe.client import StripeClient
from agent.stripe.payments import Payments
from agent.stripe.terminal import Terminal
from tests.fake_exchange import FakeExchange, answer


async def test_it_offers_both_groups_of_calls_on_one_client() -> None:
    exchange = FakeExchange(answer({"object": "payment_intent", "id": "pi_1", "status": "canceled"}))
    stripe = Stripe(StripeClient(exchange, Secret("sk_test_1")))
    assert isinstance(stripe, Terminal)
    assert isinstance(stripe, Payments)
    assert (await stripe.retrieve_payment_intent("pi_1")).status == "canceled"
    assert (await stripe.retrieve_reader("tmr_1")).id == "pi_1"
    assert len(exchange.requests) == 2


async def test_each_group_stands_on_its_own() -> None:
    exchange = FakeExchange(answer({"object": "payment_intent", "id": "pi_1"}))
    client = StripeClient(exchange, Secret("sk_test_1"))
    assert (await Payments(client).retrieve_payment_intent("pi_1")).id == "pi_1"
    assert (await Terminal(client).retrieve_reader("tmr_1")).id == "pi_1"

"""The client's shape is the driver's wish, checked by mypy and at run time."""

from agent.secret import Secret
from agent.stripe.api import Stripe
from agent.stripe.client import StripeClient
from agent.stripe.objects import Reader
from drivers.readers.stripe_calls import ReaderFacts, StripeCalls
from drivers.simulators.stripe_api.core import StripeSimulator
from tests.simulated_exchange import SimulatedExchange


def test_our_client_offers_the_calls_the_driver_needs() -> None:
    exchange = SimulatedExchange(StripeSimulator(now=lambda: 0.0))
    calls: StripeCalls = Stripe(StripeClient(exchange, Secret("sk_test_1")))
    assert isinstance(calls, StripeCalls)
    assert not isinstance(exchange, StripeCalls)


def test_our_objects_have_the_fields_the_driver_reads() -> None:
    reader: ReaderFacts = Reader(id="tmr_1")
    assert reader.action is None

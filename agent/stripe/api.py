"""All typed calls of one account on one object."""

from agent.stripe.client import StripeClient
from agent.stripe.payments import Payments
from agent.stripe.terminal import Terminal


class Stripe(Terminal, Payments):
    """What the reader driver, the fleet and the doors are given."""

    def __init__(self, client: StripeClient) -> None:
        super().__init__(client)

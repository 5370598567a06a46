"""All typed calls of one account on one object."""

from agent.stripe.payments import Payments
from agent.stripe.terminal import Terminal


class Stripe(Terminal, Payments):
    """What the reader driver, the fleet and the doors are given; made of one `StripeClient`."""

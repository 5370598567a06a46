"""A stateful simulation of the part of Stripe's API that stores use."""

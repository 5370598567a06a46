"""The payment method types against the official package's."""

from drivers.simulators.stripe_api.method_types import ALLOWED, EXCLUDABLE, allowed, excludable
from tests.unit.drivers.simulators.stripe_api.oracle import literals, module


def test_the_types_are_the_packages() -> None:
    fields = module("params/_payment_intent_create_params.py")["PaymentIntentCreateParams"].fields
    assert literals(fields["allowed_payment_method_types"]) == set(ALLOWED)
    assert literals(fields["excluded_payment_method_types"]) == set(EXCLUDABLE)
    assert len(set(ALLOWED)) == len(ALLOWED)


def test_their_shapes() -> None:
    assert allowed().read({"0": "card_present"}, "p") == ["card_present"]
    assert excludable(clears=True).read("", "p") == ""

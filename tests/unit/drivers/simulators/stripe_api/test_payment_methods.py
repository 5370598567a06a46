"""PaymentMethods made by readers."""

from drivers.simulators.stripe_api.cards import CARDS, STANDARD
from drivers.simulators.stripe_api.core import StripeSimulator
from drivers.simulators.stripe_api.payment_methods import generated_card, method_of
from tests.unit.drivers.simulators.stripe_api.caller import Caller


async def test_a_payment_leaves_its_method(api: Caller) -> None:
    paid = await api.paid(await api.reader())
    method = await api.get(f"/v1/payment_methods/{paid['payment_method']}")
    assert (method["type"], method["card_present"]["last4"]) == ("card_present", "4242")
    await api.error("GET", "/v1/payment_methods/pm_none", 404)


def test_kinds_of_methods(simulator: StripeSimulator) -> None:
    world, card = simulator.world, CARDS[STANDARD]
    account = world.account("a")
    interac = method_of(world, account, card, "interac_present", "contact_emv").body["interac_present"]
    present = method_of(world, account, card, "card_present", "contact_emv").body["card_present"]
    assert set(present) - set(interac) == {"brand_product", "offline"}
    saved = generated_card(world, account, card, "always", "setatt_1", None).body
    assert saved["card"]["generated_from"]["setup_attempt"] == "setatt_1"
    assert saved["card"]["fingerprint"] == present["fingerprint"]

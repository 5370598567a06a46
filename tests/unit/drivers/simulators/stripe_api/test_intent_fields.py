"""The fields of a PaymentIntent: limits, version gates, what is filtered and what is kept."""

from typing import Any

import pytest

from drivers.simulators.stripe_api.core import StripeSimulator
from drivers.simulators.stripe_api.settings import SimulatorSettings
from tests.unit.drivers.simulators.stripe_api.caller import Caller, FakeClock

PATH = "/v1/payment_intents"


@pytest.mark.parametrize(
    ("amount", "currency", "code"),
    [
        (0, "eur", "parameter_invalid_integer"),
        (-1, "eur", "parameter_invalid_integer"),
        ("1.5", "eur", "parameter_invalid_integer"),
        ("", "eur", "parameter_invalid_empty"),
        (10**30, "eur", "parameter_invalid_integer"),
        (49, "eur", "amount_too_small"),
        (29, "gbp", "amount_too_small"),
        (100_000_000, "eur", "amount_too_large"),
    ],
)
async def test_amounts_have_limits(api: Caller, amount: Any, currency: str, code: str) -> None:
    error = await api.error("POST", PATH, amount=amount, currency=currency)
    assert (error["code"], error["param"]) == (code, "amount")


async def test_the_limits_themselves_are_good(api: Caller) -> None:
    for amount, currency in ((50, "eur"), (30, "gbp"), (99_999_999, "usd"), (1, "krw")):
        await api.post(PATH, amount=amount, currency=currency)


async def test_currencies_must_exist(api: Caller) -> None:
    assert (await api.error("POST", PATH, amount=1000, currency="xyz"))["param"] == "currency"
    assert (await api.post(PATH, amount=1000, currency="EUR"))["currency"] == "eur"


@pytest.mark.parametrize(
    ("currency", "allowed", "types"),
    [
        ("eur", ["card_present", "interac_present"], ["card_present"]),
        ("cad", ["card_present", "interac_present"], ["card_present", "interac_present"]),
        ("brl", ["card_present", "card"], ["card"]),
        ("eur", ["card_present", "ideal"], ["card_present"]),
    ],
)
async def test_unsupported_types_are_filtered_silently(
    api: Caller, currency: str, allowed: list[str], types: list[str]
) -> None:
    made = await api.post(PATH, amount=1000, currency=currency, allowed_payment_method_types=allowed)
    assert (made["allowed_payment_method_types"], made["payment_method_types"]) == (allowed, types)


async def test_nothing_left_is_an_error(api: Caller) -> None:
    error = await api.error(
        "POST", PATH, amount=1000, currency="brl", allowed_payment_method_types=["card_present"]
    )
    assert error["param"] == "allowed_payment_method_types"


async def test_the_country_of_the_account_can_limit_cards_in_person(clock: FakeClock) -> None:
    api = Caller(StripeSimulator(now=clock.now, settings=SimulatorSettings(account_country="US")))
    params = {"amount": 1000, "allowed_payment_method_types": ["card_present", "card"]}
    assert (await api.post(PATH, currency="usd", **params))["payment_method_types"] == [
        "card_present",
        "card",
    ]
    assert (await api.post(PATH, currency="eur", **params))["payment_method_types"] == ["card"]


async def test_old_versions_have_old_parameters(api: Caller, simulator: StripeSimulator) -> None:
    params = {"amount": 1000, "currency": "eur", "payment_method_types": ["card_present"]}
    error = await api.error("POST", PATH, **params)
    assert error["code"] == "payment_method_types_no_longer_supported"
    old = Caller(simulator, "sk_test_one", **{"stripe-version": "2026-05-27.dahlia"})
    made = await old.post(PATH, **params)
    assert (made["payment_method_types"], made["allowed_payment_method_types"]) == (["card_present"], None)
    error = await old.error("POST", PATH, **(params | {"payment_method_types": ["interac_present"]}))
    assert error["param"] == "payment_method_types[0]"
    error = await old.error("POST", PATH, amount=1000, currency="eur", allowed_payment_method_types=["card"])
    assert error["code"] == "parameter_unknown"
    between = Caller(simulator, "sk_test_one", **{"stripe-version": "2026-08-26.dahlia"})
    error = await between.error("POST", PATH, allowed_payment_method_types=["card"], **params)
    assert error["code"] == "parameters_exclusive"


async def test_what_is_given_is_shown(api: Caller) -> None:
    given: dict[str, Any] = {
        "application_fee_amount": 0,
        "customer": "cus_1",
        "description": "Shoes",
        "on_behalf_of": "acct_1",
        "payment_details": {"order_reference": "o1"},
        "receipt_email": "a@example.com",
        "statement_descriptor": "SHOP",
        "transfer_group": "g",
    }
    made = await api.post(
        PATH,
        amount=1000,
        currency="eur",
        automatic_payment_methods={"enabled": True},
        amount_details={"discount_amount": 5, "tax": {"total_tax_amount": 3}},
        transfer_data={"destination": "acct_2"},
        payment_method_options={"interac_present": ""},
        **given,
    )
    assert {name: made[name] for name in given} == given
    assert made["amount_details"] == {"tip": {}, "discount_amount": 5, "tax": {"total_tax_amount": 3}}
    assert made["automatic_payment_methods"] == {"allow_redirects": "always", "enabled": True}
    changed = await api.post(f"{PATH}/{made['id']}", amount_details="", payment_details="", receipt_email="")
    assert (changed["amount_details"], changed["payment_details"], changed["receipt_email"]) == (
        {"tip": {}},
        {},
        None,
    )


async def test_card_options_have_defaults(api: Caller) -> None:
    made = await api.get(f"{PATH}/{await api.intent()}")
    assert made["payment_method_options"]["card_present"] == {
        "request_extended_authorization": False,
        "request_incremental_authorization_support": False,
    }


async def test_online_things_are_refused_with_a_reason(api: Caller) -> None:
    error = await api.error("POST", PATH, amount=1000, currency="eur", payment_method="pm_1")
    assert (error["param"], "without a reader" in error["message"]) == ("payment_method", True)
    error = await api.error(
        "POST", PATH, amount=1000, currency="eur", payment_method_options={"ideal": {"a": "b"}}
    )
    assert error["param"] == "payment_method_options[ideal]"
    error = await api.error("POST", PATH, amount=1000, currency="eur", surprise=1)
    assert (error["param"], error["code"]) == ("surprise", "parameter_unknown")
    assert (await api.error("POST", PATH, currency="eur"))["code"] == "parameter_missing"


async def test_a_transfer_keeps_its_destination(api: Caller) -> None:
    path = f"{PATH}/{await api.intent(transfer_data={'destination': 'acct_2'})}"
    changed = await api.post(path, transfer_data={"amount": 5})
    assert changed["transfer_data"] == {"destination": "acct_2", "amount": 5}
    other = f"{PATH}/{await api.intent()}"
    assert (await api.error("POST", other, transfer_data={"amount": 5}))["param"] == "transfer_data"

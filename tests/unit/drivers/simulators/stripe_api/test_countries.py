"""Countries, currencies and the least that can be charged."""

from drivers.simulators.stripe_api.countries import (
    CURRENCIES,
    CURRENCY_COUNTRIES,
    EURO,
    JAPAN,
    minimum,
    required_fields,
)
from drivers.simulators.stripe_api.terminal_parameters import TIPPING_CURRENCIES


def test_every_country_with_a_currency_has_an_address_rule() -> None:
    for countries in CURRENCY_COUNTRIES.values():
        for country in countries - {JAPAN}:
            assert required_fields(country), country
    assert required_fields("BR") is None
    assert required_fields("US") == ("line1", "city", "state", "postal_code")


def test_currencies_are_known() -> None:
    assert set(CURRENCY_COUNTRIES) <= CURRENCIES
    assert set(TIPPING_CURRENCIES) <= CURRENCIES
    assert {"DE", "FR", "IE"} <= EURO
    assert (minimum("eur"), minimum("huf"), minimum("krw")) == (50, 17500, 1)

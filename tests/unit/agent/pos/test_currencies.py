"""Currencies and their decimals."""

import pytest

from agent.pos.currencies import EXPONENTS, decimal
from drivers.contract import Money


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (1234, "eur", "12.34"),
        (5, "usd", "0.05"),
        (0, "eur", "0.00"),
        (-250, "chf", "-2.50"),
        (500, "jpy", "500"),
        (-5, "jpy", "-5"),
        (1000, "huf", "10.00"),
    ],
)
def test_amounts_as_people_write_them(amount: int, currency: str, text: str) -> None:
    assert decimal(amount, currency) == text


def test_every_code_is_one_of_money() -> None:
    assert [Money(1, code).currency for code in EXPONENTS] == list(EXPONENTS)
    assert set(EXPONENTS.values()) <= {0, 2, 3}

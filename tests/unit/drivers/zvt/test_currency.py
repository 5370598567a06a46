"""Currencies."""

import pytest

from drivers.zvt.currency import CURRENCIES, NUMBERS, amount_text


@pytest.mark.parametrize(
    ("amount", "number", "text"),
    [
        (1234, None, "12.34 EUR"),
        (5, 756, "0.05 CHF"),
        (1234, 392, "1234 JPY"),
        (1234, 999, "1234 minor units of currency 999"),
    ],
)
def test_amounts_as_people_write_them(amount: int, number: int | None, text: str) -> None:
    assert amount_text(amount, number) == text


def test_codes_and_numbers() -> None:
    assert NUMBERS["EUR"] == 978
    assert len(NUMBERS) == len(CURRENCIES)

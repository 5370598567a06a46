"""Currencies by the number BMP 49 carries (ISO 4217), for people and for money types."""

from typing import NamedTuple

EURO = 978


class Currency(NamedTuple):
    """Three capital letters, and how many digits stand behind the point."""

    code: str
    decimals: int = 2


CURRENCIES: dict[int, Currency] = {
    EURO: Currency("EUR"),
    756: Currency("CHF"),
    826: Currency("GBP"),
    840: Currency("USD"),
    203: Currency("CZK"),
    208: Currency("DKK"),
    348: Currency("HUF"),
    578: Currency("NOK"),
    752: Currency("SEK"),
    985: Currency("PLN"),
    946: Currency("RON"),
    975: Currency("BGN"),
    36: Currency("AUD"),
    124: Currency("CAD"),
    392: Currency("JPY", 0),
    352: Currency("ISK", 0),
    949: Currency("TRY"),
}

NUMBERS: dict[str, int] = {currency.code: number for number, currency in CURRENCIES.items()}


def amount_text(amount: int, number: int | None) -> str:
    """An amount in minor units as people write it; no currency means euros (chapter 1.3)."""
    currency = CURRENCIES.get(EURO if number is None else number)
    if currency is None:
        return f"{amount} minor units of currency {number}"
    if not currency.decimals:
        return f"{amount} {currency.code}"
    whole, part = divmod(amount, 10**currency.decimals)
    return f"{whole}.{part:0{currency.decimals}} {currency.code}"

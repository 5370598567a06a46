"""The currencies a sale in a store can have, with the number of their decimals."""

from collections.abc import Mapping
from types import MappingProxyType

# Stripe Terminal's transaction and tipping currencies, with the decimals of Stripe's amounts (HUF keeps two).
EXPONENTS: Mapping[str, int] = MappingProxyType(
    {
        "aed": 2,
        "aud": 2,
        "cad": 2,
        "chf": 2,
        "czk": 2,
        "dkk": 2,
        "eur": 2,
        "gbp": 2,
        "gip": 2,
        "hkd": 2,
        "huf": 2,
        "jpy": 0,
        "mxn": 2,
        "myr": 2,
        "nok": 2,
        "nzd": 2,
        "pln": 2,
        "ron": 2,
        "sek": 2,
        "sgd": 2,
        "usd": 2,
    }
)
"""ISO 4217 code in lower case -> digits behind the decimal point of an amount in minor units."""


def decimal(amount: int, currency: str) -> str:
    """An amount in minor units as people write it: 1234, "eur" -> "12.34"; 500, "jpy" -> "500"."""
    digits = EXPONENTS[currency]
    if digits == 0:
        return str(amount)
    sign = "-" if amount < 0 else ""
    whole, part = divmod(abs(amount), 10**digits)
    return f"{sign}{whole}.{part:0{digits}d}"

"""Where Terminal works: address rules and currencies by country (docs.stripe.com/terminal)."""

from typing import Final


def _codes(words: str) -> frozenset[str]:
    return frozenset(words.split())


WITH_STATE: Final = frozenset({"AU", "CA", "ES", "IT", "US"})
WITH_CITY: Final = _codes("AT BE CZ CH DE DK EE FI FR GB HU LI LT LU LV MY NL NO NZ PL PT RO SE SK AE GR HK")
WITH_POSTAL_CODE: Final = frozenset({"BG", "CY", "HR", "IE", "MT", "SG", "SI"})
WITH_LINE: Final = frozenset({"GI"})
JAPAN: Final = "JP"


def required_fields(country: str) -> tuple[str, ...] | None:
    """The address fields a Location in `country` must have; None where Terminal is not available."""
    if country in WITH_STATE:
        return ("line1", "city", "state", "postal_code")
    if country in WITH_CITY:
        return ("line1", "city", "postal_code")
    if country in WITH_POSTAL_CODE:
        return ("line1", "postal_code")
    if country in WITH_LINE:
        return ("line1",)
    return None


EURO: Final = _codes("IE FR DE NL AT BE ES PT FI LU IT BG CY EE GR HR LT LV MT SI SK")
CURRENCY_COUNTRIES: Final[dict[str, frozenset[str]]] = {
    "usd": frozenset({"US"}),
    "cad": frozenset({"CA"}),
    "gbp": frozenset({"GB", "GI"}),
    "eur": EURO,
    "aud": frozenset({"AU"}),
    "nzd": frozenset({"NZ"}),
    "sgd": frozenset({"SG"}),
    "dkk": frozenset({"DK"}),
    "sek": frozenset({"SE"}),
    "nok": frozenset({"NO"}),
    "hkd": frozenset({"HK"}),
    "myr": frozenset({"MY"}),
    "czk": frozenset({"CZ"}),
    "chf": frozenset({"CH", "LI"}),
    "pln": frozenset({"PL"}),
    "huf": frozenset({"HU"}),
    "ron": frozenset({"RO"}),
    "jpy": frozenset({"JP"}),
    "aed": frozenset({"AE"}),
}
"""Currencies a card can be charged in at a reader, and the countries its Location may stand in."""

MINIMUM: Final[dict[str, int]] = {
    "usd": 50, "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250,
    "eur": 50, "gbp": 30, "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200, "nok": 300,
    "nzd": 50, "pln": 200, "ron": 200, "sek": 300, "sgd": 50, "thb": 1000,
}  # fmt: skip
"""Smallest charge in minor units (docs.stripe.com/currencies, minimum and maximum charge amounts)."""
AMOUNT_MAX: Final = 99_999_999

OTHER_CURRENCIES: Final = _codes(
    "afn all amd ang aoa ars awg azn bam bbd bdt bif bmd bnd bob bsd bwp byn bzd cdf clp cny cop crc cve "
    "djf dop dzd egp etb fjd fkp gel gip gmd gnf gtq gyd hnl htg idr ils isk jmd kes kgs khr kmf krw kyd "
    "kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mro mur mvr mwk mzn nad ngn nio npr pab pen pgk "
    "php pkr pyg qar rsd rub rwf sar sbd scr shp sle sos srd std szl tjs top try ttd twd tzs uah ugx uyu "
    "uzs vnd vuv wst xaf xcd xof xpf yer zar zmw bhd jod kwd omr tnd"
)
CURRENCIES: Final = frozenset(MINIMUM) | OTHER_CURRENCIES


def minimum(currency: str) -> int:
    """The smallest amount that can be charged, in minor units."""
    return MINIMUM.get(currency, 1)

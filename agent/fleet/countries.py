"""Where Terminal works and what an address must have there (docs.stripe.com/terminal/fleet, locations)."""

from typing import Final

_GROUPS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("AU CA ES IT US", ("line1", "city", "state", "postal_code")),
    (
        "AT BE CZ CH DE DK EE FI FR GB HU LI LT LU LV MY NL NO NZ PL PT RO SE SK",
        ("line1", "city", "postal_code"),
    ),
    ("BG CY HR IE MT SG SI", ("line1", "postal_code")),
    ("GI", ("line1",)),
    # Terminal countries for which Stripe publishes no rule: Stripe itself will say what is missing.
    ("AE GR HK MX", ()),
)

REQUIRED: Final = {country: fields for countries, fields in _GROUPS for country in countries.split()}
"""The address fields that a Location must have, beside `country`, by country."""

JAPAN: Final = "JP"
"""Its addresses are given in kana and kanji instead (docs.stripe.com/terminal, regional considerations)."""

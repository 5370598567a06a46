"""The table of countries."""

from agent.fleet.countries import JAPAN, REQUIRED


def test_the_groups_of_the_reference() -> None:
    assert REQUIRED["US"] == ("line1", "city", "state", "postal_code")
    assert REQUIRED["DE"] == ("line1", "city", "postal_code")
    assert REQUIRED["IE"] == ("line1", "postal_code")
    assert REQUIRED["GI"] == ("line1",)
    assert REQUIRED["HK"] == ()
    assert JAPAN not in REQUIRED
    assert len(REQUIRED) == 5 + 24 + 7 + 1 + 4

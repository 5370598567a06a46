"""Card types."""

from drivers.zvt.cards import BRANDS, CARD_TYPES, brand, card_type_text


def test_names_and_brands() -> None:
    assert card_type_text(5) == "girocard"
    assert card_type_text(260) == "BlueCode"
    assert card_type_text(4) == "card type 4"
    assert brand(10) == "visa"
    assert brand(104) == "unknown"
    assert set(BRANDS) <= set(CARD_TYPES)

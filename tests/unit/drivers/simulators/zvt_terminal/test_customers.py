"""Cards."""

from drivers.simulators.zvt_terminal.customers import CARDS, QUICK, Customer
from drivers.zvt.cards import CARD_TYPES
from drivers.zvt.values import TOTAL_KINDS


def test_cards_are_of_the_standard() -> None:
    for name, card in CARDS.items():
        assert card.name == name
        assert card.kind in CARD_TYPES
        assert card.total in TOTAL_KINDS
        assert bytes.fromhex(card.aid)


def test_customers_own_cards_that_exist() -> None:
    assert QUICK.card in CARDS
    assert Customer().card in CARDS

"""Intermediate statuses and terminal states."""

from drivers.zvt.commands.table import ROWS
from drivers.zvt.statuses import INTERMEDIATE, TERMINAL_STATES, intermediate_text, terminal_state_text


def test_a_code_and_its_variant_with_the_card_to_be_taken_out() -> None:
    assert intermediate_text(0x15) == "wrong PIN"
    assert intermediate_text(0x55) == "wrong PIN; take the card out"
    assert intermediate_text(0x4B) == intermediate_text(0x0B)
    assert 0x4A not in INTERMEDIATE
    assert intermediate_text(0x99) == "status 99"


def test_states_name_commands_that_cure_them() -> None:
    assert terminal_state_text(0x51) == "must be initialised"
    assert terminal_state_text(0x99) == "state 99"
    for state in TERMINAL_STATES.values():
        assert set(state.cures) <= set(ROWS)

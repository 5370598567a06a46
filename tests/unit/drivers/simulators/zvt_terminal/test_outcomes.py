"""Amounts decide."""

from drivers.simulators.zvt_terminal.outcomes import APPROVED, SCRIPTS, Power, script_for
from drivers.zvt.results import HOST_RESULTS, RESULTS


def test_the_promised_ones() -> None:
    assert script_for(1200) is APPROVED
    assert script_for(99) is APPROVED
    assert script_for(1205).result == 5
    assert script_for(8).stops
    assert script_for(100055).wrong_pins == 2


def test_each_has_a_known_result() -> None:
    for script in SCRIPTS.values():
        assert script.summary
        assert script.result in RESULTS or script.result in HOST_RESULTS or script.result in {0x41, 0x4B}
        assert script.power is Power.STAYS or script.result == 0

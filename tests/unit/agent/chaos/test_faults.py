"""Which fault can come true where."""

import pytest

from agent.chaos.faults import FAULTS, KINDS, ONLY_STRIPE, STEPS, Group
from drivers.simulators.chaos.wire import WireFault
from drivers.simulators.fault_list import FAULTS as LINE_FAULTS


def test_every_fault_of_the_line_and_of_the_wire_is_among_them() -> None:
    lines = {name.removeprefix("line ") for name in KINDS if FAULTS[name].group is Group.LINE}
    assert lines == set(LINE_FAULTS)
    wires = {name for name in KINDS if FAULTS[name].group is Group.WIRE}
    assert wires == {fault.value for fault in WireFault} | {"line down"}


@pytest.mark.parametrize("name", KINDS)
def test_each_can_come_true_somewhere(name: str) -> None:
    fault = FAULTS[name]
    assert fault.fits(terminal=True) or fault.fits(terminal=False)
    assert any(fault.can(step) for step in STEPS)


def test_a_terminals_line_breaks_at_no_step_that_terminals_do_not_have() -> None:
    assert not any(FAULTS["garbage"].can(step) for step in ONLY_STRIPE)
    assert FAULTS["crash"].can("held")
    assert FAULTS["crash"].can_at(False, "held")
    assert not FAULTS["crash"].can_at(True, "held")
    assert not FAULTS["500"].can("authorizing")

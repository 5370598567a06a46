"""What a terminal's state means, and why it takes nothing."""

import pytest

from drivers.contract import DriverError
from drivers.readers.zvt_conversation import End, Ended
from drivers.readers.zvt_standing import Standing, TerminalBusyError, TerminalRefusedError, refusal_of
from drivers.zvt.message import Message


@pytest.mark.parametrize(
    ("code", "usable"), [(0x00, True), (0xDC, True), (0x62, True), (0x77, True), (0xC2, False), (0x9C, False)]
)
def test_states_in_which_payments_may_go_well(code: int, *, usable: bool) -> None:
    assert Standing(code, "?").usable is usable


@pytest.mark.parametrize(
    ("command", "code", "kind", "name"),
    [
        (0x84A0, 0xA0, TerminalBusyError, "terminal_busy"),
        (0x841E, 0x1E, TerminalRefusedError, "wrong_currency"),
        (0x8483, 0x83, TerminalRefusedError, "zvt_switched_off"),
        (0x8437, 0x37, TerminalRefusedError, "wrong_password"),
        (0x061E, 0xC2, TerminalRefusedError, "zvt_c2"),
    ],
)
def test_reasons(command: int, code: int, kind: type[DriverError], name: str) -> None:
    error = refusal_of(Ended(End.REFUSED, code, Message(command, {"result": bytes((code,))})), "registration")
    assert isinstance(error, kind)
    assert error.code == name

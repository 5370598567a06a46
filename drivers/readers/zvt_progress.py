"""What a customer sees, from the terminal's intermediate statuses (04 FF, PA00P015 3.7)."""

from drivers.contract import Progress
from drivers.zvt.commands.reports import IntermediateStatus
from drivers.zvt.statuses import AUTOMATIC_REVERSAL, REMOVE_CARD

_STEPS: dict[int, Progress] = {
    0x00: Progress.PREPARING,
    0x01: Progress.ENTERING_PIN,
    0x02: Progress.ENTERING_PIN,
    0x04: Progress.AUTHORIZING,
    AUTOMATIC_REVERSAL: Progress.CANCELING,
    0x06: Progress.AUTHORIZING,
    0x0A: Progress.WAITING_FOR_CARD,
    0x0B: Progress.REMOVE_CARD,
    0x0C: Progress.WAITING_FOR_CARD,
    0x0E: Progress.AUTHORIZING,
    0x15: Progress.WRONG_PIN,
    0x17: Progress.AUTHORIZING,
    0x18: Progress.WRONG_PIN,
    0x2A: Progress.WAITING_FOR_CARD,
    0x55: Progress.WRONG_PIN,
    0x58: Progress.WRONG_PIN,
    0x5E: Progress.AUTHORIZING,
    0x68: Progress.WAITING_FOR_CARD,
    0x6A: Progress.ENTERING_PIN,
    0x6B: Progress.ENTERING_PIN,
    0x6C: Progress.ENTERING_PIN,
    0x6D: Progress.AUTHORIZING,
    0xA1: Progress.REMOVE_CARD,
    0xA2: Progress.CANCELING,
    0xA3: Progress.CANCELING,
    0xCC: Progress.ENTERING_PIN,
    0xD2: Progress.AUTHORIZING,
    0xD3: Progress.AUTHORIZING,
    0xF2: Progress.AUTHORIZING,
}


def step_of(status: IntermediateStatus) -> Progress | None:
    """The step a customer sees; None for what changes nothing for him."""
    known = _STEPS.get(status.status)
    if known is None and REMOVE_CARD < status.status <= 0x67:
        return Progress.REMOVE_CARD
    return known

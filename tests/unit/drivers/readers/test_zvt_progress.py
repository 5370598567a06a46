"""What customers see, from 04 FF."""

import pytest

from drivers.contract import Progress
from drivers.readers.zvt_progress import step_of
from drivers.zvt.commands.reports import IntermediateStatus


@pytest.mark.parametrize(
    ("code", "step"),
    [
        (0x0A, Progress.WAITING_FOR_CARD),
        (0x0E, Progress.AUTHORIZING),
        (0x01, Progress.ENTERING_PIN),
        (0x15, Progress.WRONG_PIN),
        (0x55, Progress.WRONG_PIN),
        (0x0B, Progress.REMOVE_CARD),
        (0x4B, Progress.REMOVE_CARD),
        (0x5C, Progress.REMOVE_CARD),
        (0x05, Progress.CANCELING),
        (0xFF, None),
        (0x1C, None),
        (0x99, None),
    ],
)
def test_steps(code: int, step: Progress | None) -> None:
    assert step_of(IntermediateStatus(code)) is step

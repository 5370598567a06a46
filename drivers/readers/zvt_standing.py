"""What a terminal says of itself and of its state (05 01), and the ways in which it takes nothing."""

from dataclasses import dataclass, field

from drivers.contract import DriverError
from drivers.readers.zvt_conversation import Ended
from drivers.readers.zvt_outcome import why
from drivers.zvt import results, statuses

BUSY = frozenset({results.PLEASE_WAIT, results.BUSY})
"""Codes by which a terminal says that it still works on something."""

AT_WORK = frozenset({0x9C, 0xE0})
"""States of 05 01 in which it does."""

USABLE = frozenset({statuses.READY, statuses.CARD_INSERTED, 0x62, 0x9D, 0xBF, 0xE1})
"""States of 05 01 in which payments may go well: what is wrong with the rest, only people can put right."""


class TerminalBusyError(DriverError):
    """The terminal works on something and takes nothing else."""


class TerminalRefusedError(DriverError):
    """The terminal does not take the registration or the question for its state."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a terminal said of itself; "" for what it did not."""

    terminal_id: str = ""
    device: str = ""
    version: str = ""
    serial_number: str = ""
    flags: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """A terminal's answer to 05 01."""

    code: int
    text: str
    identity: Identity = field(default_factory=Identity)

    @property
    def usable(self) -> bool:
        """Whether it takes payments, as far as it says."""
        return self.code in USABLE or self.code not in statuses.TERMINAL_STATES


def refusal_of(ended: Ended, what: str) -> DriverError:
    """The error that says why the terminal did not take `what`, and what to do."""
    if ended.code in BUSY:
        return TerminalBusyError(
            f"the terminal is busy: {why(ended.message, ended.code)}", code="terminal_busy"
        )
    if ended.message.command == 0x841E:
        text = "the terminal does not take this currency: set the option 'currency' to the terminal's own"
        return TerminalRefusedError(text, code="wrong_currency")
    if ended.code == results.UNKNOWN_COMMAND:
        text = f"the terminal does not know {what}: ZVT is perhaps switched off in its menu"
        return TerminalRefusedError(text, code="zvt_switched_off")
    if ended.code == 0x37:
        return TerminalRefusedError(
            "the terminal refuses the password: set the option 'password'", code="wrong_password"
        )
    return TerminalRefusedError(
        f"the terminal refused {what}: {why(ended.message, ended.code)}", code=f"zvt_{ended.code:02x}"
    )

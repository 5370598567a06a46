"""What happens to a payment, decided by the last two digits of its amount."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from drivers.zvt import results

WRONG_PIN = 0x37
"""Host code 55 (decimal)."""

PIN_TRIES = 2
"""A wrong PIN may be typed once more; then the host declines."""


class Power(StrEnum):
    """When the power fails during a payment."""

    STAYS = "stays"
    BEFORE_HOST = "before the host was asked"
    AFTER_HOST = "after the host approved, before 04 0F"
    AFTER_STATUS = "after 04 0F left, before its answer"


@dataclass(frozen=True, slots=True)
class Script:
    """How a payment goes: `result` 00 is approved, 01-63 come from the host, others from the terminal."""

    summary: str
    result: int = results.OK
    wrong_pins: int = 0
    stops: bool = False
    walks_away: bool = False
    power: Power = Power.STAYS


APPROVED = Script("approved")


def _host(code: int, summary: str) -> Script:
    return Script(summary, code)


SCRIPTS: Mapping[int, Script] = MappingProxyType(
    {
        1: _host(0x01, "declined: the acquirer wants a phone call"),
        5: _host(0x05, "declined"),
        8: Script("the customer presses stop", results.ABORTED, stops=True),
        9: Script("the customer walks away", results.ABORTED, walks_away=True),
        43: _host(0x2B, "declined: keep the card"),
        51: _host(0x33, "declined: not enough money"),
        54: _host(0x36, "declined: the card has expired"),
        55: Script("wrong PIN twice, then declined", WRONG_PIN, wrong_pins=PIN_TRIES),
        56: Script("wrong PIN once, then approved", wrong_pins=1),
        64: Script("the card cannot be read", 0x64),
        65: _host(0x41, "declined: the card's limit is reached"),
        75: _host(0x4B, "declined: wrong PIN too often"),
        78: Script("the card has expired", 0x78),
        91: Script("the line to the host fails", 0x9B),
        96: Script("the power fails before the host is asked", power=Power.BEFORE_HOST),
        97: Script("the power fails after the host has approved", power=Power.AFTER_HOST),
        98: Script("the power fails right after 04 0F", power=Power.AFTER_STATUS),
    }
)
"""Last two digits of the amount (minor units) to what happens; all others are approved."""


def script_for(amount: int) -> Script:
    """What happens to a payment of this amount (minor units)."""
    return SCRIPTS.get(amount % 100, APPROVED)

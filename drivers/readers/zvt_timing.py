"""How long the ZVT reader driver waits for what."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace


class TimingError(ValueError):
    """A time that cannot be."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds; each may be set by an option of the same name (PA00P016 3.4, 5.2)."""

    t1_s: float = 0.2
    """Between two bytes of a serial frame."""

    t2_s: float = 5.0
    """From a serial frame to its ACK."""

    t3_s: float = 5.0
    """From a command to 80 00 or 84 xx, and on TCP from the first byte of a message to its last."""

    t4_s: float = 180.0
    """From one word of a working terminal to the next, unless a 04 FF names another time."""

    t4_longest_s: float = 900.0
    """The longest time a 04 FF may ask for: 99 minutes, or none at all, would hold the till for ever."""

    fresh_s: float = 5.0
    """A terminal that said nothing for longer is asked for its state before money is sent to it."""

    busy_for_s: float = 45.0
    """How long a terminal that still works on something is waited for before the question is put off."""

    busy_pause_s: float = 1.0
    """Between two questions to a busy terminal."""

    stop_again_s: float = 5.0
    """Between two 06 B0, while the terminal does not take the first."""

    check_every_s: float = 60.0
    """05 01 at least once a minute when idle lets the terminal run its own jobs (PA00P015 2.56)."""

    @classmethod
    def of(cls, options: Mapping[str, str]) -> "Timing":
        """The defaults with the options that name a time; raises `TimingError` for a bad value."""
        changes: dict[str, float] = {}
        for name in (each.name for each in fields(cls)):
            if name not in options:
                continue
            try:
                changes[name] = float(options[name])
            except ValueError:
                raise TimingError(f"{name} must be a number of seconds, not {options[name]!r}") from None
            if not 0 < changes[name] < float("inf"):
                raise TimingError(f"{name} must be more than nothing, not {options[name]!r}")
        return replace(cls(), **changes)

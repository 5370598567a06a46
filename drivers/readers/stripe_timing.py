"""How long the Stripe reader driver waits for what, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace


class TimingError(ValueError):
    """A time that cannot be."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds and counts; each may be set by an option of the same name."""

    patience_s: float = 600.0
    """A prompt older than this is withdrawn even if nobody asks: a reader that dropped out keeps its action
    `in_progress` for ever (docs.stripe.com/terminal/features/server-driven-integration)."""

    silence_s: float = 45.0
    """Looks may fail for so long before the sale is in doubt; the lane then asks until the line is back."""

    busy_for_s: float = 8.0
    """A reader that is busy authorising or updating gets so long to become free."""

    busy_pause_s: float = 2.5
    """Between two looks at a busy reader."""

    dispatch_rounds: float = 3
    """How often a command that the reader did not acknowledge is tried."""

    dispatch_pause_s: float = 1.0
    """Between those rounds, times the round's number."""

    withdraw_s: float = 40.0
    """An authorisation under way blocks a cancel; it takes seconds, so after this nobody knows."""

    withdraw_pause_s: float = 1.5
    """Between two tries to withdraw."""

    late_looks: float = 3
    """How often the PaymentIntent is read again when the reader says that it failed to hear from Stripe:
    the payment may be authorised all the same."""

    late_pause_s: float = 2.0
    """Between those reads."""

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
                raise TimingError(f"{name} must be a number, not {options[name]!r}") from None
            if not 0 <= changes[name] < float("inf"):
                raise TimingError(f"{name} must be a positive number, not {options[name]!r}")
        return replace(cls(), **changes)

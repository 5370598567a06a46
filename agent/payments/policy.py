"""How patient the parts of payments are."""

from dataclasses import dataclass, field

from drivers.links.backoff import Backoff


@dataclass(frozen=True, slots=True)
class LanePolicy:
    """How patient a lane is, in seconds."""

    payment_timeout_s: float = 150.0  # a customer who walked away; Stripe documents no limit of its own
    open_timeout_s: float = 30.0
    close_timeout_s: float = 5.0
    check: Backoff = field(default=Backoff(0.5, 60.0))  # between two questions about a session in doubt
    reach: Backoff = field(default=Backoff(1.0, 60.0))  # between two tries to reach the reader
    store: Backoff = field(default=Backoff(0.5, 10.0))  # between two tries to write the journal


@dataclass(frozen=True, slots=True)
class SweepPolicy:
    """When the books of the provider are swept, and what is old enough for it, in seconds."""

    first_after_s: float = 120.0  # after the start: lanes settle what an earlier life left first
    interval_s: float = 3600.0
    look_back_s: float = 3 * 86_400.0  # how old what is payable or paid may be; holds are seen at any age
    young_s: float = 900.0  # a sale younger than this may still be on its way into the journal
    unknown_s: float = 86_400.0  # before something that the journal does not know is let go
    before_expiry_s: float = 6 * 3600.0  # a hold that nobody captured is let go so long before it expires


@dataclass(frozen=True, slots=True)
class DeskPolicy:
    """How patient the desk is, in seconds."""

    settle_wait_s: float = 10.0  # how long capture and refund wait for an answer before they say "under way"
    retry_window_s: float = 600.0  # how long a declined sale may be tried again on the same references
    chores_interval_s: float = 60.0  # between two looks for what was forgotten or left over
    stray_s: float = 300.0  # a session that never began and that no reader can serve any more has failed

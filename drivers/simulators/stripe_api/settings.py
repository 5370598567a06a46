"""What Stripe's documentation leaves open, and how this simulator answers it unless told otherwise."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """Every default is the documented or the likeliest behaviour; times are seconds."""

    busy_s: float = 0.0
    """How long an authorisation runs after the card was presented; 0 answers at once."""
    wait_s: float = 3600.0
    """How long a prompt waits for a card before the reader gives up (undocumented)."""
    offline_after_s: float = 120.0
    """Silence after which a reader counts as offline."""
    confirm_within_s: float = 30.0
    """From collect to confirm or cancel."""
    inputs_within_s: float = 120.0
    """How long collect_inputs waits for a touch."""
    terminal_error_status: int = 400
    """HTTP status of the `terminal_*` errors (undocumented; the official package maps them like 400)."""
    idle_cancel_fails: bool = False
    """Whether cancel_action on an idle reader is a 404, not a 200 with `action: null` (undocumented)."""
    cancel_clears_reader: bool = False
    """Whether canceling a PaymentIntent takes its prompt off the reader (undocumented)."""
    collected_status: str = "in_progress"
    """`action.status` once a card was collected: `in_progress` or `succeeded` (undocumented)."""
    amount_endings: bool = True
    """Whether the last two digits of an amount decide the outcome for the plain test cards too."""
    account_country: str | None = None
    """Limits the currencies of card_present to this country's; None: any Terminal currency."""
    rate_limit: int | None = None
    """Requests a second per operation and account; None: no limit (Stripe: 25)."""
    multicapture: bool = False
    """Whether `final_capture=false` keeps the rest of an authorisation."""
    overcapture: bool = False
    """Whether more than the authorised amount can be captured (plus 50 %, at least 50.00)."""
    search_lag_s: float = 60.0
    """Age below which a search does not find an object yet (documented: under a minute, in normal times)."""

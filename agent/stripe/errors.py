"""What can go wrong between us and Stripe, by what it proves about the request."""

from drivers.contract import DriverError, NotStartedError, RefusedError

TEMPORARY_CODES = frozenset(
    {
        "terminal_reader_busy",
        "terminal_reader_offline",
        "terminal_reader_timeout",
        "lock_timeout",
        "rate_limit",
        "idempotency_key_in_use",
    }
)
"""Refusals that may go away by themselves (docs.stripe.com/error-codes)."""

TEMPORARY_STATUSES = frozenset({409, 424, 429})
"""Conflict, a failed dependency, too many requests: docs.stripe.com/api/errors."""


NO_ANSWER = "stripe_no_answer"
STRIPE_FAILED = "stripe_failed"
"""Codes of a `NoAnswerError`: nothing came back, or Stripe said that it does not know itself (5xx)."""


class StripeError(DriverError):
    """A call to Stripe did not give what it was made for. `status` 0: no HTTP answer at all."""

    def __init__(self, message: str, *, code: str, status: int = 0, request_id: str = "") -> None:
        super().__init__(message, code=code)
        self.status = status
        self.request_id = request_id

    @property
    def permanent(self) -> bool:
        """Whether the same request will fail again until somebody changes something."""
        return False


class NotSentError(StripeError, NotStartedError):
    """Certain: no byte of the request left this host (refused connection, DNS, TLS)."""

    def __init__(self, message: str, *, code: str = "stripe_unreachable") -> None:
        super().__init__(message, code=code)


class NoAnswerError(StripeError):
    """The request may or may not have been carried out; ask, or repeat it with the same key."""

    def __init__(self, message: str, *, code: str = NO_ANSWER, status: int = 0, request_id: str = "") -> None:
        super().__init__(message, code=code, status=status, request_id=request_id)


class RequestRefusedError(StripeError, RefusedError):
    """Stripe's definite no. `code` is an open set; `message` is for people and never parsed."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        status: int,
        error_type: str = "",
        decline_code: str = "",
        param: str = "",
        request_id: str = "",
    ) -> None:
        super().__init__(message, code=code, status=status, request_id=request_id)
        self.error_type = error_type
        self.decline_code = decline_code
        self.param = param

    @property
    def permanent(self) -> bool:
        """Whether the same request will be refused again until somebody changes something."""
        return self.status not in TEMPORARY_STATUSES and self.code not in TEMPORARY_CODES

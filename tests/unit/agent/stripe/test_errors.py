"""What an error proves, in the contract's words."""

import pytest

from agent.stripe.errors import NoAnswerError, NotSentError, RequestRefusedError, StripeError
from drivers.contract import DriverError, NotStartedError, RefusedError


def test_errors_say_to_a_driver_what_they_prove() -> None:
    unsent, unheard = NotSentError("no line"), NoAnswerError("silence")
    refused = RequestRefusedError("no", code="x", status=400, decline_code="y", param="p", request_id="req_1")
    assert isinstance(unsent, NotStartedError)
    assert isinstance(refused, RefusedError)
    assert not isinstance(unheard, NotStartedError | RefusedError)
    assert all(isinstance(error, StripeError | DriverError) for error in (unsent, unheard, refused))
    assert (unsent.code, unheard.code) == ("stripe_unreachable", "stripe_no_answer")
    assert (refused.decline_code, refused.param, refused.request_id, refused.status) == (
        "y",
        "p",
        "req_1",
        400,
    )


@pytest.mark.parametrize(
    ("status", "code", "permanent"),
    [
        (400, "parameter_missing", True),
        (401, "api_key_refused", True),
        (403, "permission_missing", True),
        (404, "resource_missing", True),
        (400, "terminal_reader_busy", False),
        (429, "rate_limit", False),
        (409, "anything", False),
        (424, "anything", False),
    ],
)
def test_a_refusal_is_permanent_or_temporary(status: int, code: str, permanent: bool) -> None:
    assert RequestRefusedError("no", code=code, status=status).permanent is permanent


def test_silence_is_never_permanent() -> None:
    assert not NoAnswerError("silence").permanent
    assert not NotSentError("no line").permanent

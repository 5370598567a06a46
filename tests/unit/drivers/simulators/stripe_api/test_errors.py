"""The shapes of errors."""

from drivers.simulators.stripe_api.errors import (
    ApiError,
    bad_parameter,
    conflict,
    missing_parameter,
    missing_resource,
    unknown_parameter,
)


def test_an_error_says_only_what_it_knows() -> None:
    assert ApiError("Oops").body() == {"error": {"message": "Oops", "type": "invalid_request_error"}}
    full = conflict("No", "card_declined", payment_intent={"id": "pi_1"}).body()["error"]
    assert full["doc_url"] == "https://docs.stripe.com/error-codes/card-declined"
    assert full["payment_intent"] == {"id": "pi_1"}


def test_parameter_errors_are_never_kept() -> None:
    for error in (bad_parameter("x", "a"), unknown_parameter("a"), missing_parameter("a")):
        assert (error.status, error.param, error.stored) == (400, "a", False)
    missing = missing_resource("charge", "ch_1", "charge")
    assert (missing.status, missing.stored, missing.message) == (404, True, "No such charge: 'ch_1'")

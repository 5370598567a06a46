"""The errors Stripe answers with, in Stripe's own words and shapes."""

from typing import Any, Final

DOC_URL: Final = "https://docs.stripe.com/error-codes/"


class ApiError(Exception):
    """An answer that is an error: its HTTP status, its body, and whether an idempotency key keeps it.

    `stored` is true for what failed after execution began (Stripe replays those) and false for
    parameter errors and lost races, which the same key may repeat.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        stored: bool = True,
        headers: dict[str, str] | None = None,
        **details: Any,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.kind = kind
        self.code = code
        self.param = param
        self.stored = stored
        self.headers = headers or {}
        self.details = details

    def body(self) -> dict[str, Any]:
        """The JSON answer: `{"error": {...}}` without the keys that do not apply."""
        error: dict[str, Any] = {"message": self.message, "type": self.kind}
        if self.code is not None:
            error["code"] = self.code
            error["doc_url"] = DOC_URL + self.code.replace("_", "-")
        if self.param is not None:
            error["param"] = self.param
        error.update(self.details)
        return {"error": error}


def bad_parameter(message: str, param: str, code: str | None = None) -> ApiError:
    """A parameter that fails validation: 400, never kept by an idempotency key."""
    return ApiError(message, code=code, param=param, stored=False)


def unknown_parameter(param: str) -> ApiError:
    """A parameter the operation does not have."""
    return bad_parameter(f"Received unknown parameter: {param}", param, "parameter_unknown")


def missing_parameter(param: str) -> ApiError:
    """A required parameter that was not sent."""
    return bad_parameter(f"Missing required param: {param}.", param, "parameter_missing")


def missing_resource(noun: str, identifier: str, param: str, status: int = 404) -> ApiError:
    """An object this account does not have."""
    return ApiError(f"No such {noun}: '{identifier}'", status=status, code="resource_missing", param=param)


def conflict(message: str, code: str | None = None, **details: Any) -> ApiError:
    """A well-formed request that the state of things forbids."""
    return ApiError(message, code=code, **details)

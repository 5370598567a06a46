"""What the door answers when it cannot do what was asked, in the manner of Stripe's error objects."""

import json
import math
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from agent.payments.errors import (
    JournalError,
    OrderError,
    PaymentsError,
    PosKeyReusedError,
    ReaderBusyError,
    ReaderUnavailableError,
    SaleCoveredError,
    StoppingError,
    UnknownReaderError,
    UnknownSaleError,
    UnknownSessionError,
    WrongStateError,
)

RETRY_SOON_S = 5
"""Seconds a till is told to wait while the gateway restarts or its disk is in trouble."""

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class ErrorType(StrEnum):
    """The four families a till can tell apart without knowing any code."""

    INVALID_REQUEST = "invalid_request_error"
    AUTHENTICATION = "authentication_error"
    RATE_LIMIT = "rate_limit_error"
    API = "api_error"


class PosError(Exception):
    """Root of what this package refuses: an HTTP status, a stable code, a message that says what to do."""

    def __init__(
        self,
        status: int,
        kind: ErrorType,
        code: str,
        message: str,
        *,
        param: str | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.code = code
        self.param = param
        self.headers = headers

    def body(self) -> bytes:
        """The error as JSON."""
        error: dict[str, str] = {"type": self.kind.value, "code": self.code, "message": str(self)}
        if self.param is not None:
            error["param"] = self.param
        return json.dumps({"error": error}).encode()


class BadRequestError(PosError):
    """400: the request is wrong, nothing was stored."""

    def __init__(self, code: str, message: str, *, param: str | None = None) -> None:
        super().__init__(400, ErrorType.INVALID_REQUEST, code, message, param=param)


class UnauthorizedError(PosError):
    """401: no token, or not one of a till of this gateway."""

    def __init__(self, code: str, message: str) -> None:
        challenge = 'Bearer realm="tillgate"'
        if code != "token_missing":
            challenge += ', error="invalid_token"'  # RFC 6750, 3.1
        super().__init__(
            401, ErrorType.AUTHENTICATION, code, message, headers={"WWW-Authenticate": challenge}
        )


class TooManyRequestsError(PosError):
    """429: more at once than a healthy till asks; `retry_after_s` says when to come back."""

    def __init__(self, code: str, message: str, *, retry_after_s: float) -> None:
        seconds = max(1, math.ceil(retry_after_s))
        super().__init__(429, ErrorType.RATE_LIMIT, code, message, headers={"Retry-After": str(seconds)})


class UnavailableError(PosError):
    """503: not now; asking again is safe."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(503, ErrorType.API, code, message, headers={"Retry-After": str(RETRY_SOON_S)})


def refusal(error: PaymentsError, *, param: str | None = None) -> PosError:
    """What payments refused, as an answer; `param` names the part of the request that led there."""
    message = str(error)
    match error:
        case OrderError():
            return BadRequestError(error.code, message, param=error.param)
        case PosKeyReusedError():
            return PosError(409, ErrorType.INVALID_REQUEST, error.code, message, param="pos_key")
        case ReaderBusyError() | ReaderUnavailableError():
            return PosError(409, ErrorType.INVALID_REQUEST, error.code, message, param="reader")
        case SaleCoveredError():
            return PosError(409, ErrorType.INVALID_REQUEST, error.code, message, param="sale")
        case WrongStateError():
            return PosError(409, ErrorType.INVALID_REQUEST, error.code, message)
        case UnknownReaderError():
            return PosError(404, ErrorType.INVALID_REQUEST, error.code, message, param=param)
        case UnknownSessionError() | UnknownSaleError():
            return PosError(404, ErrorType.INVALID_REQUEST, error.code, message, param=param)
        case StoppingError() | JournalError():
            return UnavailableError(error.code, message)
        case _:
            return PosError(500, ErrorType.API, error.code, message)


def unexpected(request_id: str) -> PosError:
    """Our own mistake: says neither that it worked nor that it failed, because nobody here knows."""
    return PosError(
        500,
        ErrorType.API,
        "internal_error",
        f"the gateway made a mistake (request {request_id}, details in its log); this answer says nothing "
        "about money: ask for the session by its pos_key before you try again, and use the same pos_key",
    )

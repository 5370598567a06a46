"""Refusals as answers."""

import json

import pytest

from agent.payments.errors import (
    JournalError,
    JournalLockedError,
    OrderError,
    PaymentsError,
    PosKeyReusedError,
    ReaderBusyError,
    ReaderUnavailableError,
    StoppingError,
    UnknownReaderError,
    UnknownSessionError,
    WrongStateError,
)
from agent.pos.errors import (
    BadRequestError,
    TooManyRequestsError,
    UnauthorizedError,
    UnavailableError,
    refusal,
    unexpected,
)
from drivers.contract import ReaderName, SessionId

CASES: list[tuple[PaymentsError, int, str, str, str | None]] = [
    (OrderError("no", param="tip"), 400, "invalid_request_error", "invalid_order", "tip"),
    (
        OrderError("no", param="amount", code="amount_too_large"),
        400,
        "invalid_request_error",
        "amount_too_large",
        "amount",
    ),
    (
        PosKeyReusedError("k", SessionId("s"), "amount"),
        409,
        "invalid_request_error",
        "pos_key_reused",
        "pos_key",
    ),
    (ReaderBusyError(ReaderName("r"), "why"), 409, "invalid_request_error", "reader_busy", "reader"),
    (
        ReaderUnavailableError(ReaderName("r"), "why"),
        409,
        "invalid_request_error",
        "reader_unavailable",
        "reader",
    ),
    (WrongStateError("no"), 409, "invalid_request_error", "wrong_state", None),
    (UnknownReaderError("r"), 404, "invalid_request_error", "reader_not_found", "given"),
    (UnknownSessionError("s"), 404, "invalid_request_error", "session_not_found", "given"),
    (StoppingError(), 503, "api_error", "shutting_down", None),
    (JournalError("full"), 503, "api_error", "journal_unavailable", None),
    (JournalLockedError("used"), 503, "api_error", "journal_locked", None),
    (PaymentsError("odd"), 500, "api_error", "payments_error", None),
]


@pytest.mark.parametrize(("error", "status", "kind", "code", "param"), CASES)
def test_what_payments_refuse(
    error: PaymentsError, status: int, kind: str, code: str, param: str | None
) -> None:
    answer = refusal(error, param="given")

    told = json.loads(answer.body())["error"]
    assert answer.status == status
    assert (told["type"], told["code"], told["message"]) == (kind, code, str(error))
    assert told.get("param") == param
    assert ("Retry-After" in answer.headers) == (status == 503)


def test_401_challenges() -> None:
    assert UnauthorizedError("token_missing", "x").headers["WWW-Authenticate"] == 'Bearer realm="tillgate"'
    assert "invalid_token" in UnauthorizedError("token_invalid", "x").headers["WWW-Authenticate"]


@pytest.mark.parametrize(("wait_s", "header"), [(0.01, "1"), (1.0, "1"), (1.2, "2")])
def test_429_says_when_in_whole_seconds(wait_s: float, header: str) -> None:
    assert TooManyRequestsError("c", "m", retry_after_s=wait_s).headers["Retry-After"] == header


def test_shapes() -> None:
    assert json.loads(BadRequestError("c", "m", param="p").body()) == {
        "error": {"type": "invalid_request_error", "code": "c", "message": "m", "param": "p"}
    }
    assert UnavailableError("c", "m").status == 503
    assert "req_1" in str(unexpected("req_1"))

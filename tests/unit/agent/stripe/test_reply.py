"""What an HTTP answer proves."""

from typing import Any

import pytest

from agent.stripe.errors import NoAnswerError, RequestRefusedError
from agent.stripe.exchange import HttpResponse
from agent.stripe.reply import Failure, Reply, read
from tests.fake_exchange import answer, refusal


def judged(response: HttpResponse) -> Reply | Failure:
    return read(response, "POST /v1/x", lambda text: text.replace("sk_live_1", "***"))


def failed(response: HttpResponse) -> Failure:
    verdict = judged(response)
    assert isinstance(verdict, Failure)
    return verdict


def test_a_yes_is_an_object_of_stripes() -> None:
    reply = judged(answer({"object": "thing", "id": "x"}, idempotent_replayed="true"))
    assert isinstance(reply, Reply)
    assert (reply.data["id"], reply.status, reply.request_id, reply.replayed) == ("x", 200, "req_1", True)
    plain = judged(answer())
    assert isinstance(plain, Reply)
    assert not plain.replayed
    assert "x" not in repr(reply.data.keys()) or "object" not in repr(reply)


@pytest.mark.parametrize(
    "response",
    [
        answer(raw=b"<html>Welcome, sign in</html>", content_type="text/html"),
        answer(raw=b'{"object": "thi'),
        answer(raw=b""),
        answer([1]),
        answer({"ok": True}),
        answer(raw=b"moved", status=302, location="http://portal/"),
        answer(raw=b"<html>blocked</html>", status=403, content_type="text/html"),
        answer({"message": "blocked"}, status=407),
        answer({"error": "text"}, status=400),
    ],
)
def test_an_answer_that_is_not_stripes_proves_nothing(response: HttpResponse) -> None:
    failure = failed(response)
    assert isinstance(failure.error, NoAnswerError)
    assert failure.again
    assert "captive portal" in str(failure.error)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_leaves_the_outcome_open(status: int) -> None:
    failure = failed(refusal(status, type="api_error"))
    assert isinstance(failure.error, NoAnswerError)
    assert (failure.again, failure.error.status, failure.error.request_id) == (True, status, "req_1")


@pytest.mark.parametrize(
    ("response", "again"),
    [
        (refusal(400, "parameter_missing"), False),
        (refusal(402, "card_declined"), False),
        (refusal(404, "resource_missing"), False),
        (refusal(429, "lock_timeout"), True),
        (refusal(429), True),
        (refusal(409, "conflict"), True),
        (refusal(409, "idempotency_key_in_use"), True),
        (refusal(400, "odd", headers={"stripe-should-retry": "true"}), True),
        (refusal(429, headers={"stripe-should-retry": "false"}), False),
        (refusal(500, headers={"stripe-should-retry": "false"}), False),
        (refusal(500, headers={"stripe-should-retry": "perhaps"}), True),
    ],
)
def test_stripes_own_word_on_retrying_comes_first(response: HttpResponse, again: bool) -> None:
    assert failed(response).again is again


def test_a_refusal_carries_what_stripe_says() -> None:
    error = failed(
        refusal(402, "card_declined", type="card_error", decline_code="lost_card", param="p")
    ).error
    assert isinstance(error, RequestRefusedError)
    assert (error.code, error.error_type, error.decline_code, error.param, error.request_id) == (
        "card_declined",
        "card_error",
        "lost_card",
        "p",
        "req_1",
    )
    assert error.permanent


@pytest.mark.parametrize(
    ("status", "code", "hint"),
    [
        (401, "api_key_refused", "revoked"),
        (403, "permission_missing", "permission"),
        (429, "rate_limit", "No."),
    ],
)
def test_refusals_without_a_code_get_one_and_a_hint(status: int, code: str, hint: str) -> None:
    error = failed(refusal(status)).error
    assert isinstance(error, RequestRefusedError)
    assert error.code == code
    assert hint in str(error)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "invalid_request_error"),
        ({"type": None}, "refused"),
        ({"type": None, "code": 7, "message": 8}, "refused"),
    ],
)
def test_odd_error_bodies_are_still_refusals(fields: dict[str, Any], code: str) -> None:
    assert failed(refusal(400, **fields)).error.code == code


def test_a_key_in_stripes_text_is_masked() -> None:
    assert "sk_live_1" not in str(failed(refusal(401, message="Bad key sk_live_1")).error)


def test_a_request_still_under_way_is_no_refusal() -> None:
    for response in (refusal(409, "idempotency_key_in_use"), refusal(409)):
        assert isinstance(failed(response).error, NoAnswerError)


@pytest.mark.parametrize(
    ("status", "nothing"), [(401, True), (403, True), (429, True), (400, False), (404, False)]
)
def test_what_is_said_before_the_keys_proves_nothing_about_earlier_tries(status: int, nothing: bool) -> None:
    assert failed(refusal(status, "x")).proves_nothing_earlier is nothing

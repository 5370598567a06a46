"""Authentication, versions, keys, patience and discretion of the client."""

import asyncio
import logging
from typing import Any

import pytest

from agent.secret import Secret
from agent.stripe.bucket import Buckets, Rate
from agent.stripe.client import API_VERSION, StripeClient
from agent.stripe.errors import NoAnswerError, NotSentError, RequestRefusedError
from agent.stripe.exchange import HttpResponse
from agent.stripe.retry import ONCE
from tests.fake_exchange import FakeExchange, answer, refusal

KEY = "rk_live_verysecret"


def clock() -> float:
    return asyncio.get_running_loop().time()


def client(exchange: FakeExchange, **options: Any) -> StripeClient:
    return StripeClient(exchange, Secret(KEY), clock=clock, spread=lambda: 0.0, **options)


@pytest.mark.parametrize("key", ["", "two words", "line\nbreak", "schlüssel"])
def test_a_key_that_cannot_stand_in_a_header_is_refused_without_being_told(key: str) -> None:
    with pytest.raises(ValueError, match="API key") as caught:
        StripeClient(FakeExchange(answer()), Secret(key))
    assert not key or key not in str(caught.value)


@pytest.mark.parametrize("key", ["sk_test_1", "rk_live_1", "org_key_1"])
async def test_keys_of_every_kind_are_accepted(key: str) -> None:
    exchange = FakeExchange(answer())
    await StripeClient(exchange, Secret(key)).call("GET", "/v1/x")
    assert exchange.requests[0].headers["Authorization"] == f"Bearer {key}"


async def test_a_post_is_a_form_with_a_key() -> None:
    exchange = FakeExchange(answer({"object": "thing", "id": "x"}))
    reply = await client(exchange, account="acct_1").call(
        "POST", "/v1/things/{}/act", {"a": {"b": True}}, ids=("t 1",), key="k1"
    )
    (request,) = exchange.requests
    assert reply.data["id"] == "x"
    assert (request.method, request.url) == ("POST", "https://api.stripe.com/v1/things/t%201/act")
    assert request.body == b"a[b]=true"
    assert request.headers["Idempotency-Key"] == "k1"
    assert request.headers["Stripe-Version"] == API_VERSION == "2026-10-28.endive"
    assert request.headers["Stripe-Account"] == "acct_1"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"


async def test_a_read_has_a_query_and_no_key() -> None:
    exchange = FakeExchange(answer())
    await client(exchange, base_url="http://127.0.0.1:1/").call("GET", "/v1/x", {"expand": ["a.b"]})
    (request,) = exchange.requests
    assert request.url == "http://127.0.0.1:1/v1/x?expand%5B0%5D=a.b"
    assert request.body == b""
    assert "Idempotency-Key" not in request.headers
    assert "Stripe-Account" not in request.headers
    await client(exchange).call("DELETE", "/v1/x/{}", ids=("a",))
    assert "Idempotency-Key" not in exchange.requests[-1].headers


async def test_all_tries_of_a_call_carry_one_key() -> None:
    exchange = FakeExchange(refusal(500), NoAnswerError("reset"), NotSentError("refused"), answer())
    await client(exchange).call("POST", "/v1/x")
    keys = {request.headers["Idempotency-Key"] for request in exchange.requests}
    assert len(exchange.requests) == 4
    assert len(keys) == 1
    assert clock() == 0.5 + 1.0 + 2.0
    await client(exchange).call("POST", "/v1/x")
    assert exchange.requests[-1].headers["Idempotency-Key"] not in keys


@pytest.mark.parametrize(
    "trouble",
    [refusal(500), NoAnswerError("reset"), answer(raw=b"<html>"), refusal(409, "idempotency_key_in_use")],
)
async def test_what_stays_unanswered_is_of_unknown_outcome(trouble: HttpResponse | Exception) -> None:
    exchange = FakeExchange(trouble)
    with pytest.raises(NoAnswerError):
        await client(exchange).call("POST", "/v1/x")
    assert len(exchange.requests) == 6
    exchange.requests.clear()
    with pytest.raises(NoAnswerError):
        await client(exchange).call("GET", "/v1/x")
    assert len(exchange.requests) == 3
    exchange.requests.clear()
    with pytest.raises(NoAnswerError):
        await client(exchange).call("POST", "/v1/x", retry=ONCE)
    assert len(exchange.requests) == 1


async def test_a_refusal_is_not_tried_again() -> None:
    exchange = FakeExchange(refusal(400, "terminal_reader_busy"))
    with pytest.raises(RequestRefusedError) as caught:
        await client(exchange).call("POST", "/v1/x")
    assert caught.value.code == "terminal_reader_busy"
    assert len(exchange.requests) == 1


@pytest.mark.parametrize("headers", [{}, {"stripe-rate-limited-reason": "endpoint-rate"}])
async def test_too_many_requests_are_waited_out(headers: dict[str, str]) -> None:
    exchange = FakeExchange(refusal(429, headers=headers), refusal(429, "lock_timeout"), answer())
    await client(exchange).call("POST", "/v1/x")
    assert len(exchange.requests) == 3


async def test_too_many_requests_to_the_end_were_certainly_not_carried_out() -> None:
    with pytest.raises(RequestRefusedError) as caught:
        await client(FakeExchange(refusal(429))).call("POST", "/v1/x")
    assert not caught.value.permanent


async def test_nothing_sent_at_all_is_certain() -> None:
    with pytest.raises(NotSentError):
        await client(FakeExchange(NotSentError("refused"))).call("POST", "/v1/x")


@pytest.mark.parametrize("last", [NotSentError("refused"), refusal(401), refusal(429), refusal(403)])
async def test_one_lost_try_makes_the_whole_call_doubtful(last: HttpResponse | Exception) -> None:
    exchange = FakeExchange(NoAnswerError("reset"), last)
    with pytest.raises(NoAnswerError, match="reset"):
        await client(exchange).call("POST", "/v1/x")


async def test_an_answer_after_a_lost_try_is_the_answer() -> None:
    exchange = FakeExchange(NoAnswerError("reset"), refusal(400, "amount_too_small"))
    with pytest.raises(RequestRefusedError):
        await client(exchange).call("POST", "/v1/x")


async def test_a_call_ends_within_its_total_time() -> None:
    class Silent(FakeExchange):
        async def send(self, request: Any) -> HttpResponse:
            self.requests.append(request)
            await asyncio.sleep(request.timeout_s)
            raise NoAnswerError("time-out")

    exchange = Silent(answer())
    with pytest.raises(NoAnswerError):
        await client(exchange).call("GET", "/v1/x")
    assert clock() <= 31.0
    assert exchange.requests[-1].timeout_s < exchange.requests[0].timeout_s


async def test_a_cancellation_passes_through() -> None:
    class Slow(FakeExchange):
        async def send(self, request: Any) -> HttpResponse:
            await asyncio.sleep(3600)
            raise AssertionError

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await client(Slow(answer())).call("POST", "/v1/x")


async def test_messages_name_the_call_with_its_ids() -> None:
    with pytest.raises(RequestRefusedError, match=r"^GET /v1/x/tmr_1: "):
        await client(FakeExchange(refusal(404, "resource_missing"))).call("GET", "/v1/x/{}", ids=("tmr_1",))


async def test_every_try_takes_its_turn() -> None:
    buckets = Buckets(per_operation=Rate(1.0, 1.0), overall=Rate(99.0, 99.0), clock=clock)
    exchange = FakeExchange(answer())
    stripe = client(exchange, buckets=buckets)
    await stripe.call("GET", "/v1/x/{}", ids=("a",))
    await stripe.call("GET", "/v1/x/{}", ids=("b",))
    assert clock() == 1.0
    await stripe.call("GET", "/v1/y")
    assert clock() == 1.0


async def test_a_file_goes_to_the_files_host_as_multipart() -> None:
    exchange = FakeExchange(answer())
    await client(exchange).upload("terminal_reader_splashscreen", 'a"b.png', b"\x00PNG", key="k")
    (request,) = exchange.requests
    assert request.url == "https://files.stripe.com/v1/files"
    assert request.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    assert request.headers["Idempotency-Key"] == "k"
    assert b'filename="a_b.png"' in request.body
    assert b"\r\n\r\n\x00PNG\r\n--" in request.body
    local = client(exchange, base_url="http://127.0.0.1:1")
    await local.upload("p", "f", b"")
    assert exchange.requests[-1].url == "http://127.0.0.1:1/v1/files"
    elsewhere = client(exchange, files_url="http://127.0.0.1:2/")
    await elsewhere.upload("p", "f", b"")
    assert exchange.requests[-1].url == "http://127.0.0.1:2/v1/files"


async def test_nothing_secret_is_logged_or_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    exchange = FakeExchange(
        answer({"object": "x", "secret": "pst_live_1"}), NoAnswerError("reset"), refusal(401, message=KEY)
    )
    stripe = client(exchange)
    reply = await stripe.call("POST", "/v1/x", {"wifi": {"password": "hunter2"}})
    await_error: list[str] = []
    with pytest.raises(NoAnswerError) as caught:
        await stripe.call("GET", "/v1/x", {"email": "a@b"}, retry=None)
    await_error.append(str(caught.value))
    shown = " ".join([caplog.text, repr(stripe), repr(reply), repr(exchange.requests), *await_error])
    for secret in (KEY, "hunter2", "pst_live_1", "a@b"):
        assert secret not in shown
    assert "> POST https://api.stripe.com/v1/x" in caplog.text
    assert "< POST /v1/x 200 0 ms req_1" in caplog.text
    assert "> GET https://api.stripe.com/v1/x?…" in caplog.text


async def test_without_debug_nothing_is_written(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await client(FakeExchange(answer())).call("GET", "/v1/x")
    assert caplog.text == ""

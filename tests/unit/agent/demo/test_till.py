"""The demo's till: it repeats itself until somebody answers, and believes only answers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from agent.demo import till as till_module
from agent.demo.till import RefusedError, Till

pytestmark = pytest.mark.real_time

Answers = list[tuple[int, dict[str, Any]] | None]


@asynccontextmanager
async def gateway(answers: Answers) -> AsyncIterator[tuple[Till, list[tuple[str, str, Any]]]]:
    """A gateway that gives these answers in turn; None hangs up."""
    asked: list[tuple[str, str, Any]] = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        body = await request.json() if request.can_read_body else None
        asked.append((request.method, request.path_qs, body))
        given = answers.pop(0)
        if given is None:
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        return web.json_response(given[1], status=given[0])

    runner = web.ServerRunner(web.Server(answer), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        async with aiohttp.ClientSession() as http:
            yield Till(http, lambda: f"http://127.0.0.1:{port}", "tg_x"), asked
    finally:
        await runner.cleanup()


def session(state: str, seq: int = 1, pos_key: str = "k1") -> dict[str, Any]:
    return {"id": "ses_1", "state": state, "seq": seq, "pos_key": pos_key}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(till_module, "AGAIN_S", 0)


async def test_a_sale_is_followed_to_its_end_over_a_gateway_that_comes_and_goes() -> None:
    seen: list[str] = []
    answers: Answers = [
        (503, {"error": {"message": "shutting down"}}),
        (201, session("opened")),
        None,
        (200, session("in_flight", 2)),
        (200, session("paid", 3)),
    ]
    async with gateway(answers) as (till, asked):
        told = await till.sell({"pos_key": "k1"}, lambda each: seen.append(each["state"]))

    assert told["state"] == "paid"
    assert till.told == {"k1": told}
    assert seen == ["opened", "in_flight"]
    assert asked[0] == asked[1] == ("POST", "/v1/sessions", {"pos_key": "k1"})
    assert asked[-1][:2] == ("GET", "/v1/sessions/ses_1?wait=20&seq=2")


async def test_held_money_is_captured_and_refunds_are_waited_for() -> None:
    answers: Answers = [
        (201, session("authorized")),
        (200, session("authorized", 2)),
        (200, session("paid", 3)),
        (201, session("in_flight", 1, "k2")),
        (200, session("paid", 4, "k2")),
        (200, session("canceled", 5)),
        (200, session("paid", 6)),
    ]
    async with gateway(answers) as (till, asked):
        held = await till.sell({"pos_key": "k1"}, lambda each: None)
        captured = await till.capture("ses_1", 900)
        refunded = await till.refund("ses_1", 100, "k2")
        await till.cancel("ses_1")
        looked = await till.session("ses_1")

    assert [each["state"] for each in (held, captured, refunded, looked)] == [
        "authorized",
        "paid",
        "paid",
        "paid",
    ]
    assert asked[1] == ("POST", "/v1/sessions/ses_1/capture", {"amount": 900})
    assert asked[3] == ("POST", "/v1/sessions/ses_1/refund", {"amount": 100, "pos_key": "k2"})
    assert set(till.told) == {"k1", "k2"}


async def test_a_refusal_is_final() -> None:
    async with gateway([(409, {"error": {"message": "the reader is busy"}})]) as (till, _):
        with pytest.raises(RefusedError, match="the reader is busy"):
            await till.sell({"pos_key": "k1"}, lambda each: None)
    assert till.told == {}

"""The door as a whole: who may call, how refusals look, what is counted."""

import asyncio
import json
import logging
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from agent.payments.errors import JournalError, StoppingError
from agent.payments.model import EventKind
from agent.pos import http
from agent.pos.answers import ReaderListShape
from agent.pos.http import count_readers, link_losses, link_states, make_app
from agent.pos.limits import Limits, Rate
from agent.pos.listening import on_tcp
from agent.pos.metrics import Metrics
from drivers.contract import LinkHealth
from tests.unit.agent.pos.conftest import SALE, Door
from tests.unit.agent.pos.fake_desk import FakeDesk

pytestmark = pytest.mark.real_time


async def test_every_answer_has_an_id_of_its_own_and_is_not_to_be_kept(door: Door) -> None:
    first, second = await door.get("/v1/readers"), await door.get("/nowhere")

    assert first.headers["Request-Id"].startswith("req_")
    assert first.headers["Request-Id"] != second.headers["Request-Id"]
    assert first.headers["Cache-Control"] == "no-store"
    assert first.headers["Server"] == "tillgate"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "token_missing"),
        ("Basic dXNlcjpwdw==", "token_malformed"),
        ("Bearer", "token_malformed"),
        ("Bearer tg_" + "x" * 400, "token_malformed"),
        ("Bearer tg_wrong", "token_invalid"),
        ("Bearer t\u00fcr", "token_invalid"),
    ],
)
async def test_who_has_no_token_of_a_till_is_told_so(door: Door, header: str | None, code: str) -> None:
    headers = {} if header is None else {"Authorization": header}

    reply = await door.post("/v1/sessions", SALE, token=None, headers=headers)

    assert (reply.status, reply.error["type"], reply.error["code"]) == (401, "authentication_error", code)
    assert reply.headers["WWW-Authenticate"].startswith('Bearer realm="tillgate"')
    assert not door.desk.sessions


async def test_a_revoked_token_ends_at_once_and_says_why(door: Door) -> None:
    assert (await door.get("/v1/readers")).status == 200

    door.tills.revoke("kasse-1")
    reply = await door.get("/v1/readers")

    assert (reply.status, reply.error["code"]) == (401, "token_revoked")
    assert "kasse-1" in reply.error["message"]


async def test_nobody_is_let_in_on_a_registry_that_cannot_be_read(door: Door) -> None:
    door.tills._path.write_text("{")  # the file another process broke

    reply = await door.get("/v1/readers")

    assert (reply.status, reply.error["code"]) == (503, "tills_unreadable")
    assert reply.headers["Retry-After"]


async def test_unknown_calls_are_refused_in_the_same_shape(door: Door) -> None:
    missing, wrong = await door.get("/v2/sessions"), await door.call("DELETE", "/v1/sessions")

    assert (missing.status, missing.error["code"]) == (404, "route_not_found")
    assert "/openapi.json" in missing.error["message"]
    assert (wrong.status, wrong.error["code"]) == (405, "method_not_allowed")
    assert wrong.headers["Allow"] == "GET, POST"


async def test_an_expectation_we_do_not_know_is_no_mistake_of_ours(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    reply = await door.post("/v1/sessions", SALE, headers={"Expect": "tea"})

    assert reply.status == 417
    assert not caplog.records
    assert not door.desk.sessions


async def test_readers_are_shown_with_what_they_can_do(door: Door) -> None:
    listed, one = await door.get("/v1/readers"), await door.get("/v1/readers/till-1")
    unknown = await door.get("/v1/readers/till-9")

    assert listed.json == {"object": "list", "data": [one.json], "has_more": False, "app_readers": []}
    assert one.json["state"] == "ready"
    assert one.json["capabilities"] == ["refund", "tip"]
    assert (unknown.status, unknown.error["code"]) == (404, "reader_not_found")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/readers?verbose=1"),
        ("GET", "/v1/readers/till-1?verbose=1"),
        ("POST", "/v1/connection_tokens?verbose=1"),
        ("POST", "/v1/sessions?verbose=1"),
        ("GET", "/v1/sessions?verbose=1"),
        ("GET", "/v1/sessions/ses_1?verbose=1"),
        ("GET", "/v1/sessions/ses_1/events?verbose=1"),
        ("POST", "/v1/sessions/ses_1/cancel?verbose=1"),
        ("POST", "/v1/sessions/ses_1/capture?verbose=1"),
        ("POST", "/v1/sessions/ses_1/refund?verbose=1"),
    ],
)
async def test_an_unknown_query_parameter_is_never_ignored(door: Door, method: str, path: str) -> None:
    reply = await door.call(method, path)

    assert (reply.status, reply.error["param"]) == (400, "verbose")


async def test_health_needs_no_token_and_its_code_follows_its_word(door: Door) -> None:
    well = await door.get("/v1/health", token=None)
    door.health["status"] = "failing"
    ill = await door.get("/v1/health", token=None)

    assert (well.status, well.json["gateway"]) == (200, "store-7")
    assert ill.status == 503


async def test_metrics_count_answers_by_route(door: Door) -> None:
    session = await door.sell()
    await door.get(f"/v1/sessions/{session['id']}?wait=0.01")
    await door.get("/nowhere")

    page = (await door.get("/metrics", token=None)).raw.decode()

    assert 'tillgate_http_requests_total{method="POST",route="/v1/sessions",status="201"} 1' in page
    assert 'tillgate_http_requests_total{method="GET",route="/v1/sessions/{id}",status="200"} 1' in page
    assert 'tillgate_http_requests_total{method="other",route="unmatched",status="404"} 1' in page
    assert "tillgate_http_request_seconds_count 1" in page, "a long poll is no slow answer"
    assert door.token not in page


@pytest.mark.parametrize("remote", ["10.0.0.7", "", "::ffff:10.0.0.7"])
async def test_metrics_want_a_token_from_another_machine(
    door: Door, monkeypatch: pytest.MonkeyPatch, remote: str
) -> None:
    monkeypatch.setattr(aiohttp.web.Request, "remote", remote)

    assert (await door.get("/metrics", token=None)).status == 401
    assert (await door.get("/metrics")).status == 200


async def test_a_mistake_of_ours_says_nothing_about_money(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    door.desk.fault = RuntimeError("a bug")

    with caplog.at_level(logging.ERROR):
        reply = await door.post("/v1/sessions", SALE)

    assert (reply.status, reply.error["type"], reply.error["code"]) == (500, "api_error", "internal_error")
    assert reply.headers["Request-Id"] in reply.error["message"]
    assert "pos_key" in reply.error["message"]
    assert "failed" not in reply.error["message"]
    record = next(record for record in caplog.records if record.name == http.__name__)
    assert reply.headers["Request-Id"] in record.getMessage()
    assert record.exc_info is not None


@pytest.mark.parametrize(
    ("fault", "code"),
    [(StoppingError(), "shutting_down"), (JournalError("no space left on device"), "journal_unavailable")],
)
async def test_not_now_says_when(door: Door, fault: Exception, code: str) -> None:
    door.desk.fault = fault

    for reply in (await door.post("/v1/sessions", SALE), await door.get("/v1/sessions/ses_1")):
        assert (reply.status, reply.error["code"]) == (503, code)
        assert int(reply.headers["Retry-After"]) > 0
        assert reply.error["message"] == str(fault)


class TestLimits:
    """One mad till does not keep the others from selling."""

    @pytest.fixture
    def limits(self) -> Limits:
        return Limits(requests=Rate(0.5, 3), connection_tokens=Rate(0.1, 1))

    async def test_requests(self, door: Door) -> None:
        replies = [await door.get("/v1/readers") for _ in range(4)]
        other = await door.get("/v1/readers", token=door.other_token)

        assert [reply.status for reply in replies] == [200, 200, 200, 429]
        assert replies[-1].error["type"] == "rate_limit_error"
        assert replies[-1].headers["Retry-After"] == "2"
        assert other.status == 200

    async def test_connection_tokens(self, door: Door) -> None:
        first, second = await door.post("/v1/connection_tokens", {}), await door.post("/v1/connection_tokens")

        assert (first.status, first.json) == (200, {"secret": "pst_test_1", "location": "tml_1"})
        assert (second.status, second.error["code"]) == (429, "connection_token_rate")


async def test_a_connection_token_cannot_be_had_for_another_location(door: Door) -> None:
    reply = await door.post("/v1/connection_tokens", {"location": "tml_other"})

    assert (reply.status, reply.error["param"]) == (400, "location")
    assert "gateway's own location" in reply.error["message"]
    assert door.issuer.issued == 0


async def test_the_document_is_served_to_anybody_and_built_once(door: Door) -> None:
    first, second = await door.get("/openapi.json", token=None), await door.get("/openapi.json", token=None)

    assert first.json["openapi"] == "3.1.0"
    assert first.raw == second.raw


async def _operator(desk: FakeDesk) -> Any:
    return make_app(desk, NoTills(), None, lambda: {"status": "ok"}, Metrics(), operator=True)


class NoTills:
    """A registry that must not be asked."""

    def authenticate(self, token: str) -> None:
        raise AssertionError(token)

    retired = authenticate


async def test_an_operator_needs_no_token_sees_everything_and_is_not_limited(door: Door) -> None:
    session = await door.sell()
    door.desk.pay(session["id"])
    app = await _operator(door.desk)
    async with on_tcp(app, "127.0.0.1", 0) as port:
        door.base = f"http://127.0.0.1:{port}"
        seen = await door.get(f"/v1/sessions/{session['id']}", token=None)
        timeline = await door.get(f"/v1/sessions/{session['id']}/timeline", token=None)
        own = await door.post("/v1/sessions", {**SALE, "pos_key": "k2"}, token=None)
        many = [await door.get("/v1/readers", token=None) for _ in range(150)]
        none = await door.post("/v1/connection_tokens", {}, token=None)

    assert seen.json["till"] == "kasse-1"
    assert [event["kind"] for event in timeline.json["data"]] == ["opened", "started", "concluded"]
    assert timeline.json["data"][0]["facts"]["pos_key"] == "k1"
    assert own.json["till"] == "operator"
    assert {reply.status for reply in many} == {200}
    assert (none.status, none.error["code"]) == (404, "connection_tokens_unavailable")


async def test_tills_have_no_timeline(door: Door) -> None:
    session = await door.sell()

    assert (await door.get(f"/v1/sessions/{session['id']}/timeline")).status == 404


async def test_an_operators_word_ends_a_doubt_and_nothing_else(door: Door) -> None:
    doubtful, certain = await door.sell(), None
    door.desk.move(doubtful["id"], EventKind.STARTED)
    door.desk.move(doubtful["id"], EventKind.DOUBTED, code="unknown_outcome", message="the line was cut")
    word = {"state": "paid", "because": "receipt 0042 of the terminal"}
    as_a_till = await door.post(f"/v1/sessions/{doubtful['id']}/resolve", word)
    app = await _operator(door.desk)
    async with on_tcp(app, "127.0.0.1", 0) as port:
        door.base = f"http://127.0.0.1:{port}"
        path = f"/v1/sessions/{doubtful['id']}/resolve"
        silent = await door.post(path, {"state": "paid", "because": ""}, token=None)
        ruled = await door.post(path, word, token=None)
        certain = await door.post(path, {"state": "failed", "because": "changed my mind"}, token=None)

    assert as_a_till.status == 404
    assert (silent.status, silent.error["param"]) == (400, "because")
    assert (ruled.json["state"], ruled.json["amount_captured"]) == ("paid", ruled.json["amount"])
    assert ruled.json["verdict"]["code"] == "operator"
    assert (certain.status, certain.error["code"]) == (409, "wrong_state")


async def test_an_operator_makes_the_gateway_look(door: Door) -> None:
    looks: list[str] = []
    app = make_app(
        door.desk, NoTills(), None, dict, door.metrics, look=lambda: looks.append("look"), operator=True
    )
    as_a_till = await door.post("/v1/fleet/look", {})
    async with on_tcp(app, "127.0.0.1", 0) as port:
        door.base = f"http://127.0.0.1:{port}"
        told = await door.post("/v1/fleet/look", {}, token=None)
        odd = await door.post("/v1/fleet/look", {"reader": "till-1"}, token=None)
        app = await _operator(door.desk)
    async with on_tcp(app, "127.0.0.1", 0) as port:
        door.base = f"http://127.0.0.1:{port}"
        nothing = await door.post("/v1/fleet/look", {}, token=None)

    assert as_a_till.status == 404
    assert (told.status, told.json) == (202, {"object": "fleet_look"})
    assert odd.status == 400
    assert nothing.status == 202
    assert looks == ["look"]


async def test_the_status_page_is_for_everybody(door: Door) -> None:
    reply = await door.get("/", token=None)

    assert reply.status == 200
    assert reply.headers["Content-Type"].startswith("text/html")


async def test_readers_are_counted_by_state() -> None:
    assert count_readers(FakeDesk())[("ready",)] == 1
    assert count_readers(FakeDesk())[("offline",)] == 0


async def test_readers_that_apps_drive_are_listed_apart() -> None:
    seen = {
        "serial_number": "STRM1",
        "device_type": "stripe_m2",
        "product": "Stripe Reader M2",
        "label": "",
        "location": "here",
    }
    app = make_app(
        FakeDesk(),
        NoTills(),
        None,
        lambda: {"status": "ok"},
        Metrics(),
        app_readers=lambda: [seen],
        operator=True,
    )
    async with on_tcp(app, "127.0.0.1", 0) as port, aiohttp.ClientSession() as client:
        listed = await (await client.get(f"http://127.0.0.1:{port}/v1/readers")).json()
    ReaderListShape.model_validate_json(json.dumps(listed))
    assert [each["name"] for each in listed["data"]] == ["till-1"]
    assert listed["app_readers"] == [seen]


async def test_links_are_counted_where_readers_have_them(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = FakeDesk()
    assert (link_states(desk), link_losses(desk)) == ({}, {})
    link = LinkHealth(up=False, for_s=1.0, cause="pulled", losses_total=3)
    monkeypatch.setattr(desk, "readers", lambda: [replace(desk.reader("till-1"), link=link)])
    assert link_states(desk) == {("till-1", "down"): 1.0}
    assert link_losses(desk) == {("till-1",): 3.0}


async def test_a_till_that_hangs_up_does_not_stop_what_it_asked_for(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, finished = asyncio.Event(), asyncio.Event(), asyncio.Event()
    really_open = door.desk.open

    async def slow_open(order: Any) -> Any:
        begun.set()
        await go_on.wait()
        result = await really_open(order)
        finished.set()
        return result

    monkeypatch.setattr(door.desk, "open", slow_open)
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(door.post("/v1/sessions", SALE), name="a till that hangs up")
        await begun.wait()
        asking.cancel()
    go_on.set()
    await finished.wait()

    assert len(door.desk.sessions) == 1

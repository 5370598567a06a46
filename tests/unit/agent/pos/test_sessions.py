"""The calls of a till about its sales, over real HTTP."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from agent.payments.errors import SaleCoveredError
from agent.payments.model import EventKind
from agent.pos.answers import SessionListShape, SessionShape, TenderShape
from tests.unit.agent.pos.conftest import SALE, Door

pytestmark = pytest.mark.real_time


async def test_a_sale_is_opened_once(door: Door) -> None:
    first, again = await door.post("/v1/sessions", SALE), await door.post("/v1/sessions", SALE)
    other = await door.post("/v1/sessions", {**SALE, "amount": 1251})

    assert (first.status, first.json["state"], first.json["till"]) == (201, "opened", "kasse-1")
    assert (again.status, again.json) == (200, first.json)
    assert (other.status, other.error["code"], other.error["param"]) == (409, "pos_key_reused", "pos_key")
    SessionShape.model_validate_json(first.raw)
    assert len(door.desk.sessions) == 1


async def test_ten_tills_at_once_with_one_key_get_one_session(door: Door) -> None:
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(door.post("/v1/sessions", SALE), name=f"till {n}") for n in range(10)]

    replies = [task.result() for task in asked]
    assert {reply.json["id"] for reply in replies} == {"ses_0001"}
    assert sorted(reply.status for reply in replies) == [200] * 9 + [201]


async def test_everything_a_till_may_say_reaches_the_desk(door: Door) -> None:
    await door.sell()
    door.desk.move("ses_0001", EventKind.STARTED)
    door.desk.conclude("ses_0001", "declined")
    said = {
        **SALE,
        "pos_key": "k2",
        "currency": "EUR",
        "capture": "manual",
        "tip": {"skip": False, "amount_eligible": 1000},
        "description": "Bon 17",
        "metadata": {"bon": "17"},
        "retry_of": "ses_0001",
    }

    view = await door.sell(**said)

    order = door.desk.sessions["ses_0002"].order
    assert (order.money.currency, order.capture.value, order.description) == ("eur", "manual", "Bon 17")
    assert order.tip is not None
    assert order.tip.amount_eligible == 1000
    assert dict(order.metadata) == {"bon": "17"}
    assert view["retry_of"] == "ses_0001"
    assert view["metadata"] == {"bon": "17"}


async def test_a_busy_reader_refuses_the_second_and_leaves_the_first_alone(door: Door) -> None:
    first = await door.sell()

    second = await door.post("/v1/sessions", {**SALE, "pos_key": "k2"}, token=door.other_token)

    assert (second.status, second.error["code"], second.error["param"]) == (409, "reader_busy", "reader")
    assert (await door.get(f"/v1/sessions/{first['id']}")).json == first


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"reader": "till-9"}, "reader_not_found", "reader"),
        ({"retry_of": "ses_9999"}, "session_not_found", "retry_of"),
    ],
)
async def test_what_does_not_exist_is_named(
    door: Door, change: dict[str, str], code: str, param: str
) -> None:
    reply = await door.post("/v1/sessions", {**SALE, **change})

    assert (reply.status, reply.error["code"], reply.error["param"]) == (404, code, param)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "?wait=1"),
        ("GET", "/events"),
        ("POST", "/cancel"),
        ("POST", "/capture"),
    ],
)
async def test_a_till_does_not_see_the_sales_of_another(door: Door, method: str, path: str) -> None:
    session = await door.sell()

    reply = await door.call(method, f"/v1/sessions/{session['id']}{path}", token=door.other_token)

    assert (reply.status, reply.error["code"]) == (404, "session_not_found")


async def test_cancel(door: Door) -> None:
    session = await door.sell()

    asked = await door.post(f"/v1/sessions/{session['id']}/cancel")
    door.desk.conclude(session["id"], "canceled", code="canceled_by_till")
    late = await door.post(f"/v1/sessions/{session['id']}/cancel", {})

    assert (asked.status, asked.json["seq"]) == (200, 2)
    assert (late.status, late.error["code"]) == (409, "wrong_state")


async def test_capture_of_less_than_was_held(door: Door) -> None:
    session = await door.sell(capture="manual")
    door.desk.move(session["id"], EventKind.STARTED)
    early = await door.post(f"/v1/sessions/{session['id']}/capture")
    door.desk.conclude(session["id"], "authorized", amount_authorized=1250)

    reply = await door.post(f"/v1/sessions/{session['id']}/capture", {"amount": 1000})

    assert (early.status, early.error["code"]) == (409, "wrong_state")
    assert (reply.json["state"], reply.json["amount_captured"], reply.json["amount_authorized"]) == (
        "paid",
        1000,
        1250,
    )


async def test_refund_is_a_session_of_its_own(door: Door) -> None:
    session = await door.sell()
    door.desk.pay(session["id"])
    path = f"/v1/sessions/{session['id']}/refund"

    made = await door.post(path, {"pos_key": "back-1", "amount": 500})
    again = await door.post(path, {"pos_key": "back-1", "amount": 500})
    keyless = await door.post(path, {"amount": 500})

    assert (made.status, made.json["kind"], made.json["refund_of"]) == (201, "refund", session["id"])
    assert (again.status, again.json["id"]) == (200, made.json["id"])
    assert (keyless.status, keyless.error["param"]) == (400, "pos_key")


async def test_a_sale_in_parts(door: Door) -> None:
    table = {"id": "Tisch 5/a", "amount": 3000}
    first = await door.sell(sale=table)
    door.desk.move(first["id"], EventKind.STARTED)
    door.desk.conclude(first["id"], "paid", amount_captured=1250)
    second = await door.sell(pos_key="k2", sale=table)

    told = await door.get("/v1/sales/Tisch%205%2Fa")
    others = await door.get("/v1/sales/Tisch%205%2Fa", token=door.other_token)

    assert first["sale"] == table
    TenderShape.model_validate_json(told.raw)
    sums = {name: told.json[f"amount_{name}"] for name in ("paid", "held", "under_way", "left")}
    assert sums == {"paid": 1250, "held": 0, "under_way": 1250, "left": 500}
    assert [each["id"] for each in told.json["sessions"]] == [first["id"], second["id"]]
    assert (others.status, others.error["code"]) == (404, "sale_not_found")
    door.desk.fault = SaleCoveredError("nothing is left")
    refused = await door.post("/v1/sessions", {**SALE, "pos_key": "k3", "sale": table})
    assert (refused.status, refused.error["code"], refused.error["param"]) == (409, "sale_covered", "sale")


@pytest.mark.parametrize("name", ["x" * 101, "%00", "none"])
async def test_a_sale_that_nobody_knows(door: Door, name: str) -> None:
    told = await door.get(f"/v1/sales/{name}")
    assert (told.status, told.error["code"]) == (404, "sale_not_found")


async def test_cashiers_read_their_language(door: Door) -> None:
    opened = await door.sell()
    assert opened["prompt"] is None
    door.desk.move(opened["id"], EventKind.STARTED)
    door.desk.move(opened["id"], EventKind.PROGRESS, step="entering_pin")
    read = [
        (await door.get(f"/v1/sessions/{opened['id']}", headers=headers)).json["prompt"]
        for headers in ({}, {"Accept-Language": "de-DE,de;q=0.9"}, {"Accept-Language": "fi"})
    ]
    assert read == ["Entering PIN", "PIN-Eingabe", "Entering PIN"]


async def test_pages_newest_first(door: Door) -> None:
    for number in range(5):
        session = await door.sell(pos_key=f"k{number}")
        door.desk.pay(session["id"])

    first = await door.get("/v1/sessions?limit=2")
    second = await door.get(f"/v1/sessions?limit=2&starting_after={first.json['data'][-1]['id']}")
    last = await door.get(f"/v1/sessions?limit=2&starting_after={second.json['data'][-1]['id']}")

    pages = [SessionListShape.model_validate_json(page.raw) for page in (first, second, last)]
    assert [session.pos_key for page in pages for session in page.data] == ["k4", "k3", "k2", "k1", "k0"]
    assert [page.has_more for page in pages] == [True, True, False]


async def test_filters_reach_the_desk(door: Door) -> None:
    reply = await door.get(
        "/v1/sessions",
        params={"pos_key": "k1", "state": "paid", "reader": "till-1", "since": "2026-01-05T10:00:00+01:00"},
    )

    query = door.desk.last_query
    assert reply.json == {"object": "list", "data": [], "has_more": False}
    assert (query.pos_key, query.state, query.reader) == ("k1", "paid", "till-1")
    assert query.since == datetime(2026, 1, 5, 9, tzinfo=UTC)
    assert query.limit == 21, "one more than a page, to know whether there is another"


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=ten", "limit"),
        ("limit=" + "9" * 5000, "limit"),
        ("limit=%D9%A3", "limit"),
        ("state=finished", "state"),
        ("since=yesterday", "since"),
        ("since=2026-01-05T10:00:00", "since"),
        ("since=2026-01-05T10:00:00+01:00", "since"),
        ("since=0001-01-01T00:00:00%2B23:00", "since"),
        ("starting_after=ses_9999", "starting_after"),
        ("pos_key=", "pos_key"),
        ("pos_key=a%00b", "pos_key"),
        ("pos_key=" + "k" * 101, "pos_key"),
        ("reader=" + "r" * 101, "reader"),
        ("state=paid&state=failed", "state"),
        ("token=tg_x", "token"),
    ],
)
async def test_bad_filters_are_named(door: Door, query: str, param: str) -> None:
    reply = await door.get(f"/v1/sessions?{query}")

    assert (reply.status, reply.error["param"]) == (400, param)


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("wait=61", "wait"),
        ("wait=-1", "wait"),
        ("wait=1e3", "wait"),
        ("wait=nan", "wait"),
        ("wait=", "wait"),
        ("wait=1&seq=-1", "seq"),
        ("seq=3", "seq"),
        ("until=decided", "until"),
        ("wait=1&until=", "until"),
        ("wait=1&until=paid", "until"),
        ("wait=1&until=decided&seq=1", "seq"),
    ],
)
async def test_bad_waits_are_named(door: Door, query: str, param: str) -> None:
    session = await door.sell()

    reply = await door.get(f"/v1/sessions/{session['id']}?{query}")

    assert (reply.status, reply.error["param"]) == (400, param)


async def test_a_long_poll_answers_at_the_next_change(door: Door) -> None:
    session = await door.sell()
    path = f"/v1/sessions/{session['id']}"
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(door.get(f"{path}?wait=60"), name="long poll")
        await door.desk.until_waiting(1)
        door.desk.move(session["id"], EventKind.STARTED)

    assert asking.result().json["state"] == "in_flight"
    missed = await door.get(f"{path}?wait=60&seq=1")
    assert missed.json["seq"] == 2, "a change that was missed is told at once"
    assert (await door.get(f"{path}?wait=0")).json["seq"] == 2
    assert (await door.get(f"{path}?wait=0.01")).json["seq"] == 2


async def test_a_long_poll_for_what_has_ended_answers_at_once(door: Door) -> None:
    session = await door.sell()
    door.desk.pay(session["id"])

    reply = await door.get(f"/v1/sessions/{session['id']}?wait=60&seq=99")

    assert reply.json["state"] == "paid"


async def test_a_long_poll_until_it_is_decided_is_answered_once(door: Door) -> None:
    session = await door.sell()
    path = f"/v1/sessions/{session['id']}?wait=60&until=decided"
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(door.get(path), name="long poll")
        await door.desk.until_waiting(1)
        door.desk.move(session["id"], EventKind.STARTED)
        await asyncio.sleep(0)
        await door.desk.until_waiting(1)
        assert not asking.done()
        door.desk.move(session["id"], EventKind.CONCLUDED, verdict="authorized", amount_authorized=1999)

    assert asking.result().json["state"] == "authorized"
    assert (await door.get(path)).json["state"] == "authorized", "what is decided is answered at once"
    late = await door.sell(pos_key="another")
    assert (await door.get(f"/v1/sessions/{late['id']}?wait=0.01&until=decided")).json["state"] == "opened"


async def test_odd_ids_are_only_unknown(door: Door) -> None:
    for odd in ("x" * 2000, "%00", "%FF", "%ED%A0%80", "ses%2F1", "%C3%A4", "'; DROP TABLE sessions"):
        for method, path in (("GET", ""), ("GET", "/events"), ("POST", "/cancel"), ("POST", "/capture")):
            reply = await door.call(method, f"/v1/sessions/{odd}{path}")
            assert (reply.status, reply.error["type"]) == (404, "invalid_request_error"), odd


BAD_BODIES: list[tuple[dict[str, Any], str, str]] = [
    ({"amount": 0}, "amount", "whole number of minor units"),
    ({"amount": -1}, "amount", "got -1"),
    ({"amount": 1.5}, "amount", "got 1.5"),
    ({"amount": 10**12}, "amount", "99999999"),
    ({"amount": "10"}, "amount", "got the string '10'"),
    ({"currency": "xyz"}, "currency", "not a currency"),
]


@pytest.mark.parametrize(("change", "param", "words"), BAD_BODIES)
async def test_bad_input_is_named_and_stores_nothing(
    door: Door, change: dict[str, Any], param: str, words: str
) -> None:
    reply = await door.post("/v1/sessions", {**SALE, **change})

    assert (reply.status, reply.error["type"], reply.error["param"]) == (400, "invalid_request_error", param)
    assert words in reply.error["message"]
    assert not door.desk.sessions

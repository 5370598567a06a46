"""Long polls and event streams: what they send, when they end, and that nothing is left behind."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any, cast

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from agent.payments.errors import JournalError
from agent.payments.model import EventKind, Order, PosKey, Session, TillName
from agent.pos import watch
from agent.pos.caller import THE_OPERATOR, Caller
from agent.pos.errors import BadRequestError, TooManyRequestsError
from agent.pos.limits import Limits
from agent.pos.listening import on_tcp
from agent.pos.watch import Waits, last_event_id, next_change, stream
from drivers.contract import Money
from tests.unit.agent.pos.conftest import Door
from tests.unit.agent.pos.fake_desk import READER, FakeDesk

TILL = Caller(TillName("kasse-1"))
EVENTS = "/v1/sessions/{id}/events"
GET = make_mocked_request("GET", "/")


async def _open(desk: FakeDesk) -> Session:
    session, _ = await desk.open(Order(TILL.name, PosKey("k1"), READER, Money(1250, "eur")))
    return session


class Hurdle:
    """A request whose till hangs up when told."""

    def __init__(self) -> None:
        self.transport: Any = self
        self.headers: dict[str, str] = {}
        self.closing = False
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True

    @property
    def request(self) -> web.Request:
        """As far as a wait looks at one: only its transport is asked."""
        return cast("web.Request", self)

    def is_closing(self) -> bool:
        return self.closing


async def test_a_long_poll_gives_up_after_its_time() -> None:
    desk, waits, now = FakeDesk(), Waits(5), asyncio.get_running_loop().time
    session, began = await _open(desk), asyncio.get_running_loop().time()

    same = await next_change(desk, waits, Hurdle().request, TILL, session, seq=1, wait_s=40)

    assert same.seq == 1
    assert now() - began == pytest.approx(40)
    assert (waits.count, desk.waiting) == (0, 0)


async def test_a_till_that_hung_up_is_not_waited_for() -> None:
    desk, waits, hurdle = FakeDesk(), Waits(5), Hurdle()
    session, began = await _open(desk), asyncio.get_running_loop().time()
    async with asyncio.TaskGroup() as group:
        group.create_task(
            next_change(desk, waits, hurdle.request, TILL, session, seq=1, wait_s=60),
            name="long poll",
        )
        await asyncio.sleep(1)
        hurdle.closing = True

    assert asyncio.get_running_loop().time() - began <= watch.HEARTBEAT_S + 1
    assert waits.count == 0


async def test_closing_ends_every_wait_and_refuses_none() -> None:
    desk, waits = FakeDesk(), Waits(5)
    session = await _open(desk)
    async with asyncio.TaskGroup() as group:
        polls = [
            group.create_task(
                next_change(desk, waits, Hurdle().request, TILL, session, seq=1, wait_s=60),
                name=f"long poll {number}",
            )
            for number in range(3)
        ]
        await asyncio.sleep(1)
        assert waits.count == 3
        began = asyncio.get_running_loop().time()
        waits.close()

    assert asyncio.get_running_loop().time() - began < 0.1
    assert [poll.result().seq for poll in polls] == [1, 1, 1]
    assert (waits.count, desk.waiting) == (0, 0)
    late = await next_change(desk, waits, Hurdle().request, TILL, session, seq=1, wait_s=60)
    assert late.seq == 1


async def test_a_cancellation_stays_one() -> None:
    waits = Waits(5)

    async def wait() -> None:
        async with waits.wait(TILL):
            await asyncio.sleep(100)

    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(wait(), name="wait")
        await asyncio.sleep(1)
        waiting.cancel()

    assert waiting.cancelled()
    assert waits.count == 0


async def test_a_timeout_of_somebody_else_is_not_ours_to_swallow() -> None:
    with pytest.raises(TimeoutError):
        async with Waits(5).wait(TILL):
            raise TimeoutError


async def test_waits_are_counted_for_each_till() -> None:
    waits = Waits(1)
    async with waits.wait(TILL):
        with pytest.raises(TooManyRequestsError):
            async with waits.wait(TILL):
                raise AssertionError("one too many")
        async with (
            waits.wait(Caller(TillName("kasse-2"))),
            waits.wait(THE_OPERATOR),
            waits.wait(THE_OPERATOR),
        ):
            assert waits.count == 4
    assert waits.count == 0


@pytest.mark.parametrize("odd", ["x", "-1", "\u0663", "9" * 19])
def test_the_last_event_seen_is_a_number(odd: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        last_event_id(make_mocked_request("GET", "/", headers={"Last-Event-ID": odd}))
    assert caught.value.param == "Last-Event-ID"


def test_who_is_new_has_seen_nothing() -> None:
    assert last_event_id(GET) == 0


async def _unprepared(_response: web.StreamResponse, _request: web.Request) -> None:
    """An answer that needs no connection to begin."""


async def test_a_till_that_hung_up_before_the_stream_began(monkeypatch: pytest.MonkeyPatch) -> None:
    async def cut(_response: web.StreamResponse, _request: web.Request) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(web.StreamResponse, "prepare", cut)
    desk, waits = FakeDesk(), Waits(5)

    await stream(desk, waits, Hurdle().request, TILL, await _open(desk))

    assert (desk.waiting, waits.count) == (0, 0)


@pytest.mark.parametrize("fault", ["closing", "cut", "deaf", "deaf and cut"])
async def test_a_stream_leaves_a_till_that_does_not_take_it(
    monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    hurdle = Hurdle()

    async def write(_response: web.StreamResponse, _data: bytes) -> None:
        if fault == "cut":
            raise ConnectionResetError
        if fault == "deaf and cut":
            hurdle.transport = None
        await asyncio.sleep(3600)

    monkeypatch.setattr(web.StreamResponse, "prepare", _unprepared)
    monkeypatch.setattr(web.StreamResponse, "write", write)
    hurdle.closing = fault == "closing"
    desk, waits = FakeDesk(), Waits(5)
    session, began = await _open(desk), asyncio.get_running_loop().time()

    await stream(desk, waits, hurdle.request, TILL, session)

    assert asyncio.get_running_loop().time() - began <= watch.WRITE_TIMEOUT_S
    assert hurdle.aborted == (fault == "deaf"), (
        "else the end of the answer would wait for the same till again"
    )
    assert waits.count == 0


class Stream:
    """Reads server-sent events."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def block(self) -> dict[str, str]:
        """The next event or comment (key "")."""
        found: dict[str, str] = {}
        while (line := (await self.response.content.readline()).decode().rstrip("\n")) != "":
            name, _, value = line.partition(": ")
            found[name] = value
        return found

    async def __aiter__(self) -> AsyncIterator[dict[str, str]]:
        while found := await self.block():
            yield found


def _listen(door: Door, session_id: str, *, last: str = "") -> Any:
    headers = {**door.auth(), **({"Last-Event-ID": last} if last else {})}
    return door.client.get(f"{door.base}/v1/sessions/{session_id}/events", headers=headers)


@pytest.mark.real_time
async def test_a_stream_sends_each_change_and_ends_with_the_sale(door: Door) -> None:
    session = await door.sell()
    async with _listen(door, session["id"]) as response:
        events = Stream(response)
        first = await events.block()
        door.desk.move(session["id"], EventKind.STARTED)
        second = await events.block()
        door.desk.conclude(session["id"], "paid", amount_captured=1250)
        rest = [event async for event in events]

    assert response.headers["Content-Type"].startswith("text/event-stream")
    assert response.headers["Request-Id"]
    assert [event["id"] for event in (first, second, *rest)] == ["1", "2", "3"]
    assert {event["event"] for event in (first, second, *rest)} == {"session"}
    assert [json.loads(event["data"])["state"] for event in (first, second, *rest)] == [
        "opened",
        "in_flight",
        "paid",
    ]


@pytest.mark.real_time
async def test_changes_that_come_fast_are_sent_as_one_and_the_end_at_once(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "GATHER_S", 60.0)
    session = await door.sell()
    async with _listen(door, session["id"]) as response:
        events = Stream(response)
        first = await events.block()
        door.desk.move(session["id"], EventKind.STARTED)
        door.desk.move(session["id"], EventKind.PROGRESS, step="waiting_for_card")
        door.desk.conclude(session["id"], "paid", amount_captured=1250)
        rest = [event async for event in events]

    assert [event["id"] for event in (first, *rest)] == ["1", "4"]


@pytest.mark.real_time
async def test_a_stream_goes_on_where_it_was_left(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "HEARTBEAT_S", 0.01)
    session = await door.sell()
    async with _listen(door, session["id"], last="1") as response:
        events = Stream(response)
        assert await events.block() == {"": "still here"}, "nothing new: no event"
        assert await events.block() == {"": "still here"}
        door.desk.pay(session["id"])
        changes = [event async for event in events if "id" in event]

    assert changes[-1]["id"] == "3"
    again = await door.get(f"/v1/sessions/{session['id']}/events", headers={"Last-Event-ID": "3"})
    assert (again.status, again.raw) == (204, b""), "a browser is told not to come back"
    before = await door.get(f"/v1/sessions/{session['id']}/events", headers={"Last-Event-ID": "2"})
    assert b"id: 3" in before.raw


@pytest.mark.real_time
async def test_a_stream_that_is_left_leaves_nothing_behind(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "HEARTBEAT_S", 0.01)
    session = await door.sell()
    tasks = len(asyncio.all_tasks())
    async with _listen(door, session["id"]) as response:
        await Stream(response).block()
        assert door.desk.waiting == 1
        response.close()
    await door.answers.until("GET", EVENTS, "200")
    for _ in range(10):
        await asyncio.sleep(0)  # the connection's own task ends after its handler

    assert door.desk.waiting == 0
    assert len(asyncio.all_tasks()) <= tasks


@pytest.mark.real_time
async def test_a_till_that_does_not_read_is_left(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "WRITE_TIMEOUT_S", 0.05)
    monkeypatch.setattr(watch, "_event", lambda session, language: b": " + b"x" * 4_000_000 + b"\n\n")
    session = await door.sell()
    port = int(door.base.rpartition(":")[2])
    loop = asyncio.get_running_loop()
    with socket.create_connection(("127.0.0.1", port)) as deaf:
        deaf.setblocking(False)
        request = f"GET /v1/sessions/{session['id']}/events HTTP/1.1\r\nHost: x\r\n"
        await loop.sock_sendall(deaf, f"{request}Authorization: Bearer {door.token}\r\n\r\n".encode())
        await door.answers.until("GET", EVENTS, "200")  # the door has given up on it

    assert door.desk.waiting == 0


@pytest.mark.real_time
async def test_a_stream_ends_when_the_journal_does(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "HEARTBEAT_S", 0.01)
    session = await door.sell()
    async with _listen(door, session["id"]) as response:
        events = Stream(response)
        await events.block()
        door.desk.fault = JournalError("disk gone")
        rest = [event async for event in events if "id" in event]

    assert rest == []


@pytest.mark.real_time
async def test_a_bug_breaks_the_stream_off(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    session = await door.sell()

    async def broken(*_arguments: object) -> Session:
        raise RuntimeError("a bug")

    monkeypatch.setattr(door.desk, "changed", broken)
    with pytest.raises(aiohttp.ClientPayloadError):
        async with _listen(door, session["id"]) as response:
            await response.read()


@pytest.mark.real_time
async def test_shutdown_ends_streams_and_long_polls_at_once(door: Door) -> None:
    session, loop = await door.sell(), asyncio.get_running_loop()
    app = _second_door(door)
    async with asyncio.TaskGroup() as group:
        async with on_tcp(app, "127.0.0.1", 0) as port:
            door.base = f"http://127.0.0.1:{port}"
            polling = group.create_task(door.get(f"/v1/sessions/{session['id']}?wait=60"), name="poll")
            streaming = group.create_task(door.get(f"/v1/sessions/{session['id']}/events"), name="stream")
            await door.desk.until_waiting(2)
            began = loop.time()
        ended = loop.time()

    assert ended - began < 2
    assert (polling.result().status, polling.result().json["state"]) == (200, "opened")
    assert b"id: 1" in streaming.result().raw


def _second_door(door: Door) -> Any:
    from agent.pos.http import make_app

    return make_app(
        door.desk, door.tills, door.issuer, lambda: {"status": "ok"}, door.metrics, limits=Limits()
    )

"""The client for tills, against the real door and against gateways that fail in the middle."""

import asyncio
import http.client
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest

from agent.payments.model import EventKind
from agent.pos.client import Gateway, NoAnswerError, RefusedError, Session
from tests.unit.agent.pos.conftest import Door

pytestmark = pytest.mark.real_time

T = TypeVar("T")


class FakeTime:
    """Pauses that cost nothing."""

    def __init__(self) -> None:
        self.now = 0.0

    def pause(self, seconds: float) -> None:
        self.now += seconds

    def clock(self) -> float:
        return self.now


def till(url: str, token: str, **options: Any) -> Gateway:
    fake = FakeTime()
    return Gateway(url, token, pause=fake.pause, clock=fake.clock, **options)


async def at(door: Door, work: Callable[[Gateway], T], **options: Any) -> T:
    """Let a till work in a thread of its own, as it blocks."""

    def run() -> T:
        with till(door.base, door.token, **options) as gateway:
            return work(gateway)

    return await asyncio.to_thread(run)


async def test_a_sale_from_its_beginning_to_its_end(door: Door) -> None:
    opened = await at(door, lambda gateway: gateway.open("till-1", 1250, "eur", "k1", description="Bon 1"))
    assert (opened.state, opened.amount, opened.settled, opened.paid) == ("opened", 1250, False, False)
    assert door.desk.sessions[opened.id].order.description == "Bon 1"

    async def customer() -> None:
        await door.desk.until_waiting(1)
        door.desk.move(opened.id, EventKind.STARTED)
        door.desk.move(opened.id, EventKind.PROGRESS, step="entering_pin")
        await door.desk.until_waiting(0)
        await door.desk.until_waiting(1)
        door.desk.conclude(opened.id, "paid", amount_captured=1250, amount_authorized=1250)

    async with asyncio.TaskGroup() as group:
        group.create_task(customer())
        following = group.create_task(at(door, lambda gateway: list(gateway.follow(opened))))
    changes = following.result()
    assert changes[0] == opened
    assert changes[-1].paid
    assert changes[-1].settled
    assert changes[-1].amount_captured == 1250
    assert "entering_pin" in {each.progress for each in changes}
    assert await at(door, lambda gateway: gateway.wait(changes[-1])) == changes[-1]


async def test_a_key_is_found_again(door: Door) -> None:
    opened = await at(door, lambda gateway: gateway.open("till-1", 1250, "eur", "k1"))
    assert await at(door, lambda gateway: gateway.open("till-1", 1250, "eur", "k1")) == opened
    assert await at(door, lambda gateway: gateway.find("k1")) == opened
    assert await at(door, lambda gateway: gateway.session(opened.id)) == opened


async def test_a_no_is_told_with_its_reason(door: Door) -> None:
    with pytest.raises(RefusedError) as refused:
        await at(door, lambda gateway: gateway.open("till-1", 0, "eur", "k1"))
    assert (refused.value.status, refused.value.code, refused.value.param) == (
        400,
        "amount_too_small",
        "amount",
    )
    assert "minor units" in refused.value.message


async def test_held_money_is_captured_canceled_and_given_back(door: Door) -> None:
    opened = await at(door, lambda gateway: gateway.open("till-1", 1250, "eur", "k1", capture="manual"))
    door.desk.move(opened.id, EventKind.STARTED)
    door.desk.conclude(opened.id, "authorized", amount_authorized=1250)
    held = await at(door, lambda gateway: gateway.session(opened.id))
    assert (held.held, held.settled, held.in_doubt) == (True, True, False)
    captured = await at(door, lambda gateway: gateway.capture(held, 1000))
    assert (captured.paid, captured.amount_captured) == (True, 1000)
    back = await at(door, lambda gateway: gateway.refund(held, "back-1", 400))
    assert (back.kind, back.amount) == ("refund", 400)
    door.desk.move(back.id, EventKind.STARTED)
    door.desk.conclude(back.id, "paid", amount_captured=400)
    second = await at(door, lambda gateway: gateway.open("till-1", 5, "eur", "k2"))
    assert (await at(door, lambda gateway: gateway.cancel(second))).id == second.id


@pytest.mark.parametrize(("settlement", "end"), [("capture", "paid"), ("release", "released")])
async def test_held_money_that_is_on_its_way_is_waited_for(door: Door, settlement: str, end: str) -> None:
    """A capture that takes longer than its call is no hold that waits for another word."""
    opened = await at(door, lambda gateway: gateway.open("till-1", 1250, "eur", "k1", capture="manual"))
    door.desk.move(opened.id, EventKind.STARTED)
    door.desk.conclude(opened.id, "authorized", amount_authorized=1250)
    door.desk.move(opened.id, EventKind.SETTLING, settlement=settlement)
    on_its_way = await at(door, lambda gateway: gateway.session(opened.id))
    assert (on_its_way.held, on_its_way.settled) == (True, False)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(at(door, lambda gateway: gateway.wait(on_its_way)))
        await door.desk.until_waiting(1)
        door.desk.conclude(opened.id, end, amount_captured=1250 if end == "paid" else 0)
    assert (waiting.result().state, waiting.result().settled) == (end, True)


async def test_readers_sales_and_tokens(door: Door) -> None:
    (reader,) = await at(door, lambda gateway: gateway.readers())
    assert reader["name"] == "till-1"
    whole = {"id": "table 5/a", "amount": 3000}
    await at(door, lambda gateway: gateway.open("till-1", 1000, "eur", "k1", sale=whole))
    assert (await at(door, lambda gateway: gateway.sale("table 5/a")))["amount_left"] == 2000
    first, second = [await at(door, lambda gateway: gateway.connection_token()) for _ in range(2)]
    assert first.startswith("pst_test_")
    assert first != second


async def test_what_a_newer_gateway_adds_is_kept_raw(door: Door) -> None:
    opened = await at(door, lambda gateway: gateway.open("till-1", 1250, "eur", "k1"))
    read = Session.read({**opened.raw, "colour": "red", "doubt": {"code": "lost", "message": "no line"}})
    assert read.raw["colour"] == "red"
    assert (read.code, read.message) == ("lost", "no line")


# -- gateways in trouble --------------------------------------------------------------------------------


class Trouble:
    """A gateway that gives the answers it was loaded with, one a request; None: it hangs up."""

    def __init__(self, *answers: tuple[int, str] | None) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                text = head.decode()
                length = int(text.lower().partition("content-length:")[2].partition("\r\n")[0] or 0)
                self.asked.append(text.partition("\r\n")[0] + (await reader.readexactly(length)).decode())
                answer = self.answers.pop(0) if self.answers else None
                if answer is None:
                    break
                status, body = answer
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def troubled(*answers: tuple[int, str] | None) -> AsyncIterator[Trouble]:
    trouble = Trouble(*answers)
    server = await asyncio.start_server(trouble.serve, "127.0.0.1", 0)
    trouble.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield trouble


LIST = json.dumps({"object": "list", "data": [], "has_more": False})


async def test_whatever_fails_is_asked_again_under_the_same_key(door: Door) -> None:
    sold = json.dumps(await door.sell())
    failing = (None, (503, "{}"), (500, "{}"), (200, "no json"), (429, "{}"), (201, sold))
    async with troubled(*failing) as trouble:

        def work() -> Session:
            with till(trouble.url, "t") as gateway:
                return gateway.open("till-1", 1250, "eur", "k1")

        assert (await asyncio.to_thread(work)).state == "opened"
    assert len(set(trouble.asked)) == 1
    assert len(trouble.asked) == len(failing)


async def test_patience_ends_in_words_that_say_what_to_do() -> None:
    async with troubled() as trouble:

        def work() -> None:
            with till(trouble.url, "t", patience_s=3) as gateway:
                gateway.readers()

        with pytest.raises(NoAnswerError, match="ask again with the same pos_key"):
            await asyncio.to_thread(work)
    assert len(trouble.asked) == 4


async def test_an_idle_connection_that_was_let_go_costs_no_pause() -> None:
    async with troubled((200, LIST), None, (200, LIST)) as trouble:

        def work() -> float:
            fake = FakeTime()
            with Gateway(trouble.url, "t", pause=fake.pause, clock=fake.clock) as gateway:
                assert gateway.readers() == []
                assert gateway.find("k2") is None
            return fake.now

        assert await asyncio.to_thread(work) == 0


async def test_a_refusal_without_words_keeps_its_number() -> None:
    async with troubled((404, "[]")) as trouble:

        def work() -> None:
            with till(trouble.url, "t") as gateway:
                gateway.readers()

        with pytest.raises(RefusedError, match="the gateway answered 404"):
            await asyncio.to_thread(work)


@pytest.mark.parametrize("url", ["127.0.0.1:8470", "ftp://x", "http://"])
async def test_an_address_that_cannot_be(url: str) -> None:
    with pytest.raises(ValueError, match="must be like"):
        Gateway(url, "t")


async def test_language_and_tls_are_passed_on() -> None:
    async with troubled((200, LIST)) as trouble:

        def work() -> None:
            with till(trouble.url, "t", language="de") as gateway:
                assert gateway._headers["Accept-Language"] == "de"
                gateway.readers()

        await asyncio.to_thread(work)
        safe = trouble.url.replace("http", "https")

    def encrypted() -> None:
        with till(safe, "t", patience_s=0) as gateway:
            assert isinstance(gateway._connect(), http.client.HTTPSConnection)
            gateway.readers()

    with pytest.raises(NoAnswerError, match="refused"):  # nobody is there any more
        await asyncio.to_thread(encrypted)

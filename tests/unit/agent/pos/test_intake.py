"""Bodies that are too large, broken or ambiguous, and odd queries."""

import asyncio
import gzip
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from agent.pos import intake
from agent.pos.errors import BadRequestError
from agent.pos.intake import MAX_BODY_BYTES, decode, query, seconds, whole
from tests.unit.agent.pos.conftest import Door

ODD: list[tuple[bytes, str | None, str]] = [
    # the body, the parameter that is blamed, words of the message
    (b"{", None, "line 1 column 2"),
    (b"nonsense", None, "not JSON"),
    (b"<html><body>Log in</body></html>", None, "not JSON"),
    (b"reader=till-1&amount=10", None, "not JSON"),
    (b'{"amount": 1} {"amount": 2}', None, "not JSON"),
    (b'{"amount": 010}', None, "not JSON"),
    (b'{"amount": 1,}', None, "not JSON"),
    (b"{'amount': 1}", None, "not JSON"),
    (b'{"amount": NaN}', None, "NaN is not JSON"),
    (b'{"amount": Infinity}', None, "Infinity is not JSON"),
    (b'{"amount": -Infinity}', None, "-Infinity is not JSON"),
    (b'{"amount": 1, "amount": 2}', "amount", "given twice"),
    (b'{"tip": {"skip": true, "skip": false}}', "skip", "given twice"),
    (b'\xef\xbb\xbf{"amount": 1}', None, "not JSON"),
    ('{"amount": 1}'.encode("utf-16"), None, "not UTF-8"),
    (b'{"reader": "\xff"}', None, "not UTF-8"),
    (b'{"reader": "a\x00b"}', None, "not JSON"),
    (b'{"reader": "\\ud800"}', "reader", "half a character"),
    (b'{"metadata": {"\\uDFFF": "x"}}', "metadata", "half a character"),
    (b'{"\\ud800": 1}', "?", "half a character"),
    (b'["\\ud800"]', "the body", "half a character"),
    (b"[" * 60_000, None, "nested too deeply"),
    (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, None, "nested too deeply"),
]


@pytest.mark.parametrize(("body", "param", "words"), ODD, ids=[repr(body[:30]) for body, _, _ in ODD])
def test_what_two_parsers_could_read_differently_is_refused(
    body: bytes, param: str | None, words: str
) -> None:
    with pytest.raises(BadRequestError, match=words) as caught:
        decode(body)

    assert caught.value.param == param
    assert caught.value.body().isascii(), "what is wrong with a text must not break the answer about it"


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"{}", {}),
        (b' {"a": [1, -2, null, true, "\xc3\xa4"]}\n', {"a": [1, -2, None, True, "ä"]}),
        (b'{"a": "\\ud83d\\ude00"}', {"a": "\U0001f600"}),
        (b'{"a": ' + b"9" * 5000 + b"}", {"a": 10**25}),
        (b'{"a": -' + b"9" * 5000 + b"}", {"a": -(10**25)}),
        (b'{"a": 1e400}', {"a": float("inf")}),
    ],
)
def test_plain_json_is_read(body: bytes, value: object) -> None:
    assert decode(body) == value


@pytest.mark.real_time
@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (b"x" * (MAX_BODY_BYTES + 1), {}, "body_too_large"),
        (b"x" * 1_000_000, {}, "body_too_large"),
        (b"reader=till-1", {"Content-Type": "application/x-www-form-urlencoded"}, "content_type"),
        (b"{}", {"Content-Type": "text/plain"}, "content_type"),
        (b"{}", {"Content-Type": "application/json; charset=utf-16"}, "content_type"),
        (gzip.compress(b"{}", mtime=0), {"Content-Encoding": "gzip"}, "content_encoding"),
        (b"[]", {}, "body_not_an_object"),
        (b"", {}, "parameter_missing"),
        (b" \r\n", {"Content-Type": "text/plain"}, "parameter_missing"),
        (b'{"reader": 1}', {"Content-Type": "Application/JSON; charset=UTF-8"}, "parameter_invalid"),
    ],
)
async def test_bodies_over_the_wire(door: Door, body: bytes, headers: dict[str, str], code: str) -> None:
    headers = {"Content-Type": "application/json", **headers}

    reply = await door.post("/v1/sessions", data=body, headers=headers)

    assert (reply.status, reply.error["code"]) == (400, code)
    assert not door.desk.sessions


async def _chunks(size: int) -> Any:
    for _ in range(size // 10_000):
        yield b"x" * 10_000


@pytest.mark.real_time
async def test_a_body_of_unknown_length_is_cut_at_the_limit(door: Door) -> None:
    reply = await door.post(
        "/v1/sessions", data=_chunks(100_000), headers={"Content-Type": "application/json"}
    )

    assert (reply.status, reply.error["code"]) == (400, "body_too_large")


async def _raw(door: Door, *parts: bytes, header: str) -> bytes:
    """The answer to bytes that no decent client sends; each part goes out alone."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(door.base.rpartition(":")[2]))
    head = [
        "POST /v1/sessions HTTP/1.1",
        "Host: x",
        f"Authorization: Bearer {door.token}",
        "Content-Type: application/json",
        header,
    ]
    try:
        for part in ("\r\n".join([*head, "", ""]).encode(), *parts):
            writer.write(part)
            await writer.drain()
            for _ in range(10):
                await asyncio.sleep(0)  # let the door see this part before the next
        async with asyncio.timeout(5):
            return await reader.readuntil(b"}}")
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.mark.real_time
async def test_a_body_that_does_not_come_is_not_waited_for(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "BODY_TIMEOUT_S", 0.05)

    answer = await _raw(door, b'{"reader"', header="Content-Length: 100")

    assert answer.startswith(b"HTTP/1.1 400")
    assert b"body_incomplete" in answer


@pytest.mark.real_time
async def test_a_badly_framed_body_is_refused(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "BODY_TIMEOUT_S", 0.05)

    answer = await _raw(door, b"2\r\n{}\r\n", b"zz\r\n{}\r\n", header="Transfer-Encoding: chunked")

    assert answer.startswith(b"HTTP/1.1 400")
    assert not door.desk.sessions


@pytest.mark.real_time
async def test_a_till_that_hangs_up_in_the_middle_stores_nothing(door: Door) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", int(door.base.rpartition(":")[2]))
    writer.write(
        f"POST /v1/sessions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {door.token}\r\n"
        'Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"reader": '.encode()
    )
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    await door.answers.until("POST", "/v1/sessions", "400")
    assert not door.desk.sessions


def test_queries() -> None:
    assert query(make_mocked_request("GET", "/?a=1&b=x%20y"), "a", "b") == {"a": "1", "b": "x y"}
    for odd, param in (("c=1", "c"), ("a=1&a=2", "a"), ("a=", "a"), ("a=%0A", "a")):
        with pytest.raises(BadRequestError) as caught:
            query(make_mocked_request("GET", f"/?{odd}"), "a", "b")
        assert caught.value.param == param


def test_seconds() -> None:
    assert seconds({}, "wait", 60) is None
    assert seconds({"wait": "0"}, "wait", 60) == 0
    assert seconds({"wait": "59.5"}, "wait", 60) == 59.5
    for odd in ("60.001", "-1", "1.2345", "1e1", "inf", "\u0661", "1" * 400):
        with pytest.raises(BadRequestError):
            seconds({"wait": odd}, "wait", 60)


def test_whole_numbers() -> None:
    assert whole({}, "limit", least=1, most=100) is None
    assert whole({"limit": "100"}, "limit", least=1, most=100) == 100
    for odd in ("0", "101", "1.0", "+1", "\u0661", "9" * 5000):
        with pytest.raises(BadRequestError):
            whole({"limit": odd}, "limit", least=1, most=100)

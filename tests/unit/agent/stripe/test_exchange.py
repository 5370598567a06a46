"""HTTP over real sockets on the loopback: what is certain and what is not when it fails."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest

from agent.stripe import exchange as module
from agent.stripe.errors import NoAnswerError, NotSentError
from agent.stripe.exchange import AiohttpExchange, HttpRequest

pytestmark = pytest.mark.real_time

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Odd: Yes\r\n\r\nok"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def server(serve: Serve) -> AsyncIterator[str]:
    ended: asyncio.Queue[None] = asyncio.Queue()
    begun = 0

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal begun
        begun += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await serve(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        ended.put_nowait(None)

    listening = await asyncio.start_server(guarded, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        listening.close()
        for _ in range(begun):
            await ended.get()


async def asked(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            head += await reader.readexactly(int(line.split(b":")[1]))
    return head


def request(url: str, *, method: str = "POST", timeout_s: float = 5.0) -> HttpRequest:
    return HttpRequest(method, f"{url}/v1/x%2Fy", {"Authorization": "Bearer sk_1"}, b"a[b]=c", timeout_s)


async def test_a_request_goes_out_as_it_is_and_the_answer_comes_back_whole() -> None:
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await asked(reader))
        writer.write(OK)
        await writer.drain()

    async with server(serve) as url, AiohttpExchange() as exchange:
        answer = await exchange.send(request(url))
    assert (answer.status, answer.body, answer.headers["x-odd"]) == (200, b"ok", "Yes")
    assert seen[0].startswith(b"POST /v1/x%2Fy HTTP/1.1\r\n")
    assert seen[0].endswith(b"a[b]=c")
    assert b"Authorization: Bearer sk_1" in seen[0]


async def test_a_closed_exchange_opens_again_and_closing_twice_is_harmless() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        writer.write(OK)
        await writer.drain()

    async with server(serve) as url:
        exchange = AiohttpExchange()
        await exchange.close()
        assert (await exchange.send(request(url, method="GET"))).status == 200
        await exchange.close()
        assert (await exchange.send(request(url))).status == 200
        await exchange.close()
        await exchange.close()


async def test_redirects_are_not_followed() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: http://portal/\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with server(serve) as url, AiohttpExchange() as exchange:
        assert (await exchange.send(request(url))).status == 302


async def test_a_refused_connection_is_certain() -> None:
    async with server(lambda reader, writer: asyncio.sleep(0)) as url:
        pass
    async with AiohttpExchange() as exchange:
        with pytest.raises(NotSentError) as caught:
            await exchange.send(request(url))
    assert "sk_1" not in str(caught.value)
    host = url.removeprefix("http://")
    assert str(caught.value) == f"POST /v1/x%2Fy: no connection to {host}: Connection refused"


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_name_nobody_knows_is_certain(scheme: str) -> None:
    async with AiohttpExchange() as exchange:
        with pytest.raises(NotSentError) as caught:
            await exchange.send(request(f"{scheme}://nowhere.invalid"))
    told = str(caught.value)
    assert told.startswith("POST /v1/x%2Fy: no connection to nowhere.invalid: ")
    assert "object at" not in told
    assert "ssl" not in told


class _Key:
    """As much of aiohttp's connection key as its errors want."""

    host, port, ssl, is_ssl = "h", 443, ssl.create_default_context(), True


def _certificate() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] (_ssl.c:1000)")
    error.verify_message = "self-signed certificate"
    return error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            aiohttp.ClientConnectorCertificateError(_Key(), _certificate()),  # type: ignore[arg-type] # a stand-in
            "its certificate is not trusted: self-signed certificate",
        ),
        (
            aiohttp.ClientConnectorError(_Key(), OSError("two ways failed")),  # type: ignore[arg-type] # a stand-in
            "two ways failed",
        ),
        (aiohttp.ServerDisconnectedError(), "Server disconnected"),
        (ConnectionResetError(), "ConnectionResetError"),
    ],
)
def test_reasons_are_for_people(error: Exception, reason: str) -> None:
    assert module._reason(error) == reason


async def test_a_failed_handshake_is_certain() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"this is not TLS")
        await writer.drain()

    async with server(serve) as url, AiohttpExchange(tls=ssl.create_default_context()) as exchange:
        with pytest.raises(NotSentError, match=r": TLS: [a-z ]+$"):
            await exchange.send(request(url.replace("http:", "https:")))


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ntorn",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nto",
        b"SMTP ready\r\n\r\n",
    ],
)
async def test_an_answer_that_breaks_off_is_doubt(said: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        writer.write(said)
        await writer.drain()

    async with server(serve) as url, AiohttpExchange() as exchange:
        with pytest.raises(NoAnswerError) as caught:
            await exchange.send(request(url))
    assert "sk_1" not in str(caught.value)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"])
async def test_silence_is_doubt(said: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        writer.write(said)
        await writer.drain()
        await reader.read()

    async with server(serve) as url, AiohttpExchange() as exchange:
        with pytest.raises(NoAnswerError, match=r"POST /v1/x%2Fy: no complete answer: it took too long$"):
            await exchange.send(request(url, timeout_s=0.2))


async def test_a_reset_is_doubt() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        writer.transport.abort()

    async with server(serve) as url, AiohttpExchange() as exchange:
        with pytest.raises(NoAnswerError):
            await exchange.send(request(url))


async def test_an_endless_answer_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BODY", 1000)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000)
        await writer.drain()

    async with server(serve) as url, AiohttpExchange() as exchange:
        with pytest.raises(NoAnswerError, match="longer than 1000"):
            await exchange.send(request(url))


async def test_a_cancellation_is_a_cancellation() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with server(serve) as url, AiohttpExchange() as exchange:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await exchange.send(request(url))


def test_a_request_shows_neither_its_headers_nor_its_body() -> None:
    assert "sk_1" not in repr(request("http://h"))
    assert "a[b]" not in repr(request("http://h"))

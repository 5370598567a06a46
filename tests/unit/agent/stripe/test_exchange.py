"""HTTP over real sockets on the loopback: what is certain and what is not when it fails."""

import asyncio
import contextlib
import errno
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from agent.stripe import connection as wire
from agent.stripe import exchange as module
from agent.stripe.errors import NoAnswerError, NotSentError
from agent.stripe.exchange import HttpRequest, PooledExchange

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

    async with server(serve) as url, PooledExchange() as exchange:
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
        exchange = PooledExchange()
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

    async with server(serve) as url, PooledExchange() as exchange:
        assert (await exchange.send(request(url))).status == 302


async def test_a_refused_connection_is_certain() -> None:
    async with server(lambda reader, writer: asyncio.sleep(0)) as url:
        pass
    async with PooledExchange() as exchange:
        with pytest.raises(NotSentError) as caught:
            await exchange.send(request(url))
    assert "sk_1" not in str(caught.value)
    host = url.removeprefix("http://")
    assert str(caught.value) == f"POST /v1/x%2Fy: no connection to {host}: Connection refused"


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_name_nobody_knows_is_certain(scheme: str) -> None:
    async with PooledExchange() as exchange:
        with pytest.raises(NotSentError) as caught:
            await exchange.send(request(f"{scheme}://nowhere.invalid"))
    told = str(caught.value)
    assert told.startswith("POST /v1/x%2Fy: no connection to nowhere.invalid: ")
    assert "object at" not in told
    assert "ssl" not in told


def _certificate() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] (_ssl.c:1000)")
    error.verify_message = "self-signed certificate"
    return error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (_certificate(), "its certificate is not trusted: self-signed certificate"),
        (OSError("two ways failed"), "two ways failed"),
        (ConnectionResetError(), "ConnectionResetError"),
        (ConnectionResetError(errno.ECONNRESET, "whatever"), "Connection reset by peer"),
    ],
)
def test_reasons_are_for_people(error: Exception, reason: str) -> None:
    assert module._reason(error) == reason


async def test_a_failed_handshake_is_certain() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"this is not TLS")
        await writer.drain()

    async with server(serve) as url, PooledExchange(tls=ssl.create_default_context()) as exchange:
        with pytest.raises(NotSentError, match=r": TLS: [a-z ]+$"):
            await exchange.send(request(url.replace("http:", "https:")))


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ntorn",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nto",
        b"SMTP ready\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: else\r\nConnection: Upgrade\r\n\r\n",
    ],
)
async def test_an_answer_that_breaks_off_is_doubt(said: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        writer.write(said)
        await writer.drain()

    async with server(serve) as url, PooledExchange() as exchange:
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

    async with server(serve) as url, PooledExchange() as exchange:
        with pytest.raises(NoAnswerError, match=r"POST /v1/x%2Fy: no complete answer: it took too long$"):
            await exchange.send(request(url, timeout_s=0.2))


async def test_a_reset_is_doubt() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        writer.transport.abort()

    async with server(serve) as url, PooledExchange() as exchange:
        with pytest.raises(NoAnswerError):
            await exchange.send(request(url))


async def test_an_endless_answer_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_BODY", 1000)
    monkeypatch.setattr(wire, "MAX_HEAD", 500)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000)
        await writer.drain()

    async with server(serve) as url, PooledExchange() as exchange:
        with pytest.raises(NoAnswerError, match="longer than 1000"):
            await exchange.send(request(url))


async def test_a_cancellation_is_a_cancellation() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with server(serve) as url, PooledExchange() as exchange:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await exchange.send(request(url))


def test_a_request_shows_neither_its_headers_nor_its_body() -> None:
    assert "sk_1" not in repr(request("http://h"))
    assert "a[b]" not in repr(request("http://h"))


async def test_a_connection_is_used_again_for_as_long_as_it_is_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    callers: list[object] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        callers.append(writer)
        while True:
            await asked(reader)
            writer.write(OK)
            await writer.drain()

    async with server(serve) as url, PooledExchange() as exchange:
        for _ in range(3):
            await exchange.send(request(url))
        assert len(callers) == 1
        monkeypatch.setattr(module, "_CLOSE_AFTER_S", -1.0)
        await exchange.send(request(url))
        assert len(callers) == 2


async def test_requests_at_once_have_connections_of_their_own() -> None:
    at_once = asyncio.Barrier(3)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        await at_once.wait()
        writer.write(OK)
        await writer.drain()

    async with server(serve) as url, PooledExchange() as exchange, asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(exchange.send(request(url)), name=f"request {number}")


@pytest.mark.parametrize("close_after_s", [0.1, 30.0])
async def test_connections_that_nobody_needs_are_closed(
    monkeypatch: pytest.MonkeyPatch, close_after_s: float
) -> None:
    hung_up = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        writer.write(OK)
        await writer.drain()
        assert await reader.read() == b""
        hung_up.set()

    monkeypatch.setattr(module, "_CLOSE_AFTER_S", close_after_s)
    async with server(serve) as url:
        exchange = PooledExchange()
        await exchange.send(request(url))
        if close_after_s < 1.0:
            await hung_up.wait()
        assert hung_up.is_set() is (close_after_s < 1.0)
        await exchange.close()
        await hung_up.wait()


async def test_a_fresh_connection_survives_the_sweep_of_old_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    callers: list[object] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        callers.append(writer)
        while True:
            await asked(reader)
            writer.write(OK)
            await writer.drain()

    async with server(serve) as url, PooledExchange() as exchange:
        await exchange.send(request(url))
        exchange._sweep()
        await exchange.send(request(url))
        assert len(callers) == 1


async def test_a_pool_that_was_closed_meanwhile_keeps_nothing() -> None:
    arrived = asyncio.Event()
    go_on = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        arrived.set()
        await go_on.wait()
        writer.write(OK)
        await writer.drain()
        assert await reader.read() == b""

    async with server(serve) as url, asyncio.TaskGroup() as group:
        exchange = PooledExchange()
        sending = group.create_task(exchange.send(request(url)), name="sending")
        await arrived.wait()
        await exchange.close()
        go_on.set()
        assert (await sending).status == 200


@pytest.mark.parametrize(
    ("said", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n", b"abcde"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", b"ok"),
        (b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<html>until the end", b"<html>until the end"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1", b"1"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
    ],
)
async def test_answers_of_every_length_are_whole(said: bytes, body: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        for at in range(0, len(said), 7):
            writer.write(said[at : at + 7])
            await writer.drain()
            await asyncio.sleep(0)

    async with server(serve) as url, PooledExchange() as exchange:
        answer = await exchange.send(request(url))
    assert (answer.status, answer.body) == (200, body)


async def test_a_server_that_talks_unasked_is_left() -> None:
    callers: list[object] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        callers.append(writer)
        await asked(reader)
        writer.write(OK)
        await writer.drain()
        if len(callers) == 1:
            await asyncio.sleep(0.05)
            writer.write(OK)
            await writer.drain()
            assert await reader.read() == b""

    async with server(serve) as url, PooledExchange() as exchange:
        await exchange.send(request(url))
        await asyncio.sleep(0.2)
        await exchange.send(request(url))
    assert len(callers) == 2


async def test_an_answer_too_many_is_nobodys() -> None:
    """Two answers at once: the first is ours, the connection is of no more use."""
    callers: list[object] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        callers.append(writer)
        await asked(reader)
        writer.write(OK + OK)
        await writer.drain()

    async with server(serve) as url, PooledExchange() as exchange:
        for _ in range(2):
            assert (await exchange.send(request(url))).body == b"ok"
    assert len(callers) == 2


async def test_a_request_after_the_answer_was_canceled_gets_its_own() -> None:
    """What comes for a request that nobody waits for any more is not taken for the next one's answer."""
    calls = 0
    canceled = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        while True:
            await asked(reader)
            calls += 1
            number = calls
            if number == 2:
                sending.cancel()
                await canceled.wait()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % number)
            await writer.drain()

    async with server(serve) as url, PooledExchange() as exchange, asyncio.TaskGroup() as group:
        assert (await exchange.send(request(url))).body == b"1"
        sending = group.create_task(exchange.send(request(url)))
        with pytest.raises(asyncio.CancelledError):
            await sending
        canceled.set()
        assert (await exchange.send(request(url))).body == b"3"


@pytest.mark.parametrize("line_break", ["\n", "\r"])
async def test_a_header_never_becomes_two(line_break: str) -> None:
    async with PooledExchange() as exchange:
        with pytest.raises(ValueError, match="line break"):
            await exchange.send(HttpRequest("GET", "http://h/", {"A": f"b{line_break}C: d"}, b"", 1.0))


@pytest.mark.parametrize("base", ["ftp://h", "http://", "https://user@h"])
async def test_what_is_no_address_of_an_api_is_refused(base: str) -> None:
    async with PooledExchange() as exchange:
        with pytest.raises(ValueError, match="is no address of an API"):
            await exchange.send(request(base))


async def test_a_connection_that_takes_too_long_to_come_up_is_certain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def nobody(*given: object, **more: object) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", nobody)
    async with PooledExchange(connect_s=0.05) as exchange:
        with pytest.raises(NotSentError, match="no connection to h: it took too long"):
            await exchange.send(request("http://h"))


def _own_certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate made now, and one of a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    (folder / "chain.pem").write_bytes(pem)
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(folder / "chain.pem", folder / "key.pem")
    return serving, ssl.create_default_context(cadata=pem.decode())


async def test_tls_carries_many_answers_on_one_connection_and_trusts_nobody_else(tmp_path: Path) -> None:
    callers: list[object] = []
    large = b"x" * 300_000

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        callers.append(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                await asked(reader)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + large)
                await writer.drain()
        writer.close()

    serving, trusting = _own_certificate(tmp_path)
    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=serving)
    async with listening:
        url = f"https://localhost:{listening.sockets[0].getsockname()[1]}"
        async with PooledExchange(tls=trusting) as exchange:
            for _ in range(3):
                assert (await exchange.send(request(url))).body == large
        assert len(callers) == 1
        async with PooledExchange() as stranger:
            with pytest.raises(NotSentError, match="its certificate is not trusted: self"):
                await stranger.send(request(url))

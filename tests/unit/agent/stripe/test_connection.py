"""One connection: what of the bytes that come is the answer, and what proves that there is none."""

import asyncio
from collections.abc import Callable

import pytest

from agent.stripe.connection import BrokenAnswerError, Connection, HttpResponse

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Odd: \xe4\r\n\r\nok"


class FakeTransport(asyncio.Transport):
    """Holds what was written; being aborted is told to the connection, as the loop does it."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.aborted = False
        self._connection = connection

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def abort(self) -> None:
        if not self.aborted:
            self.aborted = True
            asyncio.get_running_loop().call_soon(self._connection.connection_lost, None)


def opened() -> tuple[Connection, FakeTransport]:
    connection = Connection(asyncio.get_running_loop())
    transport = FakeTransport(connection)
    connection.connection_made(transport)
    return connection, transport


def feed(connection: Connection, data: bytes) -> None:
    """As the loop does it: into the connection's buffer, then the count."""
    while data:
        buffer = connection.get_buffer(-1)
        part, data = data[: len(buffer)], data[len(buffer) :]
        buffer[: len(part)] = part
        connection.buffer_updated(len(part))


async def exchanged(connection: Connection, *events: Callable[[], object]) -> HttpResponse:
    """The answer to a request while these things happen, one after the other."""
    async with asyncio.TaskGroup() as group:

        async def happen() -> None:
            for event in events:
                await asyncio.sleep(0)
                event()

        group.create_task(happen(), name="the other side")
        try:
            return await connection.exchange(b"request", 5.0)
        except (BrokenAnswerError, OSError) as error:
            broken = error
    raise broken


@pytest.mark.parametrize("chop", [1, 2, 7, 1000])
async def test_an_answer_is_whole_however_it_is_chopped(chop: int) -> None:
    connection, transport = opened()
    parts = [OK[at : at + chop] for at in range(0, len(OK), chop)]
    answer = await exchanged(connection, *(lambda part=part: feed(connection, part) for part in parts))
    assert (answer.status, answer.body, answer.headers) == (200, b"ok", {"content-length": "2", "x-odd": "ä"})
    assert connection.reusable
    assert transport.written == [b"request"]
    assert not transport.aborted


async def test_requests_follow_one_another_and_their_answers_do_not_mix() -> None:
    connection, transport = opened()
    await exchanged(connection, lambda: feed(connection, OK))
    again = await exchanged(
        connection, lambda: feed(connection, b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")
    )
    assert (again.status, again.body, again.headers) == (404, b"", {"content-length": "0"})
    assert len(transport.written) == 2


async def test_a_server_that_closes_after_its_answer_is_not_asked_again() -> None:
    connection, transport = opened()
    said = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
    assert (await exchanged(connection, lambda: feed(connection, said))).body == b"ok"
    assert not connection.reusable
    assert transport.aborted


async def test_an_answer_without_a_length_ends_with_the_connection() -> None:
    connection, _ = opened()
    answer = await exchanged(
        connection,
        lambda: feed(connection, b"HTTP/1.0 200 OK\r\n\r\n<html>"),
        lambda: feed(connection, b"portal"),
        lambda: connection.connection_lost(None),
    )
    assert answer.body == b"<html>portal"


@pytest.mark.parametrize(
    ("said", "error", "reason"),
    [
        (b"", None, "the server closed the connection"),
        (b"HTTP/1.1 200", None, "the answer broke off"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", None, "the answer broke off"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nto", None, "the answer broke off"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", None, "the answer broke off"),
        (b"", ValueError("odd"), "odd"),
        (b"", ValueError(), "ValueError()"),
    ],
)
async def test_a_connection_that_is_lost_leaves_no_answer(
    said: bytes, error: Exception | None, reason: str
) -> None:
    connection, _ = opened()
    with pytest.raises(BrokenAnswerError) as caught:
        await exchanged(connection, lambda: feed(connection, said), lambda: connection.connection_lost(error))
    assert str(caught.value) == reason


async def test_a_reset_is_told_as_the_system_told_it() -> None:
    connection, _ = opened()
    with pytest.raises(ConnectionResetError):
        await exchanged(connection, lambda: connection.connection_lost(ConnectionResetError()))


async def test_an_interim_answer_is_not_the_answer() -> None:
    connection, _ = opened()
    answer = await exchanged(
        connection, lambda: feed(connection, b"HTTP/1.1 100 Continue\r\nA: b\r\n\r\n" + OK)
    )
    assert answer.status == 200
    assert "a" not in answer.headers


@pytest.mark.parametrize(
    "said", [b"SMTP ready\r\n", b"HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"]
)
async def test_what_is_not_http_is_no_answer(said: bytes) -> None:
    connection, transport = opened()
    with pytest.raises(BrokenAnswerError, match="is not HTTP"):
        await exchanged(connection, lambda: feed(connection, said))
    assert transport.aborted


async def test_an_endless_answer_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.stripe.connection.MAX_BODY", 1000)
    monkeypatch.setattr("agent.stripe.connection.MAX_HEAD", 100)
    connection, _ = opened()
    with pytest.raises(BrokenAnswerError, match="longer than 1000 bytes"):
        await exchanged(connection, lambda: feed(connection, b"HTTP/1.1 200 OK\r\nA: " + b"x" * 2000))


async def test_silence_has_an_end_after_which_nothing_can_come() -> None:
    connection, transport = opened()
    with pytest.raises(TimeoutError):
        await connection.exchange(b"request", 5.0)
    assert transport.aborted
    assert not connection.reusable


async def test_a_cancellation_leaves_no_connection_on_which_an_old_answer_could_come() -> None:
    connection, transport = opened()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.0):
            await connection.exchange(b"request", 5.0)
    assert transport.aborted


@pytest.mark.parametrize("together", [True, False])
async def test_who_talks_unasked_is_left(together: bool) -> None:
    connection, transport = opened()
    if together:
        assert (await exchanged(connection, lambda: feed(connection, OK + OK))).body == b"ok"
    else:
        await exchanged(connection, lambda: feed(connection, OK))
        feed(connection, OK)
    assert not connection.reusable
    assert transport.aborted


async def test_closing_returns_when_the_socket_is_closed() -> None:
    connection, transport = opened()
    await connection.close()
    assert transport.aborted
    assert not connection.reusable

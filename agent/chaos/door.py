"""HTTP between tills and a gateway in one process: the real door, the real bytes, and no sockets."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import Context
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import web

from agent.chaos.world import Life
from agent.pos.http import make_runner

OUTSIDE = Context()
"""Whose work it is that nobody's life is."""

LATENCY_S = 0.002
"""One way on the store's own network."""

_PORT = 8470


class NoAnswerError(Exception):
    """The gateway did not answer: it is not there, or the line broke, or it hung up."""


class Answer(NamedTuple):
    """What the door said."""

    status: int
    body: dict[str, Any]


class _Transport(asyncio.Transport):
    """The gateway's end of one connection."""

    def __init__(self, call: "_Call", life: Life) -> None:
        super().__init__()
        self._call = call
        self._life = life
        self._closing = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1) if name == "peername" else default

    def is_closing(self) -> bool:
        return self._closing

    def write(self, data: Any) -> None:
        if not self._life.dead and not self._closing:
            self._call.bring(bytes(data))

    def close(self) -> None:
        if not self._closing and not self._life.dead:
            self._closing = True
            self._call.hang_up()

    def abort(self) -> None:
        self.close()

    def lose(self) -> None:
        """The till is gone."""
        self._closing = True

    def pause_reading(self) -> None:
        return

    def resume_reading(self) -> None:
        return

    def is_reading(self) -> bool:
        return True


class _Call:
    """One request on a connection of its own, and the answer as it comes."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._data = bytearray()
        self.answer: asyncio.Future[Answer] = loop.create_future()
        self.deaf = False

    def bring(self, data: bytes) -> None:
        self._loop.call_later(LATENCY_S, self._feed, data, context=OUTSIDE)

    def hang_up(self) -> None:
        self._loop.call_later(2 * LATENCY_S, self.lost, context=OUTSIDE)

    def lost(self) -> None:
        if not self.answer.done():
            self.answer.set_exception(NoAnswerError("the connection ended without an answer"))

    def _feed(self, data: bytes) -> None:
        if self.answer.done():
            return
        self._data += data
        head, blank, body = bytes(self._data).partition(b"\r\n\r\n")
        if not blank:
            return
        lines = head.decode("latin-1").split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines[1:])
        if len(body) < int(fields.get("content-length", "0")):
            return
        if self.deaf:
            self.lost()
            return
        self.answer.set_result(Answer(int(lines[0].split()[1]), json.loads(body)))


class Door:
    """Where the tills find the gateway, whichever life of it is there."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._life: Life | None = None
        self._server: Callable[[], Any] | None = None
        self._operators: Callable[[], Any] | None = None
        self._open: list[_Call] = []

    def tcp(self, life: Life) -> Callable[[web.Application, str, int], Any]:
        """What a life's gateway opens for tills (as `agent.pos.listening.on_tcp`)."""

        @asynccontextmanager
        async def on_tcp(app: web.Application, _host: str, _port: int) -> AsyncIterator[int]:
            runner = make_runner(app)
            await runner.setup()
            self._life, self._server = life, runner.server
            try:
                yield _PORT
            finally:
                if self._life is life:
                    self._server = None
                await runner.cleanup()

        return on_tcp

    def unix(self, life: Life) -> Callable[[web.Application, Path], Any]:
        """What a life's gateway opens for operators."""

        @asynccontextmanager
        async def on_unix(app: web.Application, path: Path) -> AsyncIterator[Path]:
            runner = make_runner(app)
            await runner.setup()
            self._operators = runner.server
            try:
                yield path
            finally:
                if self._life is life:
                    self._operators = None
                await runner.cleanup()

        return on_unix

    def died(self, life: Life) -> None:
        """The gateway is gone: whoever talks to it hears nothing more."""
        if self._life is life:
            self._server = self._operators = None
        calls, self._open = self._open, []
        for call in calls:
            self._loop.call_later(LATENCY_S, call.lost, context=OUTSIDE)

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str = "",
        patience_s: float = 90.0,
        deaf: bool = False,
        lost: bool = False,
    ) -> Answer:
        """One request. `deaf`: the answer is lost; `lost`: the request is. Errors: `NoAnswerError`."""
        await asyncio.sleep(LATENCY_S)
        make = self._server if token else self._operators
        life = self._life
        if make is None or life is None or life.dead or lost:
            raise NoAnswerError("nobody listens")
        call = _Call(self._loop)
        call.deaf = deaf
        self._open.append(call)
        protocol = make()
        transport = _Transport(call, life)
        self._loop.call_soon(protocol.connection_made, transport, context=life.context)
        self._loop.call_soon(protocol.data_received, _packed(method, path, body, token), context=life.context)
        try:
            async with asyncio.timeout(patience_s):
                return await call.answer
        except TimeoutError:
            raise NoAnswerError("the gateway did not answer in time") from None
        finally:
            transport.lose()
            if call in self._open:
                self._open.remove(call)
            if not life.dead:
                self._loop.call_soon(protocol.connection_lost, None, context=life.context)


def _packed(method: str, path: str, body: Any, token: str) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n"
    head += f"Content-Length: {len(content)}\r\n"
    if body is not None:
        head += "Content-Type: application/json\r\n"
    if token:
        head += f"Authorization: Bearer {token}\r\n"
    return head.encode() + b"\r\n" + content

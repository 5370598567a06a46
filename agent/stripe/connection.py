"""One HTTP/1.1 connection: a request at a time, its answer, or the exact reason why there is none."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

MAX_BODY = 16 * 1024 * 1024
"""Bytes of one answer we are ready to hold; a page of 100 expanded objects is far below."""

MAX_HEAD = 64 * 1024
"""Bytes that an answer may have besides its body: Stripe sends about 2 KB of headers."""

_READ_AT_ONCE = 64 * 1024

_NO_BODY = b""
_FRAMES = frozenset({"content-length", "transfer-encoding"})


class BrokenAnswerError(Exception):
    """The connection gave no complete answer; whether the request was read is not known."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What came back, complete. Header names are lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Connection(asyncio.BufferedProtocol):
    """Carries requests one after the other; `reusable` says whether another one may follow.

    The parser calls the `on_...` methods. Nothing is ever sent twice.
    """

    # Filled and emptied within one turn of the loop, so that all connections can share it.
    _shared = memoryview(bytearray(_READ_AT_ONCE))

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[HttpResponse] | None = None
        self._closed: asyncio.Future[None] = loop.create_future()
        self._parser = HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._size = 0
        self._status = 0  # of the answer whose headers are complete
        self.reusable = False
        self.idle_since = 0.0

    async def exchange(self, request: bytes, timeout_s: float) -> HttpResponse:
        """Send a request, wait for its whole answer.

        Raises `BrokenAnswerError`, `TimeoutError` or `OSError`. After any of them, and after a cancellation,
        the connection is gone: what comes later must not be taken for the answer to another request.
        """
        transport = self._transport
        assert transport is not None
        self._headers, self._body, self._size, self._status = {}, [], 0, 0
        self.reusable = False
        answer: asyncio.Future[HttpResponse] = self._loop.create_future()
        self._answer = answer
        timer = self._loop.call_later(timeout_s, self._give_up)
        try:
            transport.write(request)
            return await answer
        finally:
            timer.cancel()
            self._answer = None
            if not self.reusable:
                self.drop()

    def _give_up(self) -> None:
        self._fail(TimeoutError())

    def _fail(self, error: Exception) -> None:
        self.reusable = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)

    def drop(self) -> None:
        """Let go."""
        self.reusable = False
        assert self._transport is not None
        self._transport.abort()

    async def close(self) -> None:
        """Let go; returns when the socket is closed."""
        self.drop()
        await self._closed

    # -- what the event loop says ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The way is open."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.reusable = True

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go."""
        del sizehint
        return self._shared

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes came: parts of an answer, or something that nobody asked for."""
        if self._answer is None:
            self.drop()  # a server that talks unasked is not in step with us
            return
        self._size += nbytes
        if self._size > MAX_BODY + MAX_HEAD:
            self._fail(BrokenAnswerError(f"the answer is longer than {MAX_BODY} bytes"))
            return
        try:
            self._parser.feed_data(self._shared[:nbytes])
        except (HttpParserError, HttpParserUpgrade) as error:
            self._fail(BrokenAnswerError(f"the answer is not HTTP: {error}"))

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone; an answer of unknown length is complete now."""
        self.reusable = False
        self._closed.set_result(None)
        if exc is not None:
            self._fail(exc if isinstance(exc, OSError) else BrokenAnswerError(str(exc) or repr(exc)))
        elif self._status and not _FRAMES & self._headers.keys():
            self._complete()
        elif self._size:
            self._fail(BrokenAnswerError("the answer broke off"))
        else:
            self._fail(BrokenAnswerError("the server closed the connection"))

    # -- what the parser says -------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, whole."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """The body follows."""
        self._status = self._parser.get_status_code()

    def on_body(self, part: bytes) -> None:
        """A piece of the body."""
        self._body.append(part)

    def on_message_complete(self) -> None:
        """The answer is whole; one of the 1xx kind is not the answer yet (RFC 9110, 15.2)."""
        if self._status < 200:
            self._headers, self._body, self._status = {}, [], 0
            return
        self.reusable = self._parser.should_keep_alive()
        self._complete()

    def _complete(self) -> None:
        answer, body = self._answer, self._body
        if answer is None or answer.done():
            self.reusable = False  # an answer too many
            return
        whole = body[0] if len(body) == 1 else _NO_BODY.join(body)
        answer.set_result(HttpResponse(self._status, self._headers, whole))

"""One HTTP request, one answer, and an exact account of what is known when there is none."""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, Self

import aiohttp
from yarl import URL

from agent.stripe.errors import NoAnswerError, NotSentError

MAX_BODY = 16 * 1024 * 1024
"""Bytes of one answer we are ready to hold; a page of 100 expanded objects is far below."""

CONNECT_S = 5.0
"""A store's line either connects within this or is down."""

_CLOSE_AFTER_S = 30.0
"""Idle connections are closed by us before the middleboxes of a store forget them."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What to send. Headers and body stay out of the repr: they hold the key and customers' data."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    timeout_s: float


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What came back, complete. Header names are lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Exchange(Protocol):
    """The seam between the client and the network."""

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Exchange one request; raises `NotSentError` (no byte left) or `NoAnswerError` (who knows)."""
        ...


class AiohttpExchange:
    """HTTP over a connection pool of its own; redirects are not followed, cookies are not kept."""

    def __init__(
        self, *, proxy: str | None = None, tls: ssl.SSLContext | None = None, connect_s: float = CONNECT_S
    ) -> None:
        self._proxy = proxy
        self._tls = tls
        self._connect_s = connect_s
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection; a later `send` opens a new pool."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Exchange one request within its own total time."""
        url = URL(request.url, encoded=True)
        what = f"{request.method} {url.raw_path}"
        try:
            async with self._pool().request(
                request.method,
                url,
                data=request.body or None,
                headers=request.headers,
                allow_redirects=False,
                proxy=self._proxy,
                ssl=self._trust() if request.url.startswith("https:") else True,
                timeout=aiohttp.ClientTimeout(
                    total=request.timeout_s, connect=min(self._connect_s, request.timeout_s)
                ),
            ) as response:
                body = await _bounded(response)
                return HttpResponse(
                    response.status, {name.lower(): value for name, value in response.headers.items()}, body
                )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotSentError(f"{what}: no connection to {url.raw_authority}: {_reason(error)}") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            # A kept connection that the server closed while idle ends here too: aiohttp cannot tell whether
            # the request was read, so neither can we.
            raise NoAnswerError(f"{what}: no complete answer: {_reason(error)}") from error

    def _trust(self) -> ssl.SSLContext:
        """Whom to believe: the authorities that this system trusts, read for the first request."""
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls

    def _pool(self) -> aiohttp.ClientSession:
        if self._session is None:  # made on first use: a session belongs to the running loop
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_CLOSE_AFTER_S)
            self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        return self._session


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > MAX_BODY:
            raise aiohttp.ClientPayloadError(f"the answer is longer than {MAX_BODY} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def _reason(error: BaseException) -> str:
    """What went wrong, for people: the system's own words, for aiohttp's show Python's objects."""
    match error:
        case aiohttp.ClientConnectorCertificateError(certificate_error=ssl.SSLCertVerificationError() as why):
            return f"its certificate is not trusted: {why.verify_message}"
        case aiohttp.ClientConnectorError(os_error=ssl.SSLError(reason=str(why))):
            return f"TLS: {why.replace('_', ' ').lower()}"
        case aiohttp.ClientConnectorError(os_error=OSError(errno=int(number))) if number > 0:
            return os.strerror(number)
        case aiohttp.ClientConnectorError():  # a name that cannot be resolved has an errno of its own kind
            return error.os_error.strerror or str(error.os_error) or type(error.os_error).__name__
        case TimeoutError():
            return "it took too long"
        case _:
            return str(error) or type(error).__name__

"""One HTTP request, one answer, and an exact account of what is known when there is none."""

import asyncio
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, Self
from urllib.parse import urlsplit

from agent.stripe.connection import BrokenAnswerError, Connection, HttpResponse
from agent.stripe.errors import NoAnswerError, NotSentError

__all__ = ["Exchange", "HttpRequest", "HttpResponse", "PooledExchange"]

CONNECT_S = 5.0
"""A store's line either connects within this or is down."""

_OTHER_ADDRESS_S = 0.25
"""After this another address of the same name is tried beside the first (RFC 8305, 5)."""

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


class Exchange(Protocol):
    """The seam between the client and the network."""

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Exchange one request; raises `NotSentError` (no byte left) or `NoAnswerError` (who knows)."""
        ...


@dataclass(slots=True)
class _Origin:
    """Where connections go, and those that wait there for another request, the last used at the end."""

    authority: str
    host: str
    port: int
    encrypted: bool
    idle: list[Connection] = field(default_factory=list)
    open: bool = True


class PooledExchange:
    """HTTP/1.1 over a connection pool of its own; redirects are not followed, cookies are not kept."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, connect_s: float = CONNECT_S) -> None:
        self._tls = tls
        self._connect_s = connect_s
        self._origins: dict[str, _Origin] = {}
        self._sweeping: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection that waits; a later `send` opens new ones."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        origins, self._origins = self._origins, {}
        for origin in origins.values():
            origin.open = False
            for connection in origin.idle:
                await connection.close()

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Exchange one request within its own total time."""
        base, target = _split(request.url)
        origin = self._origins.get(base)
        if origin is None:
            origin = self._origins[base] = _origin(base)  # bounded: base addresses are settings
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + request.timeout_s
        packed = _packed(request, target, origin.authority)
        connection = _waiting(origin, loop.time())
        if connection is None:
            try:
                connection = await self._connect(origin, request.timeout_s)
            except (OSError, TimeoutError) as error:
                raise NotSentError(
                    f"{_what(request, target)}: no connection to {origin.authority}: {_reason(error)}"
                ) from error
        try:
            response = await connection.exchange(packed, ends_at - loop.time())
        except (BrokenAnswerError, TimeoutError, OSError) as error:
            # A kept connection that the server closed while idle ends here too: nobody can tell whether the
            # request was read.
            raise NoAnswerError(f"{_what(request, target)}: no complete answer: {_reason(error)}") from error
        if connection.reusable:
            self._keep(origin, connection, loop.time())
        return response

    async def _connect(self, origin: _Origin, timeout_s: float) -> Connection:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(min(self._connect_s, timeout_s)):
            _, connection = await loop.create_connection(
                lambda: Connection(loop),
                origin.host,
                origin.port,
                ssl=self._trust() if origin.encrypted else None,
                happy_eyeballs_delay=_OTHER_ADDRESS_S,
            )
        return connection

    def _keep(self, origin: _Origin, connection: Connection, now: float) -> None:
        if not origin.open:  # the pool was closed meanwhile
            connection.drop()
            return
        connection.idle_since = now
        origin.idle.append(connection)
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(_CLOSE_AFTER_S, self._sweep)

    def _sweep(self) -> None:
        """Close what has waited too long, and forget what the other side has closed."""
        loop = asyncio.get_running_loop()
        self._sweeping = None
        for origin in self._origins.values():
            waiting, origin.idle = origin.idle, []
            for connection in waiting:
                if _usable(connection, loop.time()):
                    origin.idle.append(connection)
                else:
                    connection.drop()
        if any(origin.idle for origin in self._origins.values()):
            self._sweeping = loop.call_later(_CLOSE_AFTER_S, self._sweep)

    def _trust(self) -> ssl.SSLContext:
        """Whom to believe: the authorities that this system trusts, read for the first request."""
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls


def _split(url: str) -> tuple[str, str]:
    """Where a request goes, and what it asks for there."""
    scheme, mark, rest = url.partition("://")
    authority, slash, target = rest.partition("/")
    return scheme + mark + authority, slash + target or "/"


def _origin(base: str) -> _Origin:
    parts = urlsplit(base)
    encrypted = parts.scheme == "https"
    host = parts.hostname
    if host is None or parts.scheme not in {"http", "https"} or "@" in parts.netloc:
        raise ValueError(f"{base!r} is no address of an API: it must be https://HOST or http://HOST:PORT")
    return _Origin(parts.netloc, host, parts.port or (443 if encrypted else 80), encrypted)


def _packed(request: HttpRequest, target: str, authority: str) -> bytes:
    """The request as bytes. Raises `ValueError` for a header that would become two."""
    lines = [f"{request.method} {target} HTTP/1.1", f"Host: {authority}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    if request.body or request.method == "POST":
        lines.append(f"Content-Length: {len(request.body)}")
    head = "\r\n".join(lines)
    if head.count("\n") != len(lines) - 1 or head.count("\r") != len(lines) - 1:
        raise ValueError("a header of a request holds a line break")
    return head.encode("latin-1") + b"\r\n\r\n" + request.body


def _waiting(origin: _Origin, now: float) -> Connection | None:
    """The connection that was used last, if it may be used again; the others grow old."""
    idle = origin.idle
    while idle:
        connection = idle.pop()
        if _usable(connection, now):
            return connection
        connection.drop()
    return None


def _usable(connection: Connection, now: float) -> bool:
    return connection.reusable and now - connection.idle_since < _CLOSE_AFTER_S


def _what(request: HttpRequest, target: str) -> str:
    """The request in messages: its query may name customers."""
    return f"{request.method} {target.partition('?')[0]}"


def _reason(error: BaseException) -> str:
    """What went wrong, for people: the system's own words."""
    match error:
        case ssl.SSLCertVerificationError(verify_message=str(why)):
            return f"its certificate is not trusted: {why}"
        case ssl.SSLError(reason=str(why)):
            return f"TLS: {why.replace('_', ' ').lower()}"
        case TimeoutError():
            return "it took too long"
        case OSError(errno=int(number)) if number > 0:
            return os.strerror(number)
        case OSError(strerror=str(why)):  # a name that cannot be resolved has an errno of its own kind
            return why
        case _:
            return str(error) or type(error).__name__

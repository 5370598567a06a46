"""TCP and TLS: links to where somebody listens, and a listener that gives a link for each caller."""

import asyncio
import socket
import ssl
from collections import deque
from typing import Self

from drivers.links.address import TcpAddress, TlsAddress
from drivers.links.base import Cause, LinkNotOpenedError, cause_of
from drivers.links.stream import StreamLink

BACKLOG = 8
"""Callers that may wait for `accept`; more are turned away. A terminal has one register."""


async def open_tcp(address: TcpAddress) -> StreamLink:
    """Connect; TLS when the address says so. The caller sets the time-out and may cancel.

    Errors: `LinkNotOpenedError`.
    """
    loop = asyncio.get_running_loop()
    try:
        if isinstance(address, TlsAddress):
            # in a thread: it reads files
            context = await loop.run_in_executor(None, _client_context, address)
            transport, link = await loop.create_connection(
                lambda: StreamLink(str(address)),
                address.host,
                address.port,
                ssl=context,
                server_hostname=address.server_name or address.host,
                ssl_shutdown_timeout=1.0,
            )
        else:
            transport, link = await loop.create_connection(
                lambda: StreamLink(str(address)), address.host, address.port
            )
    except OSError as error:
        raise LinkNotOpenedError(f"cannot open {address}: {error}", cause=_cause(error)) from error
    _tune(transport.get_extra_info("socket"), address)
    return link


def _cause(error: OSError) -> Cause:
    if isinstance(error, ssl.SSLError):
        return Cause.UNTRUSTED
    if isinstance(error, socket.gaierror):
        return Cause.NO_HOST
    if isinstance(error, FileNotFoundError):  # of a certificate, not of the other side
        return Cause.UNTRUSTED
    return cause_of(error)


def _client_context(address: TlsAddress) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=address.ca or None)
    # Python 3.13 began to demand extensions here that certificates of terminals often lack.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if address.cert:
        # an encrypted key must fail here, not ask on a terminal nobody looks at
        context.load_cert_chain(address.cert, address.key, password=lambda: "")
    return context


def _tune(sock: socket.socket, address: TcpAddress) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not address.keepalive_idle_s:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, address.keepalive_idle_s)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, address.keepalive_interval_s)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, address.keepalive_count)
    # Probes are not sent while bytes of ours are unacknowledged; without this the kernel would repeat
    # those for a quarter of an hour before it says that the other side is gone.
    patience_s = address.keepalive_idle_s + address.keepalive_interval_s * address.keepalive_count
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, patience_s * 1000)


class TcpListener:
    """A listening port; each caller becomes a link."""

    def __init__(self, host: str, port: int, *, context: ssl.SSLContext | None = None) -> None:
        """Port 0: any free one, known after `open`. With `context` callers must speak TLS."""
        self.host = host
        self.port = port
        self._context = context
        self._server: asyncio.Server | None = None
        self._callers: deque[StreamLink] = deque()
        self._called = asyncio.Event()

    @property
    def address(self) -> TcpAddress:
        """Where to call."""
        return (TlsAddress if self._context else TcpAddress)(self.host, self.port)

    async def accept(self) -> StreamLink:
        """The next caller's link, in order of calls."""
        while not self._callers:
            self._called.clear()
            await self._called.wait()
        return self._callers.popleft()

    async def open(self) -> None:
        """Listen, again on the same port after `shut`. Errors: `LinkNotOpenedError`."""
        if self._server is not None:
            return
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                self._caller, self.host, self.port, ssl=self._context, reuse_address=True
            )
        except OSError as error:
            message = f"cannot listen on {self.host} port {self.port}: {error}"
            raise LinkNotOpenedError(message, cause=cause_of(error)) from error
        self.port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        """Refuse callers until `open`; links that are there live on."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def close(self) -> None:
        """Refuse callers and let go of those nobody accepted."""
        await self.shut()
        while self._callers:
            await self._callers.popleft().close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _caller(self) -> StreamLink:
        return StreamLink(f"caller on port {self.port}", on_made=self._admit)

    def _admit(self, link: StreamLink) -> None:
        if len(self._callers) >= BACKLOG:
            link.abort()
            return
        self._callers.append(link)
        self._called.set()

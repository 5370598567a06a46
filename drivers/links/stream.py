"""A link over any of asyncio's own transports: TCP, TLS, and what libraries offer in their shape."""

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable

from drivers.links.base import Cause, LinkLostError
from drivers.links.inbox import Inbox

CLOSE_S = 2.0
"""How long the other side may keep us from closing before we stop asking."""


class StreamLink(asyncio.Protocol):
    """Bytes over one transport, used once. A half-closed stream is a lost one: no dialogue goes on with a
    side that will say nothing more.
    """

    def __init__(self, name: str, *, on_made: Callable[["StreamLink"], None] | None = None) -> None:
        """`on_made` is told once when the transport is there: how a listener learns of its callers."""
        self.name = name
        self._on_made = on_made
        self._transport: asyncio.Transport | None = None
        self._inbox = Inbox(pause=self._pause, resume=self._resume)
        self._room = asyncio.Event()
        self._room.set()
        self._gone = asyncio.Event()

    @property
    def ended(self) -> bool:
        """Whether it is known to be over."""
        return self._inbox.ended

    async def send(self, data: bytes) -> None:
        """Write all of it; returns when the kernel has it. Bytes of a cancelled `send` still go out.

        Errors: `LinkLostError`.
        """
        self._inbox.check(self.name)
        transport = self._open_transport()
        transport.write(data)
        if transport.is_closing():
            # the write failed on the spot; its reason comes with connection_lost
            await self._gone.wait()
        await self._room.wait()
        self._inbox.check(self.name)

    async def receive(self) -> bytes:
        """Bytes as they come; b"" when the other side closed, `LinkLostError` when the link broke."""
        return await self._inbox.take()

    async def close(self) -> None:
        """Send what is still owed for up to CLOSE_S seconds, then let go."""
        transport = self._transport
        if transport is None or self._gone.is_set():
            return
        self._closed_by_us()
        transport.close()
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._gone.wait()
        except TimeoutError:
            transport.abort()
            await self._gone.wait()
        except asyncio.CancelledError:
            transport.abort()
            raise

    def abort(self) -> None:
        """Let go at once: what is still owed is not sent, and a TCP peer sees a reset (RST)."""
        transport = self._transport
        if transport is None or self._gone.is_set():
            return
        self._closed_by_us()
        sock: socket.socket | None = transport.get_extra_info("socket")
        if sock is not None and sock.fileno() >= 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """For asyncio: the transport is there."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        # Any byte that the kernel has not taken makes `send` wait. With a limit of zero asyncio's TLS pauses
        # for no byte at all, and resumes only when the next one comes.
        tls = transport.get_extra_info("sslcontext") is not None
        transport.set_write_buffer_limits(high=1 if tls else 0)
        if self._on_made is not None:
            self._on_made(self)

    def data_received(self, data: bytes) -> None:
        """For asyncio: bytes came."""
        self._inbox.put(data)

    def eof_received(self) -> None:
        """For asyncio: the other side will say nothing more; asyncio closes when this gives None."""
        self._inbox.end()

    def pause_writing(self) -> None:
        """For asyncio: the kernel takes no more."""
        self._room.clear()

    def resume_writing(self) -> None:
        """For asyncio: the kernel has it all."""
        self._room.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """For asyncio: it is over, by whoever's doing."""
        if exc is not None:
            cause = Cause.UNTRUSTED if isinstance(exc, ssl.SSLError) else Cause.LOST
            self._inbox.end(LinkLostError(f"{self.name} broke: {exc}", cause=cause))
        self._inbox.end()
        self._room.set()
        self._gone.set()

    def _closed_by_us(self) -> None:
        self._inbox.discard()
        self._inbox.end(LinkLostError(f"{self.name} was closed by us", cause=Cause.CLOSED))

    def _open_transport(self) -> asyncio.Transport:
        if self._transport is None:
            raise RuntimeError("the stream is not connected yet")
        return self._transport

    def _pause(self) -> None:
        self._open_transport().pause_reading()

    def _resume(self) -> None:
        transport = self._open_transport()
        if not transport.is_closing():
            transport.resume_reading()

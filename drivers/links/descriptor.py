"""A link over an open file descriptor that the event loop can watch: a serial port, one end of a pty."""

import asyncio
import os
from collections.abc import Callable

from drivers.links.base import Cause, LinkLostError
from drivers.links.inbox import Inbox

READ_MAX = 65_536
"""Bytes per read: more than any port's buffer holds."""

OUTGOING_MAX = 262_144
"""Bytes a port may owe us (minutes at 9600 baud); beyond them it is stuck and given up. Protects memory."""


class DescriptorLink:
    """Bytes over a non-blocking descriptor, which it owns: closed at once on loss, in a thread on `close`.

    `close_fd` closes the descriptor and all that belongs to it, and does not raise. Bytes of a cancelled
    `send` still go out, so that no torn frame stays on the wire.
    """

    def __init__(self, fd: int, name: str, close_fd: Callable[[], None]) -> None:
        self.name = name
        self._fd = fd
        self._close_fd = close_fd
        self._loop = asyncio.get_running_loop()
        self._inbox = Inbox(pause=self._pause, resume=self._resume)
        self._outgoing = bytearray()
        self._drained = asyncio.Event()
        self._drained.set()
        self._open = True
        os.set_blocking(fd, False)
        self._resume()

    @property
    def writing(self) -> bool:
        """Whether the loop watches for room to write: only while the port owes us bytes."""
        return bool(self._outgoing)

    @property
    def ended(self) -> bool:
        """Whether it is known to be over."""
        return self._inbox.ended

    async def send(self, data: bytes) -> None:
        """Write all of it; returns when the kernel has it. `LinkLostError` when the link is or gets lost."""
        self._inbox.check(self.name)
        idle = not self._outgoing
        self._outgoing += data
        if idle and data:
            self._write()
            if self._outgoing:
                self._drained.clear()
                self._loop.add_writer(self._fd, self._writable)
        elif len(self._outgoing) > OUTGOING_MAX:
            self._lose(f"{self.name} takes no bytes any more: {len(self._outgoing)} wait")
        if not self._drained.is_set():
            await self._drained.wait()
        self._inbox.check(self.name)

    async def receive(self) -> bytes:
        """Bytes as they come; `LinkLostError` when the device is gone (a port has no orderly end)."""
        return await self._inbox.take()

    async def close(self) -> None:
        """Let go. In a thread: the kernel may hold a port until its last bytes are out."""
        if self._open:
            self._detach()
            self._outgoing.clear()
            self._inbox.discard()
            self._inbox.end(LinkLostError(f"{self.name} was closed by us", cause=Cause.CLOSED))
            self._drained.set()
            await asyncio.shield(self._loop.run_in_executor(None, self._close_fd))

    def on_end(self, told: Callable[[], None]) -> None:
        """Call `told` once when the link is over (`base.Watchable`)."""
        self._inbox.on_end = told

    def abort(self) -> None:
        """Let go at once, whatever the kernel still holds."""
        if self._open:
            self._lose(f"{self.name} was closed by us", cause=Cause.CLOSED)

    def _detach(self) -> None:
        self._open = False
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)

    def _pause(self) -> None:
        self._loop.remove_reader(self._fd)

    def _resume(self) -> None:
        self._loop.add_reader(self._fd, self._readable)

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, READ_MAX)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(f"{self.name} is gone: {error.strerror}")
            return
        if data:
            self._inbox.put(data)
        else:
            # readable without a byte: the driver's way to say that the device was pulled
            self._lose(f"{self.name} is gone: unplugged")

    def _writable(self) -> None:
        self._write()
        if not self._outgoing and self._open:
            # a writer left behind would be called again and again: there is nearly always room to write
            self._loop.remove_writer(self._fd)
            self._drained.set()

    def _write(self) -> None:
        try:
            written = os.write(self._fd, self._outgoing)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(f"{self.name} is gone: {error.strerror}")
            return
        del self._outgoing[:written]

    def _lose(self, reason: str, *, cause: Cause = Cause.LOST) -> None:
        self._detach()
        self._outgoing.clear()
        self._inbox.end(LinkLostError(reason, cause=cause))
        self._drained.set()
        # at once: while the old descriptor is open, the same device comes back under another name
        self._close_fd()

"""What has come over a link and was not taken yet, and how the link ended."""

import asyncio
from collections.abc import Callable

from drivers.links.base import LinkLostError

INBOX_MAX = 65_536
"""Bytes kept for a reader that does not come; beyond them the source is asked to wait. Protects memory."""


def _nobody() -> None:
    pass


class Inbox:
    """Bytes in order of arrival, for one reader at a time; of several ends the first one counts."""

    def __init__(self, *, pause: Callable[[], None] = _nobody, resume: Callable[[], None] = _nobody) -> None:
        """`pause` is called when INBOX_MAX bytes wait, `resume` when all were taken again."""
        self._bytes = bytearray()
        self._pause = pause
        self._resume = resume
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._ended = False
        self._loss: LinkLostError | None = None
        self.on_end: Callable[[], None] = _nobody
        """Called once when the link is over, by whoever's doing; for who does not receive at the moment."""

    @property
    def ended(self) -> bool:
        """Whether the link is over; bytes may still wait."""
        return self._ended

    def put(self, data: bytes) -> None:
        """More has come. Ignored after the end."""
        if self._ended:
            return
        self._bytes += data
        if len(self._bytes) >= INBOX_MAX and not self._paused:
            self._paused = True
            self._pause()
        self._wake()

    def end(self, loss: LinkLostError | None = None) -> None:
        """It is over: closed by the other side (None) or lost. Only the first call counts."""
        if not self._ended:
            self._ended = True
            self._loss = loss
            self._wake()
            self.on_end()

    def discard(self) -> None:
        """Forget what nobody will take any more."""
        self._bytes.clear()

    def check(self, name: str) -> None:
        """Raise `LinkLostError` when it is over: nothing can be sent any more."""
        if self._loss is not None:
            raise self._loss.again()
        if self._ended:
            raise LinkLostError(f"{name} was closed by the other side")

    async def take(self) -> bytes:
        """All that waits, at least one byte; b"" or `LinkLostError` once it is over. Safe to cancel."""
        while not self._bytes:
            if self._loss is not None:
                raise self._loss.again()
            if self._ended:
                return b""
            if self._waiter is not None:
                raise RuntimeError("two tasks receive from one link")
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        data = bytes(self._bytes)
        self._bytes.clear()
        if self._paused:
            self._paused = False
            if not self._ended:
                self._resume()
        return data

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

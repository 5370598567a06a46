"""Waits of one reader that end early when there is something to look at."""

import asyncio
from types import TracebackType


class Patience:
    """Gives out waits; `look` ends those that are under way, or else the next one before it begins."""

    def __init__(self) -> None:
        self._waits: set[asyncio.Timeout] = set()
        self._looked = False

    def at_most(self, seconds: float) -> "Wait":
        """At most so many seconds for what is inside an `async with`; its end is no error."""
        return Wait(self, seconds)

    def look(self) -> None:
        """Something has changed: wait no longer."""
        self._looked = not self._waits
        for wait in self._waits:
            if not wait.expired():
                wait.reschedule(asyncio.get_running_loop().time())

    def begin(self, seconds: float) -> asyncio.Timeout:
        """For a wait: how long it may take."""
        timeout = asyncio.timeout(0 if self._looked else seconds)
        self._looked = False
        self._waits.add(timeout)
        return timeout

    def end(self, timeout: asyncio.Timeout) -> None:
        """For a wait: it is over."""
        self._waits.discard(timeout)


class Wait:
    """One wait; used once."""

    def __init__(self, patience: Patience, seconds: float) -> None:
        self._patience = patience
        self._seconds = seconds
        self._timeout: asyncio.Timeout

    async def __aenter__(self) -> None:
        self._timeout = self._patience.begin(self._seconds)
        await self._timeout.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self._patience.end(self._timeout)
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError:
            return True
        return False

"""Who calls `Store.commit`: a thread that groups what waits, or the caller itself on virtual time."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Protocol

from agent.payments.store import Write

MOST_TOGETHER = 512
"""Changes in one transaction at most, so that one slow write keeps nobody waiting for thousands."""

Commit = Callable[[Sequence[Write]], list[Exception | None]]
Done = Callable[[Write, Exception | None], None]


class Writer(Protocol):
    """Makes changes durable in the order in which they were submitted."""

    def submit(self, write: Write) -> None:
        """Queue a change; `done` is called on the event loop when its fate is known."""
        ...

    def close(self) -> None:
        """Finish what was queued and stop."""
        ...


class GroupWriter:
    """One thread: whatever gathered while the disk was busy goes into the next transaction together."""

    def __init__(self, commit: Commit, done: Done, loop: asyncio.AbstractEventLoop) -> None:
        self._commit = commit
        self._done = done
        self._loop = loop
        self._queue: SimpleQueue[Write | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="journal writer", daemon=True)
        self._thread.start()

    def submit(self, write: Write) -> None:
        """Queue a change for the next transaction."""
        self._queue.put(write)

    def close(self) -> None:
        """Commit what is queued, then end the thread."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        open_for_more = True
        while open_for_more:
            batch: list[Write] = []
            item = self._queue.get()
            while item is not None:
                batch.append(item)
                if len(batch) == MOST_TOGETHER:
                    break
                try:
                    item = self._queue.get_nowait()
                except Empty:
                    break
            open_for_more = item is not None
            if batch:
                results: list[Exception | None]
                try:
                    results = self._commit(batch)
                except Exception as bug:  # noqa: BLE001  # a bug must reach those who wait, not die with the thread
                    results = [bug] * len(batch)
                self._loop.call_soon_threadsafe(self._deliver, batch, results)

    def _deliver(self, batch: Sequence[Write], results: Sequence[Exception | None]) -> None:
        for write, error in zip(batch, results, strict=True):
            self._done(write, error)


class InlineWriter:
    """Commits on the spot, so that one seed decides everything. For virtual time only: it blocks the loop."""

    def __init__(self, commit: Commit, done: Done) -> None:
        self._commit = commit
        self._done = done

    def submit(self, write: Write) -> None:
        """Commit now."""
        (error,) = self._commit([write])
        self._done(write, error)

    def close(self) -> None:
        """Nothing to finish."""

"""Who calls `Store.commit`: a thread that groups what waits, or the caller itself on virtual time."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import NamedTuple, Protocol

from agent.payments.change import Write

MOST_TOGETHER = 512
"""Changes in one transaction at most, so that one slow write keeps nobody waiting for thousands."""


class Pending(NamedTuple):
    """A change on its way to the disk; `number` counts them, `waiter` is whoever must know its fate."""

    write: Write
    number: int
    waiter: asyncio.Future[None] | None


Commit = Callable[[Sequence[Write]], list[Exception | None]]
Done = Callable[[Sequence[Pending], Sequence[Exception | None]], None]


class Writer(Protocol):
    """Makes changes durable in the order in which they were submitted."""

    def submit(self, pending: Pending) -> None:
        """Queue a change; `done` is called on the event loop when its fate is known."""
        ...

    def close(self) -> None:
        """Finish what was queued and stop. Nothing may be submitted any more."""
        ...


MakeWriter = Callable[[Commit, Done], Writer]
"""Makes the writer of a journal from what it calls."""


class GroupWriter:
    """One thread: whatever gathered while the disk was busy goes into the next transaction together.

    What is submitted within one turn of the event loop is handed over together: the thread is woken
    once for all of it, when the loop is about to let go of the interpreter.
    """

    def __init__(self, commit: Commit, done: Done, loop: asyncio.AbstractEventLoop) -> None:
        self._commit = commit
        self._done = done
        self._loop = loop
        self._turn: list[Pending] = []
        self._queue: SimpleQueue[list[Pending] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="journal writer", daemon=True)
        self._thread.start()

    def submit(self, pending: Pending) -> None:
        """Queue a change for the next transaction."""
        if not self._turn:
            self._loop.call_soon(self._hand_over)
        self._turn.append(pending)

    def _hand_over(self) -> None:
        if self._turn:
            turn, self._turn = self._turn, []
            self._queue.put(turn)

    def close(self) -> None:
        """Commit what is queued, then end the thread."""
        self._hand_over()
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        open_for_more = True
        while open_for_more:
            waiting, open_for_more = self._gather()
            for start in range(0, len(waiting), MOST_TOGETHER):
                batch = waiting[start : start + MOST_TOGETHER]
                results: list[Exception | None]
                try:
                    results = self._commit([pending.write for pending in batch])
                except Exception as bug:  # noqa: BLE001  # a bug must reach those who wait, not die with the thread
                    results = [bug] * len(batch)
                with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
                    self._loop.call_soon_threadsafe(self._done, batch, results)

    def _gather(self) -> tuple[list[Pending], bool]:
        """All that waits, at least one; and whether more may come."""
        waiting: list[Pending] = []
        turn = self._queue.get()
        with suppress(Empty):
            while turn is not None:
                waiting += turn
                turn = self._queue.get_nowait()
        return waiting, turn is not None


class InlineWriter:
    """Commits on the spot, so that one seed decides everything. For virtual time only: it blocks the loop."""

    def __init__(self, commit: Commit, done: Done) -> None:
        self._commit = commit
        self._done = done

    def submit(self, pending: Pending) -> None:
        """Commit now."""
        self._done([pending], self._commit([pending.write]))

    def close(self) -> None:
        """Nothing to finish."""

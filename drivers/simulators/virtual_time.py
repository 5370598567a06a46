"""Event loops whose clock is ours: one jumps to the next timer, one runs faster than the wall."""

import asyncio
import selectors
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVarTuple, Unpack

_Ts = TypeVarTuple("_Ts")

EPOCH = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
"""Where virtual time begins: a Monday morning, so that a simulated day has business hours."""

DEADLOCK_S = 1.0
"""Real seconds a virtual loop waits for the outside world before it calls the silence a deadlock."""


class DeadlockError(RuntimeError):
    """Every task waits, no timer is set and nothing outside can wake the loop."""


class _ClockedSelector(selectors.BaseSelector):
    """A selector that asks `idle` what to do when nothing is ready at once."""

    def __init__(self, idle: "Callable[[selectors.BaseSelector, float | None], _Ready]") -> None:
        self._inner = selectors.DefaultSelector()
        self._idle = idle

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._inner.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._inner.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._inner.modify(fileobj, events, data)

    def select(self, timeout: float | None = None) -> "_Ready":
        ready = self._inner.select(0)
        if ready or timeout == 0:
            return ready
        return self._idle(self._inner, timeout)

    def close(self) -> None:
        self._inner.close()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._inner.get_map()


_Ready = list[tuple[selectors.SelectorKey, int]]


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Time stands still while anything can run and jumps to the next timer when nothing can.

    Work handed to an executor runs on the spot, so that one seed decides every interleaving.
    """

    def __init__(self) -> None:
        self._seconds = 0.0
        super().__init__(_ClockedSelector(self._jump))

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._seconds

    def now(self) -> datetime:
        """The virtual wall clock (UTC)."""
        return EPOCH + timedelta(seconds=self._seconds)

    def _jump(self, outside: selectors.BaseSelector, timeout: float | None) -> _Ready:
        if timeout is not None:
            self._seconds += timeout
            return []
        ready = outside.select(DEADLOCK_S)
        if not ready:
            raise DeadlockError("every task waits and no timer is set: nothing can ever happen again")
        return ready

    def run_in_executor(
        self, executor: Any, func: Callable[[Unpack[_Ts]], Any], *args: *_Ts
    ) -> asyncio.Future[Any]:
        """Run it now, on this thread."""
        del executor
        future: asyncio.Future[Any] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001  # whatever the work raised belongs to who awaits it
            future.set_exception(error)
        return future


class ScaledTimeLoop(asyncio.SelectorEventLoop):
    """The real world at another speed: `speed` seconds pass on the loop for each second of waiting.

    Work takes the time it takes: were it scaled too, a slow machine would look like a device that is silent.
    """

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._seconds = 0.0
        self._seen = time.monotonic()
        super().__init__(_ClockedSelector(self._wait))

    def time(self) -> float:
        """Loop seconds since the loop was made."""
        return self._seconds + time.monotonic() - self._seen

    def now(self) -> datetime:
        """The wall clock of the scaled world (UTC)."""
        return EPOCH + timedelta(seconds=self.time())

    def _wait(self, outside: selectors.BaseSelector, timeout: float | None) -> _Ready:
        began = time.monotonic()
        self._seconds += began - self._seen
        ready = outside.select(None if timeout is None else timeout / self._speed)
        self._seen = time.monotonic()
        waited = (self._seen - began) * self._speed
        # no later than the timer that was waited for, however late the machine let us wake up
        self._seconds += waited if timeout is None else min(waited, timeout)
        return ready

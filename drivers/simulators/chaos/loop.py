"""An event loop without sockets: virtual time, an order of things that a seed decides, lives that can end."""

# ruff: noqa: SLF001  # an event loop works on the insides of its own handles and timers
import asyncio
import heapq
from collections import deque
from collections.abc import Callable
from contextvars import Context
from random import Random
from typing import Any, TypeVarTuple, Unpack

from drivers.simulators.chaos.life import LIFE, NumberedTask
from drivers.simulators.virtual_time import DeadlockError

_Ts = TypeVarTuple("_Ts")

_RESOLUTION_S = 1e-9
_MANY_CANCELLED = 200


class _TooManyStepsError(RuntimeError):
    """A world that goes round in circles."""


class ChaosLoop(asyncio.BaseEventLoop):
    """Time jumps to the next timer when nothing can run. Tasks that could run now run in any order."""

    def __init__(self, seed: int = 0, *, shuffle: bool = True, most_steps: int = 5_000_000) -> None:
        """`most_steps` ends a world that never ends by itself."""
        super().__init__()
        self._scheduled: list[asyncio.TimerHandle] = []
        self._ready: deque[Any] = deque()
        self._stopping = False
        self._timer_cancelled_count = 0
        self._seconds = 0.0
        self._chance = Random(seed)  # noqa: S311  # repeatable, not secret
        self._shuffle = shuffle
        self._left = most_steps
        self._made = 0
        self.steps = 0
        self.set_task_factory(self._make_task)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._seconds

    def _make_task(self, loop: asyncio.AbstractEventLoop, coro: Any, **how: Any) -> NumberedTask:
        self._made += 1
        task = NumberedTask(coro, number=self._made, loop=loop, **how)
        context: Context | None = how.get("context")
        life = LIFE.get() if context is None else context.get(LIFE)
        if life is not None:
            life.tasks.append(task)
            if len(life.tasks) % 64 == 0:
                life.tasks = [each for each in life.tasks if not each.done()]
        return task

    def _run_once(self) -> None:
        ready = self._ready
        scheduled: list[Any] = self._scheduled
        while scheduled and scheduled[0]._cancelled:
            self._timer_cancelled_count -= 1
            heapq.heappop(scheduled)._scheduled = False
        if self._timer_cancelled_count > _MANY_CANCELLED:
            self._forget_cancelled()
            scheduled = self._scheduled
        if not ready and not self._stopping:
            if not scheduled:
                raise DeadlockError("every task waits and no timer is set: nothing can ever happen again")
            self._seconds = max(self._seconds, scheduled[0]._when)
        end = self._seconds + _RESOLUTION_S
        while scheduled and scheduled[0]._when < end:
            handle = heapq.heappop(scheduled)
            handle._scheduled = False
            ready.append(handle)
        count = len(ready)
        self.steps += count
        if self.steps > self._left:
            raise _TooManyStepsError(f"more than {self._left} steps by {self._seconds:.0f} s")
        if count == 1:
            self._go(ready.popleft())
            return
        batch = [ready.popleft() for _ in range(count)]
        if self._shuffle and count > 1:
            self._mix(batch)
        for handle in batch:
            self._go(handle)

    def _go(self, handle: Any) -> None:
        if handle._cancelled:
            return
        life = handle._context.get(LIFE)
        if life is not None:
            if life.frozen and not life.dead:
                life.parked.append(handle)
                return
            if not life.step():
                return
        handle._run()

    def _mix(self, batch: list[Any]) -> None:
        """Let the steps of tasks change places; plain callbacks keep theirs, as asyncio promises."""
        places = [at for at, handle in enumerate(batch) if type(handle._callback).__name__ in _STEPS]
        if len(places) > 1:
            steps = [batch[at] for at in places]
            self._chance.shuffle(steps)
            for at, handle in zip(places, steps, strict=True):
                batch[at] = handle

    def _forget_cancelled(self) -> None:
        kept: list[Any] = []
        scheduled: list[Any] = self._scheduled
        for handle in scheduled:
            if handle._cancelled:
                handle._scheduled = False
            else:
                kept.append(handle)
        heapq.heapify(kept)
        self._scheduled = kept
        self._timer_cancelled_count = 0

    def sleep_through(self, seconds: float) -> None:
        """Let time pass in which nothing happens: what was due meanwhile is due at its end."""
        self._seconds += seconds

    def resume(self, handles: list[asyncio.Handle]) -> None:
        """Let parked steps happen now."""
        self._ready.extend(handles)

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

    def add_reader(self, fd: Any, callback: Callable[[Unpack[_Ts]], Any], *args: *_Ts) -> None:
        """No file of the machine's is ever readable in a simulated world."""

    def remove_reader(self, fd: Any) -> bool:
        """As `add_reader`."""
        del fd
        return True

    def _asyncgen_finalizer_hook(self, agen: Any) -> None:
        """What a dead program left half done is not finished for it."""

    def _write_to_self(self) -> None:
        """Nobody sleeps in a selector."""


_STEPS = frozenset({"TaskStepMethWrapper", "TaskWakeupMethWrapper", "builtin_function_or_method"})
"""The types of callback that resume a task, in the versions of Python that we run on."""

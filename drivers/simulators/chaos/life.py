"""One run of a program in a simulated world: it can be stopped, slowed and killed at any step."""

import asyncio
import gc
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from types import AsyncGeneratorType, CoroutineType
from typing import Any

LIFE: ContextVar["Life | None"] = ContextVar("life", default=None)
"""Whose work it is; None: the world's. Tasks and timers inherit it, as they inherit any context."""

_PATIENCE = 500
"""How often a task is told to end: blocks that wait while they are left are left again."""


class NumberedTask(asyncio.Task[Any]):
    """A task whose place in a set does not depend on where it lies in memory."""

    def __init__(self, coro: Any, *, number: int, **how: Any) -> None:
        self.number = number
        super().__init__(coro, **how)

    def forget(self) -> None:
        """It is known that it never ends."""
        self._log_destroy_pending = False

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        return self is other


class Life:
    """What a process is to its machine: steps that happen or do not.

    A step is one callback of the event loop: a task resumed, a timer, a commit. From its death on none of its
    steps happens, whatever was due; nothing of it is told, no `finally` of it acts on the world.
    """

    def __init__(self, on_death: Callable[["Life"], None]) -> None:
        """`on_death` is called by the world's loop after the last step, before any other."""
        self.context: Context = copy_context()
        self.context.run(LIFE.set, self)
        self.dead = False
        self.steps = 0
        self.frozen = False
        self.parked: list[asyncio.Handle] = []
        self.tasks: list[NumberedTask] = []
        self._die_at: int | None = None
        self._on_death = on_death

    def step(self) -> bool:
        """One more step; False: it does not happen any more."""
        if self.dead:
            return False
        self.steps += 1
        if self._die_at is not None and self.steps > self._die_at:
            self.die()
            return False
        return True

    def die_after(self, steps: int) -> None:
        """Let it die so many steps from now."""
        self._die_at = self.steps + steps

    def die(self) -> None:
        """End it here and now."""
        if not self.dead:
            self.dead = True
            self.parked.clear()
            self._on_death(self)

    def thaw(self) -> list[asyncio.Handle]:
        """Let it go on after a stop: what was due meanwhile, in order."""
        self.frozen = False
        due, self.parked = self.parked, []
        return due

    def start(self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], name: str) -> Any:
        """Run its first task."""
        return loop.create_task(work, name=name, context=self.context)

    def bury(self) -> None:
        """Take its tasks apart; what their blocks want to say on the way out is not heard."""
        tasks, self.tasks = self.tasks, []
        heard, sys.unraisablehook = sys.unraisablehook, lambda _: None
        try:
            for task in tasks:
                if not task.done():
                    task.forget()
                    self.context.copy().run(_close, task.get_coro())
        finally:
            sys.unraisablehook = heard


def _close(coroutine: Any) -> None:
    """Innermost first: a block that is closed over the head of what it waits for would leave that behind."""
    for _ in range(_PATIENCE):
        if coroutine.cr_frame is None:
            return
        with suppress(BaseException):
            _innermost(coroutine).close()


def _innermost(coroutine: Any) -> Any:
    inner = coroutine
    while True:
        waits_for = _awaited(inner.cr_await)
        if waits_for is None or waits_for.cr_frame is None:
            return inner
        inner = waits_for


def _awaited(awaited: Any) -> Any:
    """The coroutine that is waited for, also through a context manager's generator; None: there is none."""
    while not isinstance(awaited, CoroutineType):
        generators = [each for each in gc.get_referents(awaited) if isinstance(each, AsyncGeneratorType)]
        if not generators:
            return None
        awaited = generators[0].ag_await
    return awaited

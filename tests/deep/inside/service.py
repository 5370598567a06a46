"""Calls that the host makes while something runs in here: each is answered when it is done, in any order."""

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tests.deep.inside.line import Line

Calls = Mapping[str, Callable[..., Awaitable[Any]]]

LEAVE = "leave"
"""The call that ends the service."""

LOOK_S = 0.01
"""How often something is looked at that nobody tells of: finer than anything that is measured here."""


async def when(seen: Callable[[], bool]) -> float:
    """Look until it is so, as a stranger would; when that was, in seconds since the machine booted."""
    while True:
        if seen():
            return time.monotonic()
        await asyncio.sleep(LOOK_S)


async def serve(line: Line, calls: Calls) -> None:
    """Carry out calls until the host lets go; what is still under way then is given up."""
    line.say(serving=sorted(calls))
    async with asyncio.TaskGroup() as group:
        tasks = []
        while (asked := await asyncio.to_thread(lambda: next(iter(line))))["do"] != LEAVE:
            work = _answer(line, calls[asked["do"]], asked)
            tasks.append(group.create_task(work, name=f"{asked['do']} {asked['number']}"))
        for task in tasks:
            task.cancel()
    line.say(left=True)


async def _answer(line: Line, call: Callable[..., Awaitable[Any]], asked: Mapping[str, Any]) -> None:
    try:
        line.say(answer=asked["number"], result=await call(**asked["given"]))
    except Exception:  # noqa: BLE001  # the host decides what a failure means
        line.say(failed=f"{asked['do']}: {traceback.format_exc()}")

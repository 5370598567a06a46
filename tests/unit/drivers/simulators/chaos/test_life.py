"""A life ends at any step, and what it leaves behind acts on nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from drivers.simulators.chaos.life import LIFE, Life
from drivers.simulators.chaos.loop import ChaosLoop


def lived(steps: int | None, *, freeze: bool = False) -> tuple[list[str], Life]:
    """What a program says that has blocks to leave, on a machine that lets it do so many steps."""
    loop = ChaosLoop(1)
    said: list[str] = []
    dead: list[Life] = []
    life = Life(dead.append)

    @asynccontextmanager
    async def block() -> AsyncIterator[None]:
        try:
            yield
        finally:
            await asyncio.sleep(1)
            said.append("left a block")

    async def work() -> None:
        assert LIFE.get() is life
        async with block():
            try:
                for number in range(10):
                    await asyncio.sleep(1)
                    said.append(str(number))
            finally:
                await asyncio.sleep(1)
                said.append("finally")

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(work(), name="inner")

    life.start(loop, main(), "program")
    if steps is not None:
        life.die_after(steps)
    if freeze:
        life.frozen = True
        loop.call_later(50.0, lambda: loop.resume(life.thaw()))
    loop.run_until_complete(asyncio.sleep(100))
    assert bool(dead) == (steps is not None)
    heard = list(said) if life.dead else []
    life.bury()
    if life.dead:
        assert said[: len(heard)] == heard
    loop.close()
    return heard or said, life


def test_a_life_that_is_left_alone_says_all() -> None:
    said, life = lived(None)
    assert said == [*map(str, range(10)), "finally", "left a block"]
    assert life.steps > 10


def test_nothing_happens_after_the_last_step() -> None:
    for steps in range(1, 14):
        said, life = lived(steps)
        assert life.dead
        assert life.steps == steps + 1
        assert "finally" not in said
        assert not life.step()


def test_what_was_due_while_it_stood_still_happens_later() -> None:
    said, _ = lived(None, freeze=True)
    assert said[-1] == "left a block"


def test_tasks_differ_by_number_whatever_their_place_in_memory() -> None:
    loop = ChaosLoop(1)

    async def nothing() -> None:
        return

    one, two = loop.create_task(nothing()), loop.create_task(nothing())
    assert hash(one) != hash(two)
    assert len({one, two, one}) == 2
    assert one != two
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()

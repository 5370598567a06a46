"""The loop jumps in time, mixes what could run now, and is the same again for the same seed."""

import asyncio
from typing import Any

import pytest

from drivers.simulators.chaos.life import NumberedTask
from drivers.simulators.chaos.loop import ChaosLoop
from drivers.simulators.virtual_time import DeadlockError


def order(seed: int, *, shuffle: bool = True) -> list[int]:
    loop = ChaosLoop(seed, shuffle=shuffle)
    seen: list[int] = []

    async def one(number: int) -> None:
        await asyncio.sleep(1.0)
        seen.append(number)

    async def all_of_them() -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(8):
                group.create_task(one(number), name=str(number))

    try:
        loop.run_until_complete(all_of_them())
    finally:
        loop.close()
    return seen


def test_one_seed_is_one_order_and_another_seed_another() -> None:
    assert order(1) == order(1)
    assert len({tuple(order(seed)) for seed in range(6)}) > 3
    assert sorted(order(3)) == list(range(8))


def test_without_shuffling_every_seed_is_the_same_order() -> None:
    assert order(1, shuffle=False) == order(2, shuffle=False)


def test_an_hour_is_over_at_once_and_plain_callbacks_keep_their_order() -> None:
    loop = ChaosLoop(1)
    seen: list[int] = []
    for number in range(20):
        loop.call_later(3600.0, seen.append, number)
    loop.run_until_complete(asyncio.sleep(3600.5))
    assert loop.time() == pytest.approx(3600.5)
    assert sorted(seen) == list(range(20))
    loop.close()


def test_what_never_ends_is_told() -> None:
    async def wait() -> None:
        await asyncio.get_running_loop().create_future()

    async def spin() -> None:
        for _ in range(100_000):
            await asyncio.sleep(0)

    loop = ChaosLoop(1, most_steps=1000)
    with pytest.raises(DeadlockError):
        loop.run_until_complete(wait())
    with pytest.raises(RuntimeError, match="1000 steps"):
        loop.run_until_complete(spin())
    for task in asyncio.all_tasks(loop):
        assert isinstance(task, NumberedTask)
        task.forget()
        coroutine: Any = task.get_coro()
        coroutine.close()
    loop.close()
    loop = ChaosLoop(2)
    assert loop.run_until_complete(loop.run_in_executor(None, sum, (1, 2))) == 3

    async def broken() -> None:
        def fail() -> None:
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            await loop.run_in_executor(None, fail)

    loop.run_until_complete(broken())
    loop.add_reader(0, print)
    assert loop.remove_reader(0)
    loop.call_soon_threadsafe(lambda: None)
    loop.close()


def test_forgotten_timers_are_thrown_away() -> None:
    loop = ChaosLoop(1)

    async def work() -> None:
        for _ in range(2000):
            async with asyncio.timeout(1e6):
                await asyncio.sleep(0.001)

    loop.run_until_complete(work())
    assert len(loop._scheduled) < 500
    loop.close()

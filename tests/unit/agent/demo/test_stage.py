"""The stage: what did not end as the script says is noted."""

import asyncio
from pathlib import Path

import aiohttp

from agent.demo.script import INSUFFICIENT_FUNDS, Customer, Morning
from agent.demo.stage import Scene, Stage
from agent.demo.store import Store
from agent.demo.till import Till
from agent.demo.world import make


def test_a_sale_that_ends_otherwise_is_a_surprise(tmp_path: Path) -> None:
    world = make(speed=50, seed=1)
    scenes: list[Scene] = []
    said: set[tuple[str, str]] = set()

    async def day() -> None:
        await world.open(tmp_path)
        store = Store(tmp_path, world)
        try:
            async with asyncio.TaskGroup() as group:
                await store.start(group)
                await store.served()
                async with aiohttp.ClientSession() as http:
                    till = Till(http, lambda: store.url, store.gateway.tills.add("register").reveal())
                    stage = Stage(world, store, till, say=lambda *words: said.add(words), enter=scenes.append)
                    queue = [Customer(1000, 4.0, INSUFFICIENT_FUNDS), Customer(1000, 4.0, "4242424242424242")]
                    await stage.play(Morning({"till-2": queue}), group)
                await store.stop()
        finally:
            await store.close()
            await world.close()

    with asyncio.Runner(loop_factory=world.new_loop) as runner:
        runner.run(day())

    assert [(scene.told["state"], scene.surprise) for scene in scenes] == [
        ("declined", "expected paid"),
        ("paid", ""),
    ]
    assert ("till-2", "waiting for card") in said

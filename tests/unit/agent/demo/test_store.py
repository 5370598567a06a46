"""The demo's store: files that are valid, and a gateway that comes back where the tills look."""

import asyncio
from pathlib import Path

from agent.demo.store import READERS, Store
from agent.demo.world import make


def test_a_killed_gateway_comes_back_at_the_same_address(tmp_path: Path) -> None:
    world = make(speed=50, seed=1)

    async def day() -> None:
        await world.open(tmp_path)
        store = Store(tmp_path, world)
        try:
            async with asyncio.TaskGroup() as group:
                await store.start(group)
                await store.served()
                before = store.url, [store.reader_id(name) for name in READERS]
                await store.kill()
                await store.start(group)
                await store.served()
                assert (store.url, [store.reader_id(name) for name in READERS]) == before
                assert store.restarts == 1
                await store.stop()
        finally:
            await store.close()
            await world.close()

    with asyncio.Runner(loop_factory=world.new_loop) as runner:
        runner.run(day())

"""`tillgate demo`: a store's morning on simulators, and whether the books agree in the end."""

import asyncio
import signal
import tempfile
from pathlib import Path

import aiohttp

from agent import logs
from agent.demo import show
from agent.demo.books import Books, compare
from agent.demo.script import morning
from agent.demo.stage import Stage
from agent.demo.store import Store
from agent.demo.till import Till
from agent.demo.world import World, make
from agent.logs import Format, Level
from agent.payments.model import SessionQuery
from agent.pos.views import session_view

KEPT_PORT = 8470
"""Where the demo's gateway listens when it is kept running."""


def main(*, keep: bool, speed: float, seed: int) -> int:
    """Play the morning; 0 if every sale ended as it should and the books agree."""
    logs.setup(Format.PLAIN, Level.ERROR)
    world = make(speed=speed, seed=seed)
    with tempfile.TemporaryDirectory(prefix="tillgate-demo-") as folder:
        try:
            with asyncio.Runner(loop_factory=world.new_loop) as runner:
                return runner.run(_play(world, Path(folder), keep=keep, seed=seed))
        except KeyboardInterrupt:
            return 130


async def _play(world: World, folder: Path, *, keep: bool, seed: int) -> int:
    await world.open(folder)
    store = Store(folder, world, port=KEPT_PORT if keep else 0)
    try:
        async with asyncio.TaskGroup() as group:
            await store.start(group)
            token = store.gateway.tills.add("register").reveal()
            with show.Screen() as screen:
                screen.say("gateway", "applying desired state")
                await store.served()
                screen.say("gateway", "serving")
                async with aiohttp.ClientSession() as http:
                    till = Till(http, lambda: store.url, token)
                    stage = Stage(world, store, till, say=screen.say, enter=screen.enter)
                    await stage.play(morning(seed), group)
            books = await _books(world, store, till)
            show.summary(screen.scenes, books, restarts=store.restarts)
            if keep:
                await _keep(world, store, folder, token)
            await store.stop()
    finally:
        await store.close()
        await world.close()
    return 0 if books.agree and not any(scene.surprise for scene in screen.scenes) else 1


async def _books(world: World, store: Store, till: Till) -> Books:
    sessions = store.gateway.desk.find(SessionQuery(limit=1000), None)
    return compare(
        [session_view(each) for each in sessions],
        await world.ledger(),
        till.told.values(),
        await world.turnover(),
    )


async def _keep(world: World, store: Store, folder: Path, token: str) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    show.kept(store.url, world.stripe_url, folder, token)
    await stop.wait()

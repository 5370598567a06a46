"""The real door's handlers, reached without sockets."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from agent.chaos.door import Door, NoAnswerError
from drivers.simulators.chaos.life import Life
from drivers.simulators.chaos.loop import ChaosLoop


async def answer(request: web.Request) -> web.Response:
    await asyncio.sleep(float(request.query.get("wait", "0")))
    return web.json_response({"path": request.path, "body": await request.text()})


def app() -> web.Application:
    made = web.Application()
    made.router.add_route("*", "/{tail:.*}", answer)
    return made


def test_a_till_asks_is_answered_and_hears_nothing_of_the_dead() -> None:
    loop = ChaosLoop(1)
    door = Door(loop)

    async def gateway(life: Life, stop: asyncio.Event) -> None:
        async with door.tcp(life)(app(), "", 0) as port, door.unix(life)(app(), Path("s")) as path:
            assert (port, path) == (8470, Path("s"))
            await stop.wait()

    async def story() -> None:
        with pytest.raises(NoAnswerError):
            await door.ask("GET", "/", token="t")
        life, stop = Life(lambda _: None), asyncio.Event()
        running = life.start(loop, gateway(life, stop), "gateway")
        await asyncio.sleep(0.1)
        told = await door.ask("POST", "/a", {"x": 1}, token="t")
        assert (told.status, told.body) == (200, {"path": "/a", "body": '{"x": 1}'})
        assert (await door.ask("GET", "/operator")).body["path"] == "/operator"
        with pytest.raises(NoAnswerError):
            await door.ask("GET", "/a", token="t", lost=True)
        with pytest.raises(NoAnswerError):
            await door.ask("GET", "/a", token="t", deaf=True)
        with pytest.raises(NoAnswerError, match="in time"):
            await door.ask("GET", "/a?wait=9", token="t", patience_s=1.0)
        loop.call_later(0.0, stop.set, context=life.context)
        await running
        with pytest.raises(NoAnswerError):
            await door.ask("GET", "/a", token="t")

        second = Life(lambda _: None)
        second.start(loop, gateway(second, asyncio.Event()), "gateway")
        await asyncio.sleep(0.1)

        def kill() -> None:
            second.dead = True
            door.died(second)

        loop.call_later(2.0, kill)
        with pytest.raises(NoAnswerError, match="without an answer"):
            await door.ask("GET", "/a?wait=9", token="t")
        second.bury()

    loop.run_until_complete(story())
    loop.close()

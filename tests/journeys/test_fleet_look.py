"""A gateway that looks at its fleet once an hour looks at once when there is a reason to."""

import asyncio
import os
import signal
import tempfile
from pathlib import Path

import aiohttp
import pytest

from agent.app import World, serve
from agent.settings import load
from agent.supervision import Notifier
from drivers.simulators.stripe_api.core import StripeSimulator
from drivers.simulators.virtual_time import ScaledTimeLoop
from tests.shop import EPOCH_S, READER, Shop, declare, furnish, in_a_shop
from tests.simulated_exchange import SimulatedExchange, SimulatedStripe

pytestmark = pytest.mark.real_time

HOUR_S = 3600


def operators(socket: Path) -> aiohttp.ClientSession:
    return aiohttp.ClientSession("http://localhost", connector=aiohttp.UnixConnector(path=str(socket)))


async def label(stripe: SimulatedStripe) -> str:
    [reader] = await stripe.api.list_readers()
    return reader.label


async def until_label(stripe: SimulatedStripe, wanted: str) -> None:
    async with asyncio.timeout(60):
        while True:
            if await label(stripe) == wanted:
                return
            await asyncio.sleep(0.5)


def test_an_edited_file_is_noticed_by_itself() -> None:
    async def play(shop: Shop) -> None:
        (path,) = shop.settings.fleet.paths
        declare(path.parent, ["till-1", "till-2"])
        async with asyncio.timeout(60):
            await shop.ready("till-1", "till-2")

    in_a_shop(play, interval_s=HOUR_S)


def test_an_operators_word_makes_it_look() -> None:
    async def play(shop: Shop) -> None:
        [reader] = await shop.stripe.api.list_readers()
        await shop.stripe.api.update_reader(reader.id, {"label": "Theirs"})
        async with (
            operators(shop.settings.control_socket) as client,
            client.post("/v1/fleet/look", json={}) as answer,
        ):
            assert answer.status == 202
        await until_label(shop.stripe, "till-1")

    in_a_shop(play, interval_s=HOUR_S)


def test_what_people_have_to_see_to_is_in_health() -> None:
    async def play(shop: Shop) -> None:
        (path,) = shop.settings.fleet.paths
        assert (await shop.call("GET", "/v1/health")).body["status"] == "ok"
        declare(path.parent, ["till-1"], document=READER.replace("registration_code: simulated-s700, ", ""))
        for reader in await shop.stripe.api.list_readers():
            await shop.stripe.api.delete_reader(reader.id)
        health = await shop.until("/v1/health", lambda each: "is not in the account" in str(each["problems"]))
        assert health["status"] == "degraded"
        assert any("Reader till-1: is not in the account" in each for each in health["problems"])

    in_a_shop(play, interval_s=HOUR_S)


def test_a_reload_makes_it_look_and_a_shut_door_leaves_the_usual_limits(tmp_path: Path) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        asyncio.Runner(loop_factory=lambda: ScaledTimeLoop(20.0)) as runner,
    ):
        path = furnish(Path(folder), interval_s=HOUR_S)
        path.write_text(path.read_text().replace("{http: {port: 0}}", "{http: null}"))
        settings = load(path)
        assert settings.doors.http is None

        async def story() -> None:
            loop = asyncio.get_running_loop()
            assert isinstance(loop, ScaledTimeLoop)
            simulator = StripeSimulator(now=lambda: EPOCH_S + loop.time())
            stripe = SimulatedStripe(simulator)
            world = World(
                now=loop.now,
                clock=loop.time,
                notifier=Notifier(),
                exchange=SimulatedExchange(simulator, latency_s=0.02),
            )
            async with asyncio.TaskGroup() as group:
                group.create_task(serve(settings, world), name="gateway")
                async with operators(settings.control_socket) as client:
                    await in_service(client)
                    [reader] = await stripe.api.list_readers()
                    await stripe.api.update_reader(reader.id, {"label": "Theirs"})
                    os.kill(os.getpid(), signal.SIGHUP)
                    await until_label(stripe, "till-1")
                    waits = [await token_wait(client) for _ in range(11)]
                os.kill(os.getpid(), signal.SIGTERM)
            assert waits == [""] * 10 + ["2"]  # 30 a minute are one every two seconds

        runner.run(story())


async def in_service(client: aiohttp.ClientSession) -> None:
    async with asyncio.timeout(120):
        while True:
            try:
                async with client.get("/v1/readers/till-1") as answer:
                    if (await answer.json())["state"] == "ready":
                        return
            except aiohttp.ClientConnectorError:
                pass
            await asyncio.sleep(0.5)


async def token_wait(client: aiohttp.ClientSession) -> str:
    async with client.post("/v1/connection_tokens", json={}) as answer:
        return answer.headers.get("Retry-After", "")

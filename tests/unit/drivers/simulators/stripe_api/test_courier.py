"""The courier: webhooks really posted over HTTP."""

import asyncio

import pytest
from aiohttp import web

from drivers.simulators.stripe_api import courier
from drivers.simulators.stripe_api.core import StripeSimulator
from drivers.simulators.stripe_api.webhooks import Delivery
from tests.unit.drivers.simulators.stripe_api.caller import Caller

pytestmark = pytest.mark.real_time


class AttentiveSimulator(StripeSimulator):
    """A simulator that says when a webhook was taken."""

    def __init__(self) -> None:
        super().__init__()
        self.told = asyncio.Event()

    def delivered(self, delivery: Delivery, *, accepted: bool) -> None:
        super().delivered(delivery, accepted=accepted)
        if accepted:
            self.told.set()


async def test_webhooks_arrive(caplog: pytest.LogCaptureFixture) -> None:
    got: list[bytes] = []
    arrived = asyncio.Event()

    async def hook(request: web.BaseRequest) -> web.Response:
        got.append(await request.read())
        arrived.set()
        return web.Response()

    runner = web.ServerRunner(web.Server(hook), shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    simulator = AttentiveSimulator()
    api = Caller(simulator)
    await api.post("/v1/webhook_endpoints", url="http://127.0.0.1:1/", enabled_events=["*"])
    await api.post("/v1/webhook_endpoints", url=url, enabled_events=["*"])
    intent = await api.intent()
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        carrying = group.create_task(courier.run(simulator), name="courier")
        await arrived.wait()
        await simulator.told.wait()
        carrying.cancel()
    await runner.cleanup()
    assert intent.encode() in got[0]
    assert (await api.get("/v1/events"))["data"][0]["pending_webhooks"] == 1
    assert "could not be delivered" in caplog.text

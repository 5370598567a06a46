"""A whole store in one process inside the guest: the gateway, readers, tills, and customers in a hurry."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from agent.app import Gateway, World
from agent.demo.till import Till
from agent.payments.model import ReaderState
from agent.payments.writer import MakeWriter
from agent.settings import load
from agent.supervision import Notifier
from drivers.links.tcp import TcpListener
from drivers.simulators.stripe_api.core import StripeSimulator
from drivers.simulators.virtual_time import ScaledTimeLoop
from drivers.simulators.zvt_terminal.customers import QUICK
from drivers.simulators.zvt_terminal.profiles import INSTANT, PROFILES
from drivers.simulators.zvt_terminal.terminal import Terminal
from tests.shop import LOCATION, READER, furnish
from tests.simulated_exchange import SimulatedExchange, SimulatedStripe

SPEED = 8.0
"""Waiting is shorter by so much; what is computed takes the time it takes."""

ZVT_READER = """\
---
apiVersion: tillgate/v1
kind: Reader
metadata: {name: %(name)s}
spec: {location: store, driver: zvt, link: "%(link)s"}
"""


class BusyShop:
    """One store. Use inside a `ScaledTimeLoop`."""

    def __init__(self, folder: Path, readers: Sequence[str], terminals: Sequence[str]) -> None:
        self._folder = folder
        self._readers = readers
        self._terminals = terminals
        self.gateway: Gateway
        self._tills: dict[str, Till] = {}

    @asynccontextmanager
    async def open(self, make_writer: MakeWriter) -> AsyncIterator["BusyShop"]:
        """Run the store until the block ends."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, ScaledTimeLoop)
        simulator = StripeSimulator(now=lambda: loop.now().timestamp())
        settings = load(furnish(self._folder, self._readers, interval_s=3600))
        world = World(now=loop.now, notifier=Notifier(), make_writer=make_writer)
        stop = asyncio.Event()
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
            documents = [READER % {"name": name} for name in self._readers]
            for name in self._terminals:
                listener = await stack.enter_async_context(TcpListener("127.0.0.1", 0))
                terminal = Terminal(PROFILES["standard"], times=INSTANT, clock=loop.now)
                terminal.device.usual = QUICK
                group.create_task(_host(listener, terminal), name=f"terminal {name}")
                documents.append(ZVT_READER % {"name": name, "link": listener.address})
            (self._folder / "fleet.yaml").write_text(LOCATION + "".join(documents))
            self.gateway = Gateway(settings, world, SimulatedExchange(simulator, latency_s=0.02))
            running = group.create_task(self.gateway.run(stop), name="gateway")
            await self._served()
            stripe = SimulatedStripe(simulator)
            assert self.gateway.reconciler is not None
            for name in self._readers:
                reader_id = self.gateway.reconciler.bindings[name].reader_id
                await stripe.customer(reader_id, auto_present={"after": 0.5})
            http = await stack.enter_async_context(aiohttp.ClientSession())
            for name in (*self._readers, *self._terminals):
                token = self.gateway.tills.add(f"at-{name}").reveal()
                self._tills[name] = Till(http, lambda: f"http://127.0.0.1:{self.gateway.port}", token)
            yield self
            running.cancel()

    async def _served(self) -> None:
        await self.gateway.ready.wait()
        wanted = len(self._readers) + len(self._terminals)
        # The desk tells nobody when a reader comes into service, so it is asked.
        while sum(each.state is ReaderState.READY for each in self.gateway.desk.readers()) < wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.2)

    async def sell(self, reader: str, chance: random.Random, told: "Told") -> None:
        """One customer after the other at one till, for ever."""
        till = self._tills[reader]
        number = 0
        while True:
            number += 1
            order: dict[str, Any] = {
                "reader": reader,
                "amount": chance.randrange(10, 500) * 100,
                "currency": "eur",
                "pos_key": f"{reader}-{number}",
            }
            session = await till.sell(order, told)
            told(session)
            if session["state"] == "paid" and chance.random() < 0.3:
                told(await till.refund(session["id"], 100, f"{reader}-{number}-back"))


class Told:
    """Hears every answer that a till gets."""

    def __init__(self, say: Any) -> None:
        self._say = say

    def __call__(self, session: Any) -> None:
        self._say(told=[session["id"], session["seq"], session["state"]])


async def _host(listener: TcpListener, terminal: Terminal) -> None:
    async with asyncio.TaskGroup() as group:
        while True:
            group.create_task(terminal.host(await listener.accept()), name="zvt terminal's caller")

"""A whole gateway in process with open doors on a simulated Stripe: only the network to Stripe is missing."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from agent.app import Gateway, World
from agent.payments.policy import LanePolicy
from agent.settings import Settings, load
from agent.supervision import Notifier
from drivers.simulators.stripe_api.core import StripeSimulator
from drivers.simulators.virtual_time import ScaledTimeLoop
from tests.simulated_exchange import KEY, SimulatedExchange, SimulatedStripe

EPOCH_S = 1_767_600_000.0

LOCATION = """\
apiVersion: tillgate/v1
kind: Location
metadata: {name: store}
spec:
  display_name: Store
  address: {line1: Street 1, city: Berlin, postal_code: "10117", country: DE}
"""

READER = """\
---
apiVersion: tillgate/v1
kind: Reader
metadata: {name: %(name)s}
spec: {location: store, driver: stripe, registration_code: simulated-s700, label: %(name)s}
"""

STRANGER = """\
---
apiVersion: tillgate/v1
kind: Reader
metadata: {name: %(name)s}
spec: {location: store, driver: abacus, link: "tcp://127.0.0.1:1"}
"""

GATEWAY = """\
gateway: {name: store-1}
location: store
stripe: {key: {file: stripe.key}, base_url: %(base_url)s, requests_per_second: 100}
fleet: {paths: [fleet.yaml], interval_s: %(interval_s)g, heal: true, prune: true}
journal: {path: journal.db, accept_unsafe_disk: true}
doors: {http: {port: %(port)d}}
control_socket: %(socket)s
payments: {payment_timeout_s: 60, shutdown_grace_s: %(grace_s)g}
"""


def furnish(
    folder: Path,
    readers: Sequence[str] = ("till-1",),
    *,
    base_url: str = "http://127.0.0.1:1",
    port: int = 0,
    grace_s: float = 5.0,
    key: str = KEY,
    interval_s: float = 1,
) -> Path:
    """Write a store's files; the path of its gateway.yaml."""
    declare(folder, readers)
    secret = folder / "stripe.key"
    secret.write_text(key)
    secret.chmod(0o600)
    path = folder / "gateway.yaml"
    told = {"base_url": base_url, "port": port, "grace_s": grace_s, "interval_s": interval_s}
    path.write_text(GATEWAY % {**told, "socket": folder / "control.sock"})
    return path


def declare(folder: Path, readers: Sequence[str], *, document: str = READER) -> None:
    """Write the desired state anew."""
    (folder / "fleet.yaml").write_text(LOCATION + "".join(document % {"name": name} for name in readers))


class Answer:
    """What the door said."""

    def __init__(self, status: int, body: Any) -> None:
        self.status = status
        self.body = body

    @property
    def code(self) -> str:
        return str(self.body["error"]["code"])

    def __repr__(self) -> str:
        return f"{self.status} {json.dumps(self.body)}"


class Shop:
    """One store while its gateway runs."""

    def __init__(self, settings: Settings, simulator: StripeSimulator) -> None:
        self.settings = settings
        self.simulator = simulator
        self.stripe = SimulatedStripe(simulator)
        self.gateway: Gateway
        self.tokens: dict[str, str] = {}
        self._client: aiohttp.ClientSession

    @asynccontextmanager
    async def open(self, policy: LanePolicy | None = None) -> AsyncIterator["Shop"]:
        """Run the gateway until the block ends; then it stops as by SIGTERM."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, ScaledTimeLoop)
        world = World(now=loop.now, clock=loop.time, notifier=Notifier(), lane_policy=policy)
        gateway = self.gateway = Gateway(
            self.settings, world, SimulatedExchange(self.simulator, latency_s=0.02)
        )
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group, aiohttp.ClientSession() as self._client:
            group.create_task(gateway.run(stop), name="gateway")
            await gateway.ready.wait()
            try:
                yield self
            finally:
                stop.set()

    def till(self, name: str) -> str:
        """A till's token; the till is made when it is new."""
        if name not in self.tokens:
            self.tokens[name] = self.gateway.tills.add(name).reveal()
        return self.tokens[name]

    async def call(
        self, method: str, path: str, body: Any = None, *, till: str = "front", token: str | None = None
    ) -> Answer:
        """One request of a till."""
        headers = {"Authorization": f"Bearer {self.till(till) if token is None else token}"}
        url = f"http://127.0.0.1:{self.gateway.port}{path}"
        async with self._client.request(method, url, json=body, headers=headers) as response:
            return Answer(response.status, await response.json())

    async def until(self, path: str, seen: Callable[[Any], bool], *, till: str = "front") -> Any:
        """Ask again and again until the answer pleases."""
        async with asyncio.timeout(120):
            while True:
                found = await self.call("GET", path, till=till)
                if seen(found.body):
                    return found.body
                await asyncio.sleep(0.25)

    async def ready(self, *readers: str) -> None:
        """Wait until the readers are in service."""
        for name in readers:
            await self.until(f"/v1/readers/{name}", lambda reader: reader.get("state") == "ready")

    async def sell(self, *, till: str = "front", **order: Any) -> Answer:
        """Open a sale."""
        given: dict[str, Any] = {
            "reader": "till-1",
            "amount": 1200,
            "currency": "eur",
            "pos_key": "k1",
            **order,
        }
        return await self.call("POST", "/v1/sessions", given, till=till)

    async def end(self, session: str, *, till: str = "front") -> Any:
        """The session once nothing more happens to it by itself."""
        over = {"paid", "declined", "canceled", "failed", "released", "authorized"}
        return await self.until(
            f"/v1/sessions/{session}?wait=5", lambda each: each["state"] in over, till=till
        )

    async def customer(self, name: str, **wishes: Any) -> None:
        """What the customers at a reader will do."""
        assert self.gateway.reconciler is not None
        await self.stripe.customer(self.gateway.reconciler.bindings[name].reader_id, **wishes)

    async def captured(self) -> int:
        """What the simulated bank took, less what it gave back."""
        return sum(row["captured"] - row["refunded"] for row in await self.stripe.ledger())


def in_a_shop(
    play: Callable[[Shop], Awaitable[None]],
    readers: Sequence[str] = ("till-1",),
    *,
    speed: float = 20.0,
    interval_s: float = 1,
) -> None:
    """Run one story with a gateway on a faster clock, sockets and all."""
    with (
        tempfile.TemporaryDirectory() as folder,
        asyncio.Runner(loop_factory=lambda: ScaledTimeLoop(speed)) as runner,
    ):
        settings = load(furnish(Path(folder), readers, interval_s=interval_s))

        async def story() -> None:
            loop = asyncio.get_running_loop()
            simulator = StripeSimulator(now=lambda: EPOCH_S + loop.time())
            async with Shop(settings, simulator).open() as shop:
                await shop.ready(*readers)
                await play(shop)

        runner.run(story())

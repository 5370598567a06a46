"""Thousands of customers on virtual time: how soon a till knows, and for how many calls."""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import stripe

from agent.payments.desk import Desk
from agent.payments.journal import Journal
from agent.payments.lane import Lane
from agent.payments.model import Order, PosKey, TillName
from agent.secret import Secret
from agent.stripe.api import Stripe
from agent.stripe.bucket import Buckets, Rate
from agent.stripe.client import StripeClient
from agent.stripe.exchange import HttpRequest, HttpResponse
from bench.customers import Customers
from bench.script import Script, make_client
from bench.witness import Witness
from drivers.contract import Money, ReaderConfig, ReaderName
from drivers.readers.stripe import StripeReader
from drivers.simulators.stripe_api.wire import SimRequest, SimResponse
from drivers.simulators.virtual_time import VirtualTimeLoop

LATENCY_S = 0.1
"""From the store to Stripe, and again for the way back."""

_LABEL = "till-1"


@dataclass(frozen=True, slots=True)
class Run:
    """One way of selling to a crowd: the wait of each customer from card to answer, and calls per sale."""

    waits_s: tuple[float, ...]
    calls: float


class _Wire:
    """Carries requests to the simulator without sockets, each way taking its time."""

    def __init__(self, simulator: Witness) -> None:
        self._simulator = simulator

    async def carry(self, method: str, url: str, headers: dict[str, str], body: bytes) -> SimResponse:
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        lower = {name.lower(): value for name, value in headers.items()}
        await asyncio.sleep(LATENCY_S)
        answer = await self._simulator.handle(SimRequest(method, path, lower, body))
        await asyncio.sleep(LATENCY_S)
        return answer


class _Exchange:
    """Our client's seam."""

    def __init__(self, wire: _Wire) -> None:
        self._wire = wire

    async def send(self, request: HttpRequest) -> HttpResponse:
        answer = await self._wire.carry(request.method, request.url, dict(request.headers), request.body)
        return HttpResponse(answer.status, answer.headers, answer.body)


class _SdkClient(stripe.HTTPClient):
    """The official SDK's seam."""

    name = "virtual"

    def __init__(self, wire: _Wire) -> None:
        super().__init__()
        self._wire = wire

    def sleep_async(self, secs: float) -> Awaitable[None]:
        return asyncio.sleep(secs)

    async def request_async(  # type: ignore[override]  # as the SDK's own clients do
        self, method: str, url: str, headers: dict[str, str], post_data: str | bytes | None = None
    ) -> tuple[bytes, int, dict[str, str]]:
        body = post_data.encode() if isinstance(post_data, str) else post_data or b""
        answer = await self._wire.carry(method.upper(), url, headers, body)
        return answer.body, answer.status, dict(answer.headers)


def gateway(customers: Customers, sales: int, *, seed: int) -> Run:
    """The gateway's desk, lane, journal and driver."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        return _play(lambda loop: _through_gateway(loop, folder, customers, sales, seed))
    finally:
        shutil.rmtree(folder)


def script(customers: Customers, sales: int, *, seed: int, interval_s: float) -> Run:
    """The script on the official SDK."""
    return _play(lambda loop: _through_script(loop, customers, sales, seed, interval_s))


def _play(part: Callable[[VirtualTimeLoop], Awaitable[Run]]) -> Run:
    loop = VirtualTimeLoop()
    try:
        return loop.run_until_complete(part(loop))
    finally:
        loop.close()


async def _stage(
    loop: VirtualTimeLoop, customers: Customers, seed: int
) -> tuple[Witness, _Wire, Stripe, str]:
    simulator = Witness(seed=seed, now=lambda: loop.now().timestamp())
    wire = _Wire(simulator)
    plenty = Rate(1e6, 1e6)
    buckets = Buckets(per_operation=plenty, overall=plenty, clock=loop.time)
    client = StripeClient(_Exchange(wire), Secret("sk_test_bench"), buckets=buckets, clock=loop.time)
    api = Stripe(client)
    address = {"line1": "Street 1", "city": "Berlin", "postal_code": "10117", "country": "DE"}
    location = await api.create_location({"display_name": "Store", "address": address}, key="location")
    reader = await api.register_reader(
        {"registration_code": "simulated-s700", "location": location.id, "label": _LABEL}, key="reader"
    )
    simulator.customers = customers
    simulator.calls.clear()
    return simulator, wire, api, reader.id


def _sum_up(simulator: Witness, told_at: dict[str, float]) -> Run:
    waits = [
        told_at[intent.id] - intent.hidden["presented_at"]
        for account in simulator.world.accounts.values()
        for intent in account.all("payment_intent")
    ]
    return Run(tuple(waits), simulator.calls.total() / len(waits))


async def _through_gateway(
    loop: VirtualTimeLoop, folder: Path, customers: Customers, sales: int, seed: int
) -> Run:
    simulator, _, api, reader = await _stage(loop, customers, seed)
    told_at: dict[str, float] = {}
    with closing(Journal(folder / "journal.db", now=loop.now, inline=True)) as journal:
        desk = Desk(journal, now=loop.now)
        config = ReaderConfig(ReaderName(_LABEL), "stripe", {"reader": reader})
        desk.lanes.adopt(Lane(config, StripeReader(reader, api), journal, now=loop.now))
        async with asyncio.TaskGroup() as group:
            running = group.create_task(desk.run(), name="desk")
            await asyncio.sleep(1.0)
            simulator.calls.clear()
            for number in range(sales):
                till, key = TillName("till"), PosKey(f"sale-{number}")
                session, _ = await desk.open(Order(till, key, config.name, Money(1999, "eur")))
                while not session.state.ended:
                    session = await journal.changed(session.id, session.seq)
                told_at[session.references["payment_intent"]] = loop.now().timestamp()
                await asyncio.sleep(1.0)
            running.cancel()
    return _sum_up(simulator, told_at)


async def _through_script(
    loop: VirtualTimeLoop, customers: Customers, sales: int, seed: int, interval_s: float
) -> Run:
    simulator, wire, _, reader = await _stage(loop, customers, seed)
    client = make_client("sk_test_bench", "http://stripe.invalid", _SdkClient(wire))
    seller = Script(client, interval_s=interval_s)
    told_at: dict[str, float] = {}
    for _ in range(sales):
        sold = await seller.sell(reader, 1999, lambda: loop.now().timestamp())
        told_at[sold.intent] = sold.told_at
        await asyncio.sleep(1.0)
    return _sum_up(simulator, told_at)

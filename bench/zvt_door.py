"""ZVT registers beside HTTP tills: from Stripe's answer that shows the card's result to the till."""

import asyncio
import tempfile
import time
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import yaml

from agent.app import Gateway, World
from agent.payments.model import ReaderState, SessionQuery, TillName
from agent.settings import load
from agent.stripe.errors import NoAnswerError
from agent.stripe.exchange import HttpRequest, HttpResponse
from agent.supervision import Notifier
from bench.store import ADDRESS, CODE, KEY, LOCATION, reader_name
from drivers.contract import ReaderConfig, ReaderName
from drivers.readers.zvt_options import setup_of
from drivers.simulators.stripe_api.core import StripeSimulator
from drivers.simulators.stripe_api.wire import ConnectionDropped, SimRequest
from drivers.simulators.till import Till

CARD_AFTER_S = 1.0
"""From the prompt to the card, the same for all: the worst that can happen to a gateway."""

HELD = b'"requires_capture"'


class Witness:
    """Carries requests to a simulated Stripe in this process, and notes when it first showed a result."""

    def __init__(self, simulator: StripeSimulator) -> None:
        self._simulator = simulator
        self.shown_at: dict[str, float] = {}

    async def send(self, request: HttpRequest) -> HttpResponse:
        """As `Exchange.send`."""
        parts = urlsplit(request.url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            answer = await self._simulator.handle(SimRequest(request.method, path, headers, request.body))
        except ConnectionDropped:
            raise NoAnswerError("the connection was cut") from None
        if HELD in answer.body:
            intent = answer.body[answer.body.index(b'"pi_') + 1 :].split(b'"', 1)[0].decode()
            self.shown_at.setdefault(intent, time.perf_counter())
        return HttpResponse(answer.status, answer.headers, answer.body)


class Floor:
    """A gateway with so many readers, each with a ZVT register and an HTTP till."""

    def __init__(self, folder: Path, readers: int) -> None:
        self.names = [reader_name(number) for number in range(readers)]
        self._simulator = StripeSimulator(now=time.time)
        self.witness = Witness(self._simulator)
        self.gateway = Gateway(load(self._furnish(folder)), World(notifier=Notifier()), self.witness)

    def _furnish(self, folder: Path) -> Path:
        place = {"display_name": "Store", "address": ADDRESS}
        documents = [_declared("Location", LOCATION, place)]
        for name in self.names:
            spec = {"location": LOCATION, "driver": "stripe", "registration_code": CODE, "label": name}
            documents.append(_declared("Reader", name, spec))
        (folder / "fleet.yaml").write_text(yaml.safe_dump_all(documents), encoding="utf-8")
        key = folder / "key"
        key.touch(mode=0o600)
        key.write_text(KEY, encoding="ascii")
        told = {
            "gateway": {"name": "bench"},
            "location": LOCATION,
            "stripe": {
                "key": {"file": "key"},
                "base_url": "http://127.0.0.1:1",
                "requests_per_second": 10000,
            },
            "fleet": {"paths": ["fleet.yaml"], "heal": True},
            "journal": {"path": "journal.db", "accept_unsafe_disk": True},
            "doors": {
                "http": {"port": 0},
                "zvt": [
                    {"listen": "tcp://127.0.0.1:0", "till": f"zvt-{name}", "reader": name}
                    for name in self.names
                ],
            },
            "control_socket": "control.sock",
        }
        path = folder / "gateway.yaml"
        path.write_text(yaml.safe_dump(told), encoding="utf-8")
        return path

    async def ready(self) -> None:
        """Wait until every reader is in service, and let a customer wait at each."""
        await self.gateway.ready.wait()
        desk = self.gateway.desk
        while sum(each.state is ReaderState.READY for each in desk.readers()) < len(self.names):  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.1)

    async def customers(self) -> None:
        """One card at each reader, so long after its prompt."""
        assert self.gateway.reconciler is not None
        for name in self.names:
            path = f"/_sim/readers/{self.gateway.reconciler.bindings[name].reader_id}"
            headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
            body = b'{"auto_present": {"after": %g, "times": 1}}' % CARD_AFTER_S
            await self._simulator.handle(SimRequest("POST", path, headers, body))

    def own_s(self, till: TillName, heard_at: float) -> float:
        """From the answer that showed a till's last result to when the till had it."""
        [session] = self.gateway.desk.find(SessionQuery(limit=1), till)
        return heard_at - self.witness.shown_at[session.references["payment_intent"]]


def _declared(kind: str, name: str, spec: object) -> dict[str, object]:
    return {"apiVersion": "tillgate/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


async def _by_register(floor: Floor, name: str) -> float:
    heard_at = 0.0

    def say(event: dict[str, Any]) -> None:
        nonlocal heard_at
        if event["event"] == "result":
            heard_at = time.perf_counter()

    assert floor.gateway.registers is not None
    link = f"tcp://127.0.0.1:{floor.gateway.registers.port(f'zvt-{name}')}"
    till = Till(setup_of(ReaderConfig(ReaderName(name), "zvt", {"link": link, "currency": "eur"})), say)
    try:
        await till.open()
        if not await till.sell(1000):
            raise RuntimeError(f"the register at {name} was not told that it sold")
    finally:
        await till.close()
    return floor.own_s(TillName(f"zvt-{name}"), heard_at)


async def _by_http(floor: Floor, http: aiohttp.ClientSession, token: str, name: str, key: str) -> float:
    url = f"http://127.0.0.1:{floor.gateway.port}/v1/sessions"
    headers = {"Authorization": f"Bearer {token}"}
    order = {"reader": name, "amount": 1000, "currency": "eur", "pos_key": key, "capture": "manual"}
    async with http.post(url, json=order, headers=headers) as answer:
        session = await answer.json()
    while session["state"] not in {"authorized", "paid", "declined", "canceled", "failed"}:
        async with http.get(f"{url}/{session['id']}?wait=30&seq={session['seq']}", headers=headers) as answer:
            session = await answer.json()
    heard_at = time.perf_counter()
    async with http.post(f"{url}/{session['id']}/capture", json={}, headers=headers) as answer:
        await answer.read()
    return heard_at - floor.witness.shown_at[session["references"]["payment_intent"]]


async def _rounds(folder: Path, readers: int, rounds: int) -> tuple[list[float], list[float]]:
    floor = Floor(folder, readers)
    stop = asyncio.Event()
    registers: list[float] = []
    tills: list[float] = []
    async with asyncio.TaskGroup() as group, aiohttp.ClientSession() as http:
        group.create_task(floor.gateway.run(stop), name="gateway")
        await floor.ready()
        tokens = {name: floor.gateway.tills.add(f"http-{name}").reveal() for name in floor.names}
        for number in range(rounds):
            await floor.customers()
            registers += await _all([partial(_by_register, floor, name) for name in floor.names])
            await floor.customers()
            tills += await _all(
                [
                    partial(_by_http, floor, http, token, name, f"sale-{number}")
                    for name, token in tokens.items()
                ]
            )
        stop.set()
    return registers, tills


async def _all(works: list[Callable[[], Coroutine[Any, Any, float]]]) -> list[float]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work(), name="sale") for work in works]
    return [task.result() for task in tasks]


def measure(readers: int, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of every sale: by registers, and by HTTP tills beside them; all readers at once, by turns."""
    with tempfile.TemporaryDirectory(prefix="bench-door-") as folder:
        return asyncio.run(_rounds(Path(folder), readers, rounds))

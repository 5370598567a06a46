"""The demo's store: its files, its gateway, and somebody who pulls the gateway's plug."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from agent.app import Gateway
from agent.app import World as Outside
from agent.demo.world import World
from agent.payments.model import ReaderState, SessionQuery, TillName
from agent.pos.views import session_view, settled
from agent.settings import Settings, load
from agent.stripe.exchange import PooledExchange
from agent.supervision import Notifier

LOCATION = "berlin-mitte"
READERS = {
    "till-1": "simulated-s700",
    "till-2": "simulated-wpe",
    "till-3": "simulated-s710",
    "till-6": "simulated-s700",
}
REGISTER = "till-6"
"""The reader on which a register sells that speaks ZVT and nothing else."""
REGISTER_TILL = TillName("zvt-register")
CURRENCY = "eur"
KEY = "sk_test_demo"
PATIENCE_S = 45.0
"""How long the demo's gateway waits for a customer, in seconds of the world."""


def _fleet(terminals: Mapping[str, str]) -> list[dict[str, object]]:
    address = {"line1": "Friedrichstraße 1", "city": "Berlin", "postal_code": "10117", "country": "DE"}
    tipping = {CURRENCY: {"percentages": [5, 10, 15]}}
    documents: list[dict[str, object]] = [
        _declared("Configuration", "default-de", {"tipping": tipping}),
        _declared(
            "Location",
            LOCATION,
            {"display_name": "Berlin Mitte", "address": address, "configuration": "default-de"},
        ),
    ]
    for name, code in READERS.items():
        spec = {"location": LOCATION, "driver": "stripe", "registration_code": code, "label": name}
        documents.append(_declared("Reader", name, spec))
    for name, link in terminals.items():
        spec = {"location": LOCATION, "driver": "zvt", "link": link}
        documents.append(_declared("Reader", name, spec))
    return documents


def _declared(kind: str, name: str, spec: object) -> dict[str, object]:
    return {"apiVersion": "tillgate/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def _write_files(folder: Path, world: World, port: int) -> Settings:
    key = folder / "stripe_api_key"
    key.touch(mode=0o600)
    key.write_text(KEY, encoding="ascii")
    documents = _fleet(world.terminals)
    fleet = folder / "fleet.yaml"
    fleet.write_text(yaml.safe_dump_all(documents, allow_unicode=True, sort_keys=False), encoding="utf-8")
    gateway = {
        "gateway": {"name": "demo-store"},
        "location": LOCATION,
        "stripe": {
            "key": {"file": "stripe_api_key"},
            "base_url": world.stripe_url,
            "requests_per_second": 100,
        },
        "fleet": {"paths": ["fleet.yaml"], "heal": True, "interval_s": 30},
        "journal": {"path": "journal.db"},
        "doors": {
            "http": {"port": port},
            "zvt": [
                {"listen": "tcp://127.0.0.1:0", "till": REGISTER_TILL, "reader": REGISTER, "language": "en"}
            ],
        },
        "control_socket": "control.sock",
        "payments": {"payment_timeout_s": PATIENCE_S, "shutdown_grace_s": 5},
    }
    path = folder / "gateway.yaml"
    path.write_text(yaml.safe_dump(gateway, sort_keys=False), encoding="utf-8")
    return load(path)


class Store:
    """A folder, a gateway on it, and the readers' ids at Stripe."""

    def __init__(self, folder: Path, world: World, *, port: int = 0) -> None:
        self._world = world
        self._settings = _write_files(folder, world, port)
        self._gateway: Gateway | None = None
        self._stop = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._pool = PooledExchange()
        self.restarts = 0

    @property
    def gateway(self) -> Gateway:
        """The gateway that runs now."""
        assert self._gateway is not None, "the store has not been opened"
        return self._gateway

    @property
    def url(self) -> str:
        """Where tills find the gateway."""
        return f"http://127.0.0.1:{self.gateway.port}"

    @property
    def register_link(self) -> str:
        """Where the register finds its terminal."""
        assert self.gateway.registers is not None
        return f"tcp://127.0.0.1:{self.gateway.registers.port(REGISTER_TILL)}"

    def reader_id(self, name: str) -> str:
        """The id at Stripe of one of its readers."""
        assert self.gateway.reconciler is not None
        return self.gateway.reconciler.bindings[name].reader_id

    async def start(self, group: asyncio.TaskGroup) -> None:
        """Start a gateway on the store's files and wait until its doors are open."""
        self._stop = asyncio.Event()
        outside = Outside(now=self._world.now, exchange=self._pool, notifier=Notifier())
        self._gateway = Gateway(self._settings, outside, self._pool)
        self._running = group.create_task(self._gateway.run(self._stop), name="gateway")
        await self._gateway.ready.wait()
        door = self._settings.doors.http
        assert door is not None
        # The next gateway shall listen where the tills already look.
        doors = self._settings.doors.model_copy(
            update={
                "http": door.model_copy(update={"port": self._gateway.port}),
                "zvt": tuple(
                    each.model_copy(update={"listen": self.register_link})
                    for each in self._settings.doors.zvt
                ),
            }
        )
        self._settings = self._settings.model_copy(update={"doors": doors})

    async def last_of(self, till: TillName) -> dict[str, Any]:
        """The last session of a till, once it has ended."""
        [session] = self.gateway.desk.find(SessionQuery(limit=1), till)
        while not settled(session):
            session = await self.gateway.desk.changed(session.id, session.seq, 5.0, till)
        return session_view(session)

    async def served(self) -> None:
        """Wait until every declared reader is in service."""
        # The desk tells nobody when a reader comes into service, so it is asked.
        while any(each.state is not ReaderState.READY for each in self.gateway.desk.readers()):  # noqa: ASYNC110
            await asyncio.sleep(0.1)

    async def kill(self) -> None:
        """End the gateway without a word of warning, whatever it was doing."""
        await self._end(killed=True)

    async def stop(self) -> None:
        """End the gateway as systemd would."""
        await self._end(killed=False)

    async def close(self) -> None:
        """Let go of the connections to Stripe."""
        await self._pool.close()

    async def _end(self, *, killed: bool) -> None:
        assert self._running is not None
        if killed:
            self.restarts += 1
            self._running.cancel()
        else:
            self._stop.set()
        await asyncio.wait([self._running])

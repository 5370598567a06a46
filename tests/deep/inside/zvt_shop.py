"""A gateway in the guest whose readers are ZVT terminals on real links, and a till at each."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from agent.app import Gateway, World
from agent.demo.till import Till
from agent.payments.model import ReaderState, ReaderStatus
from agent.settings import load
from agent.supervision import Notifier
from tests.deep.inside.service import when
from tests.shop import LOCATION

READER = """\
---
apiVersion: tillgate/v1
kind: Reader
metadata: {name: %(name)s}
spec: {location: store, driver: zvt, link: "%(link)s"}
"""

GATEWAY = """\
gateway: {name: store-1}
location: store
fleet: {paths: [fleet.yaml], interval_s: 3600}
journal: {path: journal.db, accept_unsafe_disk: true}
doors: {http: {port: 0}}
control_socket: control.sock
payments: {payment_timeout_s: 120, shutdown_grace_s: 1}
"""


class ZvtShop:
    """One store. Times are those of the guest, in seconds since it booted."""

    def __init__(self, folder: Path, links: Mapping[str, str]) -> None:
        self._folder = folder
        self._links = links
        self.gateway: Gateway
        self._till: Till

    @asynccontextmanager
    async def open(self) -> AsyncIterator["ZvtShop"]:
        """Run the store until the block ends."""
        self._folder.mkdir(parents=True, exist_ok=True)
        documents = [READER % {"name": name, "link": link} for name, link in self._links.items()]
        (self._folder / "fleet.yaml").write_text(LOCATION + "".join(documents))
        path = self._folder / "gateway.yaml"
        path.write_text(GATEWAY)
        self.gateway = Gateway(load(path), World(notifier=Notifier()), None)
        stop = asyncio.Event()
        async with aiohttp.ClientSession() as http, asyncio.TaskGroup() as group:
            group.create_task(self.gateway.run(stop), name="gateway")
            await self.gateway.ready.wait()
            token = self.gateway.tills.add("front").reveal()
            self._till = Till(http, lambda: f"http://127.0.0.1:{self.gateway.port}", token)
            try:
                yield self
            finally:
                stop.set()

    async def sell(self, reader: str, key: str, amount: int = 1200) -> dict[str, Any]:
        """A sale to its end."""
        order = {"reader": reader, "amount": amount, "currency": "eur", "pos_key": key}
        session = await self._till.sell(order, lambda _: None)
        return {"id": session["id"], "state": session["state"], "captured": session["amount_captured"]}

    async def progress(self, reader: str, word: str) -> float:
        """Wait until the sale on a reader says this; when that was."""
        return await when(lambda: self._says(reader) == word)

    async def linked(self, reader: str) -> float:
        """Wait until the link to a reader is up; when that was."""
        return await when(lambda: self._up(reader))

    async def unlinked(self, reader: str) -> float:
        """Wait until the link to a reader is down; when that was."""
        return await when(lambda: not self._up(reader))

    async def ready(self, reader: str) -> float:
        """Wait until a reader takes sales; when that was."""
        return await when(lambda: self.status(reader).state is ReaderState.READY)

    def _up(self, reader: str) -> bool:
        link = self.status(reader).link
        return link is not None and link.up

    def _says(self, reader: str) -> str | None:
        session = self.status(reader).session
        return None if session is None else self.gateway.journal.session(session).progress

    async def describe(self, reader: str) -> str:
        """How a reader stands, for messages."""
        status = self.status(reader)
        return f"{status.state} {status.why} {status.link}"

    def status(self, reader: str) -> ReaderStatus:
        """How a reader stands."""
        return next(each for each in self.gateway.desk.readers() if each.name == reader)

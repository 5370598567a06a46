"""A door on a free port of this machine, with two tills and a fake desk behind it."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from agent.pos.http import make_app
from agent.pos.limits import Limits
from agent.pos.listening import on_tcp
from agent.pos.metrics import Counter, Metrics
from agent.pos.tills import TillRegistry
from agent.pos.tokens import ConnectionToken
from agent.secret import Secret
from tests.unit.agent.pos.fake_desk import FakeDesk

SALE = {"reader": "till-1", "amount": 1250, "currency": "eur", "pos_key": "k1"}


class WatchedCounter(Counter):
    """A counter that can be waited for."""

    def __init__(self) -> None:
        super().__init__("tillgate_http_requests_total", "Answers.", ("method", "route", "status"))
        self._counted: set[tuple[str, ...]] = set()
        self._moved = asyncio.Event()

    def inc(self, *labels: str, by: int = 1) -> None:
        super().inc(*labels, by=by)
        self._counted.add(labels)
        self._moved.set()
        self._moved = asyncio.Event()

    async def until(self, *labels: str) -> None:
        """Return when an answer with these labels has been given."""
        async with asyncio.timeout(10):
            while labels not in self._counted:
                await self._moved.wait()


class FakeIssuer:
    """Hands out numbered tokens, or fails as told."""

    def __init__(self) -> None:
        self.issued = 0
        self.fault: Exception | None = None

    async def issue(self) -> ConnectionToken:
        if self.fault is not None:
            raise self.fault
        self.issued += 1
        return ConnectionToken(Secret(f"pst_test_{self.issued}"), "tml_1")


@dataclass
class Reply:
    """An answer, read to its end."""

    status: int
    headers: Any
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.raw)

    @property
    def error(self) -> dict[str, str]:
        return dict(self.json["error"])


@dataclass
class Door:
    """The door under test and a till in front of it."""

    app: web.Application
    desk: FakeDesk
    tills: TillRegistry
    issuer: FakeIssuer
    metrics: Metrics
    answers: WatchedCounter
    base: str
    client: aiohttp.ClientSession
    token: str
    other_token: str
    health: dict[str, Any] = field(default_factory=dict)

    def auth(self, token: str | None = None) -> dict[str, str]:
        return {"Authorization": f"Bearer {token or self.token}"}

    async def call(self, method: str, path: str, **options: Any) -> Reply:
        """One request; `token=None` sends none."""
        headers = dict(options.pop("headers", {}))
        token = options.pop("token", self.token)
        if token is not None:
            headers.setdefault("Authorization", f"Bearer {token}")
        async with self.client.request(method, self.base + path, headers=headers, **options) as response:
            return Reply(response.status, response.headers, await response.read())

    async def get(self, path: str, **options: Any) -> Reply:
        return await self.call("GET", path, **options)

    async def post(self, path: str, body: Any = None, **options: Any) -> Reply:
        if body is not None:
            options["json"] = body
        return await self.call("POST", path, **options)

    async def sell(self, **changes: Any) -> Any:
        reply = await self.post("/v1/sessions", {**SALE, **changes})
        assert reply.status == 201, reply.raw
        return reply.json


@pytest.fixture
def limits() -> Limits:
    return Limits()


@pytest.fixture
async def door(tmp_path: Path, limits: Limits) -> AsyncIterator[Door]:
    desk, issuer, metrics = FakeDesk(), FakeIssuer(), Metrics()
    metrics.requests = answers = WatchedCounter()
    tills = TillRegistry(tmp_path / "tills.json")
    token, other = tills.add("kasse-1"), tills.add("kasse-2")
    health = {"status": "ok", "gateway": "store-7"}
    app = make_app(desk, tills, issuer, lambda: health, metrics, limits=limits)
    async with on_tcp(app, "127.0.0.1", 0) as port, aiohttp.ClientSession() as client:
        yield Door(
            app,
            desk,
            tills,
            issuer,
            metrics,
            answers,
            f"http://127.0.0.1:{port}",
            client,
            token.reveal(),
            other.reveal(),
            health,
        )

"""Real processes, real signals: a daemon killed in the middle of sales ends them after its return."""

import asyncio
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.daemon import TILLGATE, Daemon, start, stop
from tests.shop import furnish

pytestmark = pytest.mark.real_time


@asynccontextmanager
async def simulated_stripe(folder: Path) -> AsyncIterator[str]:
    """`tillgate simulate stripe`; its address."""
    process = await start("simulate", "stripe", "--port", "0", "--state", str(folder / "stripe.db"))
    try:
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        yield line.removeprefix("listening on ").strip()
    finally:
        await stop(process, signal.SIGTERM)


class Store(Daemon):
    """A store's files, its daemon when it runs, and one till."""

    def __init__(self, folder: Path, stripe: str, number: int) -> None:
        folder.mkdir()
        self.key = f"sk_test_store{number}"
        self._stripe = stripe
        super().__init__(furnish(folder, base_url=stripe, key=self.key, grace_s=0.2))
        self.told: list[str] = []

    async def sim(self, method: str, path: str, body: Any = None) -> Any:
        """A control of the simulated Stripe."""
        headers = {"Authorization": f"Bearer {self.key}"}
        async with (
            aiohttp.ClientSession(headers=headers) as client,
            client.request(method, self._stripe + path, json=body) as response,
        ):
            return await response.json()

    async def sell(self) -> dict[str, Any]:
        """Ask for the sale, under the till's one key."""
        order = {"reader": "till-1", "amount": 1200, "currency": "eur", "pos_key": "k1"}
        session = await self.ask("POST", "/v1/sessions", order)
        self.told.append(session.get("state", "-"))
        return session

    async def books(self) -> list[dict[str, Any]]:
        """The simulated bank's rows of this store."""
        rows = (await self.sim("GET", "/_sim/ledger"))["payment_intents"]
        reader = (await self.sim("GET", "/v1/terminal/readers"))["data"][0]["id"]
        return [row for row in rows if row["reader"] in {None, reader}]


async def interrupted_sale(store: Store, after_s: float, number: signal.Signals) -> dict[str, Any]:
    """A sale whose daemon gets a signal some time after the request; the session at its end."""
    async with store:
        return await _interrupted_sale(store, after_s, number)


async def _interrupted_sale(store: Store, after_s: float, number: signal.Signals) -> dict[str, Any]:
    await store.start()
    reader = (await store.sim("GET", "/v1/terminal/readers"))["data"][0]["id"]
    await store.sim("POST", f"/_sim/readers/{reader}", {"auto_present": {"after": 3}})
    asked = await store.sell()
    await asyncio.sleep(after_s)
    code = await store.end(number)
    assert code == (0 if number is signal.SIGTERM else -number)
    await store.start()
    session = await store.sell()
    assert asked.get("id") == session.get("id") is not None, (asked, session)
    async with asyncio.timeout(25):
        while session["state"] not in {"paid", "failed"}:
            session = await store.ask("GET", f"/v1/sessions/{session['id']}?wait=5")
            store.told.append(session["state"])
    rows = await store.books()
    captured = sum(row["captured"] for row in rows)
    assert captured == session["amount_captured"] == (1200 if session["state"] == "paid" else 0), rows
    assert sum(row["prompts_shown"] > 0 for row in rows) <= 1
    assert not any(row["payable_now"] for row in rows)
    ends = [state for state in store.told if state in {"paid", "failed", "canceled", "declined"}]
    assert set(ends) == {session["state"]}
    assert await store.end(signal.SIGTERM) == 0
    return session


async def test_a_daemon_that_is_killed_or_stopped_in_mid_sale_ends_the_sale_after_its_return() -> None:
    moments = [
        (0.0, signal.SIGKILL),
        (0.03, signal.SIGKILL),
        (1.0, signal.SIGKILL),
        (3.2, signal.SIGKILL),
        (5.2, signal.SIGKILL),
        (1.0, signal.SIGTERM),
    ]
    with tempfile.TemporaryDirectory() as folder:
        async with simulated_stripe(Path(folder)) as stripe, asyncio.TaskGroup() as group:
            sales = []
            for place, (after_s, number) in enumerate(moments):
                store = Store(Path(folder) / str(place), stripe, place)
                work = interrupted_sale(store, after_s, number)
                sales.append(group.create_task(work, name=f"{number.name} after {after_s}"))
    ended = [sale.result()["state"] for sale in sales]
    assert ended[2:] == ["paid"] * 4, ended


async def test_a_door_that_cannot_be_opened_is_said_in_one_line() -> None:
    with tempfile.TemporaryDirectory() as folder:
        listener = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        config = furnish(Path(folder), port=port)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", TILLGATE, "run", "--config", str(config), stderr=asyncio.subprocess.PIPE
        )
        _, told = await process.communicate()
        listener.close()
        await listener.wait_closed()
    assert process.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in told.decode()
    assert "Traceback" not in told.decode()

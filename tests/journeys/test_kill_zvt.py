"""A real daemon killed in the middle of sales on real ZVT terminals: its journal agrees with their memory."""

import asyncio
import json
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.daemon import Daemon, start, stop
from tests.shop import LOCATION
from tests.thoroughness import THOROUGH

pytestmark = [pytest.mark.real_time, pytest.mark.timeout(600)]

EVERYDAY_S = {"pty": [[0.3, 1.2]], "tcp": [[0.0, 3.0]]}
_ALL_S = [[(number + 4 * turn) * 0.24 for turn in range(5)] for number in range(4)]
ALL_S = {"pty": _ALL_S, "tcp": _ALL_S}
"""When the daemon is killed, store by store: from just after the till's request to behind the sale's end.

A sale takes about 3.5 s. Who is killed on a serial line just before the terminal says how it went finds it
waiting for half a minute: it has said so to nobody, and gives up no sooner (BMP 01).
"""

OVER = frozenset({"paid", "failed", "canceled", "declined"})

READER = """\
---
apiVersion: tillgate/v1
kind: Reader
metadata: {name: till-1}
spec: {location: store, driver: zvt, link: "%s"}
"""

GATEWAY = """\
gateway: {name: store-1}
location: store
fleet: {paths: [fleet.yaml]}
journal: {path: journal.db, accept_unsafe_disk: true}
doors: {http: {port: 0}}
control_socket: %s
payments: {payment_timeout_s: 60, shutdown_grace_s: 0.2}
"""


class Terminal:
    """`tillgate simulate zvt-terminal` with customers who need a second or two."""

    def __init__(self, process: asyncio.subprocess.Process, link: str) -> None:
        self._process = process
        self.link = link

    async def turnover(self) -> list[dict[str, Any]]:
        """Its own memory of all transactions."""
        assert self._process.stdout is not None
        self._process.send_signal(signal.SIGUSR1)
        rows: list[dict[str, Any]] = json.loads(await self._process.stdout.readline())
        return rows


@asynccontextmanager
async def terminal(folder: Path, *where: str) -> AsyncIterator[Terminal]:
    words = ("--card", "Visa contactless", "--state", str(folder / "terminal.db"))
    process = await start("simulate", "zvt-terminal", *where, *words)
    try:
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        yield Terminal(process, line.removeprefix("listening on ").strip())
    finally:
        await stop(process, signal.SIGTERM)


def furnish(folder: Path, link: str) -> Path:
    """A store with one ZVT terminal; its gateway.yaml."""
    (folder / "fleet.yaml").write_text(LOCATION + READER % link)
    path = folder / "gateway.yaml"
    path.write_text(GATEWAY % (folder / "control.sock"))
    return path


async def killed_sale(daemon: Daemon, amount: int, after_s: float) -> dict[str, Any]:
    """A sale whose daemon is killed some time after the request; the session at its end, in the next life."""
    order = {"reader": "till-1", "amount": amount, "currency": "eur", "pos_key": f"k{amount}"}
    asked = await daemon.ask("POST", "/v1/sessions", order)
    await asyncio.sleep(after_s)
    seen = await daemon.ask("GET", f"/v1/sessions/{asked['id']}")
    assert await daemon.end(signal.SIGKILL) == -signal.SIGKILL
    await daemon.start(frozenset({"ready", "busy", "in_doubt", "connecting", "offline"}))
    session = await daemon.ask("POST", "/v1/sessions", order)
    assert asked.get("id") == session.get("id") is not None, (asked, session)
    async with asyncio.timeout(90):
        while session["state"] not in OVER:
            session = await daemon.ask("GET", f"/v1/sessions/{session['id']}?wait=5")
        while (await daemon.ask("GET", "/v1/readers/till-1"))["state"] != "ready":  # noqa: ASYNC110  # another process
            await asyncio.sleep(0.1)
    if seen["state"] in OVER:
        assert seen["state"] == session["state"]
    return session


async def killed_sales(folder: Path, moments_s: list[float], *where: str) -> list[str]:
    """Sale after sale on one terminal, each with a kill; how they ended."""
    async with terminal(folder, *where) as pt, Daemon(furnish(folder, pt.link)) as daemon:
        await daemon.start(frozenset({"ready"}))
        ended: list[str] = []
        for number, after_s in enumerate(moments_s):
            amount = 1200 + 100 * number
            session = await killed_sale(daemon, amount, after_s)
            rows = [row for row in await pt.turnover() if row["amount"] == amount]
            paid = amount if session["state"] == "paid" else 0
            seen = f"{pt.link} killed after {after_s:.2f} s: {session} {rows}"
            assert sum(row["money"] for row in rows) == session["amount_captured"] == paid, seen
            assert len(rows) <= 1, seen
            ended.append(f"{after_s:.2f} s {session['state']}")
        assert await daemon.end(signal.SIGTERM) == 0
    return ended


async def test_the_journal_agrees_with_the_terminals_memory_after_kills_in_mid_sale() -> None:
    kills: list[asyncio.Task[list[str]]] = []
    with tempfile.TemporaryDirectory() as name:
        async with asyncio.TaskGroup() as group:
            for line, stores in (ALL_S if THOROUGH else EVERYDAY_S).items():
                for number, moments_s in enumerate(stores):
                    folder = Path(name, f"{line}-{number}")
                    folder.mkdir()  # noqa: ASYNC240  # nothing else goes on yet
                    where = ("--pty", str(folder / "port")) if line == "pty" else ("--tcp", "127.0.0.1:0")
                    kills.append(group.create_task(killed_sales(folder, moments_s, *where), name=folder.name))
    for kill in kills:
        print(f"{len(kill.result())} kills, {kill.get_name()}: {', '.join(kill.result())}")

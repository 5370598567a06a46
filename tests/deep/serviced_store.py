"""A store in a container: the unit as it is shipped, its till, and a simulated Stripe beside it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import aiohttp

from tests.deep.bench import Bench
from tests.deep.command import CommandError
from tests.deep.nspawn import Container
from tests.deep.payload import CHECKOUT
from tests.shop import LOCATION, READER

UNIT = "tillgate.service"
KEY = "sk_test_deep"
STRIPE = "http://127.0.0.1:12111"
READERS = ("till-1", "till-2", "till-3")
PATIENCE_S = 90.0
WATCHDOG_S = 4

CLEAN = {"Result": "success", "ExecMainStatus": "0", "NRestarts": "0"}
"""How systemd describes a service that ended as it should."""

GATEWAY = f"""\
gateway: {{name: store-1}}
location: store
stripe: {{key: {{credential: stripe_api_key}}, base_url: {STRIPE}, requests_per_second: 100}}
fleet: {{paths: [/etc/tillgate/fleet], interval_s: 5, heal: true}}
doors: {{http: {{port: 8470}}}}
payments: {{payment_timeout_s: 60, shutdown_grace_s: 10}}
"""

SIMULATOR = """\
[Unit]
Description=the simulated Stripe

[Service]
ExecStart=/usr/bin/tillgate simulate stripe
"""

FILES = {
    "etc/systemd/system/tillgate.service": (CHECKOUT / "systemd/tillgate.service").read_text(),
    "etc/sysusers.d/tillgate.conf": (CHECKOUT / "systemd/sysusers.d/tillgate.conf").read_text(),
    "etc/tmpfiles.d/tillgate.conf": (CHECKOUT / "systemd/tmpfiles.d/tillgate.conf").read_text(),
    # The unit as it is shipped, but for a watchdog that does not let a test wait for half a minute.
    "etc/systemd/system/tillgate.service.d/watchdog.conf": f"[Service]\nWatchdogSec={WATCHDOG_S}\n",
    "etc/systemd/system/stripe.service": SIMULATOR,
    "etc/tillgate/gateway.yaml": GATEWAY,
    "etc/tillgate/fleet/store.yaml": LOCATION + "".join(READER % {"name": name} for name in READERS),
    "etc/tillgate/stripe_api_key": KEY,
}
"""What docs/operations.md lets a technician install, and the world outside in the same container."""


class Store:
    """A store in a container: its service, its till, its simulated Stripe."""

    def __init__(self, container: Container) -> None:
        self.container = container
        self.readers: dict[str, str] = {}

    async def start(self) -> None:
        """`systemctl start`, which returns at READY; what the service said if it fails."""
        try:
            await self.container.run("systemctl", "start", UNIT)
        except CommandError as error:
            raise AssertionError(f"{error}\n{await self.journal()}") from None

    async def main_pid(self) -> int:
        """The daemon's process, as this side knows it; 0 when there is none."""
        told = (await self.container.show(UNIT, "MainPID"))["MainPID"]
        return 0 if told == "0" else self.container.outer_pid(int(told))

    async def stripe(self, path: str, body: Any = None) -> Any:
        """One request to the simulated Stripe."""
        words = ["busybox", "wget", "-q", "-O", "-", "--header", f"Authorization: Bearer {KEY}"]
        if body is not None:
            words += ["--post-data", json.dumps(body)]
        return json.loads(await self.container.run(*words, STRIPE + path))

    async def ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """One request over the control socket; {} when nobody answers."""
        socket = self.container.inside("/run/tillgate/control.sock")
        connector = aiohttp.UnixConnector(path=str(socket))
        with suppress(aiohttp.ClientError, OSError):
            async with (
                aiohttp.ClientSession(connector=connector) as client,
                client.request(method, f"http://gateway{path}", json=body) as response,
            ):
                answer: dict[str, Any] = await response.json()
                return answer
        return {}

    async def served(self) -> None:
        """Wait until every reader is in service."""
        for name in READERS:
            path = f"/v1/readers/{name}"
            await until(partial(self.ask, "GET", path), lambda it: it.get("state") == "ready")

    async def customers(self, after_s: float) -> None:
        """Who comes to each reader from now on presents a card so many seconds after the prompt."""
        for each in (await self.stripe("/v1/terminal/readers"))["data"]:
            await self.stripe(f"/_sim/readers/{each['id']}", {"auto_present": {"after": after_s}})

    async def sell(self, reader: str, key: str, *, wait: bool = True) -> dict[str, Any]:
        """A sale, asked for again under its key until it has ended, as a till does."""
        order = {"reader": reader, "amount": 1200, "currency": "eur", "pos_key": key}
        wanted = {"paid", "failed", "declined", "canceled"} if wait else {"opened", "in_flight"}
        return await until(
            lambda: self.ask("POST", "/v1/sessions", order), lambda it: it.get("state") in wanted
        )

    async def restarted(self, after: int) -> float:
        """Wait for READY of a process that is not `after`; how long it took, in seconds."""
        began = time.monotonic()

        async def look() -> dict[str, Any]:
            return {
                **await self.container.show(UNIT, "ActiveState", "SubState"),
                "pid": await self.main_pid(),
            }

        await until(look, lambda it: it["SubState"] == "running" and it["pid"] not in {0, after})
        return time.monotonic() - began

    async def journal(self) -> str:
        """What the service and systemd about it said."""
        return await self.container.run("journalctl", "-u", UNIT, "--no-pager", "-o", "cat")

    async def books(self) -> tuple[int, int]:
        """What the bank took, and what the gateway's sessions say it took, in minor units."""
        rows = (await self.stripe("/_sim/ledger"))["payment_intents"]
        told = await self.ask("GET", "/v1/sessions?limit=100")
        return sum(row["captured"] for row in rows), sum(each["amount_captured"] for each in told["data"])


async def until(look: Callable[[], Awaitable[dict[str, Any]]], seen: Callable[[Any], bool]) -> dict[str, Any]:
    """Look until it pleases."""
    found: dict[str, Any] = {}
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                found = await look()
                if seen(found):
                    return found
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"still {found}") from None


@asynccontextmanager
async def store(bench: Bench) -> AsyncIterator[Store]:
    """A container that has booted, with a simulated Stripe and the service not started yet."""
    binds = {bench.payload: "/opt/tillgate"}
    async with Container(bench.root.tree, bench.new_folder("store"), FILES, binds) as container:
        await container.run("systemctl", "start", "stripe")
        made = Store(container)
        await until(lambda: listening(made), bool)
        yield made


async def listening(made: Store) -> dict[str, Any]:
    with suppress(CommandError):
        return {"answer": await made.stripe("/_sim")}
    return {}

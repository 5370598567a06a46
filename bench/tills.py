"""Tills at the gateway's door: each opens a sale and asks until it knows."""

import asyncio
import json
import sys
import time
from typing import Any

import aiohttp

_ENDED = frozenset({"paid", "declined", "canceled", "failed", "released"})


class Tills:
    """One register for each reader; `follow` says how it learns the end: `decision`, `events` or `polls`."""

    def __init__(self, http: aiohttp.ClientSession, url: str, *, follow: str) -> None:
        self._http = http
        self._url = url
        self._follow = {"decision": self._wait, "events": self._hear, "polls": self._ask}[follow]
        self._sales = 0
        self.told: list[tuple[str, str, float]] = []

    async def serve(self, token: str, reader: str, sales: int, comes_s: float) -> None:
        """Sell so often on one reader, beginning when its first customer comes."""
        await asyncio.sleep(comes_s)
        headers = {"Authorization": f"Bearer {token}"}
        for _ in range(sales):
            self._sales += 1
            order = {
                "reader": reader,
                "amount": 1999,
                "currency": "eur",
                "pos_key": f"{time.time_ns()}-{self._sales}",
            }
            async with self._http.post(f"{self._url}/v1/sessions", json=order, headers=headers) as response:
                session = await response.json()
                if response.status != 201:
                    raise RuntimeError(f"{reader}: {response.status} {session}")
            session, told_at = await self._follow(session, headers)
            self.told.append((session["references"].get("payment_intent", ""), session["state"], told_at))

    async def _wait(self, session: dict[str, Any], headers: dict[str, str]) -> tuple[dict[str, Any], float]:
        url = f"{self._url}/v1/sessions/{session['id']}?wait=60&until=decided"
        while session["state"] not in _ENDED:
            async with self._http.get(url, headers=headers) as response:
                session = await response.json()
        return session, time.time()

    async def _ask(self, session: dict[str, Any], headers: dict[str, str]) -> tuple[dict[str, Any], float]:
        while session["state"] not in _ENDED:
            url = f"{self._url}/v1/sessions/{session['id']}?wait=60&seq={session['seq']}"
            async with self._http.get(url, headers=headers) as response:
                session = await response.json()
        return session, time.time()

    async def _hear(self, session: dict[str, Any], headers: dict[str, str]) -> tuple[dict[str, Any], float]:
        url = f"{self._url}/v1/sessions/{session['id']}/events"
        told_at = 0.0
        async with self._http.get(url, headers=headers) as response:
            async for line in response.content:
                if line.startswith(b"data:"):
                    session = json.loads(line[5:])
                    told_at = time.time()
        # The gateway ends the stream: a till that reads to its end keeps the connection for the next sale.
        if session["state"] not in _ENDED:
            raise RuntimeError(f"the stream of {session['id']} ended while it was {session['state']}")
        return session, told_at


async def _run(task: dict[str, Any]) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        for line in sys.stdin:  # so many sales on each reader, side by side; then what they were told
            wanted = json.loads(line)
            tills = Tills(http, task["url"], follow=wanted["follow"])
            began = time.perf_counter()
            async with asyncio.TaskGroup() as group:
                for number, (reader, comes_s) in enumerate(
                    zip(task["readers"], wanted["come_s"], strict=True)
                ):
                    token = task["tokens"][number % len(task["tokens"])]
                    group.create_task(tills.serve(token, reader, wanted["sales"], comes_s), name=reader)
            done = {"took_s": time.perf_counter() - began, "sold": tills.told}
            sys.stdout.write(json.dumps(done) + "\n")
            sys.stdout.flush()


def main() -> None:
    """The first argument says, as JSON, where: {url, tokens, readers}."""
    asyncio.run(_run(json.loads(sys.argv[1])))


if __name__ == "__main__":
    main()

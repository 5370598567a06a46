"""Tills at the gateway's door: each opens a sale and asks until it knows."""

import asyncio
import json
import sys
import time
from typing import Any

import aiohttp

_ENDED = frozenset({"paid", "declined", "canceled", "failed", "released"})


class Tills:
    """One register for each reader. `listen`: server-sent events; otherwise long polls."""

    def __init__(self, http: aiohttp.ClientSession, url: str, *, listen: bool) -> None:
        self._http = http
        self._url = url
        self._listen = listen
        self._sales = 0
        self.told: list[tuple[str, str, float]] = []

    async def serve(self, token: str, reader: str, sales: int) -> None:
        """Sell so often on one reader."""
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
            follow = self._hear if self._listen else self._ask
            session = await follow(session, headers)
            told_at = time.time()
            self.told.append((session["references"].get("payment_intent", ""), session["state"], told_at))

    async def _ask(self, session: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        while session["state"] not in _ENDED:
            url = f"{self._url}/v1/sessions/{session['id']}?wait=60&seq={session['seq']}"
            async with self._http.get(url, headers=headers) as response:
                session = await response.json()
        return session

    async def _hear(self, session: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        url = f"{self._url}/v1/sessions/{session['id']}/events"
        async with self._http.get(url, headers=headers) as response:
            async for line in response.content:
                if line.startswith(b"data:"):
                    session = json.loads(line[5:])
                    if session["state"] in _ENDED:
                        break
        return session


async def _run(task: dict[str, Any]) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        for line in sys.stdin:  # "SALES": that many on each reader, side by side; then what they were told
            sales, listen = line.split()
            tills = Tills(http, task["url"], listen=listen == "events")
            began = time.perf_counter()
            async with asyncio.TaskGroup() as group:
                for number, reader in enumerate(task["readers"]):
                    token = task["tokens"][number % len(task["tokens"])]
                    group.create_task(tills.serve(token, reader, int(sales)), name=reader)
            done = {"took_s": time.perf_counter() - began, "sold": tills.told}
            sys.stdout.write(json.dumps(done) + "\n")
            sys.stdout.flush()


def main() -> None:
    """The first argument says, as JSON, where: {url, tokens, readers}."""
    asyncio.run(_run(json.loads(sys.argv[1])))


if __name__ == "__main__":
    main()

"""A cash register as a careful developer would write it: one key per sale, and it asks until it knows."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp

ENDED = frozenset({"paid", "declined", "canceled", "failed", "released"})
AGAIN_S = 0.5
"""How long a till waits before it asks again a gateway that does not answer."""

Seen = Callable[[Mapping[str, Any]], None]


class RefusedError(Exception):
    """The gateway refused a request for good."""


class Till:
    """Talks HTTP to the gateway; `told` keeps the last answer for each of its keys."""

    def __init__(self, http: aiohttp.ClientSession, url: Callable[[], str], token: str) -> None:
        self._http = http
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}
        self.told: dict[str, dict[str, Any]] = {}

    async def sell(self, order: Mapping[str, Any], seen: Seen) -> dict[str, Any]:
        """Open a sale and follow it until it has ended or its money is held."""
        session = await self._ask("POST", "/v1/sessions", order)
        while session["state"] not in ENDED | {"authorized"}:
            seen(session)
            path = f"/v1/sessions/{session['id']}?wait=20&seq={session['seq']}"
            session = await self._ask("GET", path)
        return self._heard(session)

    async def cancel(self, session: str) -> None:
        """Ask for the end of a sale."""
        await self._ask("POST", f"/v1/sessions/{session}/cancel", {})

    async def capture(self, session: str, amount: int) -> dict[str, Any]:
        """Move held money and wait for the answer."""
        answer = await self._ask("POST", f"/v1/sessions/{session}/capture", {"amount": amount})
        return await self._until_ended(answer)

    async def refund(self, session: str, amount: int, pos_key: str) -> dict[str, Any]:
        """Give money back and wait for the answer."""
        body = {"amount": amount, "pos_key": pos_key}
        return await self._until_ended(await self._ask("POST", f"/v1/sessions/{session}/refund", body))

    async def session(self, session: str) -> dict[str, Any]:
        """Ask how a sale stands, and take note."""
        return self._heard(await self._ask("GET", f"/v1/sessions/{session}"))

    async def _until_ended(self, session: dict[str, Any]) -> dict[str, Any]:
        while session["state"] not in ENDED:
            path = f"/v1/sessions/{session['id']}?wait=20&seq={session['seq']}"
            session = await self._ask("GET", path)
        return self._heard(session)

    def _heard(self, session: dict[str, Any]) -> dict[str, Any]:
        self.told[session["pos_key"]] = session
        return session

    async def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """One request, repeated while nobody answers: the key makes the repeat harmless."""
        while True:
            try:
                async with self._http.request(
                    method, f"{self._url()}{path}", json=body, headers=self._headers
                ) as response:
                    answer: dict[str, Any] = await response.json()
                    if response.status < 400:
                        return answer
                    if response.status != 503:
                        raise RefusedError(f"{method} {path}: {answer['error']['message']}")
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(AGAIN_S)

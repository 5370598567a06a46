"""A simulated Stripe that brings its own customers and notes who asked how often and heard what when."""

import asyncio
import json
import sys
from collections import Counter
from typing import Any
from urllib.parse import parse_qsl, urlencode

from bench.customers import AT_ONCE, Customers
from drivers.simulators.stripe_api.core import StripeSimulator
from drivers.simulators.stripe_api.server import serve
from drivers.simulators.stripe_api.wire import SimRequest, SimResponse

_COMMAND = "/process_payment_intent"


class Witness(StripeSimulator):
    """Every prompt gets its customer. Accounts are told apart by their keys, readers by their labels."""

    def __init__(self, *, seed: int = 0, **more: Any) -> None:
        super().__init__(seed=seed, **more)
        self.customers: Customers = AT_ONCE
        self._seed = seed
        self._prompts: Counter[tuple[str, str]] = Counter()
        self.calls: Counter[str] = Counter()
        self.shown_at: dict[str, float] = {}

    async def handle(self, request: SimRequest) -> SimResponse:
        """As the simulator; `POST /_bench/customers` sets who comes, `GET /_bench/notes` tells all."""
        if request.path.startswith("/_bench/"):
            return self._told(request)
        account = request.headers.get("authorization", "").removeprefix("Bearer ")
        if account:
            self.calls[account] += 1
        if request.path.endswith(_COMMAND):
            response = await self._command(request, account)
        else:
            response = await super().handle(request)
        if b'"succeeded"' in response.body:
            self._note(response)
        return response

    def _told(self, request: SimRequest) -> SimResponse:
        if request.method == "POST":
            given = json.loads(request.body)
            self.customers = Customers(given["least_s"], given["most_s"])
            self.calls.clear()
            self._prompts.clear()
        notes = {"calls": self.calls, "shown_at": self.shown_at}
        return SimResponse(200, {"content-type": "application/json"}, json.dumps(notes).encode())

    async def _command(self, request: SimRequest, account: str) -> SimResponse:
        """A customer who takes no time holds the card there already: the command's answer is final then."""
        path = request.path.removesuffix(_COMMAND)
        after_s = self._send_customer(account, path.rpartition("/")[2])
        response = await super().handle(request)
        if after_s > 0.0 or response.status != 200:
            return response
        expand = [(name, value) for name, value in parse_qsl(request.body.decode()) if "expand" in name]
        look = SimRequest("GET", f"{path}?{urlencode(expand)}", request.headers, b"")
        return await super().handle(look)

    def _send_customer(self, account: str, reader: str) -> float:
        found = self.world.everywhere("terminal.reader", reader)
        if found is None:
            return 0.0
        record = found[1]
        label = record.body["label"]
        number = self._prompts[account, label]
        self._prompts[account, label] += 1
        after_s = self.customers.takes_s(label, number, self._seed)
        record.hidden["auto_present"] = {"after": after_s, "times": 1}
        return after_s

    def _note(self, response: SimResponse) -> None:
        body = json.loads(response.body)
        action = body.get("action") or {}
        intent = (action.get("process_payment_intent") or {}).get("payment_intent")
        if isinstance(intent, dict) and intent.get("status") == "succeeded":
            self.shown_at.setdefault(intent["id"], self.world.now())


async def _run() -> None:
    serving = await serve(Witness(), port=0)
    sys.stdout.write(f"{serving.url}\n")
    sys.stdout.flush()
    try:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    finally:
        await serving.close()


def main() -> None:
    """Serve until the standard input ends; the first line of output is the base address."""
    asyncio.run(_run())


if __name__ == "__main__":
    main()

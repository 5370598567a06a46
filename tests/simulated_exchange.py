"""The Stripe client's seam on top of the simulated Stripe: no sockets, any clock."""

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit

from agent.secret import Secret
from agent.stripe.api import Stripe
from agent.stripe.bucket import Buckets, Rate
from agent.stripe.client import StripeClient
from agent.stripe.errors import NoAnswerError, NotSentError
from agent.stripe.exchange import HttpRequest, HttpResponse
from drivers.simulators.stripe_api.core import StripeSimulator
from drivers.simulators.stripe_api.wire import ConnectionDropped, SimRequest

KEY = "sk_test_gateway"


class SimulatedExchange:
    """Carries requests to a `StripeSimulator`; `latency_s` each way, `down` is a cut line.

    `sent` keeps "METHOD path" of every request that left, `seen` every Idempotency-Key.
    """

    def __init__(self, simulator: StripeSimulator, *, latency_s: float = 0.0) -> None:
        self.simulator = simulator
        self.latency_s = latency_s
        self.down = False
        self.sent: list[str] = []
        self.keys: list[str] = []

    async def send(self, request: HttpRequest) -> HttpResponse:
        """As `Exchange.send`."""
        if self.down:
            raise NotSentError("the line is cut")
        parts = urlsplit(request.url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.sent.append(f"{request.method} {parts.path}")
        self.keys.append(headers.get("idempotency-key", ""))
        try:
            async with asyncio.timeout(request.timeout_s):
                await asyncio.sleep(self.latency_s)
                answer = await self.simulator.handle(SimRequest(request.method, path, headers, request.body))
                await asyncio.sleep(self.latency_s)
        except TimeoutError:
            raise NoAnswerError(f"no answer within {request.timeout_s:g} s") from None
        except ConnectionDropped:
            raise NoAnswerError("the connection was cut") from None
        return HttpResponse(answer.status, answer.headers, answer.body)


class SimulatedStripe:
    """A simulated account with our own client on it, and the hands of whoever stands in the store."""

    def __init__(
        self,
        simulator: StripeSimulator,
        *,
        key: str = KEY,
        latency_s: float = 0.0,
        exchange: SimulatedExchange | None = None,
    ) -> None:
        self.simulator = simulator
        self.exchange = exchange or SimulatedExchange(simulator, latency_s=latency_s)
        self._headers = {"authorization": f"Bearer {key}"}
        self.client = StripeClient(
            self.exchange,
            Secret(key),
            buckets=Buckets(per_operation=Rate(1e6, 1e6), overall=Rate(1e6, 1e6), clock=simulator.world.now),
            clock=lambda: asyncio.get_running_loop().time(),
            spread=lambda: 0.0,
        )
        self.api = Stripe(self.client)

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        """One request to `/_sim`; it is not counted as a request of ours."""
        content = json.dumps(body).encode() if body is not None else b""
        answer = await self.simulator.handle(
            SimRequest(method, path, {**self._headers, "content-type": "application/json"}, content)
        )
        if answer.status != 200:
            raise AssertionError(answer.body.decode())
        return answer.json()

    async def fault(self, effect: str, *, method: str = "*", path: str = "**", times: int | None = 1) -> None:
        """Order a fault."""
        match = {"method": method, "path": path}
        await self.control("POST", "/_sim/faults", {"match": match, "effect": effect, "times": times})

    async def ledger(self) -> list[dict[str, Any]]:
        """The books: one row a PaymentIntent."""
        rows: list[dict[str, Any]] = (await self.control("GET", "/_sim/ledger"))["payment_intents"]
        return rows

    async def new_reader(self, *, country: str = "DE") -> str:
        """A location and a simulated reader in it; the reader's id."""
        address = {"line1": "Street 1", "city": "City", "postal_code": "10117", "country": country}
        if country in {"US", "CA", "AU"}:
            address["state"] = "CA"
        location = await self.api.create_location({"display_name": "Store", "address": address}, key="loc")
        reader = await self.api.register_reader(
            {"registration_code": "simulated-s700", "location": location.id, "label": "Till"}, key="rdr"
        )
        self.exchange.sent.clear()
        self.exchange.keys.clear()
        return reader.id

    async def customer(self, reader: str, **wishes: Any) -> None:
        """What the customer here will do: `auto_present`, `auto_cancel`, `state`, `next_payment`."""
        await self.control("POST", f"/_sim/readers/{reader}", wishes)

    async def present(self, reader: str, **params: Any) -> None:
        """Hold a card to the reader now."""
        await self.client.call(
            "POST", "/v1/test_helpers/terminal/readers/{}/present_payment_method", params, ids=(reader,)
        )
        self.exchange.sent.pop()
        self.exchange.keys.pop()

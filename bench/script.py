"""What a careful developer writes without a gateway: the official SDK, a key for each sale, a fixed interval.

It creates the PaymentIntent with an idempotency key, shows it on the reader, looks at the reader at a fixed
interval until the action has ended, and reads the PaymentIntent to learn what became of the money.
"""

import asyncio
import json
import sys
import time
import uuid
from dataclasses import dataclass
from typing import Any

import aiohttp
import stripe


@dataclass(frozen=True, slots=True)
class Sold:
    """One sale: its PaymentIntent, what became of it, and when the script knew (loop or Unix seconds)."""

    intent: str
    status: str
    told_at: float


class Script:
    """Sells on one account; `interval_s` is the time between two looks at a reader."""

    def __init__(self, client: stripe.StripeClient, *, interval_s: float) -> None:
        self._client = client
        self._interval_s = interval_s

    async def sell(self, reader: str, amount: int, now: Any = time.time) -> Sold:
        """One sale, followed to its end."""
        calls = self._client.v1
        intent = await calls.payment_intents.create_async(
            {
                "amount": amount,
                "currency": "eur",
                "allowed_payment_method_types": ["card_present"],
                "capture_method": "automatic",
            },
            {"idempotency_key": str(uuid.uuid4())},
        )
        shown = await calls.terminal.readers.process_payment_intent_async(
            reader,
            {"payment_intent": intent.id, "process_config": {"enable_customer_cancellation": True}},
            {"idempotency_key": str(uuid.uuid4())},
        )
        action = shown.action
        while action is not None and action.status == "in_progress":
            await asyncio.sleep(self._interval_s)
            action = (await calls.terminal.readers.retrieve_async(reader)).action
        paid = await calls.payment_intents.retrieve_async(intent.id)
        return Sold(paid.id, paid.status, now())


def make_client(key: str, url: str, http: stripe.HTTPClient) -> stripe.StripeClient:
    """The SDK's client with only its base address changed; two retries, as its documentation advises."""
    return stripe.StripeClient(key, http_client=http, base_addresses={"api": url}, max_network_retries=2)


async def _run(task: dict[str, Any]) -> None:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        http = stripe.AIOHTTPClient(session=session)
        script = Script(make_client(task["key"], task["url"], http), interval_s=task["interval_s"])
        sold: list[Sold] = []

        async def serve(reader: str, sales: int, comes_s: float) -> None:
            await asyncio.sleep(comes_s)
            sold.extend([await script.sell(reader, 1999) for _ in range(sales)])

        for line in sys.stdin:  # so many sales on each reader, side by side; then what became of them
            wanted = json.loads(line)
            sold.clear()
            began, cpu = time.perf_counter(), time.process_time()
            async with asyncio.TaskGroup() as group:
                for reader, comes_s in zip(task["readers"], wanted["come_s"], strict=True):
                    group.create_task(serve(reader, wanted["sales"], comes_s), name=reader)
            done = {
                "took_s": time.perf_counter() - began,
                "cpu_s": time.process_time() - cpu,
                "sold": [[each.intent, each.status, each.told_at] for each in sold],
            }
            sys.stdout.write(json.dumps(done) + "\n")
            sys.stdout.flush()


def main() -> None:
    """The first argument says, as JSON, for whom: {key, url, readers, interval_s}."""
    stripe.enable_telemetry = False
    asyncio.run(_run(json.loads(sys.argv[1])))


if __name__ == "__main__":
    main()

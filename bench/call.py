"""One call of Stripe's API: our client beside the official SDK, both on aiohttp, in one process by turns."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from statistics import median

import aiohttp
import stripe

from agent.secret import Secret
from agent.stripe.api import Stripe
from agent.stripe.bucket import Buckets, Rate
from agent.stripe.client import StripeClient
from agent.stripe.exchange import PooledExchange
from bench.script import make_client

WARM_UP = 50


async def compare(url: str, key: str, reader: str, *, rounds: int, calls: int) -> tuple[float, float]:
    """Processor microseconds of one look at a reader: ours and the SDK's, medians of the rounds."""
    ours: list[float] = []
    theirs: list[float] = []
    plenty = Rate(1e9, 1e9)
    buckets = Buckets(per_operation=plenty, overall=plenty, clock=time.monotonic)
    async with PooledExchange() as exchange, aiohttp.ClientSession() as session:
        api = Stripe(StripeClient(exchange, Secret(key), base_url=url, buckets=buckets))
        sdk = make_client(key, url, stripe.AIOHTTPClient(session=session)).v1.terminal.readers
        for _ in range(rounds):
            ours.append(await _cost_us(lambda: api.retrieve_reader(reader), calls))
            theirs.append(await _cost_us(lambda: sdk.retrieve_async(reader), calls))
    return median(ours), median(theirs)


async def _cost_us(look: Callable[[], Awaitable[object]], calls: int) -> float:
    for _ in range(WARM_UP):
        await look()
    began = time.process_time()
    for _ in range(calls):
        await look()
    return (time.process_time() - began) / calls * 1e6


def measure(url: str, key: str, reader: str, *, rounds: int, calls: int = 300) -> tuple[float, float]:
    """As `compare`, on a loop of its own."""
    return asyncio.run(compare(url, key, reader, rounds=rounds, calls=calls))

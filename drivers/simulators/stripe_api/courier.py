"""Carries webhooks to their endpoints over HTTP."""

import asyncio
import logging
from typing import Final

import aiohttp

from drivers.simulators.stripe_api.core import StripeSimulator
from drivers.simulators.stripe_api.webhooks import Delivery

LOG: Final = logging.getLogger(__name__)
LOOK_S: Final = 0.05
"""How often the outbox is looked into."""
ANSWER_S: Final = 10.0
"""How long an endpoint may take to answer."""


async def run(simulator: StripeSimulator) -> None:
    """Deliver what the simulator has to deliver until cancelled, one after the other."""
    timeout = aiohttp.ClientTimeout(total=ANSWER_S)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
        while True:
            for delivery in simulator.deliveries():
                simulator.delivered(delivery, accepted=await _post(session, delivery))
            await asyncio.sleep(LOOK_S)


async def _post(session: aiohttp.ClientSession, delivery: Delivery) -> bool:
    try:
        async with session.post(delivery.url, data=delivery.body, headers=delivery.headers) as answer:
            return 200 <= answer.status < 300
    except (aiohttp.ClientError, TimeoutError) as error:
        LOG.warning("webhook %s could not be delivered to %s: %s", delivery.event, delivery.url, error)
        return False

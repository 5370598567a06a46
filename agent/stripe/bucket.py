"""Our own share of Stripe's request rate, so that no store starves the others of its account."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

_HAIR = 1e-9
"""Rounding of float clocks: a token that is this close is there."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests a second on average, and so many at once after a pause."""

    per_s: float
    burst: float


PER_OPERATION = Rate(5.0, 10.0)
"""All stores of an account share 25/s per operation (docs.stripe.com/rate-limits): take a fifth."""

OVERALL = Rate(20.0, 40.0)
"""All stores of an account share 100/s in live mode: take a fifth."""


class TokenBucket:
    """Gives out turns in the order of asking; a caller that is canceled takes no turn with it."""

    def __init__(
        self,
        rate: Rate,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._rate = rate
        self._clock = clock
        self._sleep = sleep
        self._tokens = rate.burst
        self._at: float | None = None
        self._turn = asyncio.Lock()

    async def take(self) -> None:
        """Wait for a token and take it."""
        async with self._turn:  # asyncio's lock is first come, first served
            while self._fill() < 1.0 - _HAIR:
                await self._sleep((1.0 - self._tokens) / self._rate.per_s)
            self._tokens -= 1.0

    def _fill(self) -> float:
        now = self._clock()
        if self._at is not None:
            self._tokens = min(self._rate.burst, self._tokens + (now - self._at) * self._rate.per_s)
        self._at = now
        return self._tokens


class Buckets:
    """One bucket for each operation (method and route) and one over all of them."""

    def __init__(
        self,
        *,
        per_operation: Rate = PER_OPERATION,
        overall: Rate = OVERALL,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._per_operation = per_operation
        self._clock = clock
        self._sleep = sleep
        self._overall = TokenBucket(overall, clock=clock, sleep=sleep)
        self._operations: dict[str, TokenBucket] = {}

    async def take(self, operation: str) -> None:
        """Wait for the operation's turn, then for everybody's."""
        bucket = self._operations.get(operation)
        if bucket is None:
            bucket = TokenBucket(self._per_operation, clock=self._clock, sleep=self._sleep)
            self._operations[operation] = bucket  # bounded: routes are literals of our own code
        await bucket.take()
        await self._overall.take()

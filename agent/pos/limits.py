"""How much one till may ask at once: token buckets for requests, a count for waiting answers."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """So many a second on average, and at most so many in one burst."""

    per_second: float
    burst: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What one till may ask; far above a healthy register, low enough to stop one mad script."""

    requests: Rate = Rate(50.0, 100)
    connection_tokens: Rate = Rate(0.5, 10)  # as `doors.http.connection_tokens_per_minute` has it
    waits: int = 256  # long polls and event streams open at once: each holds a connection


class Bucket:
    """A token bucket on a clock in seconds."""

    def __init__(self, rate: Rate, now: Callable[[], float]) -> None:
        self._rate = rate
        self._now = now
        self._level = float(rate.burst)
        self._at = now()

    def take(self) -> float:
        """0.0 when one may pass now, else the seconds until the next may; a refused one costs nothing."""
        now = self._now()
        self._level = min(self._rate.burst, self._level + (now - self._at) * self._rate.per_second)
        self._at = now
        if self._level >= 1.0:
            self._level -= 1.0
            return 0.0
        return (1.0 - self._level) / self._rate.per_second


class Buckets:
    """One bucket a till. Tills are few and named by the admin, so that nothing grows without end."""

    def __init__(self, rate: Rate, now: Callable[[], float]) -> None:
        self._rate = rate
        self._now = now
        self._buckets: dict[str, Bucket] = {}

    def take(self, till: str) -> float:
        """As `Bucket.take`, for one till."""
        bucket = self._buckets.get(till)
        if bucket is None:
            bucket = self._buckets[till] = Bucket(self._rate, self._now)
        return bucket.take()

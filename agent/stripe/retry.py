"""How often, and how patiently, a call is repeated."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff with jitter inside a total time. All tries of a call carry the same key."""

    tries: int
    total_s: float
    first_s: float = 0.5
    cap_s: float = 5.0

    def delay_s(self, tried: int, spread: float) -> float:
        """Seconds to wait after the `tried`-th try (from 1); `spread` in [0, 1) takes away up to half.

        Jitter keeps the stores of one account from coming back in step after an outage.
        """
        full = min(self.cap_s, self.first_s * 2.0 ** (tried - 1))
        return full * (1.0 - spread / 2.0)


READ = RetryPolicy(tries=3, total_s=30.0)
"""Reading changes nothing; who waits for the answer would rather be told soon."""

WRITE = RetryPolicy(tries=6, total_s=60.0)
"""A keyed write is worth patience: giving up means doubt."""

ONCE = RetryPolicy(tries=1, total_s=0.0)
"""Reader commands: what a repeat means is the driver's decision, not the client's."""

"""How long to wait before the next try: longer each time up to a cap, never in step with others."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays in seconds: `first`, doubled each time up to `cap`, cut down at random by up to half."""

    first_s: float = 1.0
    cap_s: float = 60.0

    def delay_s(self, tries: int, random: Callable[[], float]) -> float:
        """Seconds before try number `tries + 1`; `random` gives 0 <= x < 1."""
        # 2 ** 32 is far above any cap and keeps the power from overflowing after years of tries.
        full = min(self.cap_s, self.first_s * 2.0 ** min(tries, 32))
        return full * (1.0 - 0.5 * random())

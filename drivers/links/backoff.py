"""Pauses between tries: each longer than the last up to a cap, and never in step with other gateways."""

from collections.abc import Callable
from dataclasses import dataclass

_DOUBLINGS_MAX = 32
"""Far above any cap; keeps the power from overflowing after years of tries."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds: `first_s`, doubled with each try up to `cap_s`; chance takes away up to half of each."""

    first_s: float = 0.5
    cap_s: float = 30.0

    def delay_s(self, tries: int, random: Callable[[], float]) -> float:
        """Seconds to wait after `tries` earlier pauses; `random` gives 0 <= x < 1."""
        longest = min(self.cap_s, self.first_s * 2.0 ** min(tries, _DOUBLINGS_MAX))
        return longest - longest * random() / 2

"""When to look at a reader that waits for its customer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phase:
    """Until so many seconds after the prompt, look this often."""

    until_s: float
    every_s: float


FIRST_S = 3.6
"""Customers take 4 to 20 s from the prompt to the card; a quicker one shall not be kept for long."""

TICK_S = 0.25
"""Looks at different readers fall together on ticks of the gateway's clock, so that it wakes up once for all
of them: on a box that was idle, waking up costs more than asking."""

PHASES: Sequence[Phase] = (
    Phase(9.0, 2.0),
    Phase(13.0, 1.9),
    Phase(17.0, 1.45),
    Phase(20.0, 0.75),
    Phase(60.0, 1.95),
    Phase(float("inf"), 5.0),
)
"""Looks cost requests that all stores of an account share, so they go where they find most.

A look late in the customers' time is made only for those who still stand there: it is cheap on average, so
the gaps shrink towards the end of it. Before and after, a gap stays within the two seconds of a plain loop;
who needs more than a minute is searching for a purse and can wait for 5 s.
"""


_NOW_S = 0.01
"""Nearer than this is now: clocks are floats, and a rest of nothing would be waited for without end."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The gaps between looks as a pure function of the time since the prompt."""

    first_s: float = FIRST_S
    phases: Sequence[Phase] = PHASES
    tick_s: float = TICK_S

    def aligned(self, at_s: float, now_s: float) -> float:
        """The tick nearest to a time to come, on a clock that all sales of the gateway share."""
        ticks = round(at_s / self.tick_s)
        return max(ticks, math.floor(now_s / self.tick_s) + 1) * self.tick_s

    def wait_s(self, since_prompt_s: float) -> float:
        """Seconds from now until the next look."""
        first_s = self.first_s - since_prompt_s
        if first_s > _NOW_S:
            return first_s
        return next((phase.every_s for phase in self.phases if since_prompt_s < phase.until_s), self.last_s)

    @property
    def last_s(self) -> float:
        """The gap of those who take longest."""
        return self.phases[-1].every_s

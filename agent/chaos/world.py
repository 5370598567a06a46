"""The simulated store as chaos sees it; found by its entry point, so that the daemon never loads it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import Context
from datetime import datetime
from importlib.metadata import entry_points
from typing import Any, Protocol

GROUP = "tillgate.worlds"
NAME = "chaos"


class Life(Protocol):
    """One run of a program, which can be killed at any step."""

    context: Context
    dead: bool
    frozen: bool
    steps: int

    def start(self, loop: asyncio.AbstractEventLoop, work: Any, name: str) -> Any:
        """Run its first task."""
        ...

    def die(self) -> None:
        """End it here and now."""
        ...

    def die_after(self, steps: int) -> None:
        """End it so many steps from now."""
        ...

    def thaw(self) -> list[asyncio.Handle]:
        """Let it go on after a stop."""
        ...

    def bury(self) -> None:
        """Take its tasks apart."""
        ...


class Loop(Protocol):
    """The world's event loop, where it is more than one of asyncio's."""

    def resume(self, handles: list[asyncio.Handle]) -> None:
        """Let parked steps happen now."""
        ...


class World(Protocol):
    """The clock, Stripe, terminals, lines, and the hands of customers."""

    loop: Any
    network: object
    clock_offset_s: float

    def now(self) -> datetime:
        """The true time."""
        ...

    def gateway_now(self) -> datetime:
        """What the gateway's clock shows."""
        ...

    def run(self, story: Callable[[], Awaitable[None]]) -> None:
        """Run a story to its end."""
        ...

    def link_of(self, name: str) -> str:
        """The link of a terminal."""
        ...

    def new_life(self, on_death: Callable[[Any], None]) -> Life:
        """A program that can be killed."""
        ...

    def died(self, life: Any, *, power: bool) -> None:
        """What a dead program leaves outside."""
        ...

    async def request(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> tuple[int, dict[str, str], bytes]:
        """One request of the gateway to Stripe."""
        ...

    def reader_id(self, label: str) -> str:
        """The id at Stripe of a reader."""
        ...

    def books(self) -> list[dict[str, Any]]:
        """The simulated bank's books."""
        ...

    def refunds(self) -> list[dict[str, Any]]:
        """Every refund that Stripe knows."""
        ...

    def turnover(self) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """What each terminal's memory says."""
        ...

    def screens(self) -> dict[str, tuple[str, str]]:
        """What each reader of Stripe's shows that can be paid."""
        ...

    def expect(self, reader: str, hands: Mapping[str, Any]) -> None:
        """Who comes to a reader from now on."""
        ...

    def arm(self, fault: str, times: int, pattern: str = "") -> None:
        """Let the next requests suffer this."""
        ...

    def line_down(self, *, down: bool) -> None:
        """Cut the line to Stripe, or mend it."""
        ...

    def disturb(self, reader: str, what: str, seconds: float, seed: int) -> bool:
        """Let something happen to a reader."""
        ...

    def heal(self) -> None:
        """Nothing goes wrong any more."""
        ...


def make(seed: int, terminals: Mapping[str, Mapping[str, Any]], **how: Any) -> World:
    """The world that is installed with the simulators."""
    (point,) = entry_points(group=GROUP, name=NAME)
    world: World = point.load()(seed, terminals, **how)
    return world

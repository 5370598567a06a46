"""The simulated world as the demo sees it; found by its entry point, so that the daemon never loads it."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import entry_points
from typing import Any, Protocol

GROUP = "tillgate.worlds"


class World(Protocol):
    """The clock, the simulators and the hands of the customers."""

    def new_loop(self) -> asyncio.AbstractEventLoop:
        """An event loop at the world's pace."""
        ...

    def now(self) -> datetime:
        """The world's wall clock."""
        ...

    async def open(self) -> None:
        """Start the simulators."""
        ...

    async def close(self) -> None:
        """Stop the simulators."""
        ...

    @property
    def stripe_url(self) -> str:
        """Where the simulated Stripe listens."""
        ...

    async def control(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """One of the simulator's controls under `/_sim`."""
        ...

    async def ledger(self) -> list[dict[str, Any]]:
        """The books of the simulated Stripe, a row a PaymentIntent."""
        ...


def make(*, speed: float, seed: int) -> World:
    """The world that is installed with the simulators."""
    (point,) = entry_points(group=GROUP, name="simulated")
    world: World = point.load()(speed=speed, seed=seed)
    return world

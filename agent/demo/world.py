"""The simulated world as the demo sees it; found by its entry point, so that the daemon never loads it."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import entry_points
from pathlib import Path
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

    async def open(self, folder: Path) -> None:
        """Start the simulators; serial ports appear in `folder`."""
        ...

    async def close(self) -> None:
        """Stop the simulators."""
        ...

    @property
    def stripe_url(self) -> str:
        """Where the simulated Stripe listens."""
        ...

    @property
    def terminals(self) -> Mapping[str, str]:
        """The links of the simulated ZVT terminals, by the name of their till."""
        ...

    async def control(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """One of the simulated Stripe's controls under `/_sim`, or `zvt/NAME` for a terminal."""
        ...

    async def ring_up(self, link: str, amount: int, stop_after_s: float | None = None) -> bool:
        """A sale by a ZVT register that calls `link`; whether it was told that it is paid."""
        ...

    async def ledger(self) -> list[dict[str, Any]]:
        """The books of the simulated Stripe, a row a PaymentIntent."""
        ...

    async def turnover(self) -> dict[str, list[dict[str, Any]]]:
        """The terminals' own books, a row a transaction."""
        ...


def make(*, speed: float, seed: int) -> World:
    """The world that is installed with the simulators."""
    (point,) = entry_points(group=GROUP, name="simulated")
    world: World = point.load()(speed=speed, seed=seed)
    return world

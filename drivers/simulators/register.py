"""A ZVT register that sells all day: a connection a sale, and it asks what became of one it lost sight of."""

import asyncio
from typing import Any

from drivers.contract import DriverError, ReaderConfig, ReaderName
from drivers.readers.zvt_options import setup_of
from drivers.simulators.till import Till

AGAIN_S = 1.0
"""Between two tries to reach the terminal again."""


class Register:
    """One register; `link` is where its terminal listens. It does one sale at a time."""

    def __init__(self, link: str, currency: str = "eur") -> None:
        options = {"link": link, "profile": "standard", "currency": currency}
        self._setup = setup_of(ReaderConfig(ReaderName(link), "zvt", options))
        self._receipt: int | None = None

    async def sell(self, amount: int, *, stop_after_s: float | None = None) -> bool:
        """Sell for so many minor units, or press stop after a while; whether it was told that it is paid."""
        try:
            told = await self._do(amount, stop_after_s)
        except DriverError:
            told = await self._ask_again()
        paid = (
            bool(told["approved"]) and told.get("amount") == amount and told.get("receipt") != self._receipt
        )
        if paid:
            self._receipt = told["receipt"]
        return paid

    async def _do(self, amount: int | None, stop_after_s: float | None) -> dict[str, Any]:
        """A sale, or without an amount the question for the last result. Errors: `DriverError`."""
        events: list[dict[str, Any]] = []
        till = Till(self._setup, events.append)
        try:
            await till.open()
            async with asyncio.TaskGroup() as group:
                stopping = None
                if stop_after_s is not None:
                    stopping = group.create_task(_stop(till, stop_after_s), name="cashier presses stop")
                try:
                    await (till.repeat_receipt() if amount is None else till.sell(amount))
                finally:
                    if stopping is not None:
                        stopping.cancel()
        except ExceptionGroup as group_error:
            # one task fails at most: the other one only presses a key
            raise group_error.exceptions[0] from group_error
        finally:
            await till.close()
        return events[-1]

    async def _ask_again(self) -> dict[str, Any]:
        while True:
            await asyncio.sleep(AGAIN_S)
            try:
                return await self._do(None, None)
            except DriverError:
                continue


async def _stop(till: Till, after_s: float) -> None:
    await asyncio.sleep(after_s)
    till.stop()

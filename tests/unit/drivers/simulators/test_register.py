"""A register that sells, stops, and asks again after it lost the line."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from drivers.contract import DriverError
from drivers.links.tcp import TcpListener
from drivers.simulators.register import Register
from drivers.simulators.till import Till
from drivers.simulators.virtual_time import ScaledTimeLoop
from drivers.simulators.zvt_terminal.customers import Customer
from drivers.simulators.zvt_terminal.server import serve
from drivers.simulators.zvt_terminal.terminal import Terminal

pytestmark = pytest.mark.real_time


def with_terminal(play: Callable[[Terminal, str], Awaitable[None]]) -> None:
    async def story() -> None:
        listener = TcpListener("127.0.0.1", 0)
        terminal = Terminal()
        terminal.device.usual = Customer("girocard", comes_after_s=1.0)
        listening = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(serve(terminal, listener, ready=listening.set), name="terminal")
            await listening.wait()
            await play(terminal, f"tcp://127.0.0.1:{listener.port}")
            serving.cancel()

    with asyncio.Runner(loop_factory=lambda: ScaledTimeLoop(20)) as runner:
        runner.run(story())


def test_it_knows_what_was_paid() -> None:
    async def play(terminal: Terminal, link: str) -> None:
        register = Register(link)
        assert await register.sell(1000)
        assert await register.sell(1000)
        assert not await register.sell(1005), "declined"
        terminal.device.coming.append(Customer("girocard", comes_after_s=None))
        assert not await register.sell(700, stop_after_s=2.0)
        assert await register.sell(700, stop_after_s=300.0)

    with_terminal(play)


@pytest.mark.parametrize("was_paid", [True, False])
def test_it_asks_what_became_of_a_sale_it_lost_sight_of(
    monkeypatch: pytest.MonkeyPatch, was_paid: bool
) -> None:
    async def play(terminal: Terminal, link: str) -> None:
        register = Register(link)
        assert await register.sell(500)
        real = Till.sell
        troubles = [DriverError("the line is cut")] * 2

        async def sell(till: Till, amount: int) -> bool:
            if was_paid:
                await real(till, amount)
            raise troubles.pop()

        real_open = Till.open

        async def reopen(till: Till) -> None:
            if len(troubles) == 1:
                raise troubles.pop()
            await real_open(till)

        monkeypatch.setattr(Till, "sell", sell)
        monkeypatch.setattr(Till, "open", reopen)
        assert await register.sell(500) == was_paid

    with_terminal(play)

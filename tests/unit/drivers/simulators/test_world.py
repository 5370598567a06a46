"""The simulated world in one process."""

import asyncio
from pathlib import Path

import pytest

from drivers.simulators.virtual_time import EPOCH
from drivers.simulators.world import SimulatedWorld, WorldError

pytestmark = pytest.mark.real_time


def test_it_opens_is_controlled_and_closes(tmp_path: Path) -> None:
    world = SimulatedWorld(speed=50, seed=1)
    assert world.now() == EPOCH

    async def visit() -> None:
        await world.open(tmp_path)
        try:
            assert world.stripe_url.startswith("http://127.0.0.1:")
            assert await world.ledger() == []
            await world.control("keys", {"key": "sk_test_x", "state": "revoked"})
            with pytest.raises(WorldError, match="nowhere"):
                await world.control("readers/nowhere", {"state": "vanish"})
            assert await world.control("zvt/till-4", {"customer": {"card": "Visa"}}) == {
                "customer": "Visa",
                "pull": None,
            }
            with pytest.raises(WorldError, match="till-9: there is no such terminal"):
                await world.control("zvt/till-9", {})
            with pytest.raises(WorldError, match="not 'light'"):
                await world.control("zvt/till-5", {"light": "off"})
            assert world.terminals["till-4"] == f"serial://{tmp_path}/till-4"
            assert world.terminals["till-5"].startswith("tcp://127.0.0.1:")
            assert await world.turnover() == {"till-4": [], "till-5": []}
            before = world.now()
            await asyncio.sleep(5)
            assert (world.now() - before).total_seconds() >= 5
        finally:
            await world.close()

    with asyncio.Runner(loop_factory=world.new_loop) as runner:
        runner.run(visit())


async def test_a_world_that_is_not_open_says_so() -> None:
    world = SimulatedWorld()
    with pytest.raises(WorldError, match="not open"):
        await world.ledger()
    with pytest.raises(WorldError, match="not open"):
        _ = world.stripe_url
    assert world.terminals == {}
    await world.close()

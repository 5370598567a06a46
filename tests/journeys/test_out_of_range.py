"""A Bluetooth reader goes out of range while nobody pays: missed at once, and found again without help."""

import asyncio
from pathlib import Path

from agent.payments.journal import Journal
from agent.payments.lane import Lane
from agent.payments.model import LinkState, ReaderState
from agent.payments.policy import LanePolicy
from drivers.contract import ReaderConfig, ReaderName
from drivers.readers.zvt import make
from drivers.simulators.zvt_terminal.profiles import PROFILES
from drivers.simulators.zvt_terminal.server import serve
from drivers.simulators.zvt_terminal.terminal import Terminal
from tests.ble_world import ble_world
from tests.zvt_store import local, now

SOON_S = 1.0
SCAN_S = 11.0
"""It is listened for in turns of eight seconds, with two of rest between them."""


async def test_a_reader_that_is_carried_away_and_brought_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db", now=now, inline=True)
    terminal = Terminal(PROFILES["standard"], clock=local)
    async with ble_world(tmp_path) as world, asyncio.TaskGroup() as group:
        device = world.device()
        config = ReaderConfig(ReaderName("till-1"), "zvt", {"link": str(device.address)})
        lane = Lane(config, make(config, {"now": now}), journal, now=now, policy=LanePolicy())
        tasks = [
            group.create_task(serve(terminal, device, serial=True), name="terminal"),
            group.create_task(lane.run(), name="lane"),
        ]
        await asyncio.sleep(20)
        assert lane.status.state is ReaderState.READY
        for times in (1, 2, 3):
            device.peripheral.vanish()
            await asyncio.sleep(SOON_S)
            gone = lane.status
            assert gone.state is ReaderState.OFFLINE
            assert gone.link is not None
            assert LinkState.of(gone.link) is LinkState.DOWN
            await asyncio.sleep(100 * times)
            device.peripheral.appear()
            await asyncio.sleep(SCAN_S)
            back = lane.status
            assert back.state is ReaderState.READY
            assert back.link is not None
            assert back.link.losses_total == times
            await asyncio.sleep(70)
        assert not lane.status.link or not lane.status.link.flapping, "hours apart, these are accidents"
        for task in tasks:
            task.cancel()
    journal.close()

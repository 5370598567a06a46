"""A Bluetooth reader goes out of range while nobody pays: missed at once, and found again without help."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent.payments.journal import Journal
from agent.payments.lane import Lane
from agent.payments.model import LinkState, ReaderState
from agent.payments.policy import LanePolicy
from drivers.contract import ReaderConfig, ReaderName
from drivers.readers.zvt import make
from drivers.simulators.ble_uart import UartPeripheral
from drivers.simulators.zvt_terminal.profiles import PROFILES
from drivers.simulators.zvt_terminal.server import serve
from drivers.simulators.zvt_terminal.terminal import Terminal
from tests.ble_world import ble_world
from tests.zvt_store import local, now

SOON_S = 1.0
SCAN_S = 11.0
"""It is listened for in turns of eight seconds, with two of rest between them."""


@asynccontextmanager
async def store(folder: Path) -> AsyncIterator[tuple[Lane, UartPeripheral]]:
    """A lane with a terminal behind a Bluetooth bridge, ready."""
    journal = Journal(folder / "journal.db", now=now, inline=True)
    terminal = Terminal(PROFILES["standard"], clock=local)
    async with ble_world(folder) as world, asyncio.TaskGroup() as group:
        device = world.device()
        config = ReaderConfig(ReaderName("till-1"), "zvt", {"link": str(device.address)})
        lane = Lane(config, make(config, {"now": now}), journal, now=now, policy=LanePolicy())
        tasks = [
            group.create_task(serve(terminal, device, serial=True), name="terminal"),
            group.create_task(lane.run(), name="lane"),
        ]
        await asyncio.sleep(20)
        assert lane.status.state is ReaderState.READY
        yield lane, device.peripheral
        for task in tasks:
            task.cancel()
    journal.close()


async def test_a_reader_that_is_carried_away_and_brought_back(tmp_path: Path) -> None:
    async with store(tmp_path) as (lane, device):
        for times in (1, 2, 3):
            device.vanish()
            await asyncio.sleep(SOON_S)
            gone = lane.status
            assert gone.state is ReaderState.OFFLINE
            assert gone.link is not None
            assert LinkState.of(gone.link) is LinkState.DOWN
            await asyncio.sleep(300 * times)
            device.appear()
            await asyncio.sleep(SCAN_S)
            back = lane.status
            assert back.state is ReaderState.READY
            assert back.link is not None
            assert back.link.losses_total == times
            assert not back.link.flapping, "far apart, these are accidents"
            await asyncio.sleep(70)


async def test_a_reader_at_the_edge_of_the_range_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with store(tmp_path) as (lane, device):
        caplog.clear()
        for _ in range(6):
            device.vanish()
            await asyncio.sleep(SOON_S)
            device.appear()
            await asyncio.sleep(40)
        status = lane.status
        assert status.state is ReaderState.READY
        assert status.link is not None
        assert LinkState.of(status.link) is LinkState.FLAPPING
        assert status.why == "its link comes and goes (6 losses lately): look at cable, power and settings"
        flapping = [each.message.split(": ")[1] for each in caplog.records if each.levelno >= logging.INFO]
        assert [word.split(" after")[0] for word in flapping] == [
            *["link lost", "back"] * 2,
            "flaps",
        ], "told once, and then only shown"
        await asyncio.sleep(70)
        assert lane.status.why == ""
        assert lane.status.link is not None
        assert LinkState.of(lane.status.link) is LinkState.UP

"""Each named trouble of Bluetooth happens, and a link comes back after each."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from drivers.contract import Link, LinkError
from drivers.links.reconnect import Reconnector
from drivers.links.schemes import connect
from drivers.simulators.bluez.troubles import TROUBLES, TroubleError, befall, troubles_of
from tests.ble_world import BleWorld, ble_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[BleWorld]:
    async with ble_world(tmp_path) as made:
        yield made


@pytest.mark.parametrize("name", TROUBLES)
async def test_after_each_trouble_the_link_comes_back_by_itself(world: BleWorld, name: str) -> None:
    listener = world.device()
    ((trouble, value),) = troubles_of([name])

    async def open_link() -> Link:
        return await connect(str(listener.address))

    reconnector = Reconnector("till-1", open_link)
    async with asyncio.TaskGroup() as group:
        befalling = group.create_task(befall(world.bluez, listener.peripheral, trouble, value), name=name)
        losses = 0
        for _ in range(50):
            link = await reconnector.wait()
            device = await listener.accept()
            try:
                # a heartbeat, such as drivers have: some troubles show only when something is sent
                while True:
                    await link.send(b"ping")
                    await device.receive()
                    await device.send(b"pong")
                    await link.receive()
                    await asyncio.sleep(5)
                    if asyncio.get_running_loop().time() > 300:
                        break
            except LinkError as loss:
                losses += 1
                await reconnector.drop(link, loss)
                continue
            break
        befalling.cancel()
    expected = {"abort": 0, "hang": 0}.get(name, 1 if not trouble.every else 3)
    assert losses >= expected
    assert reconnector.health.up
    await link.close()


def test_they_are_named_and_explained() -> None:
    assert [(trouble.name, value) for trouble, value in troubles_of(["lost=5", "abort"])] == [
        ("lost", 5.0),
        ("abort", 1.0),
    ]
    for text, said in (
        ("crahs", "did you mean 'crash'"),
        ("zzz", "there are: lost, away"),
        ("lost=0", "is a number above 0"),
        ("lost=x", "is a number above 0"),
    ):
        with pytest.raises(TroubleError, match=said):
            troubles_of([text])

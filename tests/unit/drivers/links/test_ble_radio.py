"""Where a device is: left connected, heard, or only known; and what people are told when it is nowhere."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from drivers.links.base import Cause, LinkNotOpenedError
from drivers.links.ble_radio import radio
from tests.ble_world import ADDRESS, NAME, BleWorld, ble_world, linked


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[BleWorld]:
    async with ble_world(tmp_path) as made:
        yield made


async def test_each_loop_has_one() -> None:
    here = radio()
    assert radio() is here


async def test_a_look_around_and_what_is_known(world: BleWorld) -> None:
    world.device()
    assert [each.address for each in await radio().look(1)] == [ADDRESS]
    assert [each.name for each in (await radio().known()).devices] == [NAME]
    assert radio().bus.users == 0


async def test_trouble_is_told_as_such(world: BleWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world.bluez.power("hci0", on=False)
    with pytest.raises(LinkNotOpenedError, match="hci0 is off"):
        await radio().look(1)
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere/at/all")
    for ask in (radio().look(1), radio().known()):
        with pytest.raises(LinkNotOpenedError, match="is D-Bus running") as caught:
            await ask
        assert caught.value.cause is Cause.ABSENT
    assert radio().bus.users == 0


async def test_a_paired_device_that_does_not_advertise_is_called_all_the_same(world: BleWorld) -> None:
    listener = world.device()
    link, _ = await linked(listener, pair="yes")
    await link.close()
    listener.peripheral.present = False
    began = asyncio.get_running_loop().time()
    await radio().bus.acquire()
    found = await radio().locate(listener.address)
    radio().bus.release()
    assert found.address == ADDRESS
    assert asyncio.get_running_loop().time() - began == pytest.approx(8, abs=0.1)

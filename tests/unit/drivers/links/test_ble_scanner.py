"""One scan for all who look, which ends with the last of them and tells only of what was heard."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from drivers.links.base import Cause, LinkNotOpenedError
from drivers.links.ble_bus import BluezBus
from drivers.links.ble_scanner import SESSION_S, BleScanner, Sighting
from drivers.simulators.ble_peripheral import Peripheral
from tests.ble_world import ADDRESS, MOMENT_S, NAME, BleWorld, ble_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[BleWorld]:
    async with ble_world(tmp_path) as made:
        yield made


@pytest.fixture
def scanner() -> BleScanner:
    return BleScanner(BluezBus())


def now() -> float:
    return asyncio.get_running_loop().time()


def scans(world: BleWorld) -> int:
    return sum(len(each.scanning) for each in world.bluez.controllers.values())


async def find(scanner: BleScanner, device: str, within_s: float = 8) -> Sighting:
    return await scanner.find(device, adapter="hci0", within_s=within_s)


async def test_a_device_is_heard_at_once(world: BleWorld, scanner: BleScanner) -> None:
    listener = world.device()
    heard = await find(scanner, ADDRESS)
    assert (heard.address, heard.name, heard.rssi) == (ADDRESS, NAME, -50)
    assert heard.services == (listener.peripheral.profile.service,)
    assert (heard.connected, heard.paired) == (False, False)
    assert now() < 0.1
    assert (scans(world), scanner.scanning) == (0, ())


async def test_one_that_comes_later_is_heard_when_it_comes(world: BleWorld, scanner: BleScanner) -> None:
    listener = world.device(on=False)
    asyncio.get_running_loop().call_later(6, listener.peripheral.appear)
    await find(scanner, ADDRESS)
    assert now() == pytest.approx(6, abs=0.1)


async def test_silence_ends(world: BleWorld, scanner: BleScanner) -> None:
    with pytest.raises(TimeoutError):
        await find(scanner, ADDRESS)
    assert now() == pytest.approx(8)
    assert scans(world) == 0


async def test_many_share_one_scan(world: BleWorld, scanner: BleScanner) -> None:
    addresses = [f"AA:BB:CC:DD:EE:{number:02X}" for number in range(21)]
    for address in addresses[:-1]:
        world.device(address)
    async with asyncio.TaskGroup() as group:
        finds = [group.create_task(find(scanner, address), name=address) for address in addresses[:-1]]
        late = group.create_task(find(scanner, addresses[-1], 20), name="late")
        await asyncio.sleep(MOMENT_S)
        assert scans(world) == 1
        assert scanner.scanning == ("hci0",)
        assert all(each.done() for each in finds)
        await asyncio.sleep(7)
        world.device(addresses[-1])
    assert late.result().address == addresses[-1]
    assert [each.result().address for each in finds] == addresses[:-1]


async def test_what_bluez_has_told_once_is_not_believed_for_long(
    world: BleWorld, scanner: BleScanner
) -> None:
    """BlueZ tells once in a scan; who comes later hears of it because the scan is begun anew."""
    listener = world.device()
    async with asyncio.TaskGroup() as group:
        endless = group.create_task(find(scanner, "AA:BB:CC:DD:EE:99", 1000), name="endless")
        await asyncio.sleep(1)
        listener.peripheral.vanish()
        await asyncio.sleep(2 * SESSION_S)
        with pytest.raises(TimeoutError):
            await find(scanner, ADDRESS, 1)
        listener.peripheral.appear()
        began = now()
        await find(scanner, ADDRESS)
        assert now() - began <= SESSION_S
        endless.cancel()


async def test_the_end_of_a_connection_is_no_sign_of_life(world: BleWorld, scanner: BleScanner) -> None:
    listener = world.device()
    async with asyncio.TaskGroup() as group:
        looking = group.create_task(scanner.look(3, adapter="hci0"), name="look")
        await asyncio.sleep(MOMENT_S)
        device = next(iter(world.bluez._devices.values()))
        listener.peripheral.connected(device)
        device._change(Connected=True)
        await asyncio.sleep(MOMENT_S)
        listener.peripheral.present = False
        device.drop()
    assert looking.result() == []


async def test_a_look_around(world: BleWorld, scanner: BleScanner) -> None:
    near = Peripheral("AA:BB:CC:DD:EE:07", "", rssi=-40, manufacturer={0x0059: b"\x01\x02"})
    world.bluez.add(near)
    world.device()
    world.device("AA:BB:CC:DD:EE:08", on=False)
    seen = await scanner.look(2, adapter="hci0")
    assert [(each.address, each.name) for each in seen] == [("AA:BB:CC:DD:EE:07", ""), (ADDRESS, NAME)]
    assert seen[0].manufacturer == {0x0059: b"\x01\x02"}
    assert now() == pytest.approx(2, abs=0.1)


async def test_two_of_one_name(world: BleWorld, scanner: BleScanner) -> None:
    world.device()
    assert (await find(scanner, NAME)).address == ADDRESS
    world.device("AA:BB:CC:DD:EE:02")
    with pytest.raises(LinkNotOpenedError, match="say which by its address"):
        await find(scanner, NAME)


async def test_bluetoothd_that_ends_during_a_scan(world: BleWorld, scanner: BleScanner) -> None:
    assert world.bluez._bus is not None
    asyncio.get_running_loop().call_later(1, world.bluez._bus.disconnect)
    with pytest.raises(LinkNotOpenedError, match="bluetoothd ended") as caught:
        await find(scanner, ADDRESS)
    assert caught.value.cause is Cause.ABSENT
    assert now() < 2


async def test_an_adapter_that_goes_off_during_a_scan(world: BleWorld, scanner: BleScanner) -> None:
    asyncio.get_running_loop().call_later(1, lambda: world.bluez.power("hci0", on=False))
    with pytest.raises(Exception, match="Resource Not Ready"):
        await find(scanner, ADDRESS)
    assert scanner.scanning == ()

"""One device on the simulated BlueZ: connecting, its table, what is refused, what ends with the link."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from dbus_fast import Variant

from drivers.simulators.ble_peripheral import AttError, Characteristic, Peripheral, Service
from drivers.simulators.bluez.device import (
    CHARACTERISTIC,
    DESCRIPTOR,
    DEVICE,
    GIVE_UP_S,
    BluezError,
    Mishaps,
)
from drivers.simulators.bluez.service import ADAPTER
from tests.ble_world import MOMENT_S, BleWorld, ble_world
from tests.unit.drivers.simulators.bluez.test_service import HCI0, PATH, PROPERTIES, Client

ALL = frozenset({"read", "write", "notify"})
CHAR = f"{PATH}/service000a/char000b"
FAILED = "org.bluez.Error.Failed"
REQUEST: dict[str, Any] = {}
COMMAND = {"type": Variant("s", "command")}


class Sensor(Peripheral):
    """Reads and writes one value."""

    value = b"\x07"
    on = False
    switched = 0

    def read(self, uuid: str) -> bytes:
        if uuid != "c":
            raise AttError(0x02)
        return self.value

    def write(self, uuid: str, value: bytes) -> None:
        self.value = value

    def subscribed(self, uuid: str, *, on: bool) -> None:
        self.on = on
        self.switched += 1


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[BleWorld]:
    async with ble_world(tmp_path) as made:
        yield made


@pytest.fixture
def sensor(world: BleWorld) -> Sensor:
    table = (Characteristic("c", ALL), Characteristic("d", frozenset({"write"})))
    made = Sensor("AA:BB:CC:DD:EE:01", "", (Service("s", table),))
    world.bluez.add(made)
    return made


@pytest.fixture
def mishaps(world: BleWorld) -> Mishaps:
    return world.mishaps()


@pytest.fixture
async def client(world: BleWorld, sensor: Sensor) -> AsyncIterator[Client]:
    del sensor
    made = await Client.of(world)
    await made.ask(HCI0, ADAPTER, "StartDiscovery")
    yield made
    await made.leave()


async def told(client: Client, path: str, interface: str, name: str) -> Any:
    (variant,) = await client.ask(path, PROPERTIES, "Get", "ss", interface, name)
    return variant.value


async def test_connecting_shows_its_table(client: Client, sensor: Sensor) -> None:
    assert await told(client, PATH, DEVICE, "Alias") == "AA-BB-CC-DD-EE-01"
    assert await client.ask(PATH, DEVICE, "Connect") == []
    assert await client.ask(PATH, DEVICE, "Connect") == []
    assert not sensor.advertising
    added = [path for what, path, *_ in client.heard if what == "InterfacesAdded"]
    assert added == [
        PATH,
        f"{PATH}/service000a",
        CHAR,
        f"{CHAR}/desc000d",
        f"{PATH}/service000a/char000e",
    ]
    assert await told(client, CHAR, CHARACTERISTIC, "Flags") == sorted(ALL)
    assert await told(client, CHAR, CHARACTERISTIC, "MTU") == 247
    assert await told(client, PATH, DEVICE, "ServicesResolved") is True
    descriptor = next(path for path in added if "/desc" in path)
    assert await client.ask(descriptor, DESCRIPTOR, "ReadValue", "a{sv}", {}) == [b""]


async def test_reading_writing_and_what_is_refused(client: Client, sensor: Sensor, mishaps: Mishaps) -> None:
    await client.ask(PATH, DEVICE, "Connect")
    assert await client.ask(CHAR, CHARACTERISTIC, "ReadValue", "a{sv}", {}) == [b"\x07"]
    assert await client.ask(CHAR, CHARACTERISTIC, "WriteValue", "aya{sv}", b"\x08", REQUEST) == []
    assert sensor.value == b"\x08"
    mishaps.writing.append(0x13)
    answer = await client.ask(CHAR, CHARACTERISTIC, "WriteValue", "aya{sv}", b"\x09", REQUEST)
    assert answer == (FAILED, "Operation failed with ATT error: 0x13")
    answer = await client.ask(CHAR, CHARACTERISTIC, "WriteValue", "aya{sv}", bytes(513), REQUEST)
    assert answer == (FAILED, "Operation failed with ATT error: 0x0d")
    assert await client.ask(CHAR, CHARACTERISTIC, "WriteValue", "aya{sv}", bytes(513), COMMAND) == []
    assert sensor.value == b"\x08"
    other = f"{PATH}/service000a/char000e"
    answer = await client.ask(other, CHARACTERISTIC, "ReadValue", "a{sv}", {})
    assert answer == (FAILED, "Operation failed with ATT error: 0x02")
    assert (await client.ask(CHAR, CHARACTERISTIC, "AcquireNotify", "a{sv}", {}))[0] == (
        "org.bluez.Error.NotSupported"
    )
    assert (await client.ask(PATH, DEVICE, "Dance"))[0] == "org.freedesktop.DBus.Error.UnknownMethod"


async def test_notifications_are_told_once_for_each_listener(
    world: BleWorld, client: Client, sensor: Sensor
) -> None:
    await client.ask(PATH, DEVICE, "Connect")
    assert await client.ask(CHAR, CHARACTERISTIC, "StartNotify") == []
    assert (await client.ask(CHAR, CHARACTERISTIC, "StartNotify"))[0] == "org.bluez.Error.InProgress"
    second = await Client.of(world)
    await second.ask(CHAR, CHARACTERISTIC, "StartNotify")
    client.heard.clear()
    assert sensor.on
    assert sensor.central is not None
    sensor.central.notify("c", b"!")
    sensor.central.notify("d", b"nobody listens")
    await asyncio.sleep(MOMENT_S)
    assert client.heard == [(CHAR, {"Value": b"!"}, [])] * 2
    await second.leave()
    assert sensor.switched == 1
    assert await client.ask(CHAR, CHARACTERISTIC, "StopNotify") == []
    assert sensor.switched == 2
    await client.ask(CHAR, CHARACTERISTIC, "StopNotify")


async def test_those_who_listened_before_listen_again(
    client: Client, sensor: Sensor, world: BleWorld
) -> None:
    await client.ask(PATH, DEVICE, "Connect")
    await client.ask(CHAR, CHARACTERISTIC, "StartNotify")
    world.bluez.lose(sensor.address)
    await asyncio.sleep(MOMENT_S)
    assert await told(client, CHAR, CHARACTERISTIC, "Notifying") is False
    assert (await client.ask(CHAR, CHARACTERISTIC, "StartNotify")) == (FAILED, "Not connected")
    await client.ask(PATH, DEVICE, "Connect")
    assert await told(client, CHAR, CHARACTERISTIC, "Notifying") is True
    assert sensor.on


async def test_a_device_that_does_not_answer(client: Client, sensor: Sensor) -> None:
    sensor.vanish()
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(client.ask(PATH, DEVICE, "Connect"), name="connect")
        await asyncio.sleep(1)
        assert (await client.ask(PATH, DEVICE, "Connect"))[0] == "org.bluez.Error.InProgress"
    assert asked.result() == (FAILED, "le-connection-abort-by-local")
    assert loop.time() - began == pytest.approx(GIVE_UP_S, abs=0.1)
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(client.ask(PATH, DEVICE, "Connect"), name="connect")
        await asyncio.sleep(1)
        await client.ask(PATH, DEVICE, "Disconnect")
    assert asked.result() == (FAILED, "le-connection-abort-by-local")


async def test_mishaps_in_their_order(client: Client, mishaps: Mishaps, world: BleWorld) -> None:
    mishaps.connecting.append(BluezError(FAILED, "br-connection-canceled"))
    mishaps.aborts = 1
    mishaps.unresolved = True
    assert await client.ask(PATH, DEVICE, "Connect") == (FAILED, "br-connection-canceled")
    client.heard.clear()
    assert await client.ask(PATH, DEVICE, "Connect") == (FAILED, "le-connection-abort-by-local")
    assert client.heard == [(PATH, {"Connected": True}, []), (PATH, {"Connected": False}, [])]
    assert await client.ask(PATH, DEVICE, "Connect") == []
    assert await told(client, PATH, DEVICE, "ServicesResolved") is False
    await client.ask(PATH, DEVICE, "Disconnect")
    world.bluez.power("hci0", on=False)
    assert await client.ask(PATH, DEVICE, "Connect") == (FAILED, "Input/output error")


async def test_what_is_under_way_ends_with_the_link(
    client: Client, mishaps: Mishaps, sensor: Sensor, world: BleWorld
) -> None:
    await client.ask(PATH, DEVICE, "Connect")
    mishaps.held = True
    async with asyncio.TaskGroup() as group:
        calls = [
            group.create_task(client.ask(CHAR, CHARACTERISTIC, "ReadValue", "a{sv}", {}), name="read"),
            group.create_task(
                client.ask(CHAR, CHARACTERISTIC, "WriteValue", "aya{sv}", b"x", REQUEST), name="write"
            ),
        ]
        await asyncio.sleep(1)
        world.bluez.lose(sensor.address)
    assert [call.result() for call in calls] == [(FAILED, "Operation failed with ATT error: 0x0e")] * 2


async def test_pairing(client: Client, sensor: Sensor, world: BleWorld) -> None:
    sensor.pairing = True
    await client.ask(PATH, DEVICE, "Connect")
    refused = ("org.bluez.Error.NotPermitted", "Not paired")
    assert await client.ask(CHAR, CHARACTERISTIC, "ReadValue", "a{sv}", {}) == refused
    assert await client.ask(CHAR, CHARACTERISTIC, "WriteValue", "aya{sv}", b"x", REQUEST) == refused
    assert await client.ask(CHAR, CHARACTERISTIC, "StartNotify") == refused
    trusted = ("ssv", DEVICE, "Trusted", Variant("b", True))
    assert await client.ask(PATH, PROPERTIES, "Set", *trusted) == []
    assert await client.ask(PATH, DEVICE, "Pair") == []
    assert (await client.ask(PATH, DEVICE, "Pair"))[0] == "org.bluez.Error.AlreadyExists"
    assert await client.ask(CHAR, CHARACTERISTIC, "ReadValue", "a{sv}", {}) == [b"\x07"]
    await client.ask(PATH, DEVICE, "Disconnect")
    await client.ask(HCI0, ADAPTER, "StopDiscovery")
    await asyncio.sleep(100)
    assert PATH in world.bluez.tree


async def test_advertised_data_is_shown(world: BleWorld) -> None:
    world.bluez.add(Peripheral("AA:BB:CC:DD:EE:02", "Tag", manufacturer={0x59: b"\x01"}, advertised=("x",)))
    client = await Client.of(world)
    await client.ask(HCI0, ADAPTER, "StartDiscovery")
    path = f"{HCI0}/dev_AA_BB_CC_DD_EE_02"
    assert (await told(client, path, DEVICE, "ManufacturerData"))[0x59].value == b"\x01"
    assert await told(client, path, DEVICE, "UUIDs") == ["x"]
    await client.leave()

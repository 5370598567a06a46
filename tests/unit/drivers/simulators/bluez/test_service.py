"""The simulated bluetoothd answers as BlueZ does: adapters, discovery, forgetting, dying."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from dbus_fast import Message, Variant
from dbus_fast.aio import MessageBus

from drivers.simulators.bluez.device import DEVICE
from drivers.simulators.bluez.service import ADAPTER, FORGET_S, Controller
from tests.ble_world import ADDRESS, MOMENT_S, NAME, BleWorld, ble_world

HCI0 = "/org/bluez/hci0"
PATH = f"{HCI0}/dev_AA_BB_CC_DD_EE_01"
PROPERTIES = "org.freedesktop.DBus.Properties"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[BleWorld]:
    async with ble_world(tmp_path) as made:
        yield made


class Client:
    """A program that speaks to BlueZ, and hears all signals of it."""

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus
        self.heard: list[tuple[Any, ...]] = []
        bus.add_message_handler(self._hear)

    @classmethod
    async def of(cls, world: BleWorld) -> "Client":
        client = cls(await MessageBus(bus_address=world.bus.address).connect())
        name = "org.freedesktop.DBus"
        rule = "type='signal',sender='org.bluez'"
        await client._bus.call(
            Message(name, "/org/freedesktop/DBus", name, "AddMatch", signature="s", body=[rule])
        )
        return client

    def _hear(self, message: Message) -> None:
        if message.member in {"InterfacesAdded", "InterfacesRemoved"}:
            self.heard.append((message.member, message.body[0]))
        elif message.member == "PropertiesChanged":
            changed = {name: variant.value for name, variant in message.body[1].items()}
            self.heard.append((message.path, changed, message.body[2]))

    async def ask(self, path: str, interface: str, member: str, signature: str = "", *body: Any) -> Any:
        """The answer's values, or the error's name and text."""
        reply = await self._bus.call(
            Message("org.bluez", path, interface, member, signature=signature, body=list(body))
        )
        await asyncio.sleep(MOMENT_S)
        return (reply.error_name, reply.body[0]) if reply.error_name else reply.body

    async def leave(self) -> None:
        self._bus.disconnect()
        await asyncio.sleep(MOMENT_S)


async def test_a_scan_tells_of_devices_once_and_forgets_them_later(world: BleWorld) -> None:
    listener = world.device()
    client = await Client.of(world)
    assert await client.ask(HCI0, ADAPTER, "SetDiscoveryFilter", "a{sv}", {}) == []
    assert await client.ask(HCI0, ADAPTER, "StartDiscovery") == []
    assert await client.ask(HCI0, ADAPTER, "StartDiscovery") == (
        "org.bluez.Error.InProgress",
        "Operation already in progress",
    )
    listener.peripheral.appear()
    assert client.heard == [(HCI0, {"Discovering": True}, []), ("InterfacesAdded", PATH)]
    client.heard.clear()
    assert await client.ask(HCI0, ADAPTER, "StopDiscovery") == []
    assert client.heard == [(HCI0, {"Discovering": False}, []), (PATH, {}, ["RSSI"])]
    assert await client.ask(HCI0, ADAPTER, "StopDiscovery") == (
        "org.bluez.Error.Failed",
        "No discovery started",
    )
    client.heard.clear()
    await client.ask(HCI0, ADAPTER, "StartDiscovery")
    assert (PATH, {"RSSI": -50}, []) in client.heard
    await client.ask(HCI0, ADAPTER, "StopDiscovery")
    await asyncio.sleep(FORGET_S - 1)
    assert PATH in world.bluez.tree
    await asyncio.sleep(2)
    assert client.heard[-1] == ("InterfacesRemoved", PATH)
    await client.leave()


async def test_a_program_that_dies_scans_no_more(world: BleWorld) -> None:
    one, other = await Client.of(world), await Client.of(world)
    await one.ask(HCI0, ADAPTER, "StartDiscovery")
    await other.ask(HCI0, ADAPTER, "StartDiscovery")
    await one.leave()
    (controller,) = world.bluez.controllers.values()
    assert len(controller.scanning) == 1
    await other.leave()
    assert not controller.scanning


async def test_while_somebody_scans_nothing_is_forgotten(world: BleWorld) -> None:
    world.device()
    client = await Client.of(world)
    await client.ask(HCI0, ADAPTER, "StartDiscovery")
    await client.ask(HCI0, ADAPTER, "StopDiscovery")
    await client.ask(HCI0, ADAPTER, "StartDiscovery")
    await asyncio.sleep(2 * FORGET_S)
    assert PATH in world.bluez.tree
    await client.leave()


async def test_properties(world: BleWorld) -> None:
    client = await Client.of(world)
    assert await client.ask(HCI0, PROPERTIES, "Get", "ss", ADAPTER, "Powered") == [Variant("b", True)]
    (told,) = await client.ask(HCI0, PROPERTIES, "GetAll", "s", ADAPTER)
    assert told["Address"].value == "00:00:5E:00:53:01"
    assert told["Roles"].value == ["central", "peripheral"]
    off = Variant("b", False)
    assert await client.ask(HCI0, PROPERTIES, "Set", "ssv", ADAPTER, "Powered", off) == []
    assert await client.ask(HCI0, ADAPTER, "StartDiscovery") == (
        "org.bluez.Error.NotReady",
        "Resource Not Ready",
    )
    assert await client.ask(HCI0, ADAPTER, "StopDiscovery") == (
        "org.bluez.Error.NotReady",
        "Resource Not Ready",
    )
    for call in (("Get", "ss", ADAPTER, "Nothing"), ("Get", "ss", "org.bluez.Nothing", "Powered")):
        assert (await client.ask(HCI0, PROPERTIES, *call))[0] == "org.freedesktop.DBus.Error.InvalidArgs"
    await client.leave()


@pytest.mark.parametrize(
    ("path", "interface", "member", "error"),
    [
        ("/org/bluez/hci7", ADAPTER, "StartDiscovery", "UnknownObject"),
        (HCI0, ADAPTER, "Dance", "UnknownMethod"),
        (HCI0, "org.bluez.Media1", "Play", "UnknownMethod"),
    ],
)
async def test_what_does_not_exist(
    world: BleWorld, path: str, interface: str, member: str, error: str
) -> None:
    client = await Client.of(world)
    assert (await client.ask(path, interface, member))[0] == f"org.freedesktop.DBus.Error.{error}"
    await client.leave()


async def test_a_device_can_be_removed(world: BleWorld) -> None:
    world.device()
    client = await Client.of(world)
    await client.ask(HCI0, ADAPTER, "StartDiscovery")
    assert await client.ask(HCI0, ADAPTER, "RemoveDevice", "o", PATH) == []
    assert client.heard[-1] == ("InterfacesRemoved", PATH)
    assert await client.ask(HCI0, ADAPTER, "RemoveDevice", "o", PATH) == (
        "org.bluez.Error.DoesNotExist",
        "Does Not Exist",
    )
    world.bluez.remove(ADDRESS)
    await client.leave()


async def test_a_crash_is_silent_and_a_stop_is_not(world: BleWorld) -> None:
    listener = world.device()
    client = await Client.of(world)
    disconnected: tuple[Any, ...] = (PATH, {"Connected": False}, [])
    for end, count in ((world.bluez.crash, 0), (world.bluez.stop, 1)):
        await client.ask(HCI0, ADAPTER, "StartDiscovery")
        assert await client.ask(PATH, DEVICE, "Connect") == []
        client.heard.clear()
        await end()
        await asyncio.sleep(MOMENT_S)
        assert client.heard.count(disconnected) == count
        assert listener.peripheral.advertising
        assert not world.bluez.running
        error, _ = await client.ask(HCI0, ADAPTER, "StartDiscovery")
        assert error == "org.freedesktop.DBus.Error.ServiceUnknown"
        await world.bluez.start()
        assert PATH not in world.bluez.tree
    await client.leave()


async def test_a_hung_one_answers_later(world: BleWorld) -> None:
    client = await Client.of(world)
    world.bluez.hang()
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(client.ask(HCI0, ADAPTER, "StartDiscovery"), name="ask")
        await asyncio.sleep(100)
        assert not asked.done()
        world.bluez.resume()
    assert asked.result() == []
    await client.leave()


async def test_adapters_come_and_go_while_it_runs_and_while_it_does_not(world: BleWorld) -> None:
    listener = world.device()
    client = await Client.of(world)
    second = Controller("hci1", "00:00:5E:00:53:02")
    world.bluez.plug(second)
    await client.ask(second.path, ADAPTER, "StartDiscovery")
    await client.ask(f"{second.path}/dev_AA_BB_CC_DD_EE_01", DEVICE, "Connect")
    assert listener.peripheral.central is not None
    assert world.bluez.unplug("hci1") is second
    await asyncio.sleep(MOMENT_S)
    assert listener.peripheral.advertising
    assert client.heard[-1] == ("InterfacesRemoved", second.path)
    await world.bluez.crash()
    world.bluez.plug(second)
    world.bluez.power("hci0", on=False)
    world.device("AA:BB:CC:DD:EE:02")
    await world.bluez.start()
    assert await client.ask(HCI0, PROPERTIES, "Get", "ss", ADAPTER, "Powered") == [Variant("b", False)]
    assert second.path in world.bluez.tree
    await client.leave()


async def test_losing_one_link_leaves_the_others(world: BleWorld) -> None:
    world.device()
    other = world.device("AA:BB:CC:DD:EE:02", "Other")
    client = await Client.of(world)
    await client.ask(HCI0, ADAPTER, "StartDiscovery")
    for path in (PATH, f"{HCI0}/dev_AA_BB_CC_DD_EE_02"):
        await client.ask(path, DEVICE, "Connect")
    world.bluez.lose(ADDRESS)
    assert other.peripheral.central is not None
    assert await client.ask(PATH, PROPERTIES, "Get", "ss", DEVICE, "Connected") == [Variant("b", False)]
    assert await client.ask(PATH, PROPERTIES, "Get", "ss", DEVICE, "Name") == [Variant("s", NAME)]
    await client.leave()

"""Our own look at BlueZ: what is there, who runs it, and that every wait ends."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from drivers.links.base import Cause, LinkNotOpenedError
from drivers.links.ble_bus import CALL_S, GRACE_S, Adapter, BluezBus, BusError, Device, Known, within
from tests.ble_world import ADDRESS, MOMENT_S, NAME, BleWorld, ble_world, linked
from tests.message_bus import MemoryBus


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[BleWorld]:
    async with ble_world(tmp_path) as made:
        yield made


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_it_is_one_connection_for_all_and_none_for_nobody(world: BleWorld) -> None:
    assert isinstance(world.bus, MemoryBus)
    bus = BluezBus()
    before = len(world.bus.peers)
    for _ in range(3):
        await bus.acquire()
    assert len(world.bus.peers) == before + 1
    for _ in range(3):
        bus.release()
    await asyncio.sleep(MOMENT_S)
    assert len(world.bus.peers) == before


async def test_it_hears_who_runs_bluetooth(world: BleWorld) -> None:
    bus = BluezBus()
    await bus.acquire()
    assert bus.owner.startswith(":")
    gone: list[str] = []
    forget = bus.on_gone(lambda: gone.append("gone"))
    await world.bluez.crash()
    await asyncio.sleep(MOMENT_S)
    assert (gone, bus.owner) == (["gone"], "")
    await world.bluez.start()
    await asyncio.sleep(MOMENT_S)
    assert bus.owner.startswith(":")
    forget()
    await world.bluez.crash()
    await asyncio.sleep(MOMENT_S)
    assert gone == ["gone"]
    bus.release()


async def test_a_bus_that_broke_is_made_anew(world: BleWorld) -> None:
    assert isinstance(world.bus, MemoryBus)
    bus = BluezBus()
    await bus.acquire()
    ours = world.bus.peers[max(world.bus.peers, key=lambda name: int(name.rsplit(".", 1)[-1]))]
    ours.transport.abort()
    await asyncio.sleep(MOMENT_S)
    await bus.acquire()
    assert (await bus.known()).adapters
    bus.release()
    bus.release()


async def test_what_bluez_knows(world: BleWorld) -> None:
    link, _ = await linked(world.device())
    bus = BluezBus()
    await bus.acquire()
    known = await bus.known()
    assert known.adapters == (Adapter("/org/bluez/hci0", "00:00:5E:00:53:01", powered=True),)
    (device,) = known.devices
    assert (device.address, device.name, device.connected, device.paired) == (ADDRESS, NAME, True, False)
    assert await bus.property(device.path, "org.bluez.Device1", "Alias") == NAME
    with pytest.raises(BusError, match="UnknownObject"):
        await bus.property("/org/bluez/hci9", "org.bluez.Adapter1", "Powered")
    bus.release()
    await link.close()


async def test_questions_end_when_nobody_answers_and_when_nobody_is_connected(world: BleWorld) -> None:
    bus = BluezBus()
    with pytest.raises(BusError, match="closed"):
        await bus.known()
    await bus.acquire()
    world.bluez.hang()
    began = now()
    with pytest.raises(TimeoutError):
        await bus.known()
    assert now() - began == pytest.approx(CALL_S)
    bus.release()


async def test_a_bus_that_cannot_be_reached_leaves_nobody_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere/at/all")
    bus = BluezBus()
    with pytest.raises(FileNotFoundError):
        await bus.acquire()
    assert bus.users == 0


async def test_within_ends_even_what_waits_while_it_tidies_up() -> None:
    tidied: list[str] = []

    async def tidies() -> None:
        try:
            await asyncio.sleep(100)
        finally:
            await asyncio.sleep(100)
            tidied.append("never")

    began = now()
    with pytest.raises(TimeoutError):
        async with within(3):
            await tidies()
    assert now() - began == 3 + GRACE_S
    assert not tidied
    with pytest.raises(TimeoutError):
        async with within(3):
            await asyncio.sleep(100)
    async with within(3):
        pass


ON = Adapter("/org/bluez/hci0", "00:00:5E:00:53:01", powered=True)
OFF = Adapter("/org/bluez/hci1", "00:00:5E:00:53:02", powered=False)
ALSO_OFF = Adapter("/org/bluez/hci2", "00:00:5E:00:53:03", powered=False)


def device(address: str, name: str, adapter: str = "/org/bluez/hci0") -> Device:
    path = f"{adapter}/dev_{address}"
    return Device(path, adapter, address, name, connected=False, paired=False, properties={})


@pytest.mark.parametrize(
    ("adapters", "wanted", "said"),
    [
        ((), "", "no Bluetooth adapter"),
        ((ON,), "hci1", "no Bluetooth adapter hci1"),
        ((OFF, ALSO_OFF), "", "hci1, hci2 is off"),
        ((ON, OFF), "00:00:5E:00:53:02", "hci1 is off"),
    ],
)
def test_an_adapter_that_does_not_do_is_named(adapters: tuple[Adapter, ...], wanted: str, said: str) -> None:
    with pytest.raises(LinkNotOpenedError, match=said) as caught:
        Known(adapters, ()).adapter(wanted)
    assert caught.value.cause is Cause.ABSENT


def test_the_first_adapter_that_is_on_is_taken() -> None:
    assert Known((OFF, ON), ()).adapter("") is ON


def test_a_name_that_two_devices_have_is_nobodys() -> None:
    adapter = ON
    one, two, far = device("1", "X"), device("2", "X"), device("3", "Y", "/org/bluez/hci1")
    known = Known((adapter,), (one, two, far))
    assert known.device("1", adapter) is one
    assert known.device("X", adapter) is None
    assert known.device("Y", adapter) is None

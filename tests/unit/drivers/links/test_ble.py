"""The Bluetooth link on bleak's real backend and a simulated BlueZ: what it carries, and what becomes of it.

The tests named `fact` pin what was observed of BlueZ 5.66 and bleak 3.1, and what the link does about it.
"""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from bleak import BleakClient
from bleak.backends.device import BLEDevice
from bleak.exc import BleakError

from drivers.links.base import Cause, LinkLostError, LinkNotOpenedError
from drivers.links.ble import BleLink
from drivers.links.ble_profiles import PROFILES
from drivers.links.ble_radio import native, radio
from drivers.links.inbox import INBOX_MAX
from drivers.links.schemes import connect
from drivers.simulators.ble_uart import UartListener, UartPeripheral
from drivers.simulators.bluez.device import BluezError
from drivers.simulators.bluez.service import Controller
from tests.ble_world import ADDRESS, MOMENT_S, NAME, BleWorld, ble_world, exactly, linked
from tests.message_bus import MemoryBus


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[BleWorld]:
    async with ble_world(tmp_path) as made:
        yield made


def now() -> float:
    return asyncio.get_running_loop().time()


async def lost(link: BleLink) -> LinkLostError:
    with pytest.raises(LinkLostError) as caught:
        await exactly(link, 1_000_000)
    return caught.value


async def refused(device: UartListener, **changes: str) -> LinkNotOpenedError:
    with pytest.raises(LinkNotOpenedError) as caught:
        await linked(device, **changes)
    return caught.value


# -- carrying bytes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", PROFILES)
async def test_bytes_both_ways_in_order(world: BleWorld, profile: str) -> None:
    link, device = await linked(world.device(profile=profile))
    data = bytes(range(256)) * 9
    await link.send(data)
    assert await exactly(device, len(data)) == data
    await device.send(data)
    assert await exactly(link, len(data)) == data
    await link.close()
    assert world.bluez.running


async def test_a_device_is_found_by_its_name(world: BleWorld) -> None:
    world.device()
    link = await connect("ble://Front%20desk")
    await link.close()


async def test_writes_are_confirmed_where_the_device_can_and_the_address_agrees(world: BleWorld) -> None:
    peripheral = UartPeripheral(
        ADDRESS, NAME, PROFILES["nus"], writable=frozenset({"write-without-response"})
    )
    peripheral.appear()
    world.bluez.add(peripheral)
    world.mishaps().writing.append(0x0D)
    link, device = await linked(UartListener(peripheral))
    await link.send(b"a command")
    assert await device.receive() == b"a command"
    await link.close()
    link, device = await linked(UartListener(peripheral), response="yes")
    with pytest.raises(LinkLostError, match="ATT error 0x0D invalid attribute value length"):
        await link.send(b"a request")
    await link.close()


@pytest.mark.parametrize(("mtu", "chunk", "expected"), [(247, 244, 244), (23, 244, 20), (517, 100, 100)])
async def test_chunks_are_as_negotiated_and_as_the_address_allows(
    world: BleWorld, mtu: int, chunk: int, expected: int
) -> None:
    peripheral = Counting(ADDRESS, NAME, PROFILES["nus"])
    peripheral.mtu = mtu
    peripheral.appear()
    world.bluez.add(peripheral)
    link, _ = await linked(UartListener(peripheral), chunk=str(chunk))
    assert link.chunk == expected
    await link.send(bytes(1000))
    assert set(peripheral.sizes[:-1]) == {expected}
    assert sum(peripheral.sizes) == 1000
    await link.close()


class Counting(UartPeripheral):
    """Remembers how long each write was."""

    sizes: list[int]

    def arrived(self, uuid: str, value: bytes, *, confirmed: bool) -> None:
        self.sizes = [*getattr(self, "sizes", []), len(value)]
        super().arrived(uuid, value, confirmed=confirmed)


async def test_other_characteristics_can_be_named(world: BleWorld) -> None:
    own = "0000ffe4-0000-1000-8000-00805f9b34fb"
    profile = PROFILES["hm10"]
    peripheral = UartPeripheral(ADDRESS, NAME, type(profile)("own", "", profile.service, profile.write, own))
    peripheral.appear()
    world.bluez.add(peripheral)
    link = await connect(f"ble://{ADDRESS}?profile=hm10&notify=ffe4")
    device = await UartListener(peripheral).accept()
    await device.send(b"x")
    assert await link.receive() == b"x"
    await link.close()


async def test_two_sends_at_once_do_not_mix(world: BleWorld) -> None:
    link, device = await linked(world.device())
    one, other = b"1" * 1000, b"2" * 1000
    async with asyncio.TaskGroup() as group:
        group.create_task(link.send(one), name="one")
        group.create_task(link.send(other), name="other")
    assert await exactly(device, 2000) in (one + other, other + one)
    await link.close()


def test_a_store_without_bluetooth_loads_nothing_of_it() -> None:
    look = (
        "import sys, agent.app, agent.cli.daemon, drivers.links.schemes, drivers.readers.zvt; "
        "print([name for name in ('bleak', 'dbus_fast') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"


# -- ends -------------------------------------------------------------------------------------------------


async def test_closing_twice_is_safe_and_the_device_is_free_again(world: BleWorld) -> None:
    listener = world.device()
    link, device = await linked(listener)
    await link.close()
    await link.close()
    assert listener.peripheral.advertising
    with pytest.raises(LinkLostError, match="closed by us") as caught:
        await link.send(b"x")
    assert caught.value.cause is Cause.CLOSED
    with pytest.raises(LinkLostError):
        await device.receive()


async def test_abort_ends_both_directions_at_once_and_close_lets_go(world: BleWorld) -> None:
    listener = world.device()
    link, _ = await linked(listener)
    link.abort()
    assert (await lost(link)).cause is Cause.CLOSED
    await link.close()
    assert listener.peripheral.advertising


async def test_what_came_before_the_loss_can_still_be_read(world: BleWorld) -> None:
    link, device = await linked(world.device())
    await device.send(b"last words")
    device.abort()
    await asyncio.sleep(MOMENT_S)
    assert await link.receive() == b"last words"
    assert link.ended
    assert (await lost(link)).cause is Cause.LOST
    await link.close()


async def test_a_send_cancelled_in_the_middle_breaks_the_link(world: BleWorld) -> None:
    link, _ = await linked(world.device())
    world.mishaps().held = True
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await link.send(b"half of a message")
    with pytest.raises(LinkLostError, match="in the middle of a message"):
        await link.send(b"another")
    await link.close()


async def test_a_write_that_nobody_confirms_ends_the_link(world: BleWorld) -> None:
    link, _ = await linked(world.device())
    world.mishaps().held = True
    began = now()
    with pytest.raises(LinkLostError, match="no answer in time"):
        await link.send(b"x")
    assert now() - began == pytest.approx(10, abs=0.5)
    await link.close()


async def test_each_write_has_all_of_its_time(world: BleWorld) -> None:
    link, _ = await linked(world.device())
    await link.send(b"a quick one")
    await asyncio.sleep(8)
    world.mishaps().held = True
    began = now()
    with pytest.raises(LinkLostError, match="no answer in time"):
        await link.send(b"x")
    assert now() - began == pytest.approx(10, abs=0.1)
    await link.close()


async def test_bytes_that_nobody_takes_do_not_fill_the_memory(world: BleWorld) -> None:
    link, device = await linked(world.device())
    for _ in range(INBOX_MAX // 1000 + 1):
        await device.send(bytes(1000))
    await asyncio.sleep(MOMENT_S)
    assert str(INBOX_MAX) in str(await lost(link))
    await link.close()


# -- why there is no link ---------------------------------------------------------------------------------


async def test_nobody_is_there(world: BleWorld) -> None:
    began = now()
    error = await refused(world.device(on=False))
    assert error.cause is Cause.ABSENT
    assert "hci0 has heard nothing of it for 8 s" in str(error)
    assert now() - began == pytest.approx(8, abs=0.5)


async def test_two_devices_of_one_name_are_refused(world: BleWorld) -> None:
    world.device()
    world.device("AA:BB:CC:DD:EE:02")
    with pytest.raises(LinkNotOpenedError, match="AA:BB:CC:DD:EE:01, AA:BB:CC:DD:EE:02") as caught:
        await connect("ble://Front%20desk")
    assert caught.value.cause is Cause.UNSUITED


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"profile": "hm10"}, "it has no service 0000ffe0"),
        ({"notify": "ffe1"}, "no characteristic 0000ffe1-0000-1000-8000-00805f9b34fb that can"),
    ],
)
async def test_a_device_of_another_kind(world: BleWorld, changes: dict[str, str], said: str) -> None:
    world.device()
    query = "&".join(f"{key}={value}" for key, value in changes.items())
    with pytest.raises(LinkNotOpenedError, match=said) as caught:
        await connect(f"ble://{ADDRESS}?{query}")
    assert caught.value.cause is Cause.UNSUITED
    assert "6e40000" in str(caught.value)


async def test_another_program_listens_already(world: BleWorld) -> None:
    listener = world.device()
    link, _ = await linked(listener)
    # the other program is another client here: its listening is what counts
    device = next(iter(world.bluez._devices.values()))
    path = next(path for path, listeners in device.listeners.items() if listeners)
    await link.close()
    device.listeners[path].add(":1.99")
    error = await refused(listener)
    assert error.cause is Cause.BUSY
    assert "arrive twice" in str(error)
    device.listeners[path].clear()


async def test_a_device_that_wants_pairing_says_so_and_pairs_when_told(world: BleWorld) -> None:
    listener = world.device()
    listener.peripheral.pairing = True
    error = await refused(listener)
    assert error.cause is Cause.DENIED
    assert "pair=yes" in str(error)
    link, device = await linked(listener, pair="yes")
    await link.send(b"secret")
    assert await device.receive() == b"secret"
    await link.close()
    # once paired it is known, and stays so without a scan
    link, _ = await linked(listener, pair="yes")
    await link.close()


async def test_pairing_that_fails(world: BleWorld) -> None:
    world.mishaps().connecting.append(
        BluezError("org.bluez.Error.AuthenticationFailed", "Authentication Failed")
    )
    error = await refused(world.device(), pair="yes")
    assert error.cause is Cause.DENIED
    assert "pairing failed" in str(error)


async def test_services_that_are_never_found(world: BleWorld) -> None:
    listener = world.device()
    world.mishaps().unresolved = True
    error = await refused(listener)
    assert error.cause is Cause.TIMEOUT
    assert listener.peripheral.advertising


async def test_interference_while_connecting_is_tried_again_at_once(world: BleWorld) -> None:
    world.mishaps().aborts = 2
    link, _ = await linked(world.device())
    await link.close()


async def test_a_connection_refused_again_and_again(world: BleWorld) -> None:
    refusal = BluezError("org.bluez.Error.Failed", "br-connection-canceled")
    listener = world.device()
    world.mishaps().connecting.extend([refusal] * 2)
    link, _ = await linked(listener)
    await link.close()
    world.mishaps().connecting.extend([refusal] * 3)
    error = await refused(listener)
    assert error.cause is Cause.UNREACHABLE
    assert "br-connection-canceled" in str(error)


async def test_no_bus_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere/at/all")
    with pytest.raises(LinkNotOpenedError, match="is D-Bus running") as caught:
        await connect(f"ble://{ADDRESS}")
    assert caught.value.cause is Cause.ABSENT


async def test_no_bluetoothd(world: BleWorld) -> None:
    await world.bluez.crash()
    error = await refused(world.device())
    assert error.cause is Cause.ABSENT
    assert "systemctl status bluetooth" in str(error)


async def test_a_bluetoothd_that_hangs_ends_every_call(world: BleWorld) -> None:
    listener = world.device()
    link, _ = await linked(listener)
    world.bluez.hang()
    began = now()
    with pytest.raises(LinkLostError, match="no answer in time"):
        await link.send(b"x")
    await link.close()
    assert (await refused(listener)).cause is Cause.TIMEOUT
    assert now() - began < 25
    world.bluez.resume()
    link, _ = await linked(listener)
    await link.close()


async def test_a_bluetoothd_that_hangs_while_connecting(world: BleWorld) -> None:
    listener = world.device()
    async with asyncio.TaskGroup() as group:
        opening = group.create_task(refused(listener), name="opening")
        await asyncio.sleep(0.001)
        world.bluez.hang()
    assert opening.result().cause in {Cause.TIMEOUT, Cause.ABSENT}
    world.bluez.resume()


async def test_cancelled_while_connecting_leaves_nothing_connected(world: BleWorld) -> None:
    listener = world.device()
    world.mishaps().unresolved = True
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await linked(listener)
    await asyncio.sleep(MOMENT_S)
    assert listener.peripheral.advertising
    assert radio().bus.users == 0


# -- eleven facts -----------------------------------------------------------------------------------------


async def test_fact_01_a_killed_bluetoothd_calls_nobody_back_so_its_name_is_watched(world: BleWorld) -> None:
    listener = world.device()
    link, _ = await linked(listener)
    assert link.client is not None
    bare = link.client
    await world.bluez.crash()
    await asyncio.sleep(MOMENT_S)
    assert bare.is_connected
    assert "bluetoothd ended" in str(await lost(link))
    began = now()
    await link.close()
    assert now() - began < 2
    assert not bare.is_connected


async def test_fact_02_after_a_crash_bleaks_memory_is_stale_so_the_device_is_found_anew(
    world: BleWorld,
) -> None:
    listener = world.device()
    link, _ = await linked(listener)
    await world.bluez.crash()
    await asyncio.sleep(MOMENT_S)
    await link.close()
    await world.bluez.start()
    link, device = await linked(listener)
    await link.send(b"after the crash")
    assert await device.receive() == b"after the crash"
    await device.send(b"once")
    await asyncio.sleep(MOMENT_S)
    assert await link.receive() == b"once"
    await link.close()


async def test_fact_03_without_disconnect_notifications_come_twice_so_close_always_disconnects(
    world: BleWorld,
) -> None:
    listener = world.device()
    # what happens to others: a client that is left alone after a loss
    bare = BleakClient(await radio_locate(listener))
    heard: list[bytes] = []
    await bare.connect()
    await bare.start_notify(listener.peripheral.profile.notify, lambda _, data: heard.append(bytes(data)))
    world.bluez.lose(ADDRESS)
    await asyncio.sleep(MOMENT_S)
    second = BleakClient(await radio_locate(listener))
    await second.connect()
    await second.start_notify(listener.peripheral.profile.notify, lambda _, data: heard.append(bytes(data)))
    listener.peripheral.central.notify(listener.peripheral.profile.notify, b"!")  # type: ignore[union-attr]  # it is connected
    await asyncio.sleep(MOMENT_S)
    assert heard == [b"!", b"!"]
    await second.disconnect()
    await bare.disconnect()
    await asyncio.sleep(MOMENT_S)
    # what happens to us
    listener = world.device("AA:BB:CC:DD:EE:02")
    for _ in range(3):
        link, device = await linked(listener)
        await device.send(b"exactly once")
        await asyncio.sleep(MOMENT_S)
        assert await link.receive() == b"exactly once"
        world.bluez.lose("AA:BB:CC:DD:EE:02")
        await lost(link)
        await link.close()


async def radio_locate(listener: UartListener) -> BLEDevice:
    await radio().bus.acquire()
    try:
        return await radio().locate(listener.address)
    finally:
        radio().bus.release()


async def test_fact_04_long_writes_vanish_so_none_is_longer_than_512(world: BleWorld) -> None:
    listener = world.device()
    listener.peripheral.mtu = 517
    bare = BleakClient(await radio_locate(listener))
    await bare.connect()
    await bare.start_notify(listener.peripheral.profile.notify, lambda *_: None)
    device = await listener.accept()
    await bare.write_gatt_char(listener.peripheral.profile.write, bytes(514), response=False)
    await bare.write_gatt_char(listener.peripheral.profile.write, b"behind it", response=False)
    assert await device.receive() == b"behind it"
    await bare.disconnect()
    link, device = await linked(listener, chunk="512", response="no")
    assert link.chunk == 512
    await link.send(bytes(5000))
    assert len(await exactly(device, 5000)) == 5000
    await link.close()


async def test_fact_05_bluez_forgets_a_device_so_it_is_looked_for_again(tmp_path: Path) -> None:
    async with ble_world(tmp_path, forget_s=2.0) as world:
        listener = world.device()
        link, _ = await linked(listener)
        await link.close()
        known = await radio().known()
        assert [each.address for each in known.devices] == [ADDRESS]
        await asyncio.sleep(10)
        assert (await radio().known()).devices == ()
        link, _ = await linked(listener)
        await link.close()


async def test_fact_06_anybodys_disconnect_takes_the_link_and_is_seen_at_once(world: BleWorld) -> None:
    listener = world.device()
    link, _ = await linked(listener)
    other = BleakClient(native((await radio().known()).devices[0]))
    await other.connect()
    await other.disconnect()
    assert "it disconnected" in str(await lost(link))
    await link.close()


async def test_fact_07_att_error_0e_is_the_loss_of_the_link(world: BleWorld) -> None:
    link, _ = await linked(world.device())
    world.mishaps().writing.append(0x0E)
    with pytest.raises(LinkLostError, match="ATT error 0x0E unlikely error: the device is gone"):
        await link.send(b"x")
    await link.close()


async def test_fact_08_a_write_under_way_ends_with_the_link_and_not_with_bluez(world: BleWorld) -> None:
    listener = world.device()
    link, _ = await linked(listener)
    world.mishaps().held = True
    async with asyncio.TaskGroup() as group:
        began = now()

        async def send() -> None:
            with pytest.raises(LinkLostError):
                await link.send(b"x")

        group.create_task(send(), name="send")
        await asyncio.sleep(1)
        await world.bluez.crash()
    assert now() - began < 1.5
    await link.close()


async def test_fact_09_adapter_off_and_on_and_pulled_and_back(world: BleWorld) -> None:
    listener = world.device()
    link, _ = await linked(listener)
    world.bluez.power("hci0", on=False)
    await lost(link)
    await link.close()
    error = await refused(listener)
    assert (error.cause, "hci0 is off" in str(error)) == (Cause.ABSENT, True)
    world.bluez.power("hci0", on=True)
    link, _ = await linked(listener)
    dongle = world.bluez.unplug("hci0")
    await lost(link)
    await link.close()
    error = await refused(listener)
    assert (error.cause, "no Bluetooth adapter" in str(error)) == (Cause.ABSENT, True)
    world.bluez.plug(dongle)
    link, _ = await linked(listener)
    await link.close()


async def test_fact_10_notifications_are_asked_for_again_with_each_link(world: BleWorld) -> None:
    listener = world.device()
    for turn in range(3):
        link, device = await linked(listener)
        await device.send(b"%d" % turn)
        assert await link.receive() == b"%d" % turn
        await link.close()
        # our own good-bye is no loss to be told of
        with pytest.raises(LinkLostError) as caught:
            await link.receive()
        assert caught.value.cause is Cause.CLOSED


async def test_fact_11_what_bleak_says_after_a_loss_is_a_loss(world: BleWorld) -> None:
    listener = world.device()
    link, _ = await linked(listener)
    client = link.client
    assert client is not None
    world.bluez.lose(ADDRESS)
    await asyncio.sleep(MOMENT_S)
    with pytest.raises(BleakError, match="Service Discovery"):
        _ = client.services
    with pytest.raises(LinkLostError):
        await link.send(b"x")
    await link.close()


# -- two adapters, many links -----------------------------------------------------------------------------


async def test_the_adapter_is_chosen_by_name_or_by_its_own_address(tmp_path: Path) -> None:
    two = [Controller("hci0", "00:00:5E:00:53:01", powered=False), Controller("hci1", "00:00:5E:00:53:02")]
    async with ble_world(tmp_path, controllers=two) as world:
        listener = world.device()
        for adapter in ("hci1", "00:00:5e:00:53:02"):
            link, _ = await linked(listener, adapter=adapter)
            device = next(iter(world.bluez._devices.values()))
            assert device.adapter == "/org/bluez/hci1"
            await link.close()
        # without a word it is the first that is on
        link, _ = await linked(listener)
        await link.close()
        assert "hci0 is off" in str(await refused(listener, adapter="hci0"))
        assert "there are: hci0 00:00:5E:00:53:01, hci1" in str(await refused(listener, adapter="hci7"))


async def test_a_connection_left_by_a_dead_program_is_taken_over(world: BleWorld) -> None:
    listener = world.device()
    link, device = await linked(listener)
    assert link.client is not None
    # as when a process dies: its D-Bus connection ends, and BlueZ keeps the link
    link.client._backend._bus.disconnect()  # type: ignore[attr-defined]  # bleak's inside
    await asyncio.sleep(MOMENT_S)
    assert not listener.peripheral.advertising
    again = await connect(str(listener.address))
    await again.send(b"mine now")
    assert await device.receive() == b"mine now"
    await again.close()
    await link.close()


async def test_many_links_one_after_another_leave_nothing_open(world: BleWorld) -> None:
    assert isinstance(world.bus, MemoryBus)
    listener = world.device()
    link, _ = await linked(listener)
    await link.close()
    await asyncio.sleep(MOMENT_S)
    before = len(world.bus.peers)
    for turn in range(20):
        link, device = await linked(listener)
        if turn % 2:
            device.abort()
            await lost(link)
        await link.close()
    await asyncio.sleep(MOMENT_S)
    assert len(world.bus.peers) == before
    assert radio().bus.users == 0

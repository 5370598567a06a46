"""A serial device on the air: links for whoever subscribes, in pieces of the connection's size."""

import asyncio

import pytest

from drivers.links.address import BleAddress
from drivers.links.base import Breakable, Cause, LinkLostError, Listener
from drivers.links.ble_profiles import PROFILES
from drivers.simulators.ble_uart import WINDOW, UartLink, UartListener, UartPeripheral

NUS = PROFILES["nus"]


class FakeCentral:
    def __init__(self, peripheral: UartPeripheral, mtu: int = 23) -> None:
        self._peripheral = peripheral
        self.mtu = mtu
        self.heard: list[bytes] = []
        self.drains = 0

    def notify(self, uuid: str, value: bytes) -> None:
        assert uuid == NUS.notify
        self.heard.append(value)

    def disconnect(self) -> None:
        self._peripheral.disconnected()

    async def drained(self) -> None:
        self.drains += 1


@pytest.fixture
def peripheral() -> UartPeripheral:
    return UartPeripheral("AA:BB:CC:DD:EE:01", "X", NUS)


async def subscribed(peripheral: UartPeripheral, mtu: int = 23) -> tuple[FakeCentral, UartLink]:
    central = FakeCentral(peripheral, mtu)
    peripheral.connected(central)
    peripheral.subscribed(NUS.notify, on=True)
    return central, await UartListener(peripheral).accept()


@pytest.mark.parametrize("name", PROFILES)
def test_its_table_is_its_profiles(name: str) -> None:
    profile = PROFILES[name]
    (service,) = UartPeripheral("AA", "X", profile).services
    able = {each.uuid: each.properties for each in service.characteristics}
    assert service.uuid == profile.service
    assert {"write", "write-without-response"} <= able[profile.write]
    assert "notify" in able[profile.notify]


async def test_bytes_both_ways(peripheral: UartPeripheral) -> None:
    central, link = await subscribed(peripheral)
    assert isinstance(link, Breakable)
    await link.send(b"x" * 50)
    assert [len(value) for value in central.heard] == [20, 20, 10]
    peripheral.arrived(NUS.write, b"up", confirmed=True)
    assert await link.receive() == b"up"
    await link.send(bytes(20 * WINDOW))
    assert central.drains == 1


async def test_what_is_written_before_anybody_listens_is_lost(peripheral: UartPeripheral) -> None:
    peripheral.connected(FakeCentral(peripheral))
    peripheral.arrived(NUS.write, b"early", confirmed=True)
    peripheral.subscribed(NUS.write, on=True)
    peripheral.subscribed(NUS.notify, on=True)
    peripheral.subscribed(NUS.notify, on=False)
    peripheral.subscribed(NUS.notify, on=True)
    link = await peripheral.accept_link()
    peripheral.arrived(NUS.write, b"late", confirmed=True)
    assert await link.receive() == b"late"


async def test_the_central_goes(peripheral: UartPeripheral) -> None:
    central, link = await subscribed(peripheral)
    central.disconnect()
    with pytest.raises(LinkLostError, match="the central is gone"):
        await link.receive()
    link.abort()
    peripheral.disconnected()


@pytest.mark.parametrize("end", ["close", "abort"])
async def test_the_device_goes(peripheral: UartPeripheral, end: str) -> None:
    _, link = await subscribed(peripheral)
    if end == "close":
        await link.close()
    else:
        link.abort()
    assert peripheral.central is None
    with pytest.raises(LinkLostError) as caught:
        await link.send(b"x")
    assert caught.value.cause is Cause.CLOSED
    await link.close()


async def test_it_is_lost_in_the_middle_of_a_long_message(peripheral: UartPeripheral) -> None:
    central, link = await subscribed(peripheral)

    async def drained() -> None:
        central.disconnect()

    central.drained = drained  # type: ignore[method-assign]  # a fake
    with pytest.raises(LinkLostError):
        await link.send(bytes(1000))
    assert len(central.heard) == WINDOW


async def test_a_listener_is_its_advertisement(peripheral: UartPeripheral) -> None:
    listener: Listener = UartListener(peripheral)
    async with UartListener(peripheral) as entered:
        assert entered.address == BleAddress("AA:BB:CC:DD:EE:01", "nus")
        assert peripheral.advertising
        waiting = asyncio.get_running_loop().call_later(1, peripheral.vanish)
        central, link = await subscribed(peripheral)
        await listener.shut()
        await link.send(b"still there")
        assert central.heard == [b"still there"]
        waiting.cancel()
    assert not peripheral.present
    async with asyncio.TaskGroup() as group:
        caller = group.create_task(listener.accept(), name="accept")
        await asyncio.sleep(1)
        await listener.open()
        peripheral.connected(FakeCentral(peripheral))
        peripheral.subscribed(NUS.notify, on=True)
    assert caller.done()

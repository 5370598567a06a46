"""What a device in reach is, by what it advertises."""

from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from agent.discovery.bluetooth import BATTERY, SCAN_S, describe, find_devices
from drivers.links.address import BleAddress, parse_address
from drivers.links.ble_profiles import PROFILES
from drivers.links.ble_scanner import Sighting
from drivers.simulators.ble_uart import UartPeripheral
from tests.ble_world import ADDRESS, NAME, ble_world


def heard(name: str = "", address: str = "AA:BB:CC:DD:EE:01", rssi: int = -50, **changes: Any) -> Sighting:
    facts: dict[str, Any] = {
        "services": (),
        "manufacturer": MappingProxyType({}),
        "service_data": MappingProxyType({}),
        "connected": False,
        "paired": False,
        "at": 0.0,
        "native": None,
        **changes,
    }
    return Sighting(address=address, name=name, rssi=rssi, **facts)


@pytest.mark.parametrize(
    ("name", "product"),
    [
        ("STRM26138003393", "Stripe Reader M2"),
        ("WPC323026000412", "BBPOS WisePad 3"),
        ("CHB204909005931", "BBPOS Chipper 2X BT"),
    ],
)
def test_stripe_s_own_readers_are_seen_and_not_offered(name: str, product: str) -> None:
    found = describe(heard(name, service_data={BATTERY: b"\x55"}), {}, {name: "berlin-mitte"})
    assert found.device == f"{product} {name}"
    assert "Stripe's SDK only" in found.speaks
    assert found.speaks.endswith("registered at berlin-mitte")
    assert (found.link, found.signal) == ("", "-50 dBm, battery 85 %")
    assert describe(heard(name), {}, {}).speaks.endswith("connection tokens")


@pytest.mark.parametrize("profile", PROFILES)
def test_a_bridge_can_be_adopted(profile: str) -> None:
    found = describe(heard("bridge 1", services=(PROFILES[profile].service,)), {}, {})
    assert parse_address(found.link) == BleAddress("AA:BB:CC:DD:EE:01", profile=profile)
    assert (found.hint, found.signal) == ("bridge 1", "-50 dBm")


def test_a_declared_one_is_named() -> None:
    used = {"nonsense": "till-1", "tcp://192.0.2.1:1": "till-2", "ble://bridge%201?profile=hm10": "till-3"}
    found = describe(heard("bridge 1", services=(PROFILES["hm10"].service,)), used, {})
    assert (found.reader, found.link) == ("till-3", "")
    assert describe(heard("headphones", address="AA:BB:CC:DD:EE:02"), used, {}).reader == ""


def test_anything_else_is_only_listed() -> None:
    found = describe(heard(service_data={BATTERY: b"\xff"}), {}, {})
    assert (found.device, found.speaks, found.link, found.signal) == ("without a name", "", "", "-50 dBm")


async def test_what_could_be_a_reader_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    class FakeRadio:
        async def look(self, seconds: float) -> list[Sighting]:
            assert seconds == SCAN_S
            return [heard("tv", rssi=-30), heard("bridge", rssi=-80, services=(PROFILES["nus"].service,))]

    monkeypatch.setattr("drivers.links.ble_radio.radio", FakeRadio)
    assert [each.device for each in await find_devices({})] == ["bridge", "tv"]


async def test_on_the_air_of_a_simulated_bluez(tmp_path: Path) -> None:
    async with ble_world(tmp_path) as world:
        world.device()
        m2 = UartPeripheral("AA:BB:CC:DD:EE:02", "STRM26138003393", PROFILES["nus"])
        m2.advertised = ()
        world.bluez.add(m2)
        m2.appear()
        found = await find_devices({}, {"STRM26138003393": "here"})
        bridge, reader = sorted(found, key=lambda each: each.where)
        assert (bridge.device, bridge.where) == (NAME, ADDRESS)
        assert parse_address(bridge.link) == BleAddress(ADDRESS, profile="nus")
        assert reader.device == "Stripe Reader M2 STRM26138003393"
        assert reader.speaks.endswith("registered at here")
        assert reader.link == ""
        assert "dBm" in reader.signal

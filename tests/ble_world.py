"""Bluetooth for tests: bleak's own Linux backend on a simulated BlueZ, on a bus in this process or a real one

With the bus in this process everything lives in the test's own loop, and so in virtual time.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from bleak.backends.bluezdbus import manager
from bleak.backends.bluezdbus.version import BlueZFeatures

from drivers.links.ble import BleLink
from drivers.links.ble_profiles import PROFILES
from drivers.links.ble_radio import radio
from drivers.links.schemes import connect
from drivers.simulators.ble_uart import UartLink, UartListener, UartPeripheral
from drivers.simulators.bluez.daemon import PrivateBus
from drivers.simulators.bluez.device import Mishaps
from drivers.simulators.bluez.service import Controller, SimulatedBluez
from tests.message_bus import MemoryBus

needs_dbus_daemon = pytest.mark.skipif(
    shutil.which("dbus-daemon") is None, reason="needs dbus-daemon (Debian package dbus-daemon)"
)

ADDRESS = "AA:BB:CC:DD:EE:01"
NAME = "Front desk"
MOMENT_S = 0.05
"""Long enough for every message that is on its way in virtual time."""


@dataclass
class BleWorld:
    """One simulated BlueZ, and devices on the air."""

    bus: MemoryBus | PrivateBus
    bluez: SimulatedBluez

    def device(
        self, address: str = ADDRESS, name: str = NAME, profile: str = "nus", *, on: bool = True
    ) -> UartListener:
        """A serial device on the air."""
        peripheral = UartPeripheral(address, name, PROFILES[profile])
        self.bluez.add(peripheral)
        if on:
            peripheral.appear()
        return UartListener(peripheral)

    def mishaps(self, address: str = ADDRESS) -> Mishaps:
        """What goes wrong with a device."""
        return self.bluez.mishaps.setdefault(address, Mishaps())


async def linked(device: UartListener, **changes: str) -> tuple[BleLink, UartLink]:
    """Our link and the device's end of it."""
    query = "&".join(f"{key}={value}" for key, value in changes.items())
    address = str(device.address)
    link = await connect(address + ("&" if "?" in address else "?") * bool(query) + query)
    assert isinstance(link, BleLink)
    return link, await device.accept()


async def exactly(link: BleLink | UartLink, count: int) -> bytes:
    """So many bytes."""
    got = b""
    while len(got) < count:
        got += await link.receive()
    return got


def descriptors() -> int:
    """How many files this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


@asynccontextmanager
async def ble_world(
    folder: Path, *, daemon: bool = False, controllers: Iterable[Controller] = (), forget_s: float = 30.0
) -> AsyncIterator[BleWorld]:
    """A BlueZ that runs, on a bus of its own; `daemon`: on a real dbus-daemon, which needs real time."""
    with pytest.MonkeyPatch.context() as patch:
        # it would ask bluetoothctl, a process, which has no place in virtual time
        patch.setattr(BlueZFeatures, "checked_bluez_version", True)
        async with AsyncExitStack() as stack:
            bus: MemoryBus | PrivateBus = PrivateBus() if daemon else MemoryBus(folder)
            await stack.enter_async_context(bus)
            patch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address)
            bluez = SimulatedBluez(bus.address, controllers=controllers, forget_s=forget_s)
            stack.push_async_callback(forget_bleak)
            await stack.enter_async_context(bluez)
            yield BleWorld(bus, bluez)
        assert not radio().scanner.scanning


def forget_closed_loops() -> None:
    """The same for loops that have ended and left it open."""
    for loop in [each for each in manager._global_instances if each.is_closed()]:
        bus = manager._global_instances.pop(loop)._bus
        # what waits for its end belongs to a loop that will not run again
        with suppress(RuntimeError):
            if bus is not None:
                bus._finalize(None)


async def forget_bleak() -> None:
    """Close the connection that bleak keeps for each loop for ever."""
    known = manager._global_instances.pop(asyncio.get_running_loop(), None)
    if known is not None and known._bus is not None:
        known._bus.disconnect()
        await asyncio.sleep(MOMENT_S)

"""What all Bluetooth links of one event loop share: the look at BlueZ, and the scanner."""

import asyncio
from weakref import WeakKeyDictionary

from bleak.backends.device import BLEDevice

from drivers.links.address import BleAddress
from drivers.links.base import Cause, LinkNotOpenedError
from drivers.links.ble_bus import BluezBus, Device, Known
from drivers.links.ble_scanner import BleScanner, Sighting
from drivers.links.ble_trouble import TROUBLE, not_opened

FIND_S = 8.0
"""A device that wants to be found advertises at least once a second, mostly ten times."""


class Radio:
    """Bluetooth of one event loop. Holds nothing open while nobody uses it."""

    def __init__(self) -> None:
        self.bus = BluezBus()
        self.scanner = BleScanner(self.bus)

    async def locate(self, address: BleAddress, *, within_s: float = FIND_S) -> BLEDevice:
        """The device, ready for connecting; the bus has to be acquired.

        One that BlueZ holds connected does not advertise: it was left so by a program that died. Any other
        has to be heard first, since BlueZ connects to one at a time and would wait for one that is away.
        Errors: `LinkNotOpenedError`; else what bleak raises.
        """
        known = await self.bus.known()
        adapter = known.adapter(address.adapter)
        device = known.device(address.device, adapter)
        if device is not None and device.connected:
            return native(device)
        try:
            heard = await self.scanner.find(address.device, adapter=adapter.name, within_s=within_s)
        except TimeoutError:
            if device is not None and device.paired:
                # a paired device may call for us alone, which BlueZ does not tell
                return native(device)
            raise LinkNotOpenedError(
                f"{adapter.name} has heard nothing of it for {within_s:g} s: out of range, off, or connected "
                "to something else",
                cause=Cause.ABSENT,
            ) from None
        found: BLEDevice = heard.native
        return found

    async def look(self, seconds: float, *, adapter: str = "") -> list[Sighting]:
        """All devices that are heard within so many seconds, the strongest first.

        Errors: `LinkNotOpenedError`.
        """
        try:
            await self.bus.acquire()
            try:
                chosen = (await self.bus.known()).adapter(adapter)
                return await self.scanner.look(seconds, adapter=chosen.name)
            finally:
                self.bus.release()
        except (*TROUBLE, LinkNotOpenedError) as error:
            raise not_opened("the Bluetooth scanner", error) from error

    async def known(self) -> Known:
        """What BlueZ knows at this moment, without a scan. Errors: `LinkNotOpenedError`."""
        try:
            await self.bus.acquire()
            try:
                return await self.bus.known()
            finally:
                self.bus.release()
        except TROUBLE as error:
            raise not_opened("BlueZ", error) from error


def radio() -> Radio:
    """The running event loop's."""
    loop = asyncio.get_running_loop()
    found = _RADIOS.get(loop)
    if found is None:
        found = _RADIOS[loop] = Radio()
    return found


_RADIOS: WeakKeyDictionary[asyncio.AbstractEventLoop, Radio] = WeakKeyDictionary()


def native(device: Device) -> BLEDevice:
    """A device for bleak."""
    return BLEDevice(
        device.address, device.name or None, {"path": device.path, "props": dict(device.properties)}
    )

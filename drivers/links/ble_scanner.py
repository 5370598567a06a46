"""Who is on the air: one scan for each adapter, however many look for something."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from drivers.links.base import Cause, LinkNotOpenedError
from drivers.links.ble_bus import BluezBus, within

if TYPE_CHECKING:
    from bleak import BleakScanner
    from bleak.backends.device import BLEDevice
    from bleak.backends.scanner import AdvertisementData

SCAN_CALL_S = 5.0
"""Starting and stopping a scan are two D-Bus calls each."""

SESSION_S = 5.0
"""A scan is begun anew after so long: BlueZ tells of a device once, and then when its signal changes."""

NAMESAKE_S = 1.0
"""How long another device of the same name is looked for before a name is believed."""

NOT_HEARD = -127
"""What bleak says of a device whose signal was not heard in this scan."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sighting:
    """A device that was heard: `rssi` is its signal in dBm, -30 beside us and -90 at the edge.

    `at` is loop time. `native` is bleak's own object, good for connecting as long as BlueZ remembers it.
    """

    address: str
    name: str
    rssi: int
    services: tuple[str, ...]
    manufacturer: Mapping[int, bytes]
    service_data: Mapping[str, bytes]
    connected: bool
    paired: bool
    at: float
    native: Any


class BleScanner:
    """Scans while somebody looks; shared by all links of one event loop. See `ble_radio.radio`."""

    def __init__(self, bus: BluezBus) -> None:
        self._bus = bus
        self._sessions: dict[str, _Session] = {}

    @property
    def scanning(self) -> tuple[str, ...]:
        """The adapters on which a scan runs now."""
        return tuple(self._sessions)

    async def find(self, device: str, *, adapter: str, within_s: float) -> Sighting:
        """The device of that address or name, as soon as it is heard.

        `adapter` is hci0, hci1, ... Errors: `TimeoutError` when it is not heard, `LinkNotOpenedError` for two
        devices of one name and for a bluetoothd that ends; else what bleak raises.
        """
        async with asyncio.timeout(within_s), self._session(adapter) as session:
            while True:
                await session.freshen()
                heard = await session.wait(device, SESSION_S)
                if heard is None:
                    continue
                if heard.address != device:
                    await asyncio.sleep(NAMESAKE_S)
                    session.check_unique(device)
                return heard

    async def look(self, seconds: float, *, adapter: str) -> list[Sighting]:
        """All that is heard within so many seconds, the strongest signal first. Errors: what bleak raises."""
        async with self._session(adapter) as session:
            await session.freshen(anew=True)
            await asyncio.sleep(seconds)
            return sorted(session.heard.values(), key=lambda each: (-each.rssi, each.address))

    @asynccontextmanager
    async def _session(self, adapter: str) -> "AsyncIterator[_Session]":
        await self._bus.acquire()
        session = self._sessions.setdefault(adapter, _Session(adapter))
        session.users += 1
        forget = self._bus.on_gone(session.fail)
        try:
            yield session
        finally:
            forget()
            session.users -= 1
            if not session.users:
                # the next one begins a scan of its own, even while this one is still being stopped
                self._sessions.pop(adapter, None)
                await session.stop()
            self._bus.release()


class _Session:
    """One scan on one adapter, and what was heard since it began."""

    def __init__(self, adapter: str) -> None:
        self.users = 0
        self.heard: dict[str, Sighting] = {}
        self._adapter = adapter
        self._lock = asyncio.Lock()
        self._scanner: BleakScanner | None = None
        self._began = 0.0
        self._news = asyncio.Event()
        self._failed = False

    async def freshen(self, *, anew: bool = False) -> None:
        """See that a scan runs which is not old; `anew`: and begin one if it has run at all."""
        async with self._lock:
            age = _now() - self._began
            if self._scanner is not None and age < SESSION_S and not (anew and age > 0):
                return
            await self._stop()
            await self._start()

    async def wait(self, device: str, seconds: float) -> Sighting | None:
        """The device once it is heard; None after so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    if self._failed:
                        raise LinkNotOpenedError("bluetoothd ended during the scan", cause=Cause.ABSENT)
                    for each in self.heard.values():
                        if device in {each.address, each.name}:
                            return each
                    news = self._news
                    await news.wait()
        except TimeoutError:
            return None

    def check_unique(self, name: str) -> None:
        """Raise `LinkNotOpenedError` when two devices have the name: one of them is another till's."""
        namesakes = sorted(each.address for each in self.heard.values() if each.name == name)
        if len(namesakes) > 1:
            raise LinkNotOpenedError(
                f"{len(namesakes)} devices are called {name!r}: say which by its address "
                f"({', '.join(namesakes)})",
                cause=Cause.UNSUITED,
            )

    def fail(self) -> None:
        """BlueZ is gone: nothing will be heard any more."""
        self._failed = True
        self._tell()

    async def stop(self) -> None:
        """End the scan; safe when there is none."""
        async with self._lock:
            await self._stop()

    async def _start(self) -> None:
        from bleak import BleakScanner

        self.heard.clear()
        scanner = BleakScanner(self._detected, bluez={"adapter": self._adapter})
        async with within(SCAN_CALL_S):
            await scanner.start()
        self._scanner, self._began = scanner, _now()

    async def _stop(self) -> None:
        from drivers.links.ble_trouble import TROUBLE

        scanner, self._scanner = self._scanner, None
        if scanner is None:
            return
        try:
            async with within(SCAN_CALL_S):
                await scanner.stop()
        except TROUBLE as error:
            # an adapter that was pulled or switched off does not scan any more, whatever it answers
            _log.debug("%s: cannot stop scanning: %s", self._adapter, error)

    def _detected(self, device: "BLEDevice", told: "AdvertisementData") -> None:
        _, properties = told.platform_data
        if told.rssi == NOT_HEARD:
            # BlueZ tells of anything that changes, not only of what it hears
            return
        before = self.heard.get(device.address)
        connected = bool(properties.get("Connected"))
        if before is not None and before.connected and not connected:
            # the end of a connection is no sign of life
            del self.heard[device.address]
            return
        self.heard[device.address] = Sighting(
            address=device.address,
            name=told.local_name or "",
            rssi=told.rssi,
            services=tuple(told.service_uuids),
            manufacturer=MappingProxyType(dict(told.manufacturer_data)),
            service_data=MappingProxyType(dict(told.service_data)),
            connected=connected,
            paired=bool(properties.get("Paired")),
            at=_now(),
            native=device,
        )
        self._tell()

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()


def _now() -> float:
    return asyncio.get_running_loop().time()

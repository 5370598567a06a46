"""BlueZ beside bleak: a D-Bus connection of our own that asks what is there, and hears when bluetoothd ends.

bleak hears nothing when bluetoothd is killed: no signal says that a device is no longer connected, only D-Bus
itself says that a name has lost its owner.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drivers.links.base import Cause, LinkNotOpenedError

if TYPE_CHECKING:
    from dbus_fast import Message
    from dbus_fast.aio import MessageBus

BLUEZ = "org.bluez"
ADAPTER = "org.bluez.Adapter1"
DEVICE = "org.bluez.Device1"
CHARACTERISTIC = "org.bluez.GattCharacteristic1"
PROPERTIES = "org.freedesktop.DBus.Properties"
_DBUS = "org.freedesktop.DBus"

CALL_S = 5.0
"""bluetoothd answers questions in milliseconds; one that does not answer is stuck, and never will."""

GRACE_S = 1.0
"""What a library may take to tidy up once its time is over, before it is torn off."""

_log = logging.getLogger(__name__)


class BusError(Exception):
    """D-Bus or BlueZ answered with an error: its name and its text."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{text} [{name}]" if text else name)
        self.name = name
        self.text = text


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """`asyncio.timeout` for code that awaits again while it is cancelled: after GRACE_S it is cancelled once
    more. A D-Bus call has no time-out of its own, and bleak makes one to tidy up.
    """
    async with asyncio.timeout(seconds + GRACE_S), asyncio.timeout(seconds):
        yield


@dataclass(frozen=True, slots=True)
class Adapter:
    """A Bluetooth adapter as BlueZ has it."""

    path: str
    address: str
    powered: bool

    @property
    def name(self) -> str:
        """hci0, hci1, ...: numbers in the order of appearance."""
        return self.path.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class Device:
    """A device that BlueZ knows at this moment; strangers are forgotten half a minute after a scan."""

    path: str
    adapter: str
    address: str
    name: str
    connected: bool
    paired: bool
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Known:
    """All that BlueZ knows."""

    adapters: tuple[Adapter, ...]
    devices: tuple[Device, ...]

    def adapter(self, wanted: str) -> Adapter:
        """The adapter of that name or address, or for "" the first that is on.

        Errors: `LinkNotOpenedError`, which says what to do.
        """
        if not self.adapters:
            raise LinkNotOpenedError(
                "there is no Bluetooth adapter (is the dongle plugged in?)", cause=Cause.ABSENT
            )
        fitting = [each for each in self.adapters if not wanted or wanted in {each.name, each.address}]
        if not fitting:
            there = ", ".join(f"{each.name} {each.address}" for each in self.adapters)
            raise LinkNotOpenedError(
                f"there is no Bluetooth adapter {wanted} (there are: {there})", cause=Cause.ABSENT
            )
        for each in fitting:
            if each.powered:
                return each
        names = ", ".join(each.name for each in fitting)
        raise LinkNotOpenedError(
            f"the Bluetooth adapter {names} is off (bluetoothctl power on; rfkill unblock bluetooth)",
            cause=Cause.ABSENT,
        )

    def device(self, wanted: str, adapter: Adapter) -> Device | None:
        """A device by address or name, as that adapter knows it; None also when two have the name."""
        fitting = [
            each
            for each in self.devices
            if each.adapter == adapter.path and wanted in {each.address, each.name}
        ]
        return fitting[0] if len(fitting) == 1 else None


class BluezBus:
    """One connection to the system's bus, shared by all who `acquire` it and closed with the last of them."""

    def __init__(self) -> None:
        self._bus: MessageBus | None = None
        self.users = 0
        """How many have acquired it."""
        self._lock = asyncio.Lock()
        self._listeners: set[Callable[[], None]] = set()
        self.owner = ""
        """D-Bus' unique name of the bluetoothd that runs now; "" when none does."""

    async def acquire(self) -> None:
        """Be connected. Errors: `OSError`, `BusError`, dbus-fast's `AuthError`, `TimeoutError`."""
        self.users += 1
        try:
            async with self._lock:
                if self._bus is None or not self._bus.connected:
                    self._drop()
                    await self._connect()
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """What `acquire` gave is not needed any more."""
        self.users -= 1
        if self.users == 0:
            self._drop()

    def on_gone(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` when the bluetoothd that runs now ends, in any way; returns how to stop that."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    async def known(self) -> Known:
        """What BlueZ has at this moment; starts it where D-Bus can. Errors: as `acquire`."""
        reply = await self._call(BLUEZ, "/", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
        adapters, devices = [], []
        for path, interfaces in reply.body[0].items():
            if ADAPTER in interfaces:
                told = _plain(interfaces[ADAPTER])
                adapters.append(Adapter(path, told.get("Address", ""), bool(told.get("Powered"))))
            if DEVICE in interfaces:
                devices.append(_device(path, _plain(interfaces[DEVICE])))
        return Known(tuple(sorted(adapters, key=lambda each: each.path)), tuple(devices))

    async def property(self, path: str, interface: str, name: str) -> Any:
        """One property of one of BlueZ' objects. Errors: as `acquire`."""
        reply = await self._call(BLUEZ, path, PROPERTIES, "Get", "ss", [interface, name])
        return reply.body[0].value

    async def _connect(self) -> None:
        from dbus_fast import BusType
        from dbus_fast.aio import MessageBus

        bus = MessageBus(bus_type=BusType.SYSTEM)
        try:
            async with within(CALL_S):
                await bus.connect()
            self._bus = bus
            bus.add_message_handler(self._hear)
            rule = f"type='signal',sender='{_DBUS}',member='NameOwnerChanged',arg0='{BLUEZ}'"
            await self._call(_DBUS, "/org/freedesktop/DBus", _DBUS, "AddMatch", "s", [rule])
            self.owner = await self._owner()
        except BaseException:
            self._bus = None
            bus.disconnect()
            raise

    async def _owner(self) -> str:
        try:
            reply = await self._call(_DBUS, "/org/freedesktop/DBus", _DBUS, "GetNameOwner", "s", [BLUEZ])
        except BusError:
            return ""
        owner: str = reply.body[0]
        return owner

    async def _call(
        self, to: str, path: str, interface: str, member: str, signature: str = "", body: Any = ()
    ) -> "Message":
        from dbus_fast import Message, MessageType

        if self._bus is None:
            raise BusError("closed", "the connection to D-Bus is closed")
        async with within(CALL_S):
            reply = await self._bus.call(
                Message(to, path, interface, member, signature=signature, body=list(body))
            )
        if reply.message_type is MessageType.ERROR:
            raise BusError(reply.error_name or "", str(reply.body[0]) if reply.body else "")
        return reply

    def _hear(self, message: "Message") -> None:
        if message.member != "NameOwnerChanged" or message.sender != _DBUS or message.body[0] != BLUEZ:
            return
        _, before, self.owner = message.body
        if before:
            _log.debug("bluetoothd %s is gone; now: %s", before, self.owner or "none")
            for listener in tuple(self._listeners):
                listener()

    def _drop(self) -> None:
        if self._bus is not None:
            self._bus.disconnect()
            self._bus = None
            self.owner = ""


def _plain(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {name: variant.value for name, variant in properties.items()}


def _device(path: str, told: Mapping[str, Any]) -> Device:
    return Device(
        path=path,
        adapter=told.get("Adapter", ""),
        address=told.get("Address", ""),
        name=told.get("Name", ""),
        connected=bool(told.get("Connected")),
        paired=bool(told.get("Paired")),
        properties=told,
    )

"""One device as bluetoothd shows it: Device1 and its GATT objects; connected to a peripheral's model."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from dbus_fast import Message

from drivers.simulators.ble_peripheral import (
    INSUFFICIENT_AUTHENTICATION,
    UNLIKELY_ERROR,
    AttError,
    Characteristic,
    Peripheral,
)
from drivers.simulators.bluez.tree import Interfaces, ObjectTree

DEVICE = "org.bluez.Device1"
SERVICE = "org.bluez.GattService1"
CHARACTERISTIC = "org.bluez.GattCharacteristic1"
DESCRIPTOR = "org.bluez.GattDescriptor1"

FAILED = "org.bluez.Error.Failed"
NOT_PERMITTED = "org.bluez.Error.NotPermitted"
ABORTED = "le-connection-abort-by-local"
OFF = "Input/output error"

CLIENT_CONFIGURATION = "00002902-0000-1000-8000-00805f9b34fb"
"""The descriptor that switches notifications."""

GIVE_UP_S = 20.0
"""How long Linux tries to connect to a device that does not advertise."""


class BluezError(Exception):
    """What a method answers with instead of a result."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name
        self.text = text


@dataclass
class Mishaps:
    """What goes wrong next on one device; all of it ends by itself but what is a flag."""

    connecting: deque[BluezError] = field(default_factory=deque)
    """Answers to the next Connect calls."""
    aborts: int = 0
    """So many Connect calls connect and fail all the same, as radio interference has it."""
    unresolved: bool = False
    """The services are never discovered."""
    writing: deque[int] = field(default_factory=deque)
    """ATT errors for the next writes that are confirmed."""
    held: bool = False
    """Reads and confirmed writes are not answered as long as the link lives."""


class Host(Protocol):
    """What a device needs of the service around it."""

    @property
    def tree(self) -> ObjectTree:
        """The objects of this life."""
        ...

    def reply(self, call: Message, signature: str = "", body: tuple[Any, ...] = ()) -> None:
        """Answer a method call."""
        ...

    def refuse(self, call: Message, error: BluezError) -> None:
        """Answer it with an error."""
        ...

    def powered(self, adapter: str) -> bool:
        """Whether the adapter at that path is on."""
        ...

    async def drained(self) -> None:
        """Wait until all signals have left."""
        ...

    def left(self, device: "Device") -> None:
        """A device is not connected any more."""
        ...


class Device:
    """A peripheral as one adapter knows it. Is the peripheral's `Central` while connected."""

    def __init__(self, host: Host, adapter: str, peripheral: Peripheral, mishaps: Mishaps) -> None:
        self.peripheral = peripheral
        self.path = f"{adapter}/dev_{peripheral.address.replace(':', '_')}"
        self.adapter = adapter
        self.listeners: dict[str, set[str]] = {}
        """Who has called StartNotify, by characteristic. BlueZ keeps them over the end of a connection."""
        self._host = host
        self._mishaps = mishaps
        self._connecting: Message | None = None
        self._waiting: list[Message] = []
        self._timers: set[asyncio.TimerHandle] = set()
        self._characteristics: dict[str, Characteristic] = {}
        host.tree.add(self.path, {DEVICE: self._advertisement()})

    @property
    def mtu(self) -> int:
        """As in `Central`."""
        return self.peripheral.mtu

    @property
    def connected(self) -> bool:
        """Whether it is connected."""
        return bool(self._told("Connected"))

    @property
    def paired(self) -> bool:
        """Whether it is paired."""
        return bool(self._told("Paired"))

    def heard(self) -> None:
        """It was heard by a scan."""
        if self._told("RSSI") is None:
            self._change(RSSI=self.peripheral.rssi)

    def unheard(self) -> None:
        """The scan is over."""
        self._host.tree.change(self.path, DEVICE, {}, ["RSSI"])

    # -- what a central's host asks for -----------------------------------------------------------------

    def call(self, call: Message) -> None:
        """A method of Device1. Errors: `BluezError`."""
        match call.member:
            case "Connect":
                self._connect(call)
            case "Disconnect":
                self.drop()
                self._host.reply(call)
            case "Pair":
                if self.paired:
                    raise BluezError("org.bluez.Error.AlreadyExists", "Already Exists")
                self._change(Paired=True, Bonded=True)
                self._connect(call)
            case _:
                raise BluezError("org.freedesktop.DBus.Error.UnknownMethod", f"no method {call.member}")

    def call_characteristic(self, call: Message) -> None:
        """A method of GattCharacteristic1 on one of ours. Errors: `BluezError`."""
        path = call.path or ""
        characteristic = self._characteristics[path]
        if not self.connected:
            raise BluezError(FAILED, "Not connected")
        try:
            self._do(call, path, characteristic)
        except AttError as error:
            raise _att(error.code) from error

    def _do(self, call: Message, path: str, characteristic: Characteristic) -> None:
        match call.member:
            case "ReadValue":
                self._guard()
                if self._mishaps.held:
                    self._waiting.append(call)
                else:
                    self._host.reply(call, "ay", (self.peripheral.read(characteristic.uuid),))
            case "WriteValue":
                self._write(call, characteristic.uuid)
            case "StartNotify":
                self._guard()
                self._listen(path, call.sender or "")
                self._host.reply(call)
            case "StopNotify":
                self.forget(call.sender or "", path)
                self._host.reply(call)
            case _:
                raise BluezError("org.bluez.Error.NotSupported", "Operation is not supported")

    def owns(self, path: str) -> bool:
        """Whether a characteristic is ours."""
        return path in self._characteristics

    def forget(self, sender: str, only: str | None = None) -> None:
        """A listener has gone, or wants no more of one characteristic."""
        for path, listeners in self.listeners.items():
            if sender in listeners and only in (None, path):
                listeners.discard(sender)
                if not listeners:
                    self._notifying(path, on=False)

    # -- what happens on the air ------------------------------------------------------------------------

    def notify(self, uuid: str, value: bytes) -> None:
        """As in `Central`: one signal for each listener, which all listeners hear."""
        for path, characteristic in self._characteristics.items():
            if characteristic.uuid == uuid:
                for _ in self.listeners.get(path, ()):
                    self._host.tree.change(path, CHARACTERISTIC, {"Value": value})

    def disconnect(self) -> None:
        """As in `Central`."""
        self.drop()

    async def drained(self) -> None:
        """As in `Central`."""
        await self._host.drained()

    def drop(self, *, silently: bool = False) -> None:
        """The connection ends; `silently`: and nobody is left who could tell."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        waiting, self._waiting = self._waiting, []
        connecting, self._connecting = self._connecting, None
        was_connected = self.connected
        if not silently:
            if connecting is not None:
                self._host.refuse(connecting, BluezError(FAILED, ABORTED))
            for call in waiting:
                self._host.refuse(call, _att(UNLIKELY_ERROR))
            if was_connected:
                for path in self.listeners:
                    self._notifying(path, on=False)
                self._change(ServicesResolved=False)
                self._change(Connected=False)
        if was_connected:
            self.peripheral.disconnected()
            self._host.left(self)

    # -- how --------------------------------------------------------------------------------------------

    def _connect(self, call: Message) -> None:
        mishaps = self._mishaps
        if not self._host.powered(self.adapter):
            raise BluezError(FAILED, OFF)
        if mishaps.connecting:
            raise mishaps.connecting.popleft()
        if mishaps.aborts:
            mishaps.aborts -= 1
            self._change(Connected=True)
            self._host.refuse(call, BluezError(FAILED, ABORTED))
            self._change(Connected=False)
        elif self.connected:
            self._host.reply(call)
        elif self._connecting is not None:
            raise BluezError("org.bluez.Error.InProgress", "Operation already in progress")
        elif self.peripheral.advertising:
            self.peripheral.connected(self)
            self._change(Connected=True)
            self._host.reply(call)
            if not mishaps.unresolved:
                self._later(0, self._resolve)
        else:
            self._connecting = call
            self._later(GIVE_UP_S, self._give_up)

    def _give_up(self) -> None:
        call, self._connecting = self._connecting, None
        if call is not None:
            self._host.refuse(call, BluezError(FAILED, ABORTED))

    def _resolve(self) -> None:
        if not self._characteristics:
            self._export()
        for path, listeners in self.listeners.items():
            # BlueZ goes on for those who listened before, even if they do not know of this connection
            if listeners:
                self._notifying(path, on=True)
        self._change(ServicesResolved=True, UUIDs=[each.uuid for each in self.peripheral.services])

    def _export(self) -> None:
        tree, handle = self._host.tree, 9
        for service in self.peripheral.services:
            handle += 1
            parent = f"{self.path}/service{handle:04x}"
            tree.add(parent, {SERVICE: {"UUID": service.uuid, "Primary": True, "Device": self.path}})
            for characteristic in service.characteristics:
                handle += 2
                path = f"{parent}/char{handle - 1:04x}"
                self._characteristics[path] = characteristic
                self.listeners.setdefault(path, set())
                tree.add(path, self._characteristic(characteristic, parent))
                if "notify" in characteristic.properties:
                    handle += 1
                    told = {"UUID": CLIENT_CONFIGURATION, "Characteristic": path, "Value": b""}
                    tree.add(f"{path}/desc{handle:04x}", {DESCRIPTOR: told})

    def _characteristic(self, characteristic: Characteristic, service: str) -> Interfaces:
        told: dict[str, Any] = {
            "UUID": characteristic.uuid,
            "Service": service,
            "Value": b"",
            "Flags": sorted(characteristic.properties),
            "MTU": self.peripheral.mtu,
        }
        if "notify" in characteristic.properties:
            told["Notifying"] = False
        return {CHARACTERISTIC: told}

    def _write(self, call: Message, uuid: str) -> None:
        value, options = call.body
        confirmed = "type" not in options or options["type"].value != "command"
        if confirmed:
            self._guard()
            if self._mishaps.writing:
                raise AttError(self._mishaps.writing.popleft())
            if self._mishaps.held:
                self._waiting.append(call)
                return
        try:
            self.peripheral.arrived(uuid, bytes(value), confirmed=confirmed)
        except AttError:
            if confirmed:
                raise
        self._host.reply(call)

    def _guard(self) -> None:
        if self.peripheral.pairing and not self.paired:
            raise AttError(INSUFFICIENT_AUTHENTICATION)

    def _listen(self, path: str, sender: str) -> None:
        listeners = self.listeners[path]
        if sender in listeners:
            raise BluezError("org.bluez.Error.InProgress", "Operation already in progress")
        listeners.add(sender)
        if len(listeners) == 1:
            self._notifying(path, on=True)

    def _notifying(self, path: str, *, on: bool) -> None:
        told = self._host.tree.properties(path, CHARACTERISTIC)
        if told is not None and told.get("Notifying") is not on:
            self._host.tree.change(path, CHARACTERISTIC, {"Notifying": on})
            if self.connected:
                self.peripheral.subscribed(self._characteristics[path].uuid, on=on)

    def _advertisement(self) -> dict[str, Any]:
        peripheral = self.peripheral
        told: dict[str, Any] = {
            "Address": peripheral.address,
            "AddressType": "public",
            "Alias": peripheral.name or peripheral.address.replace(":", "-"),
            "Paired": False,
            "Bonded": False,
            "Trusted": False,
            "Blocked": False,
            "LegacyPairing": False,
            "Connected": False,
            "ServicesResolved": False,
            "RSSI": peripheral.rssi,
            "UUIDs": list(peripheral.uuids),
            "Adapter": self.adapter,
        }
        if peripheral.name:
            told["Name"] = peripheral.name
        if peripheral.manufacturer:
            told["ManufacturerData"] = dict(peripheral.manufacturer)
        return told

    def _told(self, name: str) -> Any:
        return (self._host.tree.properties(self.path, DEVICE) or {}).get(name)

    def _change(self, **values: Any) -> None:
        self._host.tree.change(self.path, DEVICE, values)

    def _later(self, seconds: float, what: Callable[[], None]) -> None:
        timer = asyncio.get_running_loop().call_later(seconds, what)
        self._timers.add(timer)


def _att(code: int) -> BluezError:
    if code == INSUFFICIENT_AUTHENTICATION:
        return BluezError(NOT_PERMITTED, "Not paired")
    return BluezError(FAILED, f"Operation failed with ATT error: 0x{code:02x}")

"""The simulated bluetoothd: org.bluez with adapters, discovery and devices, and the ways it fails."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self

from dbus_fast import Message, MessageType
from dbus_fast.aio import MessageBus

from drivers.simulators.ble_peripheral import Peripheral
from drivers.simulators.bluez.device import DESCRIPTOR, DEVICE, BluezError, Device, Mishaps
from drivers.simulators.bluez.outgoing import DBUS, DBUS_PATH, Outgoing
from drivers.simulators.bluez.tree import OBJECT_MANAGER, ObjectTree, variant

BLUEZ = "org.bluez"
ADAPTER = "org.bluez.Adapter1"
NOT_READY = BluezError("org.bluez.Error.NotReady", "Resource Not Ready")
UNKNOWN_OBJECT = "org.freedesktop.DBus.Error.UnknownObject"
UNKNOWN_METHOD = "org.freedesktop.DBus.Error.UnknownMethod"

HEAR_S = 0.02
"""From the beginning of a scan to the first advertisement."""

FORGET_S = 30.0
"""How long BlueZ remembers a device that is neither paired nor connected once nobody scans any more."""


@dataclass
class Controller:
    """An adapter: what is plugged in, whether bluetoothd runs or not."""

    name: str
    address: str
    powered: bool = True
    scanning: set[str] = field(default_factory=set)
    """Who has called StartDiscovery."""

    @property
    def path(self) -> str:
        """Its object."""
        return f"/org/bluez/{self.name}"


class SimulatedBluez:
    """A bluetoothd on the bus at `bus_address`, and the air around its adapters; used with `async with`.

    Peripherals and controllers outlive a crash; what BlueZ knew of them does not.
    """

    def __init__(
        self,
        bus_address: str,
        *,
        controllers: Iterable[Controller] = (),
        forget_s: float = FORGET_S,
    ) -> None:
        """Without `controllers` there is one, hci0."""
        self.controllers = {each.path: each for each in controllers} or {
            "/org/bluez/hci0": Controller("hci0", "00:00:5E:00:53:01")
        }
        self.mishaps: dict[str, Mishaps] = {}
        """By the address of the device."""
        self._bus_address = bus_address
        self._forget_s = forget_s
        self._air: dict[str, Peripheral] = {}
        self._bus: MessageBus | None = None
        self._outgoing: Outgoing | None = None
        self._tree = ObjectTree(self._emit)
        self._devices: dict[str, Device] = {}
        self._hung: list[Message] | None = None
        self._forgetting: dict[str, asyncio.TimerHandle] = {}

    # -- the world ---------------------------------------------------------------------------------------

    @property
    def tree(self) -> ObjectTree:
        """As in `Host`."""
        return self._tree

    @property
    def running(self) -> bool:
        """Whether bluetoothd runs."""
        return self._bus is not None

    def add(self, peripheral: Peripheral) -> Mishaps:
        """Put a peripheral on the air; what can go wrong with it is returned."""
        self._air[peripheral.address] = peripheral
        peripheral.changed = self._listen_to_the_air
        self._listen_to_the_air()
        return self.mishaps.setdefault(peripheral.address, Mishaps())

    def power(self, name: str, *, on: bool) -> None:
        """Switch an adapter."""
        controller = self.controllers[f"/org/bluez/{name}"]
        if not on:
            self._silence(controller)
        controller.powered = on
        if self.running:
            self._tree.change(controller.path, ADAPTER, {"Powered": on})

    def unplug(self, name: str) -> Controller:
        """Pull an adapter; `plug` takes it back."""
        controller = self.controllers.pop(f"/org/bluez/{name}")
        self._silence(controller)
        for path in [path for path, device in self._devices.items() if device.adapter == controller.path]:
            del self._devices[path]
        self._tree.remove(controller.path)
        return controller

    def plug(self, controller: Controller) -> None:
        """Plug an adapter in."""
        self.controllers[controller.path] = controller
        if self.running:
            self._show(controller)

    def lose(self, address: str) -> None:
        """The link to a device is lost, as by distance; it advertises again at once."""
        for device in self._devices.values():
            if device.peripheral.address == address and device.connected:
                device.drop()

    def remove(self, address: str) -> None:
        """Forget a device at once, as after a scan of long ago, or by bluetoothctl."""
        for path, device in tuple(self._devices.items()):
            if device.peripheral.address == address:
                self._remove(path)

    # -- bluetoothd ------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Run."""
        bus = MessageBus(bus_address=self._bus_address)
        await bus.connect()
        bus.add_message_handler(self._hear)
        rule = "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged'"
        await bus.call(Message(DBUS, DBUS_PATH, DBUS, "AddMatch", signature="s", body=[rule]))
        self._bus, self._outgoing = bus, Outgoing(bus)
        self._hung = None
        for controller in self.controllers.values():
            self._show(controller)
        await bus.request_name(BLUEZ)

    async def crash(self) -> None:
        """End as by SIGKILL: no signal but D-Bus' own; all radio links end."""
        bus, self._bus, self._outgoing = self._bus, None, None
        for device in self._devices.values():
            device.drop(silently=True)
        self._devices.clear()
        for timer in self._forgetting.values():
            timer.cancel()
        self._forgetting.clear()
        for controller in self.controllers.values():
            controller.scanning.clear()
        self._tree = ObjectTree(self._emit)
        if bus is not None:
            bus.disconnect()

    async def stop(self) -> None:
        """End in good order: everybody is told."""
        for controller in self.controllers.values():
            self._silence(controller)
        for path in tuple(self.controllers):
            self._tree.remove(path)
        await self.crash()

    def hang(self) -> None:
        """Answer nothing any more, as by SIGSTOP."""
        self._hung = []

    def resume(self) -> None:
        """Go on, with all that was asked meanwhile."""
        waiting, self._hung = self._hung or [], None
        for call in waiting:
            self._hear(call)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.crash()

    # -- for devices ------------------------------------------------------------------------------------

    def reply(self, call: Message, signature: str = "", body: tuple[Any, ...] = ()) -> None:
        """As in `Host`."""
        self._emit(Message.new_method_return(call, signature, list(body)))

    def refuse(self, call: Message, error: BluezError) -> None:
        """As in `Host`."""
        self._emit(Message.new_error(call, error.name, error.text))

    def powered(self, adapter: str) -> bool:
        """As in `Host`."""
        controller = self.controllers.get(adapter)
        return controller is not None and controller.powered

    async def drained(self) -> None:
        """As in `Host`."""
        if self._outgoing is not None:
            await self._outgoing.drained()

    def left(self, device: Device) -> None:
        """As in `Host`."""
        self._forget_later(device.path)

    # -- how ----------------------------------------------------------------------------------------------

    def _emit(self, message: Message) -> None:
        if self._outgoing is not None:
            self._outgoing.send(message)

    def _hear(self, message: Message) -> Message | bool | None:
        if self._outgoing is not None and self._outgoing.heard(message):
            return True
        if message.message_type is MessageType.SIGNAL:
            if message.member == "NameOwnerChanged" and not message.body[2]:
                self._sender_left(message.body[0])
            return None
        if (
            message.message_type is not MessageType.METHOD_CALL
            or message.interface == "org.freedesktop.DBus.Peer"
        ):
            return None
        if self._hung is not None:
            self._hung.append(message)
            return True
        try:
            self._call(message)
        except BluezError as error:
            self.refuse(message, error)
        return True

    def _call(self, call: Message) -> None:
        path = call.path or ""
        if call.interface == OBJECT_MANAGER:
            self.reply(call, "a{oa{sa{sv}}}", (self._tree.managed(),))
            return
        if path not in self._tree:
            raise BluezError(
                UNKNOWN_OBJECT, f'Method "{call.member}" on an object that does not exist: {path}'
            )
        match call.interface:
            case "org.freedesktop.DBus.Properties":
                self._properties(call, path)
            case "org.bluez.Adapter1":
                self._adapter(call, self.controllers[path])
            case "org.bluez.Device1":
                self._devices[path].call(call)
            case "org.bluez.GattCharacteristic1":
                self._owner(path).call_characteristic(call)
            case "org.bluez.GattDescriptor1" if call.member == "ReadValue":
                self.reply(call, "ay", ((self._tree.properties(path, DESCRIPTOR) or {})["Value"],))
            case _:
                raise BluezError(UNKNOWN_METHOD, f"no interface {call.interface} at {path}")

    def _owner(self, path: str) -> Device:
        return next(device for device in self._devices.values() if device.owns(path))

    def _properties(self, call: Message, path: str) -> None:
        interface = call.body[0]
        told = self._tree.properties(path, interface)
        if told is None:
            raise BluezError("org.freedesktop.DBus.Error.InvalidArgs", f"No such interface '{interface}'")
        match call.member:
            case "Get" if call.body[1] in told:
                self.reply(call, "v", (variant(call.body[1], told[call.body[1]]),))
            case "GetAll":
                self.reply(call, "a{sv}", ({name: variant(name, value) for name, value in told.items()},))
            case "Set" if interface == ADAPTER and call.body[1] == "Powered":
                self.power(self.controllers[path].name, on=call.body[2].value)
                self.reply(call)
            case "Set" if interface == DEVICE and call.body[1] == "Trusted":
                self._tree.change(path, interface, {"Trusted": call.body[2].value})
                self.reply(call)
            case _:
                raise BluezError(
                    "org.freedesktop.DBus.Error.InvalidArgs", f"No such property '{call.body[1]}'"
                )

    def _adapter(self, call: Message, controller: Controller) -> None:
        sender = call.sender or ""
        match call.member:
            case "SetDiscoveryFilter":
                pass
            case "StartDiscovery":
                if not controller.powered:
                    raise NOT_READY
                if sender in controller.scanning:
                    raise BluezError("org.bluez.Error.InProgress", "Operation already in progress")
                controller.scanning.add(sender)
                self._tree.change(controller.path, ADAPTER, {"Discovering": True})
                asyncio.get_running_loop().call_later(HEAR_S, self._listen_to_the_air)
            case "StopDiscovery":
                if not controller.powered:
                    raise NOT_READY
                if sender not in controller.scanning:
                    raise BluezError("org.bluez.Error.Failed", "No discovery started")
                self._stop_scanning(controller, sender)
            case "RemoveDevice":
                if call.body[0] not in self._devices:
                    raise BluezError("org.bluez.Error.DoesNotExist", "Does Not Exist")
                self._remove(call.body[0])
            case _:
                raise BluezError(UNKNOWN_METHOD, f"no method {call.member}")
        self.reply(call)

    def _show(self, controller: Controller) -> None:
        told = {
            "Address": controller.address,
            "Name": "simulated",
            "Alias": "simulated",
            "Powered": controller.powered,
            "Discovering": False,
            "Roles": ["central", "peripheral"],
            "UUIDs": [],
        }
        self._tree.add(controller.path, {ADAPTER: told})

    def _listen_to_the_air(self) -> None:
        if not self.running:
            return
        for controller in self.controllers.values():
            if not (controller.scanning and controller.powered):
                continue
            for peripheral in self._air.values():
                if peripheral.advertising:
                    self._heard(controller, peripheral)

    def _heard(self, controller: Controller, peripheral: Peripheral) -> None:
        path = f"{controller.path}/dev_{peripheral.address.replace(':', '_')}"
        known = self._devices.get(path)
        if known is not None:
            known.heard()
            return
        mishaps = self.mishaps.setdefault(peripheral.address, Mishaps())
        self._devices[path] = Device(self, controller.path, peripheral, mishaps)

    def _stop_scanning(self, controller: Controller, sender: str) -> None:
        controller.scanning.discard(sender)
        if controller.scanning:
            return
        self._tree.change(controller.path, ADAPTER, {"Discovering": False})
        for device in tuple(self._devices.values()):
            if device.adapter == controller.path:
                device.unheard()
                self._forget_later(device.path)

    def _silence(self, controller: Controller) -> None:
        for device in tuple(self._devices.values()):
            if device.adapter == controller.path:
                device.drop()
        for sender in tuple(controller.scanning):
            self._stop_scanning(controller, sender)

    def _sender_left(self, sender: str) -> None:
        for controller in self.controllers.values():
            if sender in controller.scanning:
                self._stop_scanning(controller, sender)
        for device in self._devices.values():
            device.forget(sender)

    def _forget_later(self, path: str) -> None:
        earlier = self._forgetting.pop(path, None)
        if earlier is not None:
            earlier.cancel()
        loop = asyncio.get_running_loop()
        self._forgetting[path] = loop.call_later(self._forget_s, partial(self._forget, path))

    def _forget(self, path: str) -> None:
        del self._forgetting[path]
        device = self._devices.get(path)
        if device is None or device.connected or device.paired:
            return
        if not self.controllers[device.adapter].scanning:
            self._remove(path)

    def _remove(self, path: str) -> None:
        device = self._devices[path]
        device.drop()
        del self._devices[path]
        self._tree.remove(path)

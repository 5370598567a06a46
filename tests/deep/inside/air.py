"""A radio that is not there: a virtual controller for the kernel, and peripherals on its air (bumble)."""

import asyncio
from typing import Any

from bumble import att, gatt, hci
from bumble.controller import Controller
from bumble.core import UUID, AdvertisingData
from bumble.device import Connection, Device, DeviceConfiguration
from bumble.host import Host
from bumble.link import LocalLink
from bumble.transport import open_transport
from bumble.transport.common import Transport

from drivers.simulators.ble_peripheral import AttError, Peripheral

DONGLE = "00:00:5E:00:53:01"

SUPERVISION_S = 0.42
"""How long silence lasts before both ends call the connection lost: Linux asks for 420 ms."""

ACL_LENGTH = 251
INTERVAL_MS = 60.0

TIMEOUT = int(hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)
POWER_OFF = int(hci.HCI_ErrorCode.REMOTE_DEVICE_TERMINATED_CONNECTION_DUE_TO_POWER_OFF_ERROR)


class AirLink(LocalLink):
    """bumble's link with a range: who is out of it is neither heard nor reached."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # bumble's
        self.far: set[Controller] = set()

    def send_acl_data(
        self, sender_controller: Controller, destination_address: Any, transport: Any, data: bytes
    ) -> None:
        """As in bumble, but under the address that the connection was made with."""
        receiver = self.find_le_controller(destination_address)
        connection = sender_controller.le_connections.get(destination_address)
        if receiver is None or connection is None or self.far & {receiver, sender_controller}:
            return
        source = connection.self_address
        asyncio.get_running_loop().call_soon(receiver.on_link_acl_data, source, transport, data)

    def send_advertising_pdu(self, sender_controller: Controller, packet: Any) -> None:
        """As in bumble, within range."""
        for each in self.controllers - self.far - {sender_controller}:
            if sender_controller not in self.far:
                asyncio.get_running_loop().call_soon(each.on_ll_advertising_pdu, packet)

    def send_ll_control_pdu(self, sender_address: Any, receiver_address: Any, packet: Any) -> None:
        """As in bumble, within range; nobody is there is no error on the air."""
        receiver, sender = map(self.find_le_controller, (receiver_address, sender_address))
        if receiver is not None and not self.far & {receiver, sender}:
            asyncio.get_running_loop().call_soon(receiver.on_ll_control_pdu, sender_address, packet)


def _controller(name: str, link: AirLink, address: str, **wires: Any) -> Controller:
    controller = Controller(name, link=link, public_address=address, **wires)
    # With these Linux waits for an event that bumble's controller does not send.
    left_out = hci.LeFeatureMask.LE_EXTENDED_ADVERTISING | hci.LeFeatureMask.LL_PRIVACY
    controller.le_features &= ~left_out
    controller.acl_data_packet_length = controller.le_acl_data_packet_length = ACL_LENGTH
    return controller


class Air:
    """Everything that is on the air, and the kernel's dongle on it."""

    def __init__(self) -> None:
        self.link = AirLink()
        self._dongle: tuple[Transport, Controller] | None = None

    async def plug(self) -> None:
        """Plug the dongle in: the kernel gets an adapter."""
        transport = await open_transport("vhci")
        wires = {"host_source": transport.source, "host_sink": transport.sink}
        self._dongle = transport, _controller("dongle", self.link, DONGLE, **wires)

    async def pull(self) -> None:
        """Pull it; the peripherals notice by silence."""
        if self._dongle is None:
            return
        (transport, controller), self._dongle = self._dongle, None
        self.link.remove_controller(controller)
        controller.set_packet_sink(None)
        await transport.close()
        await asyncio.sleep(SUPERVISION_S)
        for other in self.link.controllers:
            for connection in list(other.le_connections.values()):
                other.on_le_disconnected(connection, TIMEOUT)

    def lost(self, controller: Controller, reason: int) -> None:
        """The connections of a controller are over, at both ends."""
        for connection in list(controller.le_connections.values()):
            other = self.link.find_le_controller(connection.peer_address)
            controller.on_le_disconnected(connection, reason)
            if other is not None and connection.self_address in other.le_connections:
                other.on_le_disconnected(other.le_connections[connection.self_address], reason)


class OnAir:
    """One peripheral's model with a radio. Is its `Central` while one is connected."""

    def __init__(self, air: Air, model: Peripheral) -> None:
        self.model = model
        self._air = air
        self._controller = _controller(model.name, air.link, "00:00:00:00:00:00")
        host = Host()
        host.controller = self._controller
        settings = DeviceConfiguration(name=model.name, address=hci.Address(model.address))
        self._device = Device(config=settings, host=host)
        self._characteristics: dict[str, Any] = {}
        for service in model.services:
            made = [self._characteristic(each.uuid, each.properties) for each in service.characteristics]
            self._device.add_service(gatt.Service(service.uuid, made))
        self._connection: Connection | None = None
        self._outbox: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self._wish = asyncio.Event()
        model.changed = self._wish.set

    def _characteristic(self, uuid: str, properties: frozenset[str]) -> Any:
        names = {"write-without-response": "WRITE_WITHOUT_RESPONSE"}
        flags = gatt.Characteristic.Properties(0)
        for each in properties:
            flags |= gatt.Characteristic.Properties[names.get(each, each.upper())]
        value = gatt.CharacteristicValue(
            read=lambda _: self.model.read(uuid), write=lambda _, data: self._written(uuid, data)
        )
        allowed = gatt.Characteristic.READABLE | gatt.Characteristic.WRITEABLE
        made: Any = gatt.Characteristic(uuid, flags, allowed, value)
        self._characteristics[uuid] = made
        return made

    async def run(self) -> None:
        """Be a radio until cancelled."""
        await self._device.power_on()
        self._device.on("connection", self._connected)
        self._device.on("characteristic_subscription", self._subscribed)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._advertise(), name="advertising")
            group.create_task(self._notify(), name="notifications")

    async def silent_for(self, seconds: float) -> None:
        """Be out of range."""
        self._air.link.far.add(self._controller)
        await asyncio.sleep(SUPERVISION_S)
        self._air.lost(self._controller, TIMEOUT)
        await asyncio.sleep(max(0.0, seconds - SUPERVISION_S))
        self._air.link.far.discard(self._controller)

    async def reboot(self, seconds: float) -> None:
        """Be switched off and on again."""
        self.model.present = False
        self._air.lost(self._controller, POWER_OFF)
        self.model.changed()
        await asyncio.sleep(seconds)
        self.model.appear()

    # -- as the model's central -----------------------------------------------------------------------

    @property
    def mtu(self) -> int:
        """As in `Central`."""
        return int(self._connection.att_mtu) if self._connection is not None else 23

    def notify(self, uuid: str, value: bytes) -> None:
        """As in `Central`."""
        self._outbox.put_nowait((uuid, value))

    def disconnect(self) -> None:
        """As in `Central`."""
        self._air.lost(self._controller, POWER_OFF)

    async def drained(self) -> None:
        """As in `Central`."""
        await self._outbox.join()

    # -- what happens -----------------------------------------------------------------------------------

    async def _advertise(self) -> None:
        uuids = b"".join(UUID(uuid).to_bytes() for uuid in self.model.uuids)
        kinds = AdvertisingData
        data = bytes(
            AdvertisingData(
                [
                    (kinds.FLAGS, bytes([0x06])),
                    (kinds.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS, uuids),
                    (kinds.COMPLETE_LOCAL_NAME, self.model.name.encode()),
                ]
            )
        )
        while True:
            if self.model.advertising != self._device.is_advertising:
                if self.model.advertising:
                    await self._device.start_advertising(
                        advertising_data=data,
                        advertising_interval_min=INTERVAL_MS,
                        advertising_interval_max=INTERVAL_MS,
                    )
                else:
                    await self._device.stop_advertising()
            await self._wish.wait()
            self._wish.clear()

    async def _notify(self) -> None:
        while True:
            uuid, value = await self._outbox.get()
            if self._connection is not None:
                await self._device.notify_subscriber(self._connection, self._characteristics[uuid], value)
            self._outbox.task_done()

    def _connected(self, connection: Connection) -> None:
        self._connection = connection
        connection.on("disconnection", self._disconnected)
        self.model.connected(self)

    def _disconnected(self, _: int) -> None:
        self._connection = None
        self.model.disconnected()

    def _subscribed(self, _: Connection, characteristic: Any, notify: bool, __: bool) -> None:
        # BlueZ subscribes to others as well, such as "service changed"
        for uuid, each in self._characteristics.items():
            if each is characteristic:
                self.model.subscribed(uuid, on=notify)

    def _written(self, uuid: str, value: bytes) -> None:
        try:
            self.model.arrived(uuid, bytes(value), confirmed=True)
        except AttError as error:
            raise att.ATT_Error(error.code) from error

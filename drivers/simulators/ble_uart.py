"""A peripheral that carries a byte stream, as modules in bridges and terminals do; a central is a link."""

import asyncio
from collections import deque
from typing import Self

from drivers.links.address import BleAddress
from drivers.links.base import Cause, LinkLostError
from drivers.links.ble_profiles import BleProfile
from drivers.links.inbox import Inbox
from drivers.simulators.ble_peripheral import ATT_HEADER, Central, Characteristic, Peripheral, Service

WRITE = frozenset({"write", "write-without-response"})
NOTIFY = frozenset({"notify"})

WINDOW = 16
"""Notifications that may be under way."""


class UartLink:
    """The device's end: what it sends is notified in pieces of the connection's size."""

    def __init__(self, name: str, central: Central, uuid: str) -> None:
        self.name = name
        self._central = central
        self._uuid = uuid
        self._inbox = Inbox()
        self._undrained = 0

    async def send(self, data: bytes) -> None:
        """Notify all of it. Errors: `LinkLostError`."""
        self._inbox.check(self.name)
        size = self._central.mtu - ATT_HEADER
        for at in range(0, len(data), size):
            self._central.notify(self._uuid, data[at : at + size])
            self._undrained += 1
            if self._undrained == WINDOW:
                self._undrained = 0
                await self._central.drained()
                self._inbox.check(self.name)

    async def receive(self) -> bytes:
        """What the central writes; `LinkLostError` once it is gone."""
        return await self._inbox.take()

    async def close(self) -> None:
        """Disconnect: the air knows no other end."""
        self.abort()

    def abort(self) -> None:
        """Disconnect at once."""
        if not self._inbox.ended:
            self._inbox.end(LinkLostError(f"{self.name} was closed by us", cause=Cause.CLOSED))
            self._central.disconnect()

    def heard(self, value: bytes) -> None:
        """Bytes came from the central."""
        self._inbox.put(value)

    def lost(self) -> None:
        """The central is gone."""
        self._inbox.end(LinkLostError(f"{self.name}: the central is gone"))


class UartPeripheral(Peripheral):
    """One serial device on the air; a link begins when a central subscribes. A `Listener`."""

    def __init__(
        self, address: str, name: str, profile: BleProfile, *, writable: frozenset[str] = WRITE
    ) -> None:
        """`writable`: which kinds of write the characteristic takes."""
        table: tuple[Characteristic, ...]
        if profile.write == profile.notify:
            table = (Characteristic(profile.write, writable | NOTIFY),)
        else:
            table = (Characteristic(profile.write, writable), Characteristic(profile.notify, NOTIFY))
        super().__init__(address, name, (Service(profile.service, table),), present=False)
        self.profile = profile
        self._link: UartLink | None = None
        self._callers: deque[UartLink] = deque()
        self._called = asyncio.Event()

    @property
    def link_address(self) -> BleAddress:
        """What to open."""
        return BleAddress(self.address, self.profile.name)

    async def accept_link(self) -> UartLink:
        """The next central's link."""
        while not self._callers:
            self._called.clear()
            await self._called.wait()
        return self._callers.popleft()

    def subscribed(self, uuid: str, *, on: bool) -> None:
        """As in `Peripheral`."""
        if on and self._link is None and uuid == self.profile.notify and self.central is not None:
            self._link = UartLink(f"the central of {self.name}", self.central, uuid)
            self._callers.append(self._link)
            self._called.set()

    def disconnected(self) -> None:
        """As in `Peripheral`."""
        link, self._link = self._link, None
        if link is not None:
            link.lost()
        super().disconnected()

    def write(self, uuid: str, value: bytes) -> None:
        """As in `Peripheral`; what is written before anybody listens is lost, as on a serial line."""
        del uuid
        if self._link is not None:
            self._link.heard(value)


class UartListener:
    """A `Listener` on a peripheral: it advertises while it is open."""

    def __init__(self, peripheral: UartPeripheral) -> None:
        self.peripheral = peripheral

    @property
    def address(self) -> BleAddress:
        """What to open."""
        return self.peripheral.link_address

    async def accept(self) -> UartLink:
        """The next central's link."""
        return await self.peripheral.accept_link()

    async def open(self) -> None:
        """Advertise."""
        self.peripheral.appear()

    async def shut(self) -> None:
        """Advertise no more; the link that is there lives on."""
        self.peripheral.present = False
        self.peripheral.changed()

    async def close(self) -> None:
        """Be off."""
        self.peripheral.vanish()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

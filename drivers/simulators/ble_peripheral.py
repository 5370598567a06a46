"""A Bluetooth LE peripheral as a model: what it advertises, its GATT table, what happens on it. No radio.

A host carries it: our BlueZ on a private D-Bus, or a virtual controller. The host tells the peripheral what
the central does; the peripheral speaks to the central through `Central`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

ATT_HEADER = 3
"""Bytes of a notification that are not its value (Core Specification, volume 3, part F, 3.4.7.1)."""

VALUE_MAX = 512
"""The longest value of an attribute (Core Specification, volume 3, part F, 3.2.9)."""

INVALID_LENGTH = 0x0D
INSUFFICIENT_AUTHENTICATION = 0x05
UNLIKELY_ERROR = 0x0E
WRITE_NOT_PERMITTED = 0x03
"""ATT error codes (Core Specification, volume 3, part F, 3.4.1.1)."""


class AttError(Exception):
    """The peripheral refuses a request; the code is the protocol's own."""

    def __init__(self, code: int) -> None:
        super().__init__(f"ATT error 0x{code:02X}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Characteristic:
    """One entry of the table. UUIDs in full; properties in BlueZ' words: read, write, notify, ..."""

    uuid: str
    properties: frozenset[str]


@dataclass(frozen=True, slots=True)
class Service:
    """A primary service with its characteristics."""

    uuid: str
    characteristics: tuple[Characteristic, ...]


class Central(Protocol):
    """The other side of a connection, as its host has it."""

    @property
    def mtu(self) -> int:
        """The negotiated ATT_MTU in bytes."""
        ...

    def notify(self, uuid: str, value: bytes) -> None:
        """Send a notification, if the central has subscribed."""
        ...

    def disconnect(self) -> None:
        """End the connection from the peripheral's side."""
        ...

    async def drained(self) -> None:
        """Wait until what was notified is on its way: nobody keeps more than a little for a peripheral."""
        ...


@dataclass
class Peripheral:
    """A device that does nothing but be there; others inherit from it.

    `address` in capitals. `pairing`: it refuses who is not paired. `changed` is how a host hears that
    `advertising` has changed.
    """

    address: str
    name: str
    services: tuple[Service, ...] = ()
    rssi: int = -50
    mtu: int = 247
    pairing: bool = False
    manufacturer: Mapping[int, bytes] = field(default_factory=lambda: MappingProxyType({}))
    advertised: tuple[str, ...] | None = None
    changed: Callable[[], None] = lambda: None
    present: bool = True
    central: Central | None = None

    @property
    def advertising(self) -> bool:
        """Whether it can be found and connected to: it is there, and free."""
        return self.present and self.central is None

    @property
    def uuids(self) -> tuple[str, ...]:
        """The services it advertises: all, unless `advertised` says which."""
        return self.advertised if self.advertised is not None else tuple(each.uuid for each in self.services)

    def appear(self) -> None:
        """Be in range and on."""
        self.present = True
        self.changed()

    def vanish(self) -> None:
        """Be out of range or off: no advertisement, and the connection is lost."""
        self.present = False
        if self.central is not None:
            self.central.disconnect()
        self.changed()

    def connected(self, central: Central) -> None:
        """For a host: a central has connected."""
        self.central = central
        self.changed()

    def disconnected(self) -> None:
        """For a host: the connection has ended, by whoever's doing."""
        self.central = None
        self.changed()

    def subscribed(self, uuid: str, *, on: bool) -> None:
        """For a host: the central wants notifications of a characteristic, or no more."""

    def read(self, uuid: str) -> bytes:
        """For a host: the central reads. Errors: `AttError`."""
        del uuid
        return b""

    def write(self, uuid: str, value: bytes) -> None:
        """For a host: the central writes, at most VALUE_MAX bytes. Errors: `AttError`."""
        del uuid, value
        raise AttError(WRITE_NOT_PERMITTED)

    def arrived(self, uuid: str, value: bytes, *, confirmed: bool) -> None:
        """For a host: a write as it comes; one that is too long is refused, or lost in silence."""
        if len(value) > VALUE_MAX:
            if confirmed:
                raise AttError(INVALID_LENGTH)
            return
        self.write(uuid, value)

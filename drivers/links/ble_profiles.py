"""How Bluetooth LE devices carry a byte stream: which characteristic is written, which one notifies. Data."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from uuid import UUID

_BASE = "-0000-1000-8000-00805f9b34fb"
"""What a 16-bit UUID stands for (Bluetooth Core Specification, volume 3, part B, 2.5.1)."""


def uuid_of(text: str) -> str:
    """A UUID in full and in lower case, also from its short form of four hex digits.

    Errors: `ValueError`.
    """
    try:
        if len(text) == 4:
            return f"{int(text, 16):08x}{_BASE}"
        return str(UUID(text))
    except ValueError:
        raise ValueError("is a UUID, in full or as four hex digits") from None


@dataclass(frozen=True, slots=True)
class BleProfile:
    """One way to carry bytes; UUIDs in full. `write` may be the same characteristic as `notify`."""

    name: str
    summary: str
    service: str
    write: str
    notify: str


_LIST = (
    BleProfile(
        "nus",
        "Nordic UART Service: most modern modules",
        "6e400001-b5a3-f393-e0a9-e50e24dcca9e",
        "6e400002-b5a3-f393-e0a9-e50e24dcca9e",
        "6e400003-b5a3-f393-e0a9-e50e24dcca9e",
    ),
    BleProfile(
        "issc",
        "ISSC and Microchip Transparent UART (BM70, RN4870)",
        "49535343-fe7d-4ae5-8fa9-9fafd205e455",
        "49535343-8841-43f4-a8d4-ecbe34729bb3",
        "49535343-1e4d-4bd9-ba61-23c647249616",
    ),
    BleProfile(
        "hm10",
        "HM-10 and its many copies: one characteristic both ways",
        uuid_of("ffe0"),
        uuid_of("ffe1"),
        uuid_of("ffe1"),
    ),
)

PROFILES: Mapping[str, BleProfile] = MappingProxyType({profile.name: profile for profile in _LIST})
"""By name; any other device is described by service=, write= and notify= in its address."""

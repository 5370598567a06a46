"""Bluetooth devices in reach: bridges that could carry a terminal, and Stripe's own readers."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from agent.discovery.finding import Finding
from drivers.links.address import AddressError, BleAddress, parse_address
from drivers.links.ble_profiles import PROFILES, uuid_of

if TYPE_CHECKING:  # bleak is 10 MB that a store without Bluetooth does not need
    from drivers.links.ble_scanner import Sighting

SCAN_S: Final = 6.0
"""Devices that want to be found advertise at least once a second; some only every few."""

BATTERY: Final = uuid_of("180f")
"""The battery service; where it is advertised with data, the first byte is the charge in percent."""

STRIPE_NAMES: Final = (
    (re.compile(r"^STRM\d{6,}"), "Stripe Reader M2", "stripe_m2"),
    (re.compile(r"^WPC\d{6,}"), "BBPOS WisePad 3", "bbpos_wisepad3"),
    (re.compile(r"^CHB\d{6,}"), "BBPOS Chipper 2X BT", "bbpos_chipper2x"),
)
"""Stripe's Bluetooth readers go by their serial numbers, which begin like this."""

STRIPE_ONLY: Final = "driven by an app with Stripe's SDK only; tillgate serves that app its connection tokens"


async def find_devices(used: Mapping[str, str], registered: Mapping[str, str] | None = None) -> list[Finding]:
    """Everything that is heard in SCAN_S seconds, what could be a reader first. Errors: `LinkNotOpenedError`.

    `registered` gives the Location of each serial number that the account knows.
    """
    from drivers.links.ble_radio import radio

    found = [describe(each, used, registered or {}) for each in await radio().look(SCAN_S)]
    return sorted(found, key=lambda each: not (each.link or each.reader or each.speaks))


def describe(heard: "Sighting", used: Mapping[str, str], registered: Mapping[str, str]) -> Finding:
    """What a device is, by its name and the services that it advertises; it is not connected to."""
    signal = f"{heard.rssi} dBm" + _battery(heard)
    for pattern, product, device_type in STRIPE_NAMES:
        if pattern.match(heard.name):
            location = registered.get(heard.name, "")
            known = f"; registered at {location}" if location else ""
            details = {"device_type": device_type, "serial_number": heard.name, "location": location}
            device = f"{product} {heard.name}"
            return Finding(
                "bluetooth", heard.address, device, STRIPE_ONLY + known, signal=signal, details=details
            )
    reader = _reader(heard, used)
    found = Finding("bluetooth", heard.address, heard.name or "without a name", reader=reader, signal=signal)
    for profile in PROFILES.values():
        if profile.service in heard.services:
            link = "" if reader else str(BleAddress(heard.address, profile=profile.name))
            return Finding(
                found.kind,
                found.where,
                found.device,
                f"a serial bridge ({profile.summary}); what is behind it shows once it is adopted",
                reader,
                signal,
                link,
                hint=heard.name or heard.address,
            )
    return found


def _reader(heard: "Sighting", used: Mapping[str, str]) -> str:
    for link, name in used.items():
        try:
            address = parse_address(link, default_port=1)
        except AddressError:
            continue
        if isinstance(address, BleAddress) and address.device in {heard.address, heard.name}:
            return name
    return ""


def _battery(heard: "Sighting") -> str:
    told = heard.service_data.get(BATTERY, b"")
    return f", battery {told[0]} %" if told and told[0] <= 100 else ""

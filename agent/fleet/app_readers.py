"""Readers that only apps with Stripe's own SDK can drive: they are seen, and never sold on from here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from agent.fleet.model import ObservedReader

PRODUCTS: Mapping[str, str] = MappingProxyType(
    {
        "stripe_m2": "Stripe Reader M2",
        "bbpos_wisepad3": "BBPOS WisePad 3",
        "bbpos_chipper2x": "BBPOS Chipper 2X BT",
        "mobile_phone_reader": "Tap to Pay on a phone",
    }
)
"""By Stripe's device type (docs.stripe.com/api/terminal/readers/object): mobile readers, on Bluetooth or
inside a phone. Stripe lists one as soon as an app has connected to it at a Location."""


@dataclass(frozen=True, slots=True)
class AppReader:
    """One of them, as the account knows it."""

    serial_number: str
    device_type: str
    product: str
    label: str
    location: str


def apart(readers: Iterable[ObservedReader]) -> tuple[ObservedReader, ...]:
    """Those of the readers that apps drive."""
    return tuple(each for each in readers if each.device_type in PRODUCTS)


def at(readers: Iterable[ObservedReader], location: str, location_id: str | None) -> list[AppReader]:
    """Those that belong to one Location, by serial number."""
    found = [
        AppReader(each.serial_number, each.device_type, PRODUCTS[each.device_type], each.label, location)
        for each in apart(readers)
        if location_id is not None and each.location_id == location_id
    ]
    return sorted(found, key=lambda each: each.serial_number)

"""The objects of a D-Bus service: their interfaces, their properties, and the signals when these change."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from dbus_fast import Message, Variant

OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager"
PROPERTIES = "org.freedesktop.DBus.Properties"

SIGNATURES: Mapping[str, str] = MappingProxyType(
    {
        "Adapter": "o",
        "Characteristic": "o",
        "Device": "o",
        "Service": "o",
        "ManufacturerData": "a{qv}",
        "MTU": "q",
        "RSSI": "n",
        "Flags": "as",
        "Roles": "as",
        "UUIDs": "as",
        "Value": "ay",
    }
)
"""What is neither text nor truth, by property (doc/org.bluez.*.rst of BlueZ)."""

Interfaces = dict[str, dict[str, Any]]


def variant(name: str, value: Any) -> Variant:
    """A property as it travels."""
    signature = SIGNATURES.get(name) or ("b" if isinstance(value, bool) else "s")
    if name == "ManufacturerData":
        value = {company: Variant("ay", data) for company, data in value.items()}
    return Variant(signature, value)


def _variants(properties: Mapping[str, Any]) -> dict[str, Variant]:
    return {name: variant(name, value) for name, value in properties.items()}


class ObjectTree:
    """All objects of one life of the service. `emit` sends a signal."""

    def __init__(self, emit: Callable[[Message], None]) -> None:
        self._emit = emit
        self._objects: dict[str, Interfaces] = {}

    def __contains__(self, path: object) -> bool:
        return path in self._objects

    def paths(self, below: str) -> list[str]:
        """All objects below a path, parents first."""
        return sorted(path for path in self._objects if path.startswith(f"{below}/"))

    def properties(self, path: str, interface: str) -> dict[str, Any] | None:
        """The properties of an interface; None when it is not there."""
        return self._objects.get(path, {}).get(interface)

    def add(self, path: str, interfaces: Interfaces) -> None:
        """A new object."""
        self._objects[path] = interfaces
        told = {name: _variants(properties) for name, properties in interfaces.items()}
        self._emit(
            Message.new_signal("/", OBJECT_MANAGER, "InterfacesAdded", "oa{sa{sv}}", [path, told]),
        )

    def remove(self, path: str) -> None:
        """An object and all below it are gone, children first."""
        for each in [*reversed(self.paths(path)), path]:
            interfaces = self._objects.pop(each, None)
            if interfaces is not None:
                self._emit(
                    Message.new_signal(
                        "/", OBJECT_MANAGER, "InterfacesRemoved", "oas", [each, list(interfaces)]
                    )
                )

    def change(
        self, path: str, interface: str, values: Mapping[str, Any], invalidated: Iterable[str] = ()
    ) -> None:
        """Properties are others now; those `invalidated` are gone."""
        properties = self._objects[path][interface]
        gone = [name for name in invalidated if name in properties]
        for name in gone:
            del properties[name]
        properties.update(values)
        if values or gone:
            self._emit(
                Message.new_signal(
                    path, PROPERTIES, "PropertiesChanged", "sa{sv}as", [interface, _variants(values), gone]
                )
            )

    def managed(self) -> dict[str, dict[str, dict[str, Variant]]]:
        """For GetManagedObjects."""
        return {
            path: {name: _variants(properties) for name, properties in interfaces.items()}
            for path, interfaces in self._objects.items()
        }

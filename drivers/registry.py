"""Drivers by name: ours and those of others, found by entry points of the group `tillgate.drivers`."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from typing import TypeAlias

from drivers.contract import Driver, ReaderConfig

GROUP = "tillgate.drivers"

Factory: TypeAlias = Callable[[ReaderConfig, Mapping[str, object]], Driver]
"""What an entry point names: makes a driver; raises `ValueError` for options it does not understand."""


class RegistryError(Exception):
    """A reader has no driver. The message says which, why, and what to do."""


class DriverUnknownError(RegistryError):
    """No installed package offers a driver of this name."""


class DriverBrokenError(RegistryError):
    """The package that offers the driver cannot be loaded or made to work."""


class DriverOptionsError(RegistryError):
    """The driver does not accept the reader's options."""


class ServiceMissingError(RegistryError):
    """The driver needs something that this gateway does not have."""


class Services(Mapping[str, object]):
    """What the gateway lends to drivers, by name; asking for what is not there says so clearly."""

    def __init__(self, **services: object) -> None:
        self._services = services

    def __getitem__(self, name: str) -> object:
        if name not in self._services:
            have = ", ".join(sorted(self._services)) or "none"
            raise ServiceMissingError(
                f"the driver needs the service {name!r}, which is not set up (there are: {have}); "
                "see the credentials in gateway.yaml"
            )
        return self._services[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._services)

    def __len__(self) -> int:
        return len(self._services)

    def __contains__(self, name: object) -> bool:
        return name in self._services


def names() -> list[str]:
    """Every driver that is installed."""
    return sorted({point.name for point in _installed()})


@cache
def _installed() -> EntryPoints:
    # Looking reads a file of every installed package; what is installed later is found after a restart.
    return entry_points(group=GROUP)


def find(name: str) -> Factory:
    """The factory of a driver; raises `DriverUnknownError` or `DriverBrokenError`."""
    points = list(_installed().select(name=name))
    if not points:
        have = ", ".join(names()) or "none"
        raise DriverUnknownError(
            f"no driver is called {name!r} (installed: {have}): correct the name or install its package"
        )
    sources = sorted({point.value for point in points})
    if len(sources) > 1:
        raise DriverBrokenError(
            f"driver {name!r} is offered twice ({', '.join(sources)}): remove one package"
        )
    return _load(points[0])


def make(config: ReaderConfig, services: Mapping[str, object]) -> Driver:
    """The driver of a reader; raises a `RegistryError` that names the reader. Reaches nothing yet."""
    try:
        return find(config.driver)(config, services)
    except RegistryError as error:
        raise type(error)(f"reader {config.name}: {error}") from error
    except ValueError as error:
        raise DriverOptionsError(f"reader {config.name}: driver {config.driver!r}: {error}") from error


def _load(point: EntryPoint) -> Factory:
    try:
        factory = point.load()
    except Exception as error:
        # Whatever a stranger's package raises while it is imported, the other readers shall work.
        raise DriverBrokenError(
            f"driver {point.name!r} ({point.value}) cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    if not callable(factory):
        raise DriverBrokenError(f"driver {point.name!r} ({point.value}) is not callable")
    made: Factory = factory
    return made

"""Drivers by name."""

from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import pytest

from drivers import registry
from drivers.contract import Driver, ReaderConfig, ReaderName
from drivers.readers.stripe import StripeReader
from drivers.readers.stripe import make as make_stripe
from drivers.registry import (
    DriverBrokenError,
    DriverOptionsError,
    DriverUnknownError,
    ServiceMissingError,
    Services,
)
from tests.stripe_store import StripeStore

NOT_A_FACTORY = 42


@pytest.fixture(autouse=True)
def _looked_for_anew() -> Iterator[None]:
    registry._installed.cache_clear()
    yield
    registry._installed.cache_clear()


def install(monkeypatch: pytest.MonkeyPatch, **drivers: str) -> None:
    points = [EntryPoint(name, value, registry.GROUP) for name, value in drivers.items()]

    def found(**query: Any) -> EntryPoints:
        return EntryPoints(points).select(**query)

    monkeypatch.setattr(registry, "entry_points", found)
    registry._installed.cache_clear()


def failing(config: ReaderConfig, services: Mapping[str, object]) -> Driver:
    raise ValueError(f"{config.name} has no link")


def config(driver: str = "stripe", **options: str) -> ReaderConfig:
    return ReaderConfig(ReaderName("till-1"), driver, options)


def test_what_is_installed_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Any] = []

    def found(**query: Any) -> EntryPoints:
        looked.append(query)
        return EntryPoints([EntryPoint("odd", f"{__name__}:failing", registry.GROUP)])

    monkeypatch.setattr(registry, "entry_points", found)
    assert registry.find("odd") is registry.find("odd") is failing
    assert looked == [{"group": registry.GROUP}]


def test_our_own_driver_is_installed() -> None:
    assert "stripe" in registry.names()
    assert registry.find("stripe") is make_stripe


async def test_a_reader_gets_its_driver() -> None:
    store = StripeStore()
    driver = registry.make(config(reader="tmr_1"), Services(stripe=store.stripe.api))
    assert isinstance(driver, StripeReader)


def test_an_unknown_driver_is_told_with_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DriverUnknownError, match=r"till-1.*'strype'.*stripe"):
        registry.make(config("strype"), {})
    install(monkeypatch)
    with pytest.raises(DriverUnknownError, match="installed: none"):
        registry.find("stripe")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("no.such.module:make", "ModuleNotFoundError"),
        ("drivers.readers.stripe:no_such_name", "AttributeError"),
        (f"{__name__}:NOT_A_FACTORY", "not callable"),
    ],
)
def test_a_broken_package_is_named(monkeypatch: pytest.MonkeyPatch, value: str, reason: str) -> None:
    install(monkeypatch, odd=value)
    with pytest.raises(DriverBrokenError, match=reason) as caught:
        registry.make(config("odd"), {})
    assert "till-1" in str(caught.value)
    assert value in str(caught.value)


def test_two_packages_with_one_name_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    points = EntryPoints(
        [EntryPoint("odd", "first:make", registry.GROUP), EntryPoint("odd", "second:make", registry.GROUP)]
    )
    monkeypatch.setattr(registry, "entry_points", points.select)
    with pytest.raises(DriverBrokenError, match=r"first:make, second:make"):
        registry.find("odd")


def test_options_a_driver_does_not_understand_are_told_with_the_reader(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install(monkeypatch, odd=f"{__name__}:failing")
    with pytest.raises(DriverOptionsError, match=r"reader till-1: driver 'odd': till-1 has no link"):
        registry.make(config("odd"), {})


def test_a_service_that_is_missing_is_told_by_name() -> None:
    with pytest.raises(ServiceMissingError, match=r"till-1.*'stripe'.*there are: other"):
        registry.make(config(reader="tmr_1"), Services(other=object()))
    with pytest.raises(ServiceMissingError, match="none"):
        Services()["stripe"]


def test_services_are_a_mapping() -> None:
    services = Services(stripe=1, clock=2)
    assert (sorted(services), len(services), "stripe" in services, "x" in services) == (
        ["clock", "stripe"],
        2,
        True,
        False,
    )

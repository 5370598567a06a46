"""The driver as the registry and the lane meet it."""

import pytest

from drivers.contract import Capability, Driver, DriverError, ReaderConfig, ReaderName
from drivers.readers.stripe import StripeOptionsError, StripeReader, make
from drivers.readers.stripe_timing import TimingError
from tests.stripe_store import StripeStore


def config(**options: str) -> ReaderConfig:
    return ReaderConfig(ReaderName("till-1"), "stripe", options)


async def test_opening_learns_what_the_reader_is_and_changes_nothing() -> None:
    store = StripeStore()
    driver: Driver = await store.begin()
    info = await driver.open()
    assert info.device_type == "simulated_stripe_s700"
    assert info.serial_number
    assert info.details["stripe_reader"] == store.reader
    assert info.details["label"] == "Till"
    assert {Capability.REFUND, Capability.TIP, Capability.SETTLE_REMOTELY} <= info.capabilities
    assert store.stripe.exchange.sent == [f"GET /v1/terminal/readers/{store.reader}"]
    await driver.close()


async def test_a_reader_that_looks_offline_is_opened_all_the_same() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.customer(state="offline")
    assert (await driver.open()).serial_number


async def test_a_reader_that_was_removed_cannot_be_opened() -> None:
    store = StripeStore()
    driver = await store.begin()
    await store.stripe.api.delete_reader(store.reader)
    with pytest.raises(DriverError) as caught:
        await driver.open()
    assert caught.value.code == "reader_deleted"


async def test_the_factory_makes_a_driver_of_the_options() -> None:
    store = StripeStore()
    await store.begin()
    driver = make(config(reader=store.reader, patience_s="90"), {"stripe": store.stripe.api})
    assert isinstance(driver, StripeReader)
    assert (await driver.open()).serial_number


@pytest.mark.parametrize(
    ("options", "message"),
    [({}, "'reader'"), ({"reader": "tmr_1", "colour": "red"}, "colour"), ({"reader": ""}, "'reader'")],
)
async def test_options_that_say_too_little_or_too_much_are_named(
    options: dict[str, str], message: str
) -> None:
    store = StripeStore()
    with pytest.raises(StripeOptionsError, match=message):
        make(config(**options), {"stripe": store.stripe.api})


async def test_a_time_that_cannot_be_is_refused() -> None:
    store = StripeStore()
    with pytest.raises(TimingError, match="patience_s"):
        make(config(reader="tmr_1", patience_s="soon"), {"stripe": store.stripe.api})


def test_a_service_of_the_wrong_shape_is_refused() -> None:
    with pytest.raises(StripeOptionsError, match="Stripe client"):
        make(config(reader="tmr_1"), {"stripe": object()})

"""One gateway a reader: the second refuses, and nothing of the first is disturbed."""

import pytest

from drivers.contract import DriverError, NotStartedError, Verdict
from tests.stripe_store import Session, StripeStore


async def owner(store: StripeStore) -> str:
    reader = await store.stripe.api.retrieve_reader(store.reader)
    return reader.metadata.get("tillgate_gateway", "")


async def test_who_opens_a_free_reader_claims_it_once() -> None:
    store = StripeStore()
    await store.begin()
    await store.driver().open()
    assert await owner(store) == ""
    info = await store.driver("north").open()
    assert await owner(store) == "north"
    assert "unclaimed" not in info.details
    await store.stripe.fault("status:500", method="POST", path="/v1/terminal/readers/*")
    await store.driver("north").open()  # it is ours already: nothing is written


async def test_a_second_gateway_is_refused_and_told_what_to_do() -> None:
    store = StripeStore()
    await store.begin()
    await store.driver("north").open()
    with pytest.raises(DriverError, match=r"served by gateway 'north'.*reader claim") as refused:
        await store.driver("south").open()
    assert refused.value.code == "reader_claimed"
    assert not isinstance(refused.value, NotStartedError)
    assert await owner(store) == "north"
    await store.driver().open()  # one that has no name of its own looks after itself


async def test_a_claim_that_was_lost_meanwhile_stops_the_next_sale() -> None:
    """Two gateways that were fast in the same second: the next look tells."""
    store = StripeStore()
    await store.begin()
    north = store.driver("north")
    await north.open()
    await store.stripe.api.update_reader(store.reader, {"metadata": {"tillgate_gateway": "south"}})
    session = Session()
    outcome = await store.run(session, north)
    assert isinstance(outcome, NotStartedError)
    assert outcome.code == "reader_claimed"


async def test_two_at_once_are_told_apart() -> None:
    store = StripeStore()
    await store.begin()

    class Slow:
        """Between our look and our claim the other one claims."""

        def __getattr__(self, name: str) -> object:
            return getattr(store.stripe.api, name)

        async def update_reader(self, reader: str, params: object) -> object:
            await store.stripe.api.update_reader(reader, {"metadata": {"tillgate_gateway": "south"}})
            return await store.stripe.api.retrieve_reader(reader)

    driver = store.driver("north")
    driver._calls = Slow()  # type: ignore[assignment]  # all of them by name
    with pytest.raises(DriverError, match="served by gateway 'south'"):
        await driver.open()


async def test_a_key_that_may_not_write_readers_sells_all_the_same() -> None:
    store = StripeStore()
    await store.begin()
    await store.stripe.fault("status:403", method="POST", path="/v1/terminal/readers/*")
    info = await store.driver("north").open()
    assert info.details["unclaimed"]
    assert await owner(store) == ""
    await store.customer(auto_present={"after": 1})
    outcome = await store.run(Session(), store.driver("north"))
    assert not isinstance(outcome, NotStartedError)
    assert outcome.verdict is Verdict.PAID

"""Making a payment unpayable, whatever stands in the way."""

import asyncio

import pytest

from drivers.contract import Capture, DriverError, Outcome, Verdict
from drivers.readers.stripe_outcome import AmountMismatchError
from drivers.readers.stripe_timing import Timing
from drivers.readers.stripe_withdrawal import Withdrawal, ours
from drivers.simulators.stripe_api.settings import SimulatorSettings
from tests.stripe_store import Session, StripeStore

CANCEL_ACTION = "/v1/terminal/readers/*/cancel_action"


async def shown(store: StripeStore, capture: Capture = Capture.AUTOMATIC) -> Session:
    """A payment on the reader that nobody watches."""
    driver = await store.begin()
    session = Session(capture=capture)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await driver.pay(session.request, session.report)
    store.stripe.exchange.sent.clear()
    return session


async def withdraw(store: StripeStore, session: Session, *, prompted: bool = True) -> Outcome:
    withdrawal = Withdrawal(store.stripe.api, store.reader, session.intent, Timing())
    return await withdrawal.carry_out(session.request, prompted=prompted)


async def test_the_reader_is_cleared_before_the_payment_is_canceled() -> None:
    store = StripeStore()
    session = await shown(store)
    assert (await withdraw(store, session)).verdict is Verdict.CANCELED
    assert [sent.rsplit("/", 1)[-1] for sent in store.stripe.exchange.sent] == [
        store.reader,
        "cancel_action",
        session.intent,
        "cancel",
    ]


async def test_a_prompt_of_somebody_else_stays() -> None:
    store = StripeStore()
    session = await shown(store)
    other = await store.stripe.api.create_payment_intent(
        {"amount": 500, "currency": "eur", "allowed_payment_method_types": ["card_present"]}, key="other"
    )
    await store.stripe.api.process_payment_intent(store.reader, other.id, key="other-process")
    assert (await withdraw(store, session)).verdict is Verdict.CANCELED
    assert (await store.row(other.id))["payable_now"] is True


async def test_a_caller_who_knows_that_nothing_is_shown_saves_the_look() -> None:
    store = StripeStore()
    session = await shown(store)
    await store.stripe.api.cancel_action(store.reader)
    store.stripe.exchange.sent.clear()
    assert (await withdraw(store, session, prompted=False)).verdict is Verdict.CANCELED
    assert len(store.stripe.exchange.sent) == 2


@pytest.mark.parametrize("effect", ["drop_before", "drop_after", "status:500", "status:404:resource_missing"])
async def test_trouble_with_clearing_does_not_keep_it_payable(effect: str) -> None:
    store = StripeStore()
    session = await shown(store)
    await store.stripe.fault(effect, method="POST", path=CANCEL_ACTION, times=2)
    assert (await withdraw(store, session)).verdict is Verdict.CANCELED
    assert (await store.row(session.intent))["payable_now"] is False


async def test_an_offline_reader_cannot_be_cleared_but_its_payment_can_be_canceled() -> None:
    store = StripeStore()
    session = await shown(store)
    await store.customer(state="vanish")
    assert (await withdraw(store, session)).verdict is Verdict.CANCELED
    assert (await store.row(session.intent))["status"] == "canceled"


async def test_money_that_was_held_meanwhile_is_let_go() -> None:
    store = StripeStore()
    session = await shown(store, Capture.MANUAL)
    await store.stripe.present(store.reader)
    assert (await withdraw(store, session)).verdict is Verdict.RELEASED
    assert (await withdraw(store, session)).verdict is Verdict.RELEASED


async def test_money_that_moved_meanwhile_is_told() -> None:
    store = StripeStore()
    session = await shown(store)
    await store.stripe.present(store.reader)
    assert (await withdraw(store, session)).verdict is Verdict.PAID


async def test_a_cancel_that_loses_a_race_tells_who_won() -> None:
    store = StripeStore()
    session = await shown(store)
    keep = store.stripe.api.cancel_payment_intent

    async def beaten(intent: str) -> object:
        await keep(intent)
        return await keep(intent)

    store.stripe.api.cancel_payment_intent = beaten  # type: ignore[method-assign, assignment]  # a race
    assert (await withdraw(store, session)).verdict is Verdict.CANCELED


async def test_a_payment_that_stays_undecided_is_doubt() -> None:
    store = StripeStore(settings=SimulatorSettings(busy_s=1.0))
    session = await shown(store)
    keep = store.stripe.api.retrieve_payment_intent

    async def processing(intent: str) -> object:
        return (await keep(intent)).model_copy(update={"status": "processing"})

    store.stripe.api.retrieve_payment_intent = processing  # type: ignore[method-assign, assignment]  # for ever
    with pytest.raises(DriverError) as caught:
        await withdraw(store, session)
    assert caught.value.code == "still_processing"
    assert 40 <= asyncio.get_running_loop().time() <= 45


async def test_an_amount_that_does_not_fit_is_told_at_once() -> None:
    store = StripeStore()
    session = await shown(store)
    await store.stripe.present(store.reader)
    other = Session(amount=999, references=session.report.references)
    with pytest.raises(AmountMismatchError):
        await withdraw(store, other)
    assert asyncio.get_running_loop().time() == 1


async def test_an_idle_reader_shows_nothing_of_ours() -> None:
    store = StripeStore()
    await store.begin()
    assert ours(await store.stripe.api.retrieve_reader(store.reader), "pi_1") is None


@pytest.mark.parametrize(("times", "left"), [(1, False), (3, False), (99, True)])
async def test_a_dead_prompt_is_taken_off_a_reader_that_did_not_hear(times: int, left: bool) -> None:
    store = StripeStore()
    session = await shown(store)
    await store.stripe.fault("timeout_not_delivered", path=CANCEL_ACTION, times=times)
    assert (await withdraw(store, session)).verdict is Verdict.CANCELED
    reader = await store.stripe.api.retrieve_reader(store.reader)
    assert (reader.action is not None) is left
    assert (await store.row(session.intent))["payable_now"] is False

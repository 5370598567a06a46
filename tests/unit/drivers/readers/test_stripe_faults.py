"""Every fault at every call of a sale: the outcome is always what the books of the simulated Stripe say."""

import asyncio
import contextlib
import random

import pytest

from agent.stripe.errors import NoAnswerError, NotSentError
from agent.stripe.exchange import HttpRequest, HttpResponse
from drivers.contract import Capture, NotStartedError, Outcome, Verdict
from drivers.readers.stripe import StripeReader
from drivers.readers.stripe_timing import Timing
from drivers.simulators.stripe_api.settings import SimulatorSettings
from tests.simulated_exchange import SimulatedExchange
from tests.stripe_store import Session, StripeStore

CALLS = {
    "create": ("POST", "/v1/payment_intents"),
    "process": ("POST", "/v1/terminal/readers/*/process_payment_intent"),
    "look": ("GET", "/v1/terminal/readers/*"),
    "cancel_action": ("POST", "/v1/terminal/readers/*/cancel_action"),
    "read": ("GET", "/v1/payment_intents/*"),
    "cancel": ("POST", "/v1/payment_intents/*/cancel"),
}
EFFECTS = (
    "delay:3",
    "delay:200",
    "delay_answer:200",
    "drop_before",
    "drop_after",
    "torn_body",
    "captive_portal",
    "status:500",
    "status:503",
    "status:401",
    "status:403",
    "status:404:resource_missing",
    "status:409:idempotency_key_in_use",
    "status:429",
    "status:429:lock_timeout",
    "status:400:terminal_reader_busy",
    "status:400:terminal_reader_offline",
    "status:400:terminal_reader_hardware_fault",
    "status:400:intent_invalid_state",
)
READER_EFFECTS = ("timeout_delivered", "timeout_not_delivered")
CUSTOMERS = ("pays", "declined", "cancels", "leaves", "pays late")
TIMING = Timing(patience_s=90.0)


async def act(store: StripeStore, customer: str) -> None:
    """Let the customer do what such customers do."""
    match customer:
        case "pays":
            await store.customer(auto_present={"after": 7})
        case "declined":
            await store.customer(auto_present={"after": 7, "number": "4000000000009995"})
        case "cancels":
            await store.customer(auto_cancel={"after": 6})
        case "pays late":
            await store.customer(auto_present={"after": 11.9})
        case _:
            pass


async def run(
    store: StripeStore, session: Session, driver: StripeReader, customer: str
) -> Outcome | NotStartedError:
    """The sale; a till whose customer leaves, or is too slow, cancels it after twelve seconds."""
    await act(store, customer)
    async with asyncio.TaskGroup() as group:
        sale = group.create_task(store.run(session, driver), name="sale")
        if customer in {"leaves", "pays late"}:
            await asyncio.sleep(12)
            await driver.cancel()
    return sale.result()


@pytest.mark.parametrize("customer", CUSTOMERS)
@pytest.mark.parametrize("call", CALLS)
async def test_a_fault_at_a_call_never_makes_the_outcome_untrue(call: str, customer: str) -> None:
    method, path = CALLS[call]
    for effect in (*EFFECTS, *(READER_EFFECTS if call in {"process", "cancel_action"} else ())):
        for times in (1, 5):
            for settings in (SimulatorSettings(), SimulatorSettings(busy_s=3.0, cancel_clears_reader=True)):
                store = StripeStore(settings=settings, timing=TIMING)
                driver = await store.begin()
                await store.stripe.fault(effect, method=method, path=path, times=times)
                session = Session(capture=Capture.MANUAL if times == 5 else Capture.AUTOMATIC)
                try:
                    await run(store, session, driver, customer)
                except BaseException as error:
                    error.add_note(f"{effect} x {times} at {call}, customer {customer}, {settings}")
                    raise


@pytest.mark.parametrize("block", range(8))
async def test_random_faults_never_make_the_outcome_untrue(block: int) -> None:
    for seed in range(block * 50, block * 50 + 50):
        dice = random.Random(seed)
        settings = SimulatorSettings(
            busy_s=dice.choice((0.0, 0.0, 2.0, 8.0)),
            idle_cancel_fails=dice.random() < 0.5,
            cancel_clears_reader=dice.random() < 0.5,
        )
        store = StripeStore(settings=settings, timing=TIMING, seed=seed)
        driver = await store.begin()
        for _ in range(dice.randint(1, 5)):
            call = dice.choice(list(CALLS))
            method, path = CALLS[call]
            effects = (*EFFECTS, *(READER_EFFECTS * 3 if call in {"process", "cancel_action"} else ()))
            await store.stripe.fault(dice.choice(effects), method=method, path=path, times=dice.randint(1, 6))
        if dice.random() < 0.3:
            await store.customer(
                next_payment=dice.choice(("connection_error", "connection_error_authorized"))
            )
        session = Session(capture=dice.choice((Capture.AUTOMATIC, Capture.MANUAL)))
        try:
            await run(store, session, driver, dice.choice(CUSTOMERS))
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise


class StormyExchange(SimulatedExchange):
    """A line in a storm: requests get lost before or after they are carried out, or arrive late."""

    def __init__(self, calm: SimulatedExchange, dice: random.Random, group: asyncio.TaskGroup) -> None:
        super().__init__(calm.simulator)
        self.dice = dice
        self.group = group
        self.odds = 0.0

    async def send(self, request: HttpRequest) -> HttpResponse:
        if self.dice.random() >= self.odds:
            return await super().send(request)
        match self.dice.randrange(4):
            case 0:
                raise NotSentError("refused")
            case 1:
                await asyncio.sleep(self.dice.choice((0.1, 20.0)))
                raise NoAnswerError("lost on the way there")
            case 2:
                await super().send(request)
                raise NoAnswerError("lost on the way back")
            case _:
                delay_s = self.dice.choice((0.5, 3.0, 9.0, 30.0))
                self.group.create_task(self._later(request, delay_s), name="late request")
                raise NoAnswerError("slow")

    async def _later(self, request: HttpRequest, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        with contextlib.suppress(NoAnswerError):
            await super().send(request)


@pytest.mark.parametrize("block", range(8))
async def test_no_storm_makes_the_outcome_untrue(block: int) -> None:
    ends: set[str] = set()
    for seed in range(block * 60, block * 60 + 60):
        dice = random.Random(seed)
        settings = SimulatorSettings(busy_s=dice.choice((0.0, 2.0, 8.0)))
        store = StripeStore(settings=settings, timing=TIMING, seed=seed)
        session = Session(capture=dice.choice((Capture.AUTOMATIC, Capture.MANUAL)))
        try:
            async with asyncio.TaskGroup() as group:
                storm = StormyExchange(store.stripe.exchange, dice, group)
                driver = await store.begin(exchange=storm)
                storm.odds = dice.choice((0.2, 0.5, 0.8))
                group.create_task(clear_up(storm, dice.uniform(1, 120)), name="weather")
                end = await run(store, session, driver, dice.choice(CUSTOMERS))
                storm.odds = 0.0
            await asyncio.sleep(300)
            await store.check(session, end)  # whatever came late changed nothing any more
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
        ends.add("not_started" if isinstance(end, NotStartedError) else end.verdict.value)
    assert ends >= {"paid", "not_started", "canceled"}


async def clear_up(storm: StormyExchange, after_s: float) -> None:
    await asyncio.sleep(after_s)
    storm.odds = 0.0


async def test_without_faults_each_customer_gets_the_outcome_meant_for_them() -> None:
    wanted = {
        "pays": Verdict.PAID,
        "declined": Verdict.DECLINED,
        "cancels": Verdict.CANCELED,
        "leaves": Verdict.CANCELED,
        "pays late": Verdict.PAID,
    }
    for customer, verdict in wanted.items():
        store = StripeStore()
        driver = await store.begin()
        end = await run(store, Session(), driver, customer)
        assert isinstance(end, Outcome)
        assert end.verdict is verdict, customer

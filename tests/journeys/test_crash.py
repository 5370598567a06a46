"""Kill the gateway at every step of a sale, start it again on what it left, and compare every book.

The judgement is `MortalStore`'s: what the till was told at any time, what the journal says at the end, what
the simulated bank's books hold, and what the reader shows must all agree.
"""

import asyncio
import random
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agent.payments.errors import PaymentsError
from agent.payments.model import State
from drivers.contract import Capture, TipPolicy
from drivers.simulators.stripe_api.settings import SimulatorSettings
from tests.mortal_gateway import MortalStore, Sale, Script, Till, Wire
from tests.thoroughness import THOROUGH, sample

LEAP = 1 if THOROUGH else 3
"""Of a story's steps every third is enough for every day."""

PAYS = {"auto_present": {"after": 7}}
DECLINED = {"auto_present": {"after": 7, "number": "4000000000009995"}}


async def automatic(till: Till) -> None:
    await till.wait(await till.sell(Sale()))


async def tipped(till: Till) -> None:
    await till.wait(await till.sell(Sale(tip=TipPolicy())))


async def captured(till: Till) -> None:
    held = await till.wait(await till.sell(Sale(capture=Capture.MANUAL)))
    if held.state is State.AUTHORIZED:
        assert (await till.capture(held)).state is State.PAID


async def released(till: Till) -> None:
    held = await till.wait(await till.sell(Sale(capture=Capture.MANUAL)))
    if held.state is State.AUTHORIZED:
        assert (await till.wait(await till.cancel(held), State.RELEASED)).state is State.RELEASED


async def held_and_left(till: Till) -> None:
    await till.wait(await till.sell(Sale(capture=Capture.MANUAL)))


async def canceled_at(till: Till, after_s: float, capture: Capture = Capture.AUTOMATIC) -> None:
    session = await till.sell(Sale(capture=capture))
    await asyncio.sleep(after_s)
    session = await till.hear(till.desk.session(session.id, None))
    if session.state is not State.PAID:
        try:
            session = await till.cancel(session)
        except PaymentsError:  # it has just been paid
            session = await till.hear(till.desk.session(session.id, None))
    await till.wait(session)


async def canceled_early(till: Till) -> None:
    await canceled_at(till, 0.0)


async def canceled_while_waiting(till: Till) -> None:
    await canceled_at(till, 3.0)


async def canceled_while_paying(till: Till) -> None:
    await canceled_at(till, 7.21)


async def canceled_while_authorizing(till: Till) -> None:
    await canceled_at(till, 7.35, Capture.MANUAL)


async def refunded(till: Till) -> None:
    sale = await till.wait(await till.sell(Sale()))
    if sale.state is State.PAID:
        part = await till.refund(sale, "refund-1", 300)
        rest = await till.refund(sale, "refund-2")
        assert {part.state, rest.state} <= {State.PAID, State.FAILED}


async def tried_again(till: Till) -> None:
    first = await till.wait(await till.sell(Sale()))
    if first.state is State.DECLINED:
        till.store.customer(**PAYS)
        await till.wait(await till.sell(Sale(key="order-2", retry_of=first.id)))


@dataclass(frozen=True)
class Case:
    """One story: what the till does, what the customer does, and for how long the gateway is down."""

    script: Script
    customer: Mapping[str, Any] = field(default_factory=lambda: PAYS)
    down_s: float = 2.0
    wire: Wire = Wire.ARRIVES
    busy_s: float = 0.0
    stride: int = 1

    def store(self, folder: Path) -> MortalStore:
        folder.mkdir()
        store = MortalStore(folder, settings=SimulatorSettings(busy_s=self.busy_s))
        store.customer(**self.customer)
        return store


CASES = {
    "paid": Case(automatic),
    "paid, the wire is cut too": Case(automatic, wire=Wire.LOST),
    "paid, a request arrives late": Case(automatic, wire=Wire.LATE, stride=2),
    "paid while we were down": Case(automatic, down_s=30.0),
    "paid, we come back after the customer's time": Case(automatic, down_s=200.0),
    "the customer leaves while we are down": Case(automatic, customer={}, down_s=400.0, stride=4),
    "paid during a slow authorization": Case(automatic, busy_s=3.0),
    "tipped": Case(tipped, customer={"auto_present": {"after": 7, "amount_tip": 180}}),
    "tipped while we were down": Case(
        tipped, customer={"auto_present": {"after": 7, "amount_tip": 180}}, down_s=30.0, stride=2
    ),
    "captured": Case(captured),
    "captured, the wire is cut too": Case(captured, wire=Wire.LOST, stride=2),
    "captured, a request arrives late": Case(captured, wire=Wire.LATE, stride=2),
    "released": Case(released),
    "held and left": Case(held_and_left, down_s=30.0),
    "canceled early": Case(canceled_early),
    "canceled while waiting": Case(canceled_while_waiting),
    "canceled while waiting, a request arrives late": Case(canceled_while_waiting, wire=Wire.LATE, stride=2),
    "canceled while waiting, paid while we were down": Case(canceled_while_waiting, down_s=30.0),
    "canceled while paying": Case(canceled_while_paying),
    "canceled while authorizing": Case(canceled_while_authorizing, busy_s=3.0),
    "declined": Case(automatic, customer=DECLINED),
    "declined while we were down": Case(automatic, customer=DECLINED, down_s=30.0, stride=2),
    "canceled on the reader": Case(automatic, customer={"auto_cancel": {"after": 6}}),
    "canceled on the reader while we were down": Case(
        automatic, customer={"auto_cancel": {"after": 6}}, down_s=30.0, stride=2
    ),
    "tried again": Case(tried_again, customer=DECLINED),
    "tried again, paid while we were down": Case(tried_again, customer=DECLINED, down_s=30.0, stride=2),
    "refunded": Case(refunded),
    "refunded, the wire is cut too": Case(refunded, wire=Wire.LOST, stride=2),
    "refunded, a request arrives late": Case(refunded, wire=Wire.LATE, stride=2),
}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In memory where that can be: thousands of flushes to a disk prove nothing here."""
    memory = Path("/dev/shm")  # a directory of our own is made in it
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as name:
        yield Path(name)


@pytest.mark.parametrize("name", CASES)
def test_a_kill_at_any_step_ends_right(folder: Path, name: str) -> None:
    case = CASES[name]
    step = 0
    died = True
    while died:
        store = case.store(folder / str(step))
        try:
            died = store.live(case.script, die_at=step, wire=case.wire) is None
            store.pass_time(case.down_s)
            store.live(case.script)
        except BaseException as error:
            error.add_note(f"killed at step {step}")
            raise
        step += case.stride * LEAP
    assert step > 30


@pytest.mark.parametrize("block", range(5))
def test_two_kills_in_a_row_end_right(folder: Path, block: int) -> None:
    """The second one hits the recovery from the first."""
    for seed in sample(range(block * 30, block * 30 + 30), 10):
        dice = random.Random(seed)
        name = dice.choice(list(CASES))
        case = CASES[name]
        store = case.store(folder / str(seed))
        try:
            store.live(case.script, die_at=dice.randint(2, 60), wire=dice.choice(list(Wire)))
            store.pass_time(dice.choice((0.5, 5.0, case.down_s)))
            store.live(
                case.script, die_at=dice.randint(0, 40), count_start=True, wire=dice.choice(list(Wire))
            )
            store.pass_time(dice.choice((0.5, 5.0, case.down_s)))
            store.live(case.script)
        except BaseException as error:
            error.add_note(f"seed {seed}: {name}")
            raise


CALLS = (
    ("POST", "/v1/payment_intents"),
    ("POST", "/v1/payment_intents/*/capture"),
    ("POST", "/v1/payment_intents/*/cancel"),
    ("GET", "/v1/payment_intents/*"),
    ("POST", "/v1/refunds"),
    ("GET", "/v1/terminal/readers/*"),
    ("POST", "/v1/terminal/readers/*/process_payment_intent"),
    ("POST", "/v1/terminal/readers/*/cancel_action"),
)
EFFECTS = (
    "delay:3",
    "delay:100",
    "drop_before",
    "drop_after",
    "torn_body",
    "status:500",
    "status:429",
    "status:409:idempotency_key_in_use",
    "timeout_delivered",
    "timeout_not_delivered",
)


@pytest.mark.parametrize("block", range(5))
def test_kills_on_a_bad_line_end_right(folder: Path, block: int) -> None:
    for seed in sample(range(block * 20, block * 20 + 20), 8):
        dice = random.Random(seed)
        name = dice.choice(list(CASES))
        case = CASES[name]
        store = case.store(folder / str(seed))
        for _ in range(dice.randint(1, 4)):
            method, path = dice.choice(CALLS)
            effects = EFFECTS if "/readers/*/" in path else EFFECTS[:-2]
            store.fault(dice.choice(effects), method=method, path=path, times=dice.randint(1, 4))
        try:
            store.live(case.script, die_at=dice.randint(2, 90), wire=dice.choice(list(Wire)))
            store.pass_time(dice.choice((0.5, case.down_s)))
            store.live(case.script)
        except BaseException as error:
            error.add_note(f"seed {seed}: {name}")
            raise

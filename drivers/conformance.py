"""The contract's promises as checks for any driver, ours or a stranger's, on a simulator or on hardware.

A driver's author writes a `Bench` and runs every promise of `PROMISES` on a fresh one, for example:

    @pytest.mark.parametrize("promise", PROMISES)
    async def test_promise(promise: str) -> None:
        await PROMISES[promise](MyBench())
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Protocol

from drivers.contract import (
    Capability,
    Capture,
    Decision,
    Driver,
    DriverError,
    Kind,
    Money,
    NotStartedError,
    Outcome,
    PaymentRequest,
    Progress,
    SessionId,
    Settlement,
    Verdict,
)

PATIENCE_S = 300.0
"""No answer takes longer, whatever happens: a till's customer is gone by then."""


class BrokenPromiseError(AssertionError):
    """A driver does not do what the contract says."""


class Customer(StrEnum):
    """What the customer does when asked for a card."""

    PAYS = "pays"  # after some seconds
    IS_DECLINED = "is_declined"
    CANCELS = "cancels"  # on the device
    STAYS_AWAY = "stays_away"


@dataclass(frozen=True, slots=True)
class Books:
    """What the owner of the money says about one session; minor units."""

    held: int = 0
    moved: int = 0  # to the merchant; for a refund: to the customer
    prompts: int = 0  # how often it was shown to a customer
    payable: bool = False  # whether a customer could pay it this moment


class Bench(Protocol):
    """One device with a customer before it, a line that can be cut, and honest books."""

    @property
    def money(self) -> Money:
        """An amount that this device takes."""
        ...

    def driver(self) -> Driver:
        """A driver that remembers nothing, as after a restart, on the same device."""
        ...

    async def customer(self, does: Customer) -> None:
        """From now on the customer does this."""
        ...

    async def line(self, *, up: bool) -> None:
        """Cut the line between driver and device, or mend it."""
        ...

    async def books(self, session: SessionId) -> Books:
        """What really happened."""
        ...

    def refund_references(self, paid: Outcome) -> Mapping[str, str]:
        """What a refund of this sale finds in its request."""
        ...


@dataclass
class Record:
    """A session's journal: what a driver reported is in the next request."""

    request: PaymentRequest
    references: dict[str, str] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    steps: list[Progress] = field(default_factory=list)

    def now(self) -> PaymentRequest:
        """The request as it stands on disk."""
        known = {**self.request.references, **self.references}
        return replace(self.request, references=known, attempts=dict(self.attempts))

    async def progress(self, step: Progress) -> None:
        """As `Report.progress`."""
        self.steps.append(Progress(step))

    async def reference(self, name: str, value: str) -> None:
        """As `Report.reference`."""
        self.references[name] = value

    async def attempt(self, operation: str) -> int:
        """As `Report.attempt`."""
        self.attempts[operation] = self.attempts.get(operation, 0) + 1
        return self.attempts[operation]


Promise = Callable[[Bench], Awaitable[None]]


def _expect(holds: bool, promise: str, seen: object) -> None:
    if not holds:
        raise BrokenPromiseError(f"{promise}; seen: {seen!r}")


def _sale(bench: Bench, **changes: object) -> Record:
    return Record(replace(PaymentRequest(SessionId("ses_1"), Kind.PAYMENT, bench.money), **changes))  # type: ignore[arg-type]  # fields by name


@asynccontextmanager
async def _opened(bench: Bench) -> AsyncIterator[Driver]:
    driver = bench.driver()
    await driver.open()
    try:
        yield driver
    finally:
        await driver.close()


async def _pay(driver: Driver, record: Record) -> Outcome:
    async with asyncio.timeout(PATIENCE_S):
        return await driver.pay(record.now(), record)


async def _agree(bench: Bench, outcome: Outcome, amount: int) -> None:
    """The outcome is what the books say."""
    books = await bench.books(SessionId("ses_1"))
    match outcome.verdict:
        case Verdict.PAID:
            true = (books.held, books.moved, outcome.amount_captured) == (0, amount, amount)
        case Verdict.AUTHORIZED:
            true = (books.held, books.moved, outcome.amount_authorized) == (amount, 0, amount)
        case Verdict.PENDING | Verdict.UNKNOWN:
            true = False
        case _:
            true = (books.held, books.moved, books.payable) == (0, 0, False)
    _expect(true, "an outcome says what the books say", (outcome, books))


async def _until_payable(bench: Bench, sale: asyncio.Task[Any]) -> None:
    while True:
        books = await bench.books(SessionId("ses_1"))
        if books.payable:
            return
        _expect(not sale.done(), "a sale goes on until somebody pays or ends it", (sale, books))
        await asyncio.sleep(0.2)


async def _shown(bench: Bench, record: Record, driver: Driver) -> None:
    """Begin a sale, and abandon it as a dying process would, as soon as a customer could pay."""
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        sale = group.create_task(driver.pay(record.now(), record), name="abandoned sale")
        await _until_payable(bench, sale)
        known = dict(record.references), dict(record.attempts)
        sale.cancel()
        await asyncio.wait([sale])
    _expect(sale.cancelled(), "a real cancellation is not turned into an error or an outcome", sale)
    _expect(any(known), "what a later question needs is reported before anybody can pay", known)


async def _end(driver: Driver, record: Record) -> Outcome:
    """What a lane does with a doubt: ask, go on while it can be paid, ask again."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            outcome = await driver.inquire(record.now())
            if outcome.verdict is Verdict.PENDING:
                outcome = await driver.pay(record.now(), record)
            if outcome.verdict not in {Verdict.PENDING, Verdict.UNKNOWN}:
                return outcome
            await asyncio.sleep(1.0)


# -- the reader ---------------------------------------------------------------------------------------


async def opening_starts_nothing(bench: Bench) -> None:
    """`open` tells what the reader is, may be repeated, and never begins a sale."""
    await bench.customer(Customer.PAYS)
    async with _opened(bench) as driver:
        info = await driver.open()
        _expect(bool(info.device_type), "a reader says what it is", info)
        _expect(set(info.capabilities) <= set(Capability), "capabilities are those of the contract", info)
        await asyncio.sleep(20.0)
    books = await bench.books(SessionId("ses_1"))
    _expect(books == Books(), "opening moves nothing and shows nothing", books)


async def closing_never_fails(bench: Bench) -> None:
    """`close` may be called before `open`, twice, and with the line cut; `open` works again after it."""
    driver = bench.driver()
    await driver.close()
    await driver.open()
    await bench.line(up=False)
    await driver.close()
    await driver.close()
    await bench.line(up=True)
    await driver.open()
    await driver.close()


async def what_is_out_of_reach_is_a_driver_error(bench: Bench) -> None:
    """With the line cut, every call raises `DriverError` and nothing else, also on a driver never opened."""
    record = _sale(bench)
    record.references.update(bench.refund_references(Outcome(Verdict.PAID)))
    await bench.line(up=False)
    driver = bench.driver()
    release = Decision(Settlement.RELEASE)
    calls: Iterable[tuple[str, Callable[[], Awaitable[object]]]] = (
        ("open", driver.open),
        ("pay", lambda: driver.pay(record.now(), record)),
        ("inquire", lambda: driver.inquire(replace(record.now(), attempts={"process": 1}))),
        ("settle", lambda: driver.settle(replace(record.now(), attempts={"process": 1}), release, record)),
    )
    for name, call in calls:
        answer: object = None
        try:
            async with asyncio.timeout(PATIENCE_S):
                answer = await call()
        except DriverError:
            continue
        nothing = isinstance(answer, Outcome) and answer.verdict in {Verdict.FAILED, Verdict.CANCELED}
        _expect(nothing, f"{name} does not invent an answer", answer)
    await driver.close()


# -- a sale -------------------------------------------------------------------------------------------


async def each_customer_gets_the_right_outcome(bench: Bench) -> None:
    """Paid, declined, canceled on the device: the verdict is what the books say."""
    async with _opened(bench) as driver:
        capabilities = (await driver.open()).capabilities
        wanted = {Customer.IS_DECLINED: Verdict.DECLINED, Customer.PAYS: Verdict.PAID}
        if Capability.CUSTOMER_CANCEL in capabilities:
            wanted = {Customer.CANCELS: Verdict.CANCELED, **wanted}
        for number, (customer, verdict) in enumerate(wanted.items()):
            name = SessionId(f"ses_{number}")
            await bench.customer(customer)
            outcome = await _pay(driver, _sale(bench, session=name))
            _expect(outcome.verdict is verdict, f"a customer who {customer} leads to {verdict}", outcome)
            books = await bench.books(name)
            moved = bench.money.amount if verdict is Verdict.PAID else 0
            _expect((books.held, books.moved) == (0, moved), "the books agree", (outcome, books))
            _expect(not books.payable, "what has ended cannot be paid any more", books)


async def a_cancel_ends_the_sale(bench: Bench) -> None:
    """`cancel` returns at once, the answer comes from `pay`; with nothing under way it does nothing."""
    await bench.customer(Customer.STAYS_AWAY)
    record = _sale(bench)
    async with _opened(bench) as driver:
        await driver.cancel()
        async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
            sale = group.create_task(driver.pay(record.now(), record), name="sale")
            await _until_payable(bench, sale)
            await driver.cancel()
        _expect(sale.result().verdict is Verdict.CANCELED, "a canceled sale is canceled", sale.result())
        await _agree(bench, sale.result(), bench.money.amount)
        await driver.cancel()


async def an_abandoned_sale_can_be_asked_about_and_gone_on_with(bench: Bench) -> None:
    """After a crash in mid-sale a fresh driver finds the prompt and takes the money once."""
    await bench.customer(Customer.STAYS_AWAY)
    record = _sale(bench)
    async with _opened(bench) as driver:
        await _shown(bench, record, driver)
    async with _opened(bench) as driver:
        before = await bench.books(record.request.session)
        for _ in range(3):
            asked = await driver.inquire(record.now())
            _expect(asked.verdict in {Verdict.PENDING, Verdict.UNKNOWN}, "nobody has paid yet", asked)
        after = await bench.books(record.request.session)
        _expect(after == before, "a question changes nothing", (before, after))
        await bench.customer(Customer.PAYS)
        await _agree(bench, await _end(driver, record), bench.money.amount)


async def what_was_paid_meanwhile_is_found(bench: Bench) -> None:
    """The customer pays while nobody watches: a fresh driver learns it, and nothing is taken twice."""
    await bench.customer(Customer.PAYS)
    record = _sale(bench)
    async with _opened(bench) as driver:
        await _shown(bench, record, driver)
    await asyncio.sleep(30.0)
    async with _opened(bench) as driver:
        for _ in range(2):
            await _agree(bench, await _end(driver, record), bench.money.amount)
        await _agree(bench, await _pay(driver, record), bench.money.amount)


async def an_abandoned_prompt_can_be_withdrawn(bench: Bench) -> None:
    """`settle(RELEASE)` makes an open prompt unpayable; repeating it says the same."""
    await bench.customer(Customer.STAYS_AWAY)
    record = _sale(bench)
    async with _opened(bench) as driver:
        await _shown(bench, record, driver)
    async with _opened(bench) as driver:
        for _ in range(2):
            outcome = await driver.settle(record.now(), Decision(Settlement.RELEASE), record)
            _expect(outcome.verdict is Verdict.CANCELED, "what was withdrawn is canceled", outcome)
            await _agree(bench, outcome, bench.money.amount)


async def a_line_cut_in_mid_sale_is_doubt_and_never_a_guess(bench: Bench) -> None:
    """Whatever `pay` says of a line that is cut, the books never deny it; doubt is cleared by asking."""
    await bench.customer(Customer.PAYS)
    record = _sale(bench)
    async with _opened(bench) as driver, asyncio.TaskGroup() as group:
        sale = group.create_task(_answer(driver, record), name="sale")
        async with asyncio.timeout(PATIENCE_S):
            await _until_payable(bench, sale)
        await bench.line(up=False)
        await asyncio.wait([sale])
        await bench.line(up=True)
    answer = sale.result()
    _expect(not isinstance(answer, NotStartedError), "a shown prompt is not 'not started'", answer)
    async with _opened(bench) as driver:
        truth = await _end(driver, record) if isinstance(answer, DriverError) else answer
        await _agree(bench, truth, bench.money.amount)


async def _answer(driver: Driver, record: Record) -> Outcome | DriverError:
    try:
        return await _pay(driver, record)
    except DriverError as error:
        return error


# -- settling -----------------------------------------------------------------------------------------


async def held_money_moves_once_or_is_let_go(bench: Bench) -> None:
    """Manual capture: held, then captured or released, however often that is repeated."""
    await bench.customer(Customer.PAYS)
    async with _opened(bench) as driver:
        if Capability.MANUAL_CAPTURE not in (await driver.open()).capabilities:
            return
        ends = {Settlement.CAPTURE: Verdict.PAID, Settlement.RELEASE: Verdict.RELEASED}
        for number, (settlement, verdict) in enumerate(ends.items()):
            record = _sale(bench, capture=Capture.MANUAL, session=SessionId(f"ses_{number}"))
            held = await _pay(driver, record)
            books = await bench.books(record.request.session)
            _expect(held.verdict is Verdict.AUTHORIZED, "manual capture holds the money", held)
            _expect((books.held, books.moved) == (bench.money.amount, 0), "it is held", books)
            record.references.update(held.references)
            for _ in range(2):
                outcome = await driver.settle(record.now(), Decision(settlement), record)
                books = await bench.books(record.request.session)
                moved = bench.money.amount if verdict is Verdict.PAID else 0
                _expect(outcome.verdict is verdict, f"{settlement} leads to {verdict}", outcome)
                _expect((books.held, books.moved) == (0, moved), "the books agree", (outcome, books))


async def money_is_given_back_once(bench: Bench) -> None:
    """A refund repeated with the same request does not give back twice, and can be asked about."""
    await bench.customer(Customer.PAYS)
    async with _opened(bench) as driver:
        if Capability.REFUND not in (await driver.open()).capabilities:
            return
        paid = await _pay(driver, _sale(bench))
        references = bench.refund_references(paid)
        back = _sale(bench, kind=Kind.REFUND, session=SessionId("ses_2"), references=references)
        for _ in range(2):
            outcome = await _pay(driver, back)
            books = await bench.books(SessionId("ses_2"))
            _expect(outcome.verdict is Verdict.PAID, "a refund moves money back", outcome)
            _expect(books.moved == bench.money.amount, "once", books)
        asked = await driver.inquire(back.now())
        _expect(asked.verdict is Verdict.PAID, "and can be asked about", asked)


PROMISES: Mapping[str, Promise] = MappingProxyType(
    {
        promise.__name__: promise
        for promise in (
            opening_starts_nothing,
            closing_never_fails,
            what_is_out_of_reach_is_a_driver_error,
            each_customer_gets_the_right_outcome,
            a_cancel_ends_the_sale,
            an_abandoned_sale_can_be_asked_about_and_gone_on_with,
            what_was_paid_meanwhile_is_found,
            an_abandoned_prompt_can_be_withdrawn,
            a_line_cut_in_mid_sale_is_doubt_and_never_a_guess,
            held_money_moves_once_or_is_let_go,
            money_is_given_back_once,
        )
    }
)
"""Every promise by its name; each needs a bench of its own."""

"""What tills may ask, what they are answered, and what is on disk afterwards."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from agent.payments.change import Conflict, ConflictError
from agent.payments.desk import Desk
from agent.payments.errors import (
    JournalError,
    OrderError,
    PaymentsError,
    PosKeyReusedError,
    ReaderBusyError,
    ReaderUnavailableError,
    StoppingError,
    UnknownReaderError,
    UnknownSessionError,
    WrongStateError,
)
from agent.payments.journal import Journal
from agent.payments.model import (
    EventKind,
    Order,
    PosKey,
    ReaderState,
    ReaderStatus,
    Session,
    SessionQuery,
    State,
    TillName,
)
from agent.payments.policy import DeskPolicy
from drivers.contract import (
    Capability,
    Capture,
    DriverError,
    Kind,
    Money,
    Outcome,
    PaymentRequest,
    ReaderName,
    Report,
    SessionId,
    Settlement,
    TipPolicy,
    Verdict,
)
from tests.unit.agent.payments.fake_driver import (
    ALL,
    HELD,
    LOST,
    ON_THE_DEVICE,
    PAID,
    RELEASED,
    FakeDriver,
    TroubledWriter,
    concluded,
    doubtful,
    held,
    make_lane,
    now,
    open_journal,
    seconds,
    started,
)
from tests.unit.agent.payments.sales import order, refund

TILL = TillName("till-1")


class Counter:
    """A desk with one reader, r1."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.desk = Desk(journal, now=now, policy=DeskPolicy())
        self.driver = FakeDriver()

    @asynccontextmanager
    async def open(self, capabilities: frozenset[Capability] = ALL) -> AsyncIterator[Desk]:
        self.driver.capabilities = capabilities
        self.desk.lanes.adopt(make_lane(self.journal, self.driver))
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.desk.run(), name="desk")
            await asyncio.sleep(0.1)
            yield self.desk
            task.cancel()

    async def until(self, session: Session, *states: State) -> Session:
        session = self.journal.session(session.id)
        while session.state not in states:
            session = await self.journal.changed(session.id, session.seq)
        return session


@pytest_asyncio.fixture
async def counter(tmp_path: Path) -> AsyncIterator[Counter]:
    journal = open_journal(tmp_path)
    yield Counter(journal)
    journal.close()


# -- opening ---------------------------------------------------------------------------------------


async def test_an_order_becomes_a_session_and_its_repeat_the_same_one(counter: Counter) -> None:
    async with counter.open() as desk:
        session, new = await desk.open(order())
        assert (new, session.state, session.driver) == (True, State.IN_FLIGHT, "fake")
        assert desk.busy("r1")
        again, new = await desk.open(order())
        assert (new, again.id) == (False, session.id)
        counter.driver.finish(PAID)
        paid = await counter.until(session, State.PAID)
        assert (await desk.open(order())) == (paid, False)
        await asyncio.sleep(0)
        assert not desk.busy("r1")


async def test_a_reader_that_waits_gets_the_sale_with_the_commit_that_opens_it(counter: Counter) -> None:
    async with counter.open() as desk:
        counter.driver.pays.append(PAID)
        session, _ = await desk.open(order())
        assert [each.kind for each in desk.history(session.id)] == [EventKind.OPENED, EventKind.STARTED]
        await counter.until(session, State.PAID)
    kinds = [each.kind for each in counter.journal.history(session.id)]
    assert kinds == [EventKind.OPENED, EventKind.STARTED, EventKind.CONCLUDED], "nobody was in doubt about it"
    assert counter.driver.count("inquire") == 0


@pytest.mark.parametrize("canceled", [True, False])
async def test_a_sale_that_was_handed_over_may_still_end_before_its_driver_sees_it(
    counter: Counter, canceled: bool
) -> None:
    async with counter.open() as desk:
        lane = desk.lanes.lane("r1")
        session = await counter.journal.open_session(order(), started=lane.handover)
        if canceled:
            await counter.journal.record(session.id, EventKind.CANCEL_ASKED, {"by": "till"})
        else:
            lane.lost()  # its reader was found to be gone before the lane had its turn
            counter.driver.opens.append(DriverError("gone", code="gone"))
        lane.offer(session, fresh=True)
        ended = await counter.until(session, State.CANCELED, State.FAILED)
        assert ended.code == ("canceled_by_till" if canceled else "reader_unreachable")
        assert counter.driver.count("pay") == 0


async def test_a_reader_that_is_still_looked_for_gets_the_sale_when_it_is_reached(counter: Counter) -> None:
    async with counter.open() as desk:
        desk.lanes.lane("r1").lost()
        session, _ = await desk.open(order())
        assert session.state is State.OPENED
        assert (await counter.until(session, State.IN_FLIGHT)).driver == "fake"
        assert desk.lanes.lane("r1").handover is None, "it is busy"


async def test_what_was_handed_over_in_an_earlier_life_is_in_doubt(counter: Counter) -> None:
    session = await counter.journal.open_session(order(), started={"driver": "fake", "options": {}})
    counter.driver.inquiries.append(PAID)
    async with counter.open():
        await counter.until(session, State.PAID)
    kinds = [each.kind for each in counter.journal.history(session.id)]
    assert kinds == [EventKind.OPENED, EventKind.STARTED, EventKind.DOUBTED, EventKind.CONCLUDED]


async def test_ten_at_once_with_one_key_get_one_session(counter: Counter) -> None:
    TroubledWriter(counter.journal).slow = True
    async with counter.open() as desk:
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(desk.open(order()), name=f"till {number}") for number in range(10)]
        answers = [each.result() for each in asked]
        assert len({session.id for session, _ in answers}) == 1
        assert sum(new for _, new in answers) == 1


async def test_of_two_at_once_on_one_reader_one_is_told_busy(counter: Counter) -> None:
    TroubledWriter(counter.journal).slow = True
    async with counter.open() as desk:

        async def ask(key: str) -> Session | PaymentsError:
            try:
                return (await desk.open(order(key)))[0]
            except PaymentsError as error:
                return error

        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(ask(key), name=key) for key in ("a", "b")]
        results = [each.result() for each in asked]
        assert [type(each) for each in results] == [Session, ReaderBusyError]
        with pytest.raises(ReaderBusyError, match="session ses_"):
            await desk.open(order("c"))


@pytest.mark.parametrize(
    "change",
    [
        {"money": Money(1001, "eur")},
        {"reader": ReaderName("r2")},
        {"capture": Capture.MANUAL},
        {"tip": TipPolicy(skip=True)},
        {"description": "other"},
        {"metadata": {"a": "b"}},
        {"retry_of": SessionId("ses_x")},
    ],
)
async def test_a_key_used_again_for_something_else_is_refused(
    counter: Counter, change: dict[str, Any]
) -> None:
    async with counter.open() as desk:
        await desk.open(order())
        with pytest.raises(PosKeyReusedError, match=next(iter(change))):
            await desk.open(replace(order(), **change))


async def test_readers_that_are_not_there_are_told_apart(counter: Counter) -> None:
    async with counter.open() as desk:
        desk.lanes.expect(
            [ReaderStatus(ReaderName("r2"), "fake", "", ReaderState.CONNECTING, now(), "not registered")]
        )
        with pytest.raises(ReaderUnavailableError, match="not registered"):
            await desk.open(order(reader="r2"))
        with pytest.raises(UnknownReaderError):
            await desk.open(order(reader="r3"))
        assert not desk.busy("r3")
        assert [each.name for each in desk.readers()] == ["r1", "r2"]
        assert desk.reader("r2").why == "not registered"


@pytest.mark.parametrize(
    ("change", "missing", "param"),
    [
        ({"capture": Capture.MANUAL}, Capability.MANUAL_CAPTURE, "capture"),
        ({"tip": TipPolicy()}, Capability.TIP, "tip"),
        ({"retry_of": SessionId("ses_x")}, Capability.RETRY, "retry_of"),
    ],
)
async def test_what_a_reader_cannot_do_is_refused(
    counter: Counter, change: dict[str, Any], missing: Capability, param: str
) -> None:
    async with counter.open(ALL - {missing}) as desk:
        with pytest.raises(OrderError) as caught:
            await desk.open(order(**change))
        assert (caught.value.param, caught.value.code) == (param, "unsupported_by_reader")
        await desk.open(order(tip=TipPolicy(skip=True)))


async def test_nothing_new_is_taken_while_stopping_but_what_is_known_is_told(counter: Counter) -> None:
    async with counter.open() as desk:
        session, _ = await desk.open(order())
        sale = await concluded(counter.journal, "k0", reader="r2")
        desk.stop()
        assert (await desk.open(order()))[0].id == session.id
        with pytest.raises(StoppingError):
            await desk.open(order("k2"))
        with pytest.raises(StoppingError):
            await desk.refund(sale.id, None, PosKey("k3"), TILL)


async def test_an_order_that_cannot_be_written_is_not_taken(counter: Counter) -> None:
    async with counter.open() as desk:
        writer = TroubledWriter(counter.journal)
        writer.refuse_next(1)
        with pytest.raises(JournalError):
            await desk.open(order())
        assert counter.driver.count("pay") == 0
        assert (await desk.open(order()))[1]


async def test_a_till_that_hangs_up_while_its_order_is_written_loses_nothing(counter: Counter) -> None:
    writer = TroubledWriter(counter.journal)
    counter.driver.pays.append(PAID)
    async with counter.open() as desk, asyncio.TaskGroup() as group:
        writer.slow = True
        asked = group.create_task(desk.open(order()), name="till")
        await asyncio.sleep(0.2)
        asked.cancel()
        await asyncio.sleep(5)
        [session] = desk.find(SessionQuery(), None)
        assert session.state is State.PAID


@pytest.mark.parametrize(
    ("conflict", "error"),
    [
        (Conflict.READER, ReaderBusyError),
        (Conflict.REFUND, OrderError),
        (Conflict.RETRY, OrderError),
        (Conflict.REFERENCE, OrderError),
        (Conflict.OTHER, JournalError),
        (Conflict.POS_KEY, JournalError),
    ],
)
async def test_what_the_database_forbids_is_told_as_what_it_means(
    counter: Counter, conflict: Conflict, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> Session:
        raise ConflictError(conflict, "no")

    monkeypatch.setattr(counter.journal, "open_session", refuse)
    async with counter.open() as desk:
        with pytest.raises(error):
            await desk.open(order())


# -- trying again ----------------------------------------------------------------------------------


async def declined(journal: Journal, **changes: Any) -> Session:
    session = await started(journal, "k0", **changes)
    await journal.record(session.id, EventKind.REFERENCE, {"name": "payment_intent", "value": "pi_1"})
    return await journal.record(session.id, EventKind.CONCLUDED, {"verdict": "declined"})


async def test_a_declined_sale_is_tried_again_on_the_same_references(counter: Counter) -> None:
    first = await declined(counter.journal)
    async with counter.open() as desk:
        second, new = await desk.open(order("k1", retry_of=first.id))
        assert (new, second.references) == (True, {"payment_intent": "pi_1"})
        with pytest.raises(OrderError) as caught:
            await desk.open(order("k2", retry_of=first.id))
        assert caught.value.code == "retry_too_late"


async def test_what_cannot_be_tried_again_is_refused(counter: Counter) -> None:
    first = await declined(counter.journal)
    paid = await concluded(counter.journal, "k9", reader="r2")
    async with counter.open() as desk:

        async def refused(**changes: Any) -> str:
            with pytest.raises(PaymentsError) as caught:
                await desk.open(order("k1", **{"retry_of": first.id, **changes}))
            return caught.value.code

        assert await refused(retry_of=paid.id) == "wrong_state"
        assert await refused(retry_of=SessionId("ses_none")) == "session_not_found"
        assert await refused(till=TillName("till-2")) == "session_not_found"
        assert await refused(money=Money(999, "eur")) == "retry_differs"
        assert await refused(capture=Capture.MANUAL) == "retry_differs"
        desk.lanes.adopt(make_lane(counter.journal, FakeDriver(), "r2", "another"))
        assert await refused(reader=ReaderName("r2")) == "retry_differs"
        await asyncio.sleep(601)
        assert await refused() == "retry_too_late"


async def test_of_two_that_try_again_at_once_one_wins(counter: Counter) -> None:
    first = await declined(counter.journal)
    TroubledWriter(counter.journal).slow = True
    async with counter.open() as desk:
        desk.lanes.adopt(make_lane(counter.journal, FakeDriver(), "r2"))

        async def ask(key: str, reader: str) -> str:
            try:
                await desk.open(order(key, reader=ReaderName(reader), retry_of=first.id))
            except OrderError as error:
                return error.code
            return "opened"

        async with asyncio.TaskGroup() as group:
            one = group.create_task(ask("k1", "r1"), name="one")
            two = group.create_task(ask("k2", "r2"), name="two")
        assert [one.result(), two.result()] == ["opened", "retry_too_late"]


# -- looking ---------------------------------------------------------------------------------------


async def test_a_till_sees_its_own_sessions_the_operator_all(counter: Counter) -> None:
    session = await started(counter.journal)
    desk = counter.desk
    other = TillName("till-2")
    assert desk.session(session.id, TILL) == desk.session(session.id, None) == session
    with pytest.raises(UnknownSessionError):
        desk.session(session.id, other)
    with pytest.raises(UnknownSessionError):
        desk.session("ses_none", None)
    assert (desk.find(SessionQuery(), TILL), desk.find(SessionQuery(), other)) == ([session], [])
    assert [each.kind for each in desk.history(session.id)] == [EventKind.OPENED, EventKind.STARTED]
    assert desk.totals() == {"in_flight": 1}


async def test_a_change_is_waited_for_and_not_longer_than_asked(counter: Counter) -> None:
    session = await started(counter.journal)
    desk = counter.desk
    assert (await desk.changed(session.id, 1, 100, TILL)).seq == 2
    assert seconds() == 0
    assert (await desk.changed(session.id, 2, 7, TILL)).seq == 2
    assert seconds() == 7
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(desk.changed(session.id, 2, 100, TILL), name="till")
        await asyncio.sleep(3)
        await counter.journal.record(session.id, EventKind.CANCEL_ASKED, {"by": "till"})
    assert (waiting.result().seq, seconds()) == (3, 10)


async def test_a_decision_is_waited_for_through_every_change(counter: Counter) -> None:
    session = await started(counter.journal)
    desk = counter.desk
    assert (await desk.decided(session.id, 7, TILL)).state is State.IN_FLIGHT
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(desk.decided(session.id, 100, TILL), name="till")
        await asyncio.sleep(3)
        await counter.journal.record(session.id, EventKind.CANCEL_ASKED, {"by": "till"})
        await asyncio.sleep(3)
        held = {"verdict": "authorized", "amount_authorized": 1999}
        await counter.journal.record(session.id, EventKind.CONCLUDED, held)
    assert (waiting.result().state, seconds()) == (State.AUTHORIZED, 13)
    assert (await desk.decided(session.id, 7, TILL)).state is State.AUTHORIZED
    with pytest.raises(UnknownSessionError):
        await desk.decided(session.id, 7, TillName("till-2"))


# -- canceling -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("till", "by"), [(TILL, "till"), (None, "operator")])
async def test_a_sale_under_way_is_asked_to_end(counter: Counter, till: TillName | None, by: str) -> None:
    async with counter.open() as desk:
        session, _ = await desk.open(order())
        await counter.until(session, State.IN_FLIGHT)
        asked = await desk.cancel(session.id, till)
        assert asked.cancel_asked == by
        assert (await desk.cancel(session.id, till)).cancel_asked == by
        end = await counter.until(session, State.CANCELED)
        assert await desk.cancel(session.id, till) == end


async def test_held_money_is_let_go_by_a_cancel(counter: Counter) -> None:
    session = await held(counter.journal, capture=Capture.MANUAL)
    async with counter.open() as desk:
        counter.driver.settlements.append(RELEASED)
        assert (await desk.cancel(session.id, TILL)).state is State.RELEASED
        assert (await desk.cancel(session.id, TILL)).state is State.RELEASED


async def test_what_cannot_be_canceled_is_refused(counter: Counter) -> None:
    paid = await concluded(counter.journal)
    back = await counter.journal.open_session(refund(paid, "k2"), on_reader=False)
    for session in (paid, back):
        with pytest.raises(WrongStateError, match="only refunded"):
            await counter.desk.cancel(session.id, TILL)


async def test_a_cancel_that_comes_too_late_is_told_to_look_again(counter: Counter) -> None:
    session = await started(counter.journal)
    writer = TroubledWriter(counter.journal)
    writer.slow = True
    counter.journal.note(session.id, EventKind.CONCLUDED, {"verdict": "paid", "amount_captured": 1000})
    with pytest.raises(WrongStateError, match="look again"):
        await counter.desk.cancel(session.id, TILL)
    await asyncio.sleep(1)


# -- capturing -------------------------------------------------------------------------------------


async def test_held_money_is_moved_once(counter: Counter) -> None:
    session = await held(counter.journal, capture=Capture.MANUAL)
    async with counter.open() as desk:
        counter.driver.settlements.append(Outcome(Verdict.PAID, amount_captured=600))
        assert (await desk.capture(session.id, 600, TILL)).amount_captured == 600
        assert (await desk.capture(session.id, 600, TILL)).amount_captured == 600
        assert (await desk.capture(session.id, None, TILL)).amount_captured == 600
        with pytest.raises(WrongStateError):
            await desk.capture(session.id, 500, TILL)
    assert [(each.settlement, each.amount) for each in counter.driver.decisions] == [
        (Settlement.CAPTURE, 600)
    ]


async def test_all_of_it_is_all_of_it_however_it_is_said(counter: Counter) -> None:
    session = await held(counter.journal, capture=Capture.MANUAL)
    async with counter.open(ALL - {Capability.PARTIAL_CAPTURE}) as desk:
        counter.driver.settlements.append(LOST)
        async with asyncio.TaskGroup() as group:
            first = group.create_task(desk.capture(session.id, 1000, TILL), name="first")
            await asyncio.sleep(0.1)
            counter.driver.settlements.append(PAID)
            second = group.create_task(desk.capture(session.id, None, TILL), name="second")
            await asyncio.sleep(0.1)
            with pytest.raises(WrongStateError, match="under way to capture 1000"):
                await desk.cancel(session.id, TILL)
            with pytest.raises(WrongStateError, match="under way to capture 1000"):
                await desk.capture(session.id, 3, TILL)
        assert first.result().state is second.result().state is State.PAID


@pytest.mark.parametrize("amount", [0, -1, 1001])
async def test_more_than_is_held_or_nothing_is_not_captured(counter: Counter, amount: int) -> None:
    session = await held(counter.journal, capture=Capture.MANUAL)
    with pytest.raises(OrderError, match="from 1 to 1000"):
        await counter.desk.capture(session.id, amount, TILL)


async def test_a_reader_that_can_only_capture_all_is_not_asked_for_less(counter: Counter) -> None:
    session = await held(counter.journal, capture=Capture.MANUAL)
    async with counter.open(ALL - {Capability.PARTIAL_CAPTURE}) as desk:
        with pytest.raises(OrderError, match="all of it"):
            await desk.capture(session.id, 600, TILL)


async def test_a_capture_that_takes_long_is_under_way_and_is_not_lost(counter: Counter) -> None:
    session = await held(counter.journal, capture=Capture.MANUAL)
    async with counter.open() as desk:
        counter.driver.settlements.extend([LOST] * 5)
        slow = await desk.capture(session.id, None, TILL)
        assert (slow.state, slow.settling is not None) == (State.AUTHORIZED, True)
        assert seconds() == pytest.approx(10.1)
        counter.driver.settlements.append(PAID)
        await counter.until(session, State.PAID)


async def test_only_held_money_can_be_captured(counter: Counter) -> None:
    session = await started(counter.journal)
    with pytest.raises(WrongStateError, match="in_flight"):
        await counter.desk.capture(session.id, None, TILL)


async def test_without_any_reader_nothing_is_promised(counter: Counter) -> None:
    session = await held(counter.journal, capture=Capture.MANUAL)
    with pytest.raises(UnknownReaderError):
        await counter.desk.capture(session.id, None, TILL)
    assert counter.journal.session(session.id).settling is None


# -- giving back -----------------------------------------------------------------------------------


async def test_a_paid_sale_is_given_back_in_parts_by_any_till(counter: Counter) -> None:
    sale = await concluded(counter.journal)
    async with counter.open() as desk:
        counter.driver.pays.extend([PAID, PAID])
        part, new = await desk.refund(sale.id, 300, PosKey("r1"), TillName("till-2"))
        assert (new, part.state, part.order.kind) == (True, State.PAID, Kind.REFUND)
        assert await desk.refund(sale.id, 300, PosKey("r1"), TillName("till-2")) == (part, False)
        rest, _ = await desk.refund(sale.id, None, PosKey("r2"), None)
        assert (rest.order.money, rest.order.till) == (Money(700, "eur"), "operator")
        assert (await desk.refund(sale.id, None, PosKey("r2"), None))[0].id == rest.id
        assert desk.session(sale.id, None).amount_refunded == 1000
        with pytest.raises(WrongStateError, match="nothing left"):
            await desk.refund(sale.id, None, PosKey("r3"), TILL)
        with pytest.raises(PosKeyReusedError):
            await desk.refund(sale.id, 200, PosKey("r1"), TillName("till-2"))
    assert counter.driver.requests[0].references == {}


@pytest.mark.parametrize("amount", [0, -1, 1001])
async def test_more_than_is_left_or_nothing_is_not_given_back(counter: Counter, amount: int) -> None:
    sale = await concluded(counter.journal)
    async with counter.open() as desk:
        with pytest.raises(OrderError, match="from 1 to 1000"):
            await desk.refund(sale.id, amount, PosKey("r1"), TILL)


async def test_refunds_under_way_count(counter: Counter) -> None:
    sale = await concluded(counter.journal)
    async with counter.open() as desk:

        async def slow(request: PaymentRequest, report: Report) -> Outcome:
            await asyncio.sleep(30)
            return PAID

        counter.driver.pays.append(slow)
        first, _ = await desk.refund(sale.id, 600, PosKey("r1"), TILL)
        assert first.state is State.IN_FLIGHT
        with pytest.raises(OrderError, match="under way"):
            await desk.refund(sale.id, 600, PosKey("r2"), TILL)
        await counter.until(first, State.PAID)


async def test_a_sale_that_is_not_paid_is_not_given_back(counter: Counter) -> None:
    session = await started(counter.journal)
    counter.driver.inquiries.extend([LOST] * 5)
    async with counter.open() as desk:
        with pytest.raises(WrongStateError, match="in_doubt"):
            await desk.refund(session.id, None, PosKey("r1"), TILL)


async def test_a_reader_that_cannot_give_back_says_so(counter: Counter) -> None:
    sale = await concluded(counter.journal)
    async with counter.open(ALL - {Capability.REFUND}) as desk:
        with pytest.raises(OrderError) as caught:
            await desk.refund(sale.id, None, PosKey("r1"), TILL)
        assert caught.value.code == "refund_unsupported"


async def test_a_refund_on_the_device_waits_for_nobody(counter: Counter) -> None:
    sale = await concluded(counter.journal)
    async with counter.open(ON_THE_DEVICE) as desk:
        session, _ = await desk.open(order("k1x"))
        with pytest.raises(ReaderBusyError):
            await desk.refund(sale.id, None, PosKey("r1"), TILL)
        await counter.until(session, State.IN_FLIGHT)
        counter.driver.finish(PAID)
        await counter.until(session, State.PAID)
        await asyncio.sleep(0)
        counter.driver.pays.append(PAID)
        back, _ = await desk.refund(sale.id, None, PosKey("r1"), TILL)
        assert (back.state, back.on_reader) == (State.PAID, True)


# -- an operator's word ----------------------------------------------------------------------------


async def test_an_operators_word_ends_a_doubt(counter: Counter) -> None:
    session = await doubtful(counter.journal)
    counter.driver.inquiries.extend([LOST] * 5)
    async with counter.open() as desk:
        ruled = await desk.rule(session.id, PAID)
        assert (ruled.state, ruled.amount_captured) == (State.PAID, 1000)
        with pytest.raises(WrongStateError, match="no doubt"):
            await desk.rule(session.id, PAID)


async def test_an_operators_word_is_one_of_the_ends(counter: Counter) -> None:
    session = await doubtful(counter.journal)
    with pytest.raises(WrongStateError):
        await counter.desk.rule(session.id, Outcome(Verdict.PENDING))


@pytest.mark.parametrize(("outcome", "given_back"), [(PAID, 300), (RELEASED, 0)])
async def test_a_refund_that_was_made_by_an_operators_word_counts(
    counter: Counter, outcome: Outcome, given_back: int
) -> None:
    sale = await concluded(counter.journal)
    back = await counter.journal.open_session(refund(sale, "r1", 300), on_reader=False)
    await counter.journal.record(back.id, EventKind.STARTED, {"driver": "fake", "options": {}})
    await counter.journal.record(back.id, EventKind.DOUBTED, {"code": "x", "message": "y"})
    outcome = replace(outcome, amount_captured=300 if given_back else 0)
    await counter.desk.rule(back.id, outcome)
    assert counter.journal.session(sale.id).amount_refunded == given_back


async def test_the_books_of_a_whole_day_add_up(counter: Counter) -> None:
    def wanted(number: int) -> Order:
        return order(f"k{number}", money=Money(100 + number, "eur"))

    async with counter.open() as desk:
        for number in range(20):
            amount = 100 + number
            counter.driver.pays.append(
                Outcome(Verdict.PAID, amount_authorized=amount, amount_captured=amount)
                if number % 3
                else Outcome(Verdict.DECLINED)
            )
            session, _ = await desk.open(wanted(number))
            await counter.until(session, State.PAID, State.DECLINED)
            await asyncio.sleep(0)
        sold = desk.find(SessionQuery(limit=100), TILL)
        assert sum(each.amount_captured for each in sold) == sum(100 + n for n in range(20) if n % 3)
        assert desk.totals() == {"paid": 13, "declined": 7}


# -- what a door notes -----------------------------------------------------------------------------


@pytest.mark.parametrize("ends", ["before", "together", "asked"])
async def test_nothing_is_noted_of_money_that_is_being_let_go(
    counter: Counter, ends: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A register must not hear "paid" of a hold that the sweep, an operator or the clock has given up."""
    async with counter.open() as desk:
        session, _ = await desk.open(order(capture=Capture.MANUAL))
        await counter.until(session, State.IN_FLIGHT)
        if ends == "asked":
            # authorized in the same moment; that it is to be let go is about to be written down
            facts: dict[str, object] = {"verdict": "authorized", "amount_authorized": 1000}
            asked = (session.id, EventKind.CANCEL_ASKED, {"by": "timeout"})
            await counter.journal.record_all([asked, (session.id, EventKind.CONCLUDED, facts)])
        else:
            counter.driver.finish(HELD)
            await counter.until(session, State.AUTHORIZED)
        seen = desk.session(session.id, TILL)
        if ends != "asked":
            await counter.journal.record(session.id, EventKind.SETTLING, {"settlement": "release"})
        if ends == "together":  # on its way to the disk, before what is noted
            monkeypatch.setattr(desk, "session", lambda *_: seen)
        with pytest.raises(WrongStateError):
            await desk.note(session.id, {"register_answer": "80 00"}, TILL)
        if ends == "asked":
            counter.driver.finish(HELD)


async def test_a_door_notes_what_its_till_said_of_a_sale_that_is_held_or_paid(counter: Counter) -> None:
    async with counter.open() as desk:
        session, _ = await desk.open(order(capture=Capture.MANUAL))
        with pytest.raises(WrongStateError, match="nothing can be noted"):
            await desk.note(session.id, {"register_answer": "80 00"}, TILL)
        await counter.until(session, State.IN_FLIGHT)
        counter.driver.finish(HELD)
        await counter.until(session, State.AUTHORIZED)
        told = {"register_answer": "80 00", "register_receipt": "0001"}
        noted = await desk.note(session.id, told, TILL)
        assert noted.references["register_receipt"] == "0001"
        assert noted.references["register_answer"] == "80 00"
        assert await desk.note(session.id, {"register_answer": "80 00"}, TILL) == noted
        counter.driver.settlements.append(PAID)
        await desk.capture(session.id, None, TILL)
        paid = await desk.note(session.id, {"register_answer_7": "84 9D 500"}, TILL)
        assert (paid.state, paid.references["register_answer_7"]) == (State.PAID, "84 9D 500")
        with pytest.raises(UnknownSessionError):
            await desk.note(session.id, {"register_answer": "80 00"}, TillName("another"))

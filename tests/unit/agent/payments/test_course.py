"""One session's way: every state it can be found in, every word and every error of its driver."""

import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from agent.payments.course import Course
from agent.payments.errors import JournalError
from agent.payments.journal import Journal
from agent.payments.machine import IllegalStepError
from agent.payments.model import EventKind, ReaderState, Session, State
from drivers.contract import (
    NEVER_SENT,
    Capture,
    Decision,
    LinkError,
    NotStartedError,
    Outcome,
    PaymentRequest,
    RefusedError,
    Report,
    SessionId,
    Settlement,
    Verdict,
)
from tests.unit.agent.payments.fake_driver import (
    DECLINED,
    HELD,
    LOST,
    PAID,
    PENDING,
    POLICY,
    UNKNOWN,
    FakeDriver,
    FakeReader,
    TroubledWriter,
    concluded,
    doubtful,
    held,
    now,
    open_journal,
    seconds,
    started,
)
from tests.unit.agent.payments.sales import order, refund

REFUSED = RefusedError("too much", code="amount_too_large", decline_code="do_not_honor")


class Scene:
    """A journal, a reader, a driver, and the course between them."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.driver = FakeDriver()
        self.reader = FakeReader()
        self.now: Callable[[], datetime] = now

    async def run(self, session: Session, keep: Callable[[Session], bool] = lambda _: True) -> Session:
        return await Course(
            session.id,
            self.reader,
            self.driver,
            self.journal,
            now=self.now,
            policy=POLICY,
            chance=lambda: 0.0,
        ).run(keep)

    def kinds(self, session: Session) -> list[str]:
        return [event.kind.value for event in self.journal.history(session.id)]

    async def cancel(self, session: SessionId) -> None:
        await self.journal.record(session, EventKind.CANCEL_ASKED, {"by": "till"})


@pytest_asyncio.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    journal = open_journal(tmp_path)
    yield Scene(journal)
    journal.close()


# -- beginning -------------------------------------------------------------------------------------


async def test_a_sale_is_begun_paid_and_told_in_one_line(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    session = await scene.journal.open_session(order())
    scene.driver.pays.append(PAID)
    end = await scene.run(session)
    assert (end.state, end.amount_captured, end.driver) == (State.PAID, 1000, "fake")
    assert scene.kinds(session) == ["opened", "started", "concluded"]
    assert [each.message.split(":")[0] for each in caplog.records] == [f"session {session.id} paid"]
    await scene.run(session)
    assert len(caplog.records) == 1, "the one line is not repeated"


async def test_what_nobody_wants_any_more_is_not_begun(scene: Scene) -> None:
    session = await scene.journal.open_session(order())
    await scene.cancel(session.id)
    assert (await scene.run(session)).code == "canceled_by_till"
    assert scene.driver.calls == []


async def test_what_was_not_begun_in_the_customers_time_has_failed(scene: Scene) -> None:
    session = await scene.journal.open_session(order())
    scene.now = lambda: now() + timedelta(seconds=100)
    end = await scene.run(session)
    assert (end.state, end.code) == (State.FAILED, "not_started")


async def test_a_clock_that_was_set_back_gives_nobody_more_than_a_turn(scene: Scene) -> None:
    session = await scene.journal.open_session(order())
    scene.now = lambda: now() - timedelta(hours=5)
    assert (await scene.run(session)).state is State.CANCELED
    assert scene.driver.calls == [("pay", 0.0), ("cancel", 100.0)]


async def test_a_reader_that_cannot_be_reached_fails_the_sale_for_certain(scene: Scene) -> None:
    session = await scene.journal.open_session(order())
    scene.reader.faults.append(LinkError("no line"))
    end = await scene.run(session)
    assert (end.state, end.code, end.message) == (State.FAILED, "reader_unreachable", "no line")
    assert (ReaderState.OFFLINE, "no line") in scene.reader.shown
    assert scene.driver.calls == []


async def test_a_cancel_that_comes_while_the_reader_is_reached_is_in_time(scene: Scene) -> None:
    session = await scene.journal.open_session(order())
    scene.reader.when_reached = lambda: scene.cancel(session.id)
    assert (await scene.run(session)).state is State.CANCELED
    assert scene.driver.calls == []


async def test_what_needs_no_device_does_not_wait_for_it(scene: Scene) -> None:
    sale = await concluded(scene.journal)
    session = await scene.journal.open_session(refund(sale, "k2", 300), on_reader=False)
    scene.driver.pays.append(PAID)
    assert (await scene.run(session)).state is State.PAID
    assert (scene.reader.reaches, scene.reader.shown) == (0, [])
    assert scene.journal.session(sale.id).amount_refunded == 300


# -- what the driver says --------------------------------------------------------------------------


@pytest.mark.parametrize("canceled", [False, True])
async def test_certain_that_nothing_began_is_failed_or_canceled(scene: Scene, canceled: bool) -> None:
    session = await scene.journal.open_session(order())

    async def refuse(request: PaymentRequest, report: Report) -> Outcome:
        if canceled:
            await scene.cancel(request.session)
        raise NotStartedError("paper is out", code="no_paper")

    scene.driver.pays.append(refuse)
    end = await scene.run(session)
    assert (end.state, end.code) == (State.CANCELED if canceled else State.FAILED, "no_paper")
    assert scene.reader.losses == 1


@pytest.mark.parametrize(
    "reply", [LOST, LinkError("gone"), REFUSED, PENDING, UNKNOWN, Outcome(Verdict.UNKNOWN)]
)
async def test_whatever_is_not_certain_is_doubt_and_is_asked(
    scene: Scene, reply: Exception | Outcome
) -> None:
    session = await scene.journal.open_session(order())
    scene.driver.pays.append(reply)
    scene.driver.inquiries.append(PAID)
    assert (await scene.run(session)).state is State.PAID
    assert scene.kinds(session) == ["opened", "started", "doubted", "concluded"]
    doubt = scene.journal.history(session.id)[2].facts["code"]
    assert doubt == (reply.code or "unknown_outcome")  # type: ignore[union-attr]  # both have a code


@pytest.mark.parametrize("verdict", [Verdict.DECLINED, Verdict.CANCELED, Verdict.FAILED, Verdict.RELEASED])
async def test_a_final_word_is_the_end(scene: Scene, verdict: Verdict) -> None:
    session = await scene.journal.open_session(order())
    scene.driver.pays.append(Outcome(verdict, code="x"))
    assert (await scene.run(session)).state.value == verdict.value


async def test_held_money_stays_held(scene: Scene) -> None:
    session = await scene.journal.open_session(order(capture=Capture.MANUAL))
    scene.driver.pays.append(HELD)
    end = await scene.run(session)
    assert (end.state, end.settling) == (State.AUTHORIZED, None)


async def test_held_money_that_nobody_wants_any_more_is_let_go(scene: Scene) -> None:
    session = await scene.journal.open_session(order(capture=Capture.MANUAL))

    async def late(request: PaymentRequest, report: Report) -> Outcome:
        await scene.cancel(request.session)
        return HELD

    scene.driver.pays.append(late)
    scene.driver.inquiries.append(HELD)
    assert (await scene.run(session)).state is State.RELEASED
    assert scene.driver.decisions == [Decision(Settlement.RELEASE)]


async def test_a_cancel_still_on_its_way_to_the_disk_counts_too(scene: Scene) -> None:
    session = await scene.journal.open_session(order(capture=Capture.MANUAL))
    writer = TroubledWriter(scene.journal)

    async def late(request: PaymentRequest, report: Report) -> Outcome:
        writer.slow = True
        scene.journal.note(request.session, EventKind.CANCEL_ASKED, {"by": "till"})
        return HELD

    scene.driver.pays.append(late)
    scene.driver.inquiries.append(HELD)
    assert (await scene.run(session)).state is State.RELEASED
    assert scene.kinds(session)[2:] == ["cancel_asked", "doubted", "settling", "concluded"]


async def test_a_cancel_on_its_way_to_the_disk_counts_when_a_doubt_ends(scene: Scene) -> None:
    session = await doubtful(scene.journal)
    writer = TroubledWriter(scene.journal)

    async def late(_: PaymentRequest, __: Report) -> Outcome:
        writer.slow = True
        scene.journal.note(session.id, EventKind.CANCEL_ASKED, {"by": "till"})
        return HELD

    scene.driver.inquiries.append(late)
    assert (await scene.run(session)).state is State.RELEASED
    assert scene.kinds(session)[-3:] == ["cancel_asked", "settling", "concluded"]


# -- doubt -----------------------------------------------------------------------------------------


async def test_a_session_of_an_earlier_life_is_asked_about(scene: Scene) -> None:
    session = await started(scene.journal)
    scene.driver.inquiries.append(DECLINED)
    end = await scene.run(session)
    assert (end.state, scene.kinds(session)[2:]) == (State.DECLINED, ["doubted", "concluded"])
    assert scene.driver.count("pay") == 0


async def test_the_owner_of_the_truth_is_asked_until_it_can_tell_less_and_less_often(scene: Scene) -> None:
    session = await doubtful(scene.journal)
    scene.driver.inquiries.extend([LOST, UNKNOWN, LOST, PAID])
    assert (await scene.run(session)).state is State.PAID
    assert [at for name, at in scene.driver.calls if name == "inquire"] == [0.0, 1.0, 3.0, 7.0]
    assert scene.journal.session(session.id).checks == 3


async def test_asking_goes_on_when_the_device_is_gone(scene: Scene) -> None:
    session = await doubtful(scene.journal)
    scene.reader.faults.append(LOST)
    scene.driver.inquiries.append(PAID)
    assert (await scene.run(session)).state is State.PAID


async def test_a_prompt_that_still_waits_is_taken_up_again(scene: Scene) -> None:
    session = await doubtful(scene.journal)
    scene.driver.inquiries.append(PENDING)
    scene.driver.pays.append(PAID)
    assert (await scene.run(session)).state is State.PAID
    assert scene.kinds(session)[3:] == ["resumed", "concluded"]


async def test_what_comes_back_undecided_again_and_again_is_not_tried_in_a_rush(scene: Scene) -> None:
    sale = await concluded(scene.journal)
    session = await scene.journal.open_session(refund(sale, "k2"), on_reader=False)
    scene.driver.pays.extend([PENDING] * 6)
    scene.driver.inquiries.extend([PENDING] * 30)
    scene.driver.pays.append(PAID)
    assert (await scene.run(session)).state is State.PAID
    assert [at for name, at in scene.driver.calls if name == "pay"] == [0, 0, 2, 6, 14, 30, 60]


@pytest.mark.parametrize("why", ["till", "time"])
async def test_a_prompt_that_nobody_wants_is_withdrawn(scene: Scene, why: str) -> None:
    session = await doubtful(scene.journal)
    if why == "till":
        await scene.cancel(session.id)
    else:
        scene.now = lambda: now() + timedelta(seconds=200)
    scene.driver.inquiries.append(PENDING)
    scene.driver.settlements.append(Outcome(Verdict.CANCELED, code="withdrawn"))
    end = await scene.run(session)
    assert (end.state, end.code) == (State.CANCELED, "withdrawn")
    assert scene.kinds(session)[-2:] == ["settling", "concluded"]


async def test_a_cancel_that_comes_while_we_ask_is_not_overheard(scene: Scene) -> None:
    session = await doubtful(scene.journal)

    async def ask(request: PaymentRequest, report: Report) -> Outcome:
        await scene.cancel(request.session)
        return PENDING

    scene.driver.inquiries.append(ask)
    assert (await scene.run(session)).state is State.RELEASED
    assert scene.driver.count("pay") == 0


async def test_a_withdrawal_is_repeated_until_it_is_answered(scene: Scene) -> None:
    session = await doubtful(scene.journal)
    await scene.cancel(session.id)
    scene.driver.inquiries.append(PENDING)
    scene.driver.settlements.extend([LOST, REFUSED, PENDING, Outcome(Verdict.UNKNOWN), PAID])
    end = await scene.run(session)
    assert end.state is State.PAID, "the customer was faster"
    assert [at for name, at in scene.driver.calls if name == "settle"] == [0, 1, 3, 7, 15]
    assert {each.settlement for each in scene.driver.decisions} == {Settlement.RELEASE}


# -- settling --------------------------------------------------------------------------------------


async def settling(scene: Scene, settlement: str = "capture", **facts: object) -> Session:
    session = await held(scene.journal, capture=Capture.MANUAL)
    return await scene.journal.record(session.id, EventKind.SETTLING, {"settlement": settlement, **facts})


async def test_a_promised_capture_is_carried_out(scene: Scene) -> None:
    session = await settling(scene, amount=600)
    scene.driver.settlements.append(Outcome(Verdict.PAID, amount_authorized=1000, amount_captured=600))
    end = await scene.run(session)
    assert (end.state, end.amount_captured, end.settling) == (State.PAID, 600, None)
    assert scene.driver.decisions == [Decision(Settlement.CAPTURE, 600)]


async def test_a_capture_refused_for_good_leaves_the_money_held_and_says_why(scene: Scene) -> None:
    session = await settling(scene)
    scene.driver.settlements.append(REFUSED)
    end = await scene.run(session)
    assert (end.state, end.settling, end.amount_authorized) == (State.AUTHORIZED, None, 1000)
    assert (end.code, end.message, end.decline_code) == ("amount_too_large", "too much", "do_not_honor")
    assert scene.driver.count("settle") == 1


@pytest.mark.parametrize("verdict", [Verdict.CANCELED, Verdict.FAILED, Verdict.DECLINED, Verdict.RELEASED])
async def test_a_hold_that_is_gone_was_released_whatever_it_is_called(scene: Scene, verdict: Verdict) -> None:
    session = await settling(scene)
    scene.driver.settlements.append(Outcome(verdict, code="expired"))
    end = await scene.run(session)
    assert (end.state, end.code) == (State.RELEASED, "expired")


async def test_a_capture_goes_on_when_its_session_is_taken_elsewhere(scene: Scene) -> None:
    session = await settling(scene)
    same = await scene.run(session, lambda each: each.state is not State.AUTHORIZED)
    assert same.needs_lane
    assert scene.driver.calls == []


# -- what never left us ----------------------------------------------------------------------------

NOTHING_SENT = Outcome(Verdict.FAILED, code=NEVER_SENT, message="nothing was sent")


async def test_what_was_never_sent_is_begun_again_while_there_is_time(scene: Scene) -> None:
    session = await started(scene.journal)
    scene.driver.inquiries.append(NOTHING_SENT)
    scene.driver.pays.append(PAID)
    end = await scene.run(session)
    assert end.state is State.PAID
    assert scene.kinds(session) == ["opened", "started", "doubted", "resumed", "concluded"]


async def test_what_was_never_sent_and_is_not_wanted_ends_so(scene: Scene) -> None:
    session = await started(scene.journal)
    await scene.cancel(session.id)
    scene.driver.inquiries.append(NOTHING_SENT)
    end = await scene.run(session)
    assert (end.state, end.code) == (State.CANCELED, "canceled_by_till")
    assert scene.driver.count("pay") == 0


async def test_what_was_never_sent_and_comes_too_late_has_failed_for_certain(scene: Scene) -> None:
    session = await started(scene.journal)
    scene.now = lambda: now() + timedelta(seconds=POLICY.payment_timeout_s)
    scene.driver.inquiries.append(NOTHING_SENT)
    end = await scene.run(session)
    assert (end.state, end.code) == (State.FAILED, NEVER_SENT)
    assert scene.driver.count("pay") == 0


# -- trouble with the disk, and with others --------------------------------------------------------


async def test_what_cannot_be_written_is_not_told_and_is_asked_when_the_disk_works(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    session = await scene.journal.open_session(order())
    writer = TroubledWriter(scene.journal)

    async def reported(request: PaymentRequest, report: Report) -> Outcome:
        writer.refuse_next(3)
        await report.reference("payment_intent", "pi_1")
        raise AssertionError("not reached: it is not on disk")

    scene.driver.pays.append(reported)
    scene.driver.inquiries.append(Outcome(Verdict.FAILED, code="reader_failed"))
    assert (await scene.run(session)).code == "reader_failed"
    assert seconds() == 1 + 2 + 4
    said = [each.levelname for each in caplog.records if "cannot be written" in each.message]
    assert said == ["ERROR"], "said once"
    assert scene.reader.shown[-2][0] is ReaderState.IN_DOUBT


async def test_a_reader_is_not_shown_in_doubt_for_what_goes_on_beside_it(scene: Scene) -> None:
    sale = await concluded(scene.journal)
    session = await scene.journal.open_session(refund(sale, "k2"), on_reader=False)
    TroubledWriter(scene.journal).refuse_next(1)
    scene.driver.pays.append(LOST)
    assert (await scene.run(session)).state is State.PAID
    assert scene.reader.shown == []


async def test_a_session_that_cannot_even_be_read_is_tried_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await scene.journal.open_session(order())
    read = scene.journal.session
    faults = deque([JournalError("input/output error")])

    def troubled(name: str) -> Session:
        if faults:
            raise faults.popleft()
        return read(name)

    monkeypatch.setattr(scene.journal, "session", troubled)
    scene.driver.pays.append(PAID)
    assert (await scene.run(session)).state is State.PAID


async def test_an_outcome_that_claims_anothers_reference_is_never_written(scene: Scene) -> None:
    first = await started(scene.journal, reader="r2")
    await scene.journal.record(first.id, EventKind.REFERENCE, {"name": "charge", "value": "ch_1"})
    session = await scene.journal.open_session(order("k2"))
    scene.driver.pays.append(Outcome(Verdict.PAID, amount_captured=1000, references={"charge": "ch_1"}))
    scene.driver.inquiries.append(PAID)
    assert (await scene.run(session)).references == {}


@pytest.mark.parametrize("verdict", ["paid", "canceled"])
async def test_an_operators_word_overtakes_us(scene: Scene, verdict: str) -> None:
    session = await doubtful(scene.journal)

    async def ask(request: PaymentRequest, report: Report) -> Outcome:
        captured = {"amount_captured": 1000} if verdict == "paid" else {}
        await scene.journal.record(request.session, EventKind.RULED, {"verdict": verdict, **captured})
        return PENDING

    scene.driver.inquiries.append(ask)
    assert (await scene.run(session)).state.value == verdict
    assert scene.kinds(session)[-1] == "ruled"


async def test_an_operators_word_may_still_be_on_its_way_to_the_disk(scene: Scene) -> None:
    session = await doubtful(scene.journal)
    writer = TroubledWriter(scene.journal)

    async def ask(request: PaymentRequest, report: Report) -> Outcome:
        writer.slow = True
        scene.journal.note(request.session, EventKind.RULED, {"verdict": "canceled"})
        return PAID

    scene.driver.inquiries.append(ask)
    assert (await scene.run(session)).state is State.CANCELED


async def test_an_illegal_step_of_our_own_is_a_bug_and_ends_the_process(scene: Scene) -> None:
    session = await scene.journal.open_session(order())
    scene.driver.pays.append(Outcome(Verdict.DECLINED, amount_captured=5))
    with pytest.raises(IllegalStepError):
        await scene.run(session)

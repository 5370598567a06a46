"""One reader, one session at a time: turns, reaching, losing, and what goes on beside."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from agent.payments.errors import JournalError
from agent.payments.journal import Journal
from agent.payments.lane import Lane
from agent.payments.model import EventKind, ReaderState, Session, State
from drivers.contract import (
    Capability,
    Capture,
    DriverError,
    LinkError,
    LinkHealth,
    NotStartedError,
    Outcome,
    PaymentRequest,
    RefusedError,
    Report,
    Verdict,
)
from tests.unit.agent.payments.fake_driver import (
    DECLINED,
    HELD,
    LOST,
    ON_THE_DEVICE,
    PAID,
    RELEASED,
    FakeDriver,
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


@pytest_asyncio.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    journal = open_journal(tmp_path)
    yield journal
    journal.close()


@asynccontextmanager
async def running(lane: Lane) -> AsyncIterator[asyncio.Task[None]]:
    """Inside, the lane serves."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(lane.run(), name="lane")
        await asyncio.sleep(0.1)
        yield task
        task.cancel()


def state(lane: Lane) -> ReaderState:
    return lane.status.state


async def until(journal: Journal, session: Session, *states: State) -> Session:
    session = journal.session(session.id)
    while session.state not in states:
        session = await journal.changed(session.id, session.seq)
    return session


async def test_it_reaches_its_reader_and_is_ready(journal: Journal) -> None:
    driver = FakeDriver()
    lane = make_lane(journal, driver)
    assert lane.status.state is ReaderState.CONNECTING
    async with running(lane):
        status = lane.status
        assert (status.state, status.why, status.device_type) == (ReaderState.READY, "", "fake_device")
        assert (status.location, status.serial_number, status.driver) == ("store", "SN1", "fake")
        assert status.capabilities == driver.capabilities
    assert [name for name, _ in driver.calls] == ["open", "close"]


async def test_a_reader_that_cannot_be_reached_is_tried_ever_more_rarely_and_told_once(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    driver = FakeDriver()
    driver.opens.extend([LinkError("no line")] * 3)
    lane = make_lane(journal, driver)
    async with running(lane):
        assert (lane.status.state, lane.status.why) == (ReaderState.OFFLINE, "no line")
        await asyncio.sleep(20)
        assert lane.status.state is ReaderState.READY
    assert [at for name, at in driver.calls if name == "open"] == [0, 1, 3, 7]
    assert [each.levelname for each in caplog.records] == ["WARNING", "INFO"]


class AttendedDriver(FakeDriver):
    """Looks at its reader every 60 s; each entry of `trouble` is what one look finds."""

    check_every_s = 60.0
    trouble: tuple[DriverError | None, ...] = ()

    async def check(self) -> None:
        self._call("check")
        found, self.trouble = (self.trouble[0], self.trouble[1:]) if self.trouble else (None, ())
        if found is not None:
            raise found


async def test_a_reader_is_looked_at_while_nobody_pays(journal: Journal) -> None:
    driver = AttendedDriver()
    driver.trouble = (None, LinkError("unplugged"))
    lane = make_lane(journal, driver)
    async with running(lane):
        await asyncio.sleep(119)
        assert state(lane) is ReaderState.READY
        driver.opens.append(LinkError("still unplugged"))
        await asyncio.sleep(1.5)
        assert (state(lane), lane.status.why) == (ReaderState.OFFLINE, "still unplugged")
        await asyncio.sleep(5)
        assert state(lane) is ReaderState.READY
        session = await journal.open_session(order())
        lane.offer(session)
        await asyncio.sleep(90)
        assert driver.count("check") == 2  # not while somebody pays
        driver.finish(PAID)
        await until(journal, session, State.PAID)
        await asyncio.sleep(61)
        assert driver.count("check") == 3


async def test_what_changed_is_looked_at_at_once(journal: Journal) -> None:
    driver = AttendedDriver()
    driver.trouble = (LinkError("unplugged"),)
    driver.opens.extend([0.0, *[LinkError("still unplugged")] * 9])
    lane = make_lane(journal, driver)
    async with running(lane):
        lane.look()
        await asyncio.sleep(0.01)
        assert (state(lane), lane.status.why) == (ReaderState.OFFLINE, "still unplugged")
        await asyncio.sleep(50)
        driver.opens.clear()
        lane.look()
        await asyncio.sleep(0.01)
        assert state(lane) is ReaderState.READY, "plugged in again, and not waited for"
        assert driver.count("check") == 1


async def test_what_changes_while_it_is_being_looked_at_is_not_missed(journal: Journal) -> None:
    driver = FakeDriver()
    driver.opens.extend([5.0, LinkError("too early"), 0.0])
    lane = make_lane(journal, driver)
    async with running(lane):
        lane.look()
        await asyncio.sleep(5.1)
        assert state(lane) is ReaderState.READY


async def test_a_look_leaves_a_sale_alone_and_wakes_a_doubt(journal: Journal) -> None:
    driver = FakeDriver(capabilities=ON_THE_DEVICE)
    lane = make_lane(journal, driver)

    async def loses_its_line(request: PaymentRequest, report: Report) -> Outcome:
        await asyncio.sleep(2)
        raise LOST

    async with running(lane):
        driver.pays.append(loses_its_line)
        session = await journal.open_session(order())
        lane.offer(session)
        await until(journal, session, State.IN_FLIGHT)
        await asyncio.sleep(1)
        lane.look()
        await asyncio.sleep(0.5)
        assert state(lane) is ReaderState.BUSY
        driver.inquiries.extend([LOST] * 8)
        await asyncio.sleep(40)
        assert state(lane) is ReaderState.IN_DOUBT
        driver.inquiries.clear()
        driver.inquiries.append(PAID)
        lane.look()
        await asyncio.sleep(0.01)
        assert journal.session(session.id).state is State.PAID


class LinkedDriver(FakeDriver):
    """Says how its link is."""

    link_health = LinkHealth(up=True, for_s=5.0)
    told: Callable[[], None]

    def on_link_end(self, told: Callable[[], None]) -> None:
        self.told = told


async def test_the_link_s_own_policy_says_when_it_is_tried_again_and_tells_it(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    driver = LinkedDriver()
    driver.opens.extend([LinkError("no line")] * 3)
    driver.link_health = LinkHealth(up=False, for_s=1.0, cause="pulled", rest_s=7.0)
    lane = make_lane(journal, driver)
    async with running(lane):
        await asyncio.sleep(30)
    assert [at for name, at in driver.calls if name == "open"] == [7, 14, 21, 28]
    assert caplog.messages == [], "the link has told it"


async def test_a_link_that_ends_while_nobody_pays_is_looked_at_at_once(journal: Journal) -> None:
    class Watched(AttendedDriver, LinkedDriver):
        pass

    driver = Watched()
    driver.trouble = (LinkError("pulled"),)
    driver.opens.extend([0.0, LinkError("still away")])
    lane = make_lane(journal, driver)
    async with running(lane):
        driver.told()
        await asyncio.sleep(0.01)
        assert (state(lane), driver.count("check")) == (ReaderState.OFFLINE, 1)


async def test_a_link_that_comes_and_goes_is_shown(journal: Journal) -> None:
    driver = LinkedDriver()
    lane = make_lane(journal, driver)
    assert make_lane(journal, FakeDriver()).status.link is None
    async with running(lane):
        assert (lane.status.why, lane.status.link) == ("", driver.link_health)
        assert lane.status.link_since_at == now() - timedelta(seconds=5)
        driver.link_health = LinkHealth(up=True, for_s=1.0, losses=4, losses_total=9, flapping=True)
        assert state(lane) is ReaderState.READY
        assert (
            lane.status.why == "its link comes and goes (4 losses lately): look at cable, power and settings"
        )


async def test_a_reader_that_never_answers_is_given_up_in_time(journal: Journal) -> None:
    driver = FakeDriver()
    driver.opens.append(1000.0)
    lane = make_lane(journal, driver)
    async with running(lane):
        await asyncio.sleep(20.5)
        assert "did not answer within 20 s" in lane.status.why


async def test_sessions_take_turns(journal: Journal) -> None:
    driver = FakeDriver(capabilities=ON_THE_DEVICE)
    sale = await concluded(journal)
    lane = make_lane(journal, driver)
    async with running(lane):
        first = await journal.open_session(order("k2"))
        lane.offer(first)
        await asyncio.sleep(1)
        assert (lane.busy, lane.status.state, lane.status.session) == (True, ReaderState.BUSY, first.id)
        driver.finish(PAID)
        await until(journal, first, State.PAID)
        second = await journal.open_session(refund(sale, "k3"))
        lane.offer(second)
        await asyncio.sleep(1)
        assert driver.count("pay") == 2
        driver.finish(PAID)
        await until(journal, second, State.PAID)
        await lane.idle()
        assert (lane.busy, lane.status.state) == (False, ReaderState.READY)


async def test_what_an_earlier_life_left_comes_first(journal: Journal) -> None:
    session = await doubtful(journal)
    driver = FakeDriver()
    driver.inquiries.extend([LOST, PAID])
    lane = make_lane(journal, driver)
    async with running(lane):
        assert state(lane) is ReaderState.IN_DOUBT
        assert (await until(journal, session, State.PAID)).state is State.PAID
        await asyncio.sleep(0)
        assert state(lane) is ReaderState.READY
    assert driver.calls[0][0] == "open"


async def test_sessions_of_other_readers_are_left_alone(journal: Journal) -> None:
    session = await doubtful(journal, reader="r2")
    driver = FakeDriver()
    async with running(make_lane(journal, driver)):
        await asyncio.sleep(5)
    assert (journal.session(session.id).state, driver.count("inquire")) == (State.IN_DOUBT, 0)


async def test_a_journal_that_cannot_be_read_at_the_start_is_tried_again(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await doubtful(journal)
    read = journal.unsettled

    def troubled() -> list[Session]:
        if seconds() < 2:
            raise JournalError("input/output error")
        return read()

    monkeypatch.setattr(journal, "unsettled", troubled)
    lane = make_lane(journal, FakeDriver())
    async with running(lane):
        assert lane.status.why == "input/output error"
        assert (await until(journal, session, State.PAID)).state is State.PAID


async def test_a_session_offered_before_the_start_and_twice_is_served_once(journal: Journal) -> None:
    session = await journal.open_session(order())
    driver = FakeDriver()
    driver.pays.extend([PAID, PAID])
    lane = make_lane(journal, driver)
    lane.offer(session)
    async with running(lane):
        lane.offer(session)
        await until(journal, session, State.PAID)
        lane.offer(session)
        await asyncio.sleep(1)
    assert driver.count("pay") == 1


async def test_what_another_lane_looks_after_is_not_taken(journal: Journal) -> None:
    session = await doubtful(journal)
    driver = FakeDriver()
    lane = make_lane(journal, driver)
    lane.cares.add(session.id)
    async with running(lane):
        await asyncio.sleep(5)
    assert driver.count("inquire") == 0
    assert lane.cares == {session.id}, "nor is it let go of"


async def test_a_lane_that_ends_lets_go_of_its_sessions(journal: Journal) -> None:
    session = await started(journal)
    driver = FakeDriver()
    driver.inquiries.append(LOST)
    lane = make_lane(journal, driver)
    async with running(lane):
        assert lane.cares == lane.cared_for == {session.id}
    assert lane.cares == set()


async def test_a_waiting_sale_does_not_wait_for_the_next_try_to_reach_the_reader(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    driver = FakeDriver()
    driver.opens.extend([LinkError("no line")] * 8)
    lane = make_lane(journal, driver)
    async with running(lane):
        await asyncio.sleep(40)
        before = driver.count("open")
        session = await journal.open_session(order())
        lane.offer(session)
        await until(journal, session, State.FAILED)
        assert driver.count("open") == before + 1
        await asyncio.sleep(29)
        assert driver.count("open") == before + 1, "and afterwards it is not tried in a rush"
    assert [each.levelname for each in caplog.records] == ["WARNING"]


async def test_a_lost_reader_is_reached_anew_before_it_serves(journal: Journal) -> None:
    driver = FakeDriver()
    driver.pays.append(NotStartedError("no paper"))
    lane = make_lane(journal, driver)
    async with running(lane):
        driver.opens.append(LinkError("no line"))
        session = await journal.open_session(order())
        lane.offer(session)
        await until(journal, session, State.FAILED)
        await asyncio.sleep(0.5)
        assert (lane.status.state, lane.status.why) == (ReaderState.OFFLINE, "no line")
        assert lane.can(Capability.TIP), "what it can do is not forgotten"
        await asyncio.sleep(2)
        assert lane.status.state is ReaderState.READY


async def test_a_refund_made_elsewhere_goes_on_beside_a_sale(journal: Journal) -> None:
    sale = await concluded(journal)
    driver = FakeDriver()
    lane = make_lane(journal, driver)
    async with running(lane):
        running_sale = await journal.open_session(order("k2"))
        lane.offer(running_sale)
        await asyncio.sleep(1)
        driver.pays.append(PAID)
        back = await journal.open_session(refund(sale, "k3"), on_reader=False)
        lane.offer(back)
        assert (await until(journal, back, State.PAID)).state is State.PAID
        assert (lane.status.state, lane.status.session) == (ReaderState.BUSY, running_sale.id)
        assert journal.session(running_sale.id).state is State.IN_FLIGHT
        driver.finish(PAID)
        await until(journal, running_sale, State.PAID)


async def capture(journal: Journal) -> Session:
    session = await held(journal, capture=Capture.MANUAL)
    return await journal.record(session.id, EventKind.SETTLING, {"settlement": "capture"})


async def test_a_capture_made_elsewhere_leaves_the_reader_free(journal: Journal) -> None:
    driver = FakeDriver()
    lane = make_lane(journal, driver)
    async with running(lane):
        driver.settlements.extend([LOST, PAID])
        session = await capture(journal)
        lane.offer(session)
        await asyncio.sleep(0.1)
        assert not lane.busy
        assert lane.cared_for == {session.id}
        await lane.idle()
        assert journal.session(session.id).state is State.PAID


async def test_a_capture_on_the_device_waits_for_its_turn(journal: Journal) -> None:
    driver = FakeDriver(capabilities=ON_THE_DEVICE)
    lane = make_lane(journal, driver)
    async with running(lane):
        session = await capture(journal)
        driver.settlements.append(PAID)
        lane.offer(session)
        assert lane.busy
        await until(journal, session, State.PAID)


async def test_a_capture_found_at_the_start_leaves_the_reader_as_soon_as_that_can_be(
    journal: Journal,
) -> None:
    session = await capture(journal)
    driver = FakeDriver()
    driver.opens.extend([LinkError("no line")] * 2)
    driver.settlements.extend([LOST] * 6)
    lane = make_lane(journal, driver)
    async with running(lane):
        assert lane.busy, "what the reader can do is not known yet"
        await asyncio.sleep(8)
        assert state(lane) is ReaderState.READY
        assert lane.cared_for == {session.id}
        driver.settlements.clear()
        driver.settlements.append(PAID)
        assert (await until(journal, session, State.PAID)).state is State.PAID


async def test_a_prompt_in_doubt_holds_the_reader_until_it_is_withdrawn(journal: Journal) -> None:
    session = await doubtful(journal)
    await journal.record(session.id, EventKind.SETTLING, {"settlement": "release"})
    driver = FakeDriver()
    driver.settlements.extend([LOST, Outcome(Verdict.CANCELED)])
    lane = make_lane(journal, driver)
    async with running(lane):
        assert (lane.busy, lane.status.state) == (True, ReaderState.IN_DOUBT)
        await until(journal, session, State.CANCELED)


async def test_a_reader_never_reached_may_do_all_but_surely_nothing(journal: Journal) -> None:
    lane = make_lane(journal, FakeDriver(capabilities=frozenset({Capability.TIP})))
    assert lane.can(Capability.RETRY)
    assert not lane.surely_can(Capability.TIP)
    await lane.reach()
    assert (lane.can(Capability.RETRY), lane.surely_can(Capability.TIP)) == (False, True)


async def test_the_reader_is_opened_once_for_all_who_want_it(journal: Journal) -> None:
    driver = FakeDriver()
    driver.opens.append(3.0)
    lane = make_lane(journal, driver)
    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(lane.reach(), name=f"reach {number}")
    assert driver.count("open") == 1


@pytest.mark.parametrize("fault", [DriverError("stuck"), 1000.0])
async def test_a_reader_that_will_not_be_let_go_does_not_keep_us(
    journal: Journal, fault: Exception | float, caplog: pytest.LogCaptureFixture
) -> None:
    driver = FakeDriver()
    driver.closes.append(fault)
    async with running(make_lane(journal, driver)):
        pass
    assert "not let go" in caplog.text
    assert seconds() < 10


async def test_a_bug_ends_the_lane(journal: Journal) -> None:
    driver = FakeDriver()
    driver.pays.append(ZeroDivisionError("a bug"))
    lane = make_lane(journal, driver)
    lane.offer(await journal.open_session(order()))
    with pytest.raises(ExceptionGroup) as caught:
        await lane.run()
    assert caught.group_contains(ZeroDivisionError)
    assert driver.calls[-1][0] == "close"


# -- tidying up ------------------------------------------------------------------------------------


async def declined(journal: Journal) -> Session:
    session = await started(journal)
    await journal.record(session.id, EventKind.REFERENCE, {"name": "payment_intent", "value": "pi_1"})
    return await journal.record(session.id, EventKind.CONCLUDED, {"verdict": "declined"})


@pytest.mark.parametrize("reply", [RELEASED, Outcome(Verdict.CANCELED), DECLINED])
async def test_what_a_declined_sale_left_is_taken_away(journal: Journal, reply: Outcome) -> None:
    session = await declined(journal)
    driver = FakeDriver()
    driver.settlements.append(reply)
    await make_lane(journal, driver).tidy(session)
    assert journal.session(session.id).tidied


@pytest.mark.parametrize(
    "reply", [LOST, RefusedError("no", code="no"), Outcome(Verdict.PENDING), Outcome(Verdict.UNKNOWN)]
)
async def test_what_cannot_be_taken_away_yet_is_left_for_later(
    journal: Journal, reply: Outcome | Exception
) -> None:
    session = await declined(journal)
    driver = FakeDriver()
    driver.settlements.append(reply)
    await make_lane(journal, driver).tidy(session)
    assert not journal.session(session.id).tidied


@pytest.mark.parametrize("reply", [PAID, HELD])
async def test_money_behind_a_declined_sale_is_cried_out(
    journal: Journal, reply: Outcome, caplog: pytest.LogCaptureFixture
) -> None:
    session = await declined(journal)
    driver = FakeDriver()
    driver.settlements.append(reply)
    await make_lane(journal, driver).tidy(session)
    assert [each.levelname for each in caplog.records] == ["CRITICAL"]
    assert not journal.session(session.id).tidied


async def silent(request: PaymentRequest, report: Report) -> Outcome:
    assert await report.attempt("release") == 1
    return RELEASED


async def test_tidying_writes_no_attempts(journal: Journal) -> None:
    session = await declined(journal)
    driver = FakeDriver()
    driver.settlements.append(silent)
    await make_lane(journal, driver).tidy(session)
    assert journal.session(session.id).attempts == {}

"""Asking, ending what is held, giving back; each of them once, whatever is repeated."""

import asyncio

import pytest

from drivers.contract import (
    Capture,
    Decision,
    DriverError,
    Kind,
    NotStartedError,
    Outcome,
    RefusedError,
    Settlement,
    Verdict,
)
from drivers.readers.zvt_mark import Before, Mark
from drivers.readers.zvt_settlement import known, verdict_of
from drivers.simulators.zvt_terminal.customers import Customer
from tests.scripted_pt import CUT, DONE, HANG_UP, OK, ScriptedPt, approved, status
from tests.zvt_store import EPOCH, FakeReport, Session, ZvtStore

CAPTURE, RELEASE, REVERSE = (Decision(each) for each in Settlement)
BEFORE = Before(Mark(receipt=1, trace=1, turnover=1), EPOCH).to_text()
HELD = {"receipt_no": "0001", "trace_no": "000001", "booked_amount": "1200"}
SOLD = {f"refund_of_{name}": value for name, value in HELD.items()}


def tried(operation: str = "authorize", **facts: str) -> Session:
    session = Session(references={f"before_{operation}": BEFORE, **facts})
    session.report.attempts[operation] = 1
    return session


async def settled(store: ZvtStore, session: Session, decision: Decision) -> Outcome:
    return await store.driver.settle(session.request, decision, session.report)


def test_what_needs_no_asking() -> None:
    assert known(Session().request) is not None
    refused = known(tried(authorize_result="refused 05").request)
    assert refused is not None
    assert refused.verdict is Verdict.DECLINED
    assert known(tried().request) is None
    refund = Session(kind=Kind.REFUND)
    assert known(refund.request) is not None
    refund.report.attempts["refund_reverse"] = 1
    assert known(refund.request) is None


def test_what_an_operation_means() -> None:
    held = Session(capture=Capture.MANUAL).request
    assert verdict_of("authorize", held) is Verdict.AUTHORIZED
    assert verdict_of("authorize", Session().request) is Verdict.PAID
    assert verdict_of("capture", held) is Verdict.PAID
    assert verdict_of("release", held) is verdict_of("reverse", held) is Verdict.RELEASED


async def test_answers_from_disk_reach_no_terminal() -> None:
    async with ScriptedPt() as pt:
        session = tried(authorize_result="refused 6C")
        assert (await pt.driver.inquire(session.request)).verdict is Verdict.CANCELED
        assert (await pt.driver.settle(session.request, RELEASE, session.report)).verdict is Verdict.CANCELED
        assert (await pt.driver.pay(session.request, session.report)).verdict is Verdict.CANCELED
        assert (await pt.driver.inquire(Session().request)).code == "never_sent"
        assert pt.links == []


@pytest.mark.parametrize(
    ("shown", "verdict"),
    [
        ([OK, approved(receipt=2, trace=2), DONE], Verdict.PAID),
        ([OK, approved(), DONE], Verdict.FAILED),
        ([OK, status("270504000000001200870002880000020B000002"), DONE], Verdict.DECLINED),
        ([OK, approved(700, receipt=2, trace=2), DONE], Verdict.UNKNOWN),
    ],
)
async def test_answers_of_the_terminal(shown: list[str], verdict: Verdict) -> None:
    async with ScriptedPt({"0620": shown}) as pt:
        outcome = await pt.driver.inquire(tried().request)
        assert outcome.verdict is verdict
        assert pt.sent("0601") == 0
        if verdict is Verdict.PAID:
            assert outcome.amount_captured == 1200
            assert outcome.card is not None
            assert "customer_text" in outcome.receipt
        elif verdict is not Verdict.DECLINED:
            assert outcome.message.endswith(".")


async def test_totals_can_say_that_it_is_paid() -> None:
    def totals(count: int, amount: int) -> list[str]:
        card = f"{count:02X}{amount:012}"
        return [OK, status(f"270060F0F5F300010009{card}{'00' * 42}"), DONE]

    before = Before(Mark().with_totals("0:0"), EPOCH).to_text()
    async with ScriptedPt({"0610": totals(1, 1200)}, profile="no-repeat") as pt:
        session = tried(before_authorize=before)
        outcome = await pt.driver.inquire(session.request)
        assert (outcome.verdict, outcome.amount_captured) == (Verdict.PAID, 1200)


async def test_not_being_able_to_ask_is_no_answer() -> None:
    async with ScriptedPt(currency="chf") as pt:
        with pytest.raises(DriverError) as caught:
            await pt.driver.inquire(tried().request)
        assert not isinstance(caught.value, NotStartedError)
    async with ScriptedPt(busy_for_s="1") as pt:
        pt.absent = True
        with pytest.raises(DriverError):
            await pt.driver.inquire(tried().request)


HOLDING = {"profile": "feig-cvend"}


async def held(store: ZvtStore) -> Session:
    session = Session(capture=Capture.MANUAL)
    outcome = await store.pay(session)
    assert (outcome.verdict, outcome.amount_authorized, outcome.amount_captured) == (
        Verdict.AUTHORIZED,
        1200,
        0,
    )
    return session


async def test_a_hold_is_booked_in_part() -> None:
    async with ZvtStore(options=HOLDING) as store:
        session = await held(store)
        outcome = await settled(store, session, Decision(Settlement.CAPTURE, 700))
        assert (outcome.verdict, outcome.amount_captured) == (Verdict.PAID, 700)
        assert outcome.references["receipt_no"] == session.report.references["receipt_no"]
        assert outcome.references["capture_booked_amount"] == "700"
        assert store.money() == 700
        again = await settled(store, session, Decision(Settlement.CAPTURE, 700))
        assert again.amount_captured == 700
        assert store.sent("0624") == 1


@pytest.mark.parametrize("decision", [RELEASE, REVERSE])
async def test_a_hold_is_let_go(decision: Decision) -> None:
    async with ZvtStore(options=HOLDING) as store:
        session = await held(store)
        outcome = await settled(store, session, decision)
        assert outcome.verdict is Verdict.RELEASED
        assert sum(entry["held"] for entry in store.terminal.ledger()) == 0
        # another gateway that knows nothing of the release
        other = Session(
            capture=Capture.MANUAL, references={name: session.report.references[name] for name in HELD}
        )
        other.report.attempts["authorize"] = 1
        with pytest.raises(RefusedError):
            await settled(store, other, CAPTURE)


async def test_a_sale_is_reversed_once() -> None:
    async with ZvtStore() as store:
        session = Session()
        await store.pay(session)
        outcome = await settled(store, session, REVERSE)
        assert (outcome.verdict, outcome.code) == (Verdict.RELEASED, "reversed")
        assert store.money() == 0
        assert (await settled(store, session, REVERSE)).verdict is Verdict.RELEASED
        assert store.sent("0630") == 1


async def test_a_lost_reversal_is_looked_for_before_it_is_sent_again() -> None:
    shown = [OK, approved(receipt=2, trace=2, more="37000001"), DONE]
    async with ScriptedPt({"0620": [OK, approved(), DONE], "0601": [OK, approved(), DONE]}) as pt:
        session = Session()
        session.concluded(await pt.driver.pay(session.request, session.report))
        pt.then("0630", [OK, HANG_UP], [OK, CUT], [OK, approved(receipt=3, trace=3, more="37000001"), DONE])
        for _ in range(2):  # sent twice, for the terminal held nothing of the first
            with pytest.raises(DriverError):
                await pt.driver.settle(session.request, REVERSE, session.report)
        pt.then("0620", [OK, approved(700, receipt=2, trace=2, more="37000001"), DONE])
        assert (await pt.driver.settle(session.request, REVERSE, session.report)).verdict is Verdict.UNKNOWN
        pt.then("0620", shown)
        assert (await pt.driver.settle(session.request, REVERSE, session.report)).verdict is Verdict.RELEASED
        assert pt.sent("0630") == session.report.attempts["reverse"] == 2


async def test_a_refused_reversal_is_an_answer() -> None:
    async with ScriptedPt({"0630": [OK, "061E01B4"], "0620": [OK, approved(), DONE]}) as pt:
        session = Session(references=HELD)
        session.report.attempts["authorize"] = 1
        for count in (1, 2):
            with pytest.raises(RefusedError) as caught:
                await pt.driver.settle(session.request, REVERSE, session.report)
            assert (caught.value.code, caught.value.decline_code) == ("zvt_b4", "B4")
            assert session.report.attempts["reverse"] == count
        pt.then("0630", ["848300"])
        with pytest.raises(DriverError) as refused:
            await pt.driver.settle(session.request, REVERSE, session.report)
        assert not isinstance(refused.value, NotStartedError)


async def test_what_is_not_held_is_only_asked_about() -> None:
    async with ScriptedPt({"0620": [OK, approved(receipt=2, trace=2), DONE]}) as pt:
        session = tried()
        for decision in (RELEASE, REVERSE, CAPTURE):
            assert (await pt.driver.settle(session.request, decision, session.report)).verdict is Verdict.PAID
        refund = Session(kind=Kind.REFUND, references=SOLD | {"before_refund": BEFORE})
        refund.report.attempts["refund"] = 1
        assert (await pt.driver.settle(refund.request, REVERSE, refund.report)).verdict is Verdict.PAID
        assert {text[:4] for text in pt.heard} == {"0600", "0501", "0620", "8000"}


@pytest.mark.parametrize(("amount", "command"), [(None, "0630"), (500, "0631")])
async def test_refunds(amount: int | None, command: str) -> None:
    async with ZvtStore() as store:
        sale = Session()
        await store.pay(sale)
        refund = sale.refund(amount)
        outcome = await store.pay(refund)
        assert (outcome.verdict, outcome.amount_captured) == (Verdict.PAID, amount or 1200)
        assert store.money() == 1200 - (amount or 1200)
        assert store.sent(command) == 1
        # asked for again it is not made again
        assert (await store.driver.pay(refund.request, refund.report)).verdict is Verdict.PAID
        assert (await store.driver.inquire(refund.request)).verdict is Verdict.PAID
        assert store.sent("0630") + store.sent("0631") == 1


@pytest.mark.parametrize("said", [["848300"], [OK, "061E01B5"]])
async def test_a_reversal_that_cannot_be_becomes_a_refund(said: list[str]) -> None:
    script = {"0630": said, "0631": [OK, approved(receipt=2, trace=2), DONE]}
    async with ScriptedPt(script) as pt:
        refund = Session(kind=Kind.REFUND, references=SOLD)
        assert (await pt.driver.pay(refund.request, refund.report)).verdict is Verdict.PAID
        assert refund.report.attempts == {"refund_reverse": 1, "refund": 1}
    async with ScriptedPt(script, refunds="false") as pt:
        refund = Session(kind=Kind.REFUND, references=SOLD)
        assert (await pt.driver.pay(refund.request, refund.report)).verdict is not Verdict.PAID
        assert pt.sent("0631") == 0


async def test_what_was_reversed_already_is_not_refunded_too() -> None:
    async with ScriptedPt({"0630": [OK, "061E01B4"]}) as pt:
        refund = Session(kind=Kind.REFUND, references=SOLD)
        outcome = await pt.driver.pay(refund.request, refund.report)
        assert (outcome.verdict, outcome.code) == (Verdict.DECLINED, "zvt_b4")
        assert pt.sent("0631") == 0


async def test_a_terminal_that_reverses_only_its_last_sale() -> None:
    async with ZvtStore("pax-a80", reversals="last", refunds="false") as store:
        one, two = Session(1000, name="s1"), Session(1300, name="s2")
        await store.pay(one)
        await store.pay(two)
        store.driver = store.reader()  # a gateway that has to ask what was last
        with pytest.raises(NotStartedError, match="only its last whole sale"):
            await store.pay(one.refund())
        assert (await store.pay(two.refund())).verdict is Verdict.PAID
        assert store.money() == 1000


async def test_a_refund_that_cannot_be_sent_is_no_start() -> None:
    async with ScriptedPt() as pt:
        pt.absent = True
        refund = Session(kind=Kind.REFUND, references=SOLD)
        with pytest.raises(NotStartedError, match="not sent"):
            await pt.driver.pay(refund.request, refund.report)
    async with ScriptedPt({"0630": [OK, HANG_UP]}) as pt:
        refund = Session(kind=Kind.REFUND, references=SOLD)
        with pytest.raises(DriverError) as caught:
            await pt.driver.pay(refund.request, refund.report)
        assert not isinstance(caught.value, NotStartedError)

    class Full(FakeReport):
        async def attempt(self, operation: str) -> int:
            del operation
            pt.absent = True
            raise NotStartedError("the order was withdrawn")

    async with ScriptedPt() as pt:
        refund = Session(kind=Kind.REFUND, references=SOLD)
        refund.report = Full()
        refund.report.references.update(SOLD)
        with pytest.raises(NotStartedError, match="withdrawn"):
            await pt.driver.pay(refund.request, refund.report)


async def left_at_work(store: ZvtStore) -> Session:
    """A payment whose register has died while the terminal waits for the card."""
    store.terminal.device.usual = Customer(comes_after_s=None)
    session = Session()
    async with asyncio.TaskGroup() as group:
        sale = group.create_task(store.pay(session))
        await asyncio.sleep(3)
        sale.cancel()
    await store.driver.close()
    store.driver = store.reader()
    store.up.clear()
    return session


async def test_a_question_leaves_a_terminal_at_work_alone() -> None:
    async with ZvtStore() as store:
        session = await left_at_work(store)
        for _ in range(3):
            outcome = await store.driver.inquire(session.request)
            assert (outcome.verdict, outcome.code) == (Verdict.PENDING, "terminal_busy")
        assert set(store.up) <= {"0600", "0501", "0620", "8000"}
        await asyncio.sleep(90)
        assert (await store.driver.inquire(session.request)).code == "not_booked"
        assert set(store.up) <= {"0600", "0501", "0620", "8000"}


async def test_a_terminal_that_is_busy_with_the_repetition_is_at_work() -> None:
    async with ScriptedPt({"0620": ["84A000"]}) as pt:
        assert (await pt.driver.inquire(tried().request)).verdict is Verdict.PENDING


async def test_a_release_stops_what_is_at_work() -> None:
    async with ZvtStore() as store:
        session = await left_at_work(store)
        for _ in range(2):
            outcome = await settled(store, session, RELEASE)
            assert (outcome.verdict, outcome.code) == (Verdict.CANCELED, "canceled_by_till")
        assert (store.sent("06b0"), store.sent("0601"), store.money()) == (1, 0, 0)
        assert (await settled(store, Session(), RELEASE)).code == "never_sent"


async def test_what_is_taken_up_again_is_stopped_and_not_sent_again() -> None:
    async with ZvtStore() as store:
        session = await left_at_work(store)
        outcome = await store.pay(session)
        assert (outcome.verdict, outcome.code) == (Verdict.FAILED, "not_booked")
        assert (store.sent("06b0"), store.sent("0601"), store.money()) == (1, 0, 0)


async def test_settings_that_do_not_fit_any_more_do_not_undo_what_was_sent() -> None:
    async with ScriptedPt(currency="chf") as pt:
        with pytest.raises(DriverError) as caught:
            await pt.driver.pay(tried().request, FakeReport())
        assert not isinstance(caught.value, NotStartedError)

"""One command that moves money: what is on disk before what leaves, and what is certain afterwards."""

import asyncio

import pytest

from drivers.contract import DriverError, NotStartedError, PaymentRequest, Progress
from drivers.readers import zvt_orders as orders
from drivers.readers.zvt_mark import Mark
from drivers.readers.zvt_payment import Done, Transaction, before_name, refusal_of, result_name
from drivers.readers.zvt_terminal import Terminal
from drivers.simulators.zvt_terminal.profiles import PROFILES
from tests.scripted_pt import CUT, DONE, HANG_UP, OK, SILENT, ScriptedPt, approved, status
from tests.zvt_store import FakeReport, Session, ZvtStore

GONE = "061E016C"


def transaction(pt: ScriptedPt, session: Session | None = None) -> tuple[Transaction, Session]:
    session = session or Session()
    made = orders.authorise(pt.setup, session.request)
    return Transaction(pt.driver._terminal, session.request, session.report, made), session


async def run(pt: ScriptedPt) -> tuple[Done, Session]:
    made, session = transaction(pt)
    return await made.run(), session


async def test_what_recovery_needs_is_on_disk_before_the_command_leaves() -> None:
    async with ScriptedPt({"0601": [CUT]}) as pt:
        made, session = transaction(pt)
        with pytest.raises(DriverError):
            await made.run()
        assert session.report.attempts == {"authorize": 1}
        assert session.report.references["terminal_id"] == "52523535"
        assert session.report.references[before_name("authorize")].endswith("none=255")
        assert pt.driver._terminal.mark is None  # nothing is certain any more
        claim = orders.authorise(pt.setup, session.request).claim(session.request)
        assert claim.before is not None
        assert claim.before.mark == Mark(none=0xFF)
        assert (claim.record, claim.terminal_id) == (None, "52523535")


@pytest.mark.parametrize("fails", ["terminal_id", "before_authorize"])
async def test_nothing_leaves_when_the_disk_is_full(fails: str) -> None:
    async with ScriptedPt() as pt:
        made, session = transaction(pt)
        session.report.fails = fails
        with pytest.raises(RuntimeError):
            await made.run()
        assert pt.sent("0601") == 0
        assert not made.sent


async def test_an_approval_is_on_disk_before_its_yes() -> None:
    class Slow(FakeReport):
        async def reference(self, name: str, value: str) -> None:
            if name == result_name("authorize"):
                await asyncio.sleep(1)
                before.append(list(pt.heard))
            await super().reference(name, value)

    before: list[list[str]] = []
    async with ScriptedPt({"0601": [OK, approved(), DONE]}) as pt:
        session = Session()
        session.report = Slow()
        done = await transaction(pt, session)[0].run()
        assert done.booked is not None
        assert before[0][-1].startswith("0601")  # the terminal still waits for its answer
        assert session.report.references["receipt_no"] == "0001"
        claim = orders.authorise(pt.setup, session.request).claim(session.request)
        assert claim.record == Mark(1, 1, 1, "0308174930")


async def test_an_approval_that_cannot_be_written_down_is_not_accepted() -> None:
    async with ZvtStore() as store:
        session = Session()
        session.report.fails = "authorize_result"
        with pytest.raises(RuntimeError):
            await store.driver.pay(session.request, session.report)
        await asyncio.sleep(60)
        assert store.money() == 0
        assert [entry["state"] for entry in store.terminal.ledger()] == ["reversed"]


async def test_a_booked_sale_teaches_the_next_one() -> None:
    async with ScriptedPt(
        {
            "0601": [
                OK,
                "04FF010A",
                "04FF01FF",
                approved(),
                "0401 08 AA260308 0C174930".replace(" ", ""),
                "040D00",
                DONE,
            ]
        }
    ) as pt:
        done, session = await run(pt)
        assert done.booked is not None
        assert done.booked.total == 1200
        assert "customer_text" in done.booked.receipt  # built, for nothing was printed
        known: Terminal = pt.driver._terminal
        assert known.mark == Mark(1, 1, 1, "0308174930")
        assert known.valid_receipt == 1
        assert known.skew is not None
        assert session.report.steps == [Progress.WAITING_FOR_CARD]
        assert "848300" in pt.heard


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        ([status("2705"), "061E0105"], 0x05, "declined"),
        ([status("27053CF0F0F44E45494E"), "061E0105"], 0x05, "NEIN"),
        ([GONE], 0x6C, "stop key"),
        ([status("2700A0A5"), "061E01A5"], 0xA5, "PCI"),
        ([status("2700A0A5"), DONE], 0xA5, "PCI"),
        ([status("0400000000120 0".replace(" ", "")), GONE], 0xFF, "another error"),
        (["061E0BFF06081F17054B41505554"], 0xFF, "KAPUT"),
    ],
)
async def test_a_refusal_is_certain_and_written_down(said: list[str], code: int, words: str) -> None:
    async with ScriptedPt({"0601": [OK, *said]}) as pt:
        done, session = await run(pt)
        assert done.booked is None
        assert done.code == code
        assert words in done.text
        assert refusal_of(session.request, "authorize") == code
        assert pt.driver._terminal.mark == Mark(none=0xFF)  # as it was


def test_what_was_not_refused_needs_asking() -> None:
    def given(text: str) -> PaymentRequest:
        return Session(references={"authorize_result": text}).request

    assert refusal_of(given("approved receipt=1"), "authorize") is None
    assert refusal_of(given("refused"), "authorize") is None
    assert refusal_of(given("refused 6C"), "capture") is None


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ([OK, DONE], "result_missing"),
        ([OK, approved(), GONE], "aborted_after_approval"),
        ([OK, approved(), HANG_UP], "link_lost"),
        ([OK, approved(), SILENT], "terminal_silent"),
        ([SILENT], "terminal_silent"),
        ([GONE], "out_of_turn"),
    ],
)
async def test_anything_else_is_doubt(said: list[str], code: str) -> None:
    async with ScriptedPt({"0601": said}) as pt:
        made, _ = transaction(pt)
        with pytest.raises(DriverError) as caught:
            await made.run()
        assert not isinstance(caught.value, NotStartedError)
        assert caught.value.code == code
        assert made.sent
        assert pt.driver._terminal.valid_receipt is None


@pytest.mark.parametrize("offered", [approved(1100), approved(1300), approved().replace("490978", "490756")])
async def test_an_amount_nobody_asked_for_is_refused(offered: str) -> None:
    async with ScriptedPt({"0601": [OK, offered, status("276C"), GONE]}) as pt:
        done, _ = await run(pt)
        assert "846600" in pt.heard
        assert done.booked is None
        assert "instead of" in done.text


async def test_a_result_that_comes_too_early_is_refused() -> None:
    async with ScriptedPt({"0601": [approved(), status("2705"), OK, GONE]}) as pt:
        done, session = await run(pt)
        assert "846600" in pt.heard
        assert done.code == 0x6C
        assert "receipt_no" not in session.report.references


async def test_an_approval_may_be_taken_back_by_the_terminal() -> None:
    async with ScriptedPt({"0601": [OK, approved(), "04FF0105", status("276C"), GONE]}) as pt:
        done, session = await run(pt)
        assert done.booked is None
        assert "took it back" in done.text
        assert session.report.steps == [Progress.CANCELING]
        assert refusal_of(session.request, "authorize") == 0x6C


async def test_a_second_result_may_follow_the_first() -> None:
    async with ScriptedPt({"0601": [OK, status("2737"), approved(), DONE]}) as pt:
        done, _ = await run(pt)
        assert done.booked is not None


async def test_a_receipt_without_a_number_is_no_history() -> None:
    bare = status("2700")
    async with ScriptedPt({"0601": [OK, bare, DONE]}) as pt:
        await run(pt)
        assert (pt.driver._terminal.mark, pt.driver._terminal.valid_receipt) == (None, None)
    none = approved().replace("870001", "87FFFF")
    async with ScriptedPt({"0601": [OK, none, DONE]}) as pt:
        done, _ = await run(pt)
        assert done.booked is not None
        assert "receipt_no" not in done.booked.references
        assert pt.driver._terminal.valid_receipt is None


@pytest.mark.parametrize("said", [["84A000"], ["848300"]])
async def test_a_refusal_at_once_is_no_start(said: list[str]) -> None:
    async with ScriptedPt({"0601": said}) as pt:
        made, _ = transaction(pt)
        with pytest.raises(NotStartedError) as caught:
            await made.run()
        assert caught.value.code == f"zvt_{said[0][2:4].lower()}"
        assert made.sent


async def test_a_terminal_that_cannot_be_reached_is_no_start() -> None:
    async with ScriptedPt({"0600": ["84A000"]}) as pt:
        made, session = transaction(pt)
        with pytest.raises(NotStartedError, match="was not sent") as caught:
            await made.run()
        assert caught.value.code == "terminal_busy"
        assert session.report.attempts == {}


async def test_a_cancel_before_the_command_leaves() -> None:
    async with ScriptedPt() as pt:
        made, session = transaction(pt)
        made.cancel()
        with pytest.raises(NotStartedError) as caught:
            await made.run()
        assert (caught.value.code, session.report.attempts) == ("canceled", {})

    class Wishes(FakeReport):
        async def attempt(self, operation: str) -> int:
            made.cancel()
            return await super().attempt(operation)

    async with ScriptedPt() as pt:
        session = Session()
        session.report = Wishes()
        made, _ = transaction(pt, session)
        with pytest.raises(NotStartedError):
            await made.run()
        assert pt.sent("0601") == 0


async def test_unique_ids_say_what_we_hold_valid() -> None:
    assert PROFILES["deferred"].unique_ids
    async with ZvtStore("deferred", unique_ids="true") as store:
        first, second, third = Session(1000), Session(1105), Session(1300)
        await store.pay(first)
        known: Terminal = store.driver._terminal
        assert known.valid_receipt == 1
        await store.pay(second)  # declined: nothing new to hold valid
        assert known.valid_receipt == 1
        await store.pay(third)
        assert store.money() == 2300


async def test_a_sale_whose_end_got_lost_is_not_undone_by_the_next() -> None:
    async with ZvtStore("deferred", unique_ids="true") as store:
        await store.pay(Session(1000))
        lost = Session(1100)
        lost.report = Cuts(store)
        with pytest.raises(DriverError):
            await store.pay(lost)
        await asyncio.sleep(60)
        # no word on 1F1F before it is known what became of it
        assert store.driver._terminal.valid_receipt is None
        paid = await store.driver.inquire(lost.request)
        assert paid.amount_captured == 1100
        await store.pay(Session(1200))
        assert store.money() == 3300


class Cuts(FakeReport):
    """The line breaks between the journal's word on 04 0F and our answer to it."""

    def __init__(self, store: ZvtStore) -> None:
        super().__init__()
        self._store = store

    async def reference(self, name: str, value: str) -> None:
        await super().reference(name, value)
        if name == result_name("authorize"):
            self._store.links[-1].abort()

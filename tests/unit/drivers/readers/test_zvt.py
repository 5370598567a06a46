"""The driver as the lane sees it, on the simulated terminal and on one that says odd things."""

import asyncio
from datetime import datetime, timedelta

import pytest

from drivers.contract import (
    Capability,
    Capture,
    Driver,
    DriverError,
    NotStartedError,
    Outcome,
    Progress,
    ReaderConfig,
    ReaderName,
    RefusedError,
    TipPolicy,
    Verdict,
)
from drivers.links.base import LinkNotOpenedError
from drivers.links.memory import MemoryNetwork
from drivers.readers.zvt import ZvtReader, make
from drivers.readers.zvt_options import ZvtOptionsError
from drivers.registry import Services
from drivers.registry import make as registered
from drivers.simulators.zvt_terminal.customers import Customer
from drivers.simulators.zvt_terminal.terminal import Terminal
from tests.scripted_pt import DONE, HANG_UP, OK, SILENT, ScriptedPt, approved, status
from tests.zvt_store import NAME, Session, ZvtStore, local

SERIAL = pytest.mark.parametrize("serial", [False, True], ids=["tcp", "serial"])


def config(**options: str) -> ReaderConfig:
    return ReaderConfig(ReaderName(NAME), "zvt", options)


async def canceled_after(store: ZvtStore, session: Session, seconds: float) -> Outcome:
    async with asyncio.TaskGroup() as group:
        sale = group.create_task(store.pay(session))
        await asyncio.sleep(seconds)
        await store.driver.cancel()
    return sale.result()


async def test_the_entry_point_makes_it_from_the_links_address() -> None:
    network = MemoryNetwork()
    listener = network.listen("pt")
    driver: Driver = registered(config(link="memory://pt"), Services(memory=network))
    terminal = Terminal()
    async with asyncio.TaskGroup() as group:
        opening = group.create_task(driver.open())
        group.create_task(terminal.host(await listener.accept()))
        info = await opening
        await driver.close()
    assert info.serial_number == "00004711"
    alone = make(config(link="memory://pt"), {})
    with pytest.raises(LinkNotOpenedError):
        await alone.open()
    with pytest.raises(ZvtOptionsError, match="no MemoryNetwork"):
        make(config(link="memory://pt"), {"memory": "x"})


@SERIAL
async def test_opening_tells_what_it_is_and_what_it_can(*, serial: bool) -> None:
    async with ZvtStore(serial=serial) as store:
        info = await store.driver.open()
        assert (info.device_type, info.serial_number) == ("simulated terminal", "00004711")
        assert info.details["terminal_id"] == "52523535"
        assert info.capabilities == {
            Capability.CUSTOMER_CANCEL,
            Capability.DISPLAY,
            Capability.REFUND,
        }
    async with ScriptedPt(profile="feig-cvend", tips="true", reversals="none", refunds="false") as pt:
        assert (await pt.driver.open()).capabilities == {
            Capability.CUSTOMER_CANCEL,
            Capability.DISPLAY,
            Capability.TIP,
            Capability.MANUAL_CAPTURE,
            Capability.PARTIAL_CAPTURE,
        }


async def test_nothing_but_a_sale_starts_a_sale() -> None:
    async with ZvtStore() as store:
        session = Session()
        await store.driver.open()
        for _ in range(20):
            await asyncio.sleep(store.driver.check_every_s)
            await store.driver.check()
        await store.driver.status()
        await store.driver.cancel()
        await store.driver.inquire(session.request)
        await store.driver.display("Guten Tag")
        await store.driver.end_of_day()
        looks = {command for command in store.up if not command.startswith("8")}
        assert looks == {"0600", "0501", "06e0", "0650"}
        assert store.sent("0501") == 22
        session.report.attempts["authorize"] = 1
        await store.driver.inquire(session.request)
        assert store.sent("0601") == 0
        assert store.terminal.ledger() == []


async def test_a_check_does_not_disturb_a_sale() -> None:
    async with ZvtStore() as store, asyncio.TaskGroup() as group:
        sale = group.create_task(store.pay(Session()))
        await asyncio.sleep(1)
        await store.driver.check()
        assert (await sale).verdict is Verdict.PAID
        with pytest.raises(DriverError):
            await _dead(store).check()


def _dead(store: ZvtStore) -> ZvtReader:
    async def nobody() -> None:
        raise DriverError("nobody there")

    return ZvtReader(store.setup, nobody)  # type: ignore[arg-type]  # opens nothing


async def test_a_terminal_that_cannot_take_payments_says_why() -> None:
    async with ZvtStore() as store:
        store.terminal.device.lock(0xC2)
        with pytest.raises(DriverError, match="a diagnosis is due") as caught:
            await store.driver.open()
        assert caught.value.code == "state_c2"
        outcome = await store.pay(Session())
        assert (outcome.verdict, outcome.code) == (Verdict.FAILED, "zvt_c2")


@SERIAL
@pytest.mark.parametrize(
    ("amount", "verdict", "code"),
    [
        (1200, Verdict.PAID, ""),
        (1205, Verdict.DECLINED, "zvt_05"),
        (1208, Verdict.CANCELED, "customer_canceled"),
        (1255, Verdict.DECLINED, "zvt_37"),
        (1256, Verdict.PAID, ""),
        (1264, Verdict.DECLINED, "zvt_64"),
        (1291, Verdict.FAILED, "zvt_9b"),
    ],
)
async def test_a_sale_ends_as_the_terminal_says(
    amount: int, verdict: Verdict, code: str, *, serial: bool
) -> None:
    async with ZvtStore(serial=serial) as store:
        session = Session(amount)
        outcome = await store.pay(session)
        assert (outcome.verdict, outcome.code) == (verdict, code)
        assert store.money() == outcome.amount_captured == (amount if verdict is Verdict.PAID else 0)
        assert session.report.steps[:2] == [Progress.PREPARING, Progress.WAITING_FOR_CARD]
        assert store.sent("0601") == 1


async def test_a_paid_sale_has_a_card_and_a_receipt() -> None:
    async with ZvtStore() as store:
        outcome = await store.pay(Session())
        assert outcome.card is not None
        assert (outcome.card.brand, outcome.card.last4) == ("girocard", "5726")
        assert "Kundenbeleg" in outcome.receipt["customer_text"]
        assert "Händlerbeleg" in outcome.receipt["merchant_text"]
        assert outcome.references["receipt_no"] == "0001"


@pytest.mark.parametrize("profile", ["status-only", "own-printer", "no-tlv", "valina"])
async def test_receipts_by_every_habit(profile: str) -> None:
    options = {"password": "000000"} if profile == "valina" else {}
    async with ZvtStore(profile=profile, options=options) as store:
        outcome = await store.pay(Session())
        assert outcome.verdict is Verdict.PAID
        assert "12.00 EUR" in outcome.receipt["customer_text"]


@pytest.mark.parametrize(
    ("model", "profile"),
    [
        ("vx820", "vx820"),
        ("pax-a80", "pax-a80"),
        ("card-complete", "card-complete"),
        ("valina", "valina"),
        ("ingenico", "ingenico"),
        ("feig", "feig-cvend"),
        ("no-repeat", "no-repeat"),
        ("deferred", "13.07"),
        ("basic", "no-tlv"),
    ],
)
async def test_every_model_sells_twice_with_a_pause(model: str, profile: str) -> None:
    async with ZvtStore(model, profile=profile) as store:
        await store.driver.open()
        assert (await store.pay(Session(1000))).verdict is Verdict.PAID
        await asyncio.sleep(300)
        assert (await store.pay(Session(1100))).verdict is Verdict.PAID
        assert store.money() == 2100


@SERIAL
@pytest.mark.parametrize("after_s", [0.0, 0.3, 1.2, 2.5])
async def test_a_till_may_cancel_until_the_host_is_asked(after_s: float, *, serial: bool) -> None:
    async with ZvtStore(serial=serial, customers=[Customer(comes_after_s=1.0, pin_after_s=3.0)]) as store:
        outcome = await canceled_after(store, Session(), after_s)
        assert (outcome.verdict, outcome.code) == (Verdict.CANCELED, "canceled_by_till")
        assert store.money() == 0
        assert (await store.pay(Session(1100))).verdict is Verdict.PAID


async def test_a_cancel_that_comes_too_late_is_paid() -> None:
    async with ZvtStore() as store:
        outcome = await canceled_after(store, Session(), 3.5)
        assert outcome.verdict is Verdict.PAID
        assert store.money() == 1200
        await store.driver.cancel()


async def test_what_was_sent_once_is_never_sent_again() -> None:
    async with ScriptedPt({"0601": [OK, HANG_UP], "0620": [OK, "061E01FF"]}) as pt:
        session = Session()
        with pytest.raises(DriverError) as caught:
            await pt.driver.pay(session.request, session.report)
        assert not isinstance(caught.value, NotStartedError)
        again = await pt.driver.pay(session.request, session.report)
        assert (again.verdict, again.code) == (Verdict.FAILED, "not_booked")
        assert pt.sent("0601") == 1


async def test_a_refused_start_and_an_unreachable_terminal_are_no_start() -> None:
    async with ScriptedPt({"0601": ["84A000"]}) as pt:
        with pytest.raises(NotStartedError):
            await pt.driver.pay(Session().request, Session().report)
        with pytest.raises(NotStartedError, match="cannot hold money"):
            await pt.driver.pay(Session(capture=Capture.MANUAL).request, Session().report)
        pt.absent = True
        await pt.driver.close()
        with pytest.raises(NotStartedError):
            await pt.driver.pay(Session().request, Session().report)


async def test_what_the_terminal_took_back_has_failed() -> None:
    script = [OK, approved(), status("276C"), "061E016C"]
    async with ScriptedPt({"0601": script}) as pt:
        outcome = await pt.driver.pay(Session().request, Session().report)
        assert (outcome.verdict, outcome.code) == (Verdict.FAILED, "not_booked")


async def test_tips_come_with_the_result() -> None:
    tip = "06091F36060000000001 00".replace(" ", "")
    async with ScriptedPt({"0601": [OK, approved(1300, more=tip), DONE]}, tips="true") as pt:
        session = Session(tip=TipPolicy())
        outcome = await pt.driver.pay(session.request, session.report)
        assert (outcome.amount_captured, outcome.amount_tip) == (1300, 100)


async def test_after_a_reboot_the_line_is_found_again() -> None:
    async with ZvtStore() as store:
        await store.driver.open()
        store.terminal.device.reboot()
        await asyncio.sleep(120)
        assert (await store.pay(Session())).verdict is Verdict.PAID
        assert store.sent("0600") == 2


async def test_the_end_of_a_day() -> None:
    async with ZvtStore() as store:
        await store.pay(Session())
        closing = await store.driver.end_of_day()
        assert closing.amount == 1200
        assert closing.by_card["girocard"] == (1, 1200)
        assert "12.00 EUR" in closing.text
        assert (await store.pay(Session())).verdict is Verdict.PAID


@pytest.mark.parametrize(
    ("said", "amount"),
    [([OK, DONE], None), ([OK, status("2700040000000012 00".replace(" ", "")), DONE], 1200)],
)
async def test_a_closing_may_say_little(said: list[str], amount: int | None) -> None:
    async with ScriptedPt({"0650": said}) as pt:
        closing = await pt.driver.end_of_day()
        assert (closing.amount, closing.by_card, closing.text) == (amount, {}, "")


async def test_other_commands_say_why_not() -> None:
    async with ScriptedPt({"0650": [OK, "061E04B8870042"], "06E0": ["848300"], "0691": [SILENT]}) as pt:
        with pytest.raises(RefusedError, match="end of day") as caught:
            await pt.driver.end_of_day()
        assert caught.value.code == "zvt_b8"
        with pytest.raises(RefusedError):
            await pt.driver.display("x", 999)
        with pytest.raises(DriverError):
            await pt.driver.set_clock(datetime(2026, 3, 8))  # noqa: DTZ001 - the terminal's local time


async def test_clock_and_display() -> None:
    async with ZvtStore() as store:
        await store.driver.set_clock((local() + timedelta(minutes=5)).replace(tzinfo=None))
        await store.driver.status()
        assert store.driver._terminal.skew == timedelta(hours=1, minutes=5)
        await store.driver.display("Guten Tag\nKasse 1", 5)
        assert store.terminal.device.display[:2] == ("Guten Tag", "Kasse 1")

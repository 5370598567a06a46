"""What is left to be done about money: after crashes, with readers that cannot hold, when refused."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from agent.payments.errors import JournalError, WrongStateError
from agent.payments.model import Order, PosKey, State
from agent.pos.register.memory import Deed, Fate
from agent.pos.register.settling import ANSWER, answer_name
from drivers.contract import (
    Capability,
    Capture,
    Card,
    Decision,
    Kind,
    Money,
    Outcome,
    PaymentRequest,
    ReaderConfig,
    ReaderInfo,
    Report,
    Verdict,
)
from tests.register_shop import READER, STATUS, TILL, YES, HungUpError, RegisterShop

NO = bytes.fromhex("846600")
PART = bytes.fromhex("849D0704000000000400")


class CashRegisterReader:
    """A reader whose money moves at once: no holding, refunds on the device."""

    def __init__(self, capabilities: frozenset[Capability] = frozenset({Capability.REFUND})) -> None:
        self.capabilities = capabilities
        self.money = 0
        self.refusals = 0
        self.tip: int | None = None

    async def open(self) -> ReaderInfo:
        return ReaderInfo("till drawer", "1", self.capabilities)

    async def close(self) -> None:
        return

    async def pay(self, request: PaymentRequest, report: Report) -> Outcome:
        await asyncio.sleep(1)
        amount = request.money.amount
        if request.kind is Kind.REFUND and self.refusals:
            self.refusals -= 1
            return Outcome(Verdict.FAILED, code="no_cash", message="the drawer is empty")
        self.money += amount if request.kind is Kind.PAYMENT else -amount
        card = Card(brand="girocard", last4="1234", read_method="contact_emv")
        held = request.capture is Capture.MANUAL
        verdict = Verdict.AUTHORIZED if held else Verdict.PAID
        whole = amount + (self.tip or 0)
        return Outcome(
            verdict,
            amount_authorized=whole,
            amount_captured=0 if held else whole,
            amount_tip=self.tip,
            card=card,
        )

    async def cancel(self) -> None:
        return

    async def inquire(self, request: PaymentRequest) -> Outcome:
        return Outcome(Verdict.FAILED, code="never_sent")

    async def settle(self, request: PaymentRequest, decision: Decision, report: Report) -> Outcome:
        if decision.settlement.value == "capture":
            amount = request.money.amount if decision.amount is None else decision.amount
            return Outcome(Verdict.PAID, amount_authorized=amount, amount_captured=amount)
        self.money -= request.money.amount
        return Outcome(Verdict.RELEASED)


def drawer_shop(folder: Path, *capabilities: Capability) -> tuple[RegisterShop, CashRegisterReader]:
    reader = CashRegisterReader(frozenset({Capability.REFUND, *capabilities}))
    return RegisterShop(folder, driver=lambda _: reader), reader


async def test_a_reader_that_cannot_hold_gives_back_what_the_register_refuses(tmp_path: Path) -> None:
    shop, drawer = drawer_shop(tmp_path)
    async with shop.open():
        register = shop.register()
        assert (await register.pay(1000)).end == "06 0F"
        assert drawer.money == 1000
        assert shop.sessions()[0].references[ANSWER] == YES[:2].hex(" ")
        heard = await register.pay(500, lambda message: NO if message.command == STATUS else YES)
        assert heard.end == "06 1E 6C"
        await shop.settled()
        assert drawer.money == 1000
        heard = await register.pay(700, lambda message: PART if message.command == STATUS else YES)
        assert heard.end == "06 0F"
        await shop.settled()
        assert drawer.money == 1400
        assert (await register.run("06 22 07 04 00 00 00 00 50 00")).end == "06 1E C5"


async def test_a_tip_is_in_the_amount_and_told_by_itself(tmp_path: Path) -> None:
    shop, drawer = drawer_shop(tmp_path, Capability.TIP)
    drawer.tip = 150
    async with shop.open():
        register = shop.register()
        await register.register("8E")
        heard = await register.pay(1000, extra="19 48")
        [message] = [each for each in heard.messages if each.command == STATUS]
        assert heard.status.amount == 1150
        assert message.find_bytes(0x1F36) == bytes.fromhex("000000000150")


async def test_it_gives_back_after_a_crash_what_no_register_said_yes_to(tmp_path: Path) -> None:
    shop, drawer = drawer_shop(tmp_path)
    with suppress(ExceptionGroup):
        async with shop.open():
            register = shop.register()

            def answer(message: Any) -> bytes:
                if message.command == STATUS:
                    raise RuntimeError("the power fails")
                return YES

            await register.pay(1000, answer)
    assert drawer.money == 1000
    async with shop.open():
        await shop.settled()
        assert drawer.money == 0
        assert (await shop.register().run("06 20 05 00 00 00 03 03")).end == "06 1E FF"


async def test_a_refund_that_is_refused_is_said_loudly_and_not_tried_for_ever(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shop, drawer = drawer_shop(tmp_path)
    drawer.refusals = 1
    async with shop.open():
        await shop.register().pay(1000, lambda message: NO if message.command == STATUS else YES)
        await shop.settled()
        assert drawer.money == 1000
    assert "give the customer the money another way" in caplog.text


async def test_a_reader_that_can_only_capture_all_gives_the_rest_back(tmp_path: Path) -> None:
    shop, _ = drawer_shop(tmp_path, Capability.MANUAL_CAPTURE)
    async with shop.open():
        heard = await shop.register().pay(1000, lambda message: PART if message.command == STATUS else YES)
        assert heard.end == "06 0F"
        await shop.settled()
        [refund, sale] = shop.sessions()
        assert (sale.amount_captured, refund.order.money.amount) == (1000, 600)


async def test_a_capture_that_is_refused_for_good_is_told_and_let_go(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        await shop.customer()
        await shop.stripe.fault(
            "status:400:amount_too_large", method="POST", path="/v1/payment_intents/*/capture"
        )
        heard = await shop.register().pay(1000)
        assert heard.end == "06 1E FF"
        await shop.settled()
        assert (await shop.captured(), await shop.held()) == (0, 0)
        assert "settle it by hand" in caplog.text


async def test_a_capture_that_takes_long_is_promised_and_done_later(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        await shop.customer()
        register = shop.register()

        def answer(message: Any) -> bytes:
            shop.exchange.down = message.command == STATUS
            return YES

        await register.register("0E")
        heard = await register.pay(1000, answer)
        assert heard.end == "06 0F"
        assert shop.terminal.memory.entries[-1].unsettled
        reversal = await register.run("06 30 06 00 00 00 87 00 01")
        assert reversal.end == "06 0F"
        await shop.settled()
        assert await shop.captured() == 0


async def test_everything_is_decided_by_what_the_journal_has(tmp_path: Path) -> None:
    shop = RegisterShop(tmp_path)
    async with shop.open():
        memory, settling = shop.terminal.memory, shop.terminal.settling
        cases: list[tuple[Deed, Mapping[str, str] | None, Fate, int]] = [
            (Deed.PAYMENT, None, Fate.VOID, 1000),
            (Deed.PAYMENT, {}, Fate.VOID, 1000),
            (Deed.PAYMENT, {"": "80 00"}, Fate.STANDS, 1000),
            (Deed.PAYMENT, {"": "84 9D 400"}, Fate.STANDS, 400),
            (Deed.HOLD, {"": "80 00"}, Fate.STANDS, 1000),
            (Deed.BOOKING, {}, Fate.VOID, 1000),
            (Deed.REVERSAL, None, Fate.VOID, 1000),
            (Deed.REVERSAL, {}, Fate.STANDS, 1000),
        ]
        for deed, references, fate, amount in cases:
            entry = await memory.begin(deed, 1000, "eur", "2026-03-08T17:49:23+01:00")
            settling.in_hand.add(entry.id)
            if references is not None:
                await shop.customer()
                order = Order(TILL, PosKey(entry.key), READER, Money(1000, "eur"), capture=Capture.MANUAL)
                session, _ = await shop.desk.open(order)
                while not session.state.ended and session.state is not State.AUTHORIZED:
                    session = await shop.desk.changed(session.id, session.seq, 5, None)
                for value in references.values():
                    await shop.desk.note(session.id, {answer_name(entry): value}, TILL)
            settling.decide(entry)
            assert (entry.fate, entry.amount) == (fate, amount), (deed, references)
            entry.fate = Fate.OPEN
            assert not await settling.settle(entry), "what is open belongs to its job"


async def test_what_cannot_be_written_down_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        memory, settling = shop.terminal.memory, shop.terminal.settling
        entry = await memory.begin(Deed.PAYMENT, 1000, "eur", "2026-03-08T17:49:23+01:00")
        entry.fate = Fate.VOID
        real = shop.desk.find
        troubles = [JournalError("slow")]

        def find(*args: Any) -> Any:
            if troubles:
                raise troubles.pop()
            return real(*args)

        monkeypatch.setattr(shop.desk, "find", find)
        settling.wake()
        await asyncio.sleep(10)
        assert not entry.unsettled
        entry.unsettled = True
        shop.terminal.memory._file._writer.close()  # the disk is gone
        assert not await settling.settle(entry)
        assert entry.unsettled


async def test_a_door_whose_journal_cannot_be_read_waits_before_it_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = RegisterShop(tmp_path)
    async with shop.open():
        await shop.terminal.memory.begin(Deed.PAYMENT, 1000, "eur", "2026-03-08T17:49:23+01:00")
    from agent.payments.desk import Desk

    real = Desk.find
    troubles = [JournalError("slow")]

    def find(*args: Any) -> Any:
        if troubles:
            raise troubles.pop()
        return real(*args)

    monkeypatch.setattr(Desk, "find", find)
    async with shop.open():
        assert (await shop.register().run("05 01 00")).end == "06 0F"
        await shop.settled()


async def test_money_that_is_held_is_looked_after_when_the_memory_is_lost(tmp_path: Path) -> None:
    shop = RegisterShop(tmp_path)
    async with shop.open():
        await shop.customer()
        register = shop.register()
        await register.run("06 22 07 04 00 00 00 00 50 00")
        await shop.customer()
        assert await shop.held() == 5000
    with suppress(ExceptionGroup):
        async with shop.open():

            def answer(message: Any) -> bytes:
                if message.command == STATUS:
                    raise RuntimeError("the power fails")
                return YES

            await shop.register().pay(1000, answer)
    assert await shop.held() == 6000
    for name in ("registers.db", "registers.db-wal", "registers.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    async with shop.open():
        await shop.settled()
        assert await shop.held() == 5000, "what nobody said yes to is let go"
        booked = await shop.register().run("06 24 0A 04 00 00 00 00 30 00 87 00 01")
        assert booked.end == "06 0F"
        assert (await shop.captured(), await shop.held()) == (3000, 0)


async def test_a_reversal_whose_refund_failed_after_all_does_not_stand(tmp_path: Path) -> None:
    shop, drawer = drawer_shop(tmp_path)
    async with shop.open():
        await shop.register().pay(1000)
        [sale] = shop.sessions()
        memory, settling = shop.terminal.memory, shop.terminal.settling
        entry = await memory.begin(Deed.REVERSAL, 1000, "eur", "2026-03-08T17:49:23+01:00")
        settling.in_hand.add(entry.id)
        drawer.refusals = 1
        refund, _ = await shop.desk.refund(sale.id, None, PosKey(entry.key), TILL)
        assert refund.state is State.FAILED
        entry.fate = Fate.STANDS
        assert await settling.settle(entry)
        assert entry.fate is Fate.VOID


async def test_a_sale_that_moves_on_while_it_is_let_go_is_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, drawer = drawer_shop(tmp_path)
    async with shop.open():
        memory, settling = shop.terminal.memory, shop.terminal.settling
        entry = await memory.begin(Deed.PAYMENT, 1000, "eur", "2026-03-08T17:49:23+01:00")
        settling.in_hand.add(entry.id)
        await shop.desk.open(Order(TILL, PosKey(entry.key), READER, Money(1000, "eur")))
        entry.fate = Fate.VOID

        async def cancel(*_: object) -> None:
            raise WrongStateError("it is paid by now")

        monkeypatch.setattr(shop.desk, "cancel", cancel)
        assert not await settling.settle(entry)
        await asyncio.sleep(5)
        assert drawer.money == 1000
        assert await settling.settle(entry)
        assert drawer.money == 0
        assert await settling.settle(entry), "and once more, which does nothing"
        assert drawer.money == 0


async def test_nobody_is_served_on_a_line_that_is_gone(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        register = shop.register()
        await register.close()
        await asyncio.sleep(1)
        with pytest.raises(HungUpError):
            await register.receive()
        assert ReaderConfig(READER, "x").name == READER

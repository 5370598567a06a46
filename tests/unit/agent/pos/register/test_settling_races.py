"""What happens to money while something else happens to it: nothing is forgotten, nothing is kept twice."""

import asyncio
import logging
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from agent.payments.model import State
from agent.pos.register.memory import Deed, Entry, Fate
from agent.pos.register.memory_file import MemoryFileError
from agent.pos.register.profiles import PROFILES
from drivers.contract import Capability, Kind, Outcome, PaymentRequest, Report, Verdict
from drivers.zvt.message import Message
from tests.register_shop import STATUS, YES, HungUpError, RegisterShop, numbered
from tests.unit.agent.pos.register.test_settling import CashRegisterReader, drawer_shop

AT = "2026-03-08T17:49:23+01:00"


async def test_what_is_woken_while_something_is_settled_is_settled_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        memory, settling = shop.terminal.memory, shop.terminal.settling
        settling.in_hand.update({1, 2})
        first = await memory.begin(Deed.PAYMENT, 1000, "eur", AT)
        second = await memory.begin(Deed.PAYMENT, 1000, "eur", AT)
        real = memory.save

        async def save(*entries: Entry) -> None:
            if second.id in settling.in_hand:  # its job ends while the first is being written
                settling.in_hand.discard(second.id)
                second.fate = Fate.VOID
                settling.wake()
            await real(*entries)

        monkeypatch.setattr(memory, "save", save)
        settling.in_hand.discard(first.id)
        first.fate = Fate.VOID
        settling.wake()
        await asyncio.sleep(100)
        assert not first.unsettled
        assert not second.unsettled


async def test_a_payment_that_is_disowned_while_it_is_captured_is_given_back(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop, asyncio.TaskGroup() as group:
        await shop.customer()
        register = shop.register()
        await register.register("0E")

        def answer(message: Message) -> bytes:
            shop.exchange.down = shop.exchange.down or message.command == STATUS
            return YES

        assert (await register.pay(1000, answer)).end == "06 0F"

        async def line_comes_back() -> None:
            await asyncio.sleep(3)
            shop.exchange.down = False
            await shop.customer()

        group.create_task(line_comes_back())
        await asyncio.sleep(1)
        # the register lost its memory of receipt 1 in between: the last that it knows is number 9999
        heard = await register.pay(500, extra="06 05 1F 1F 02 99 99")
        assert heard.end == "06 0F"
        await shop.settled()
        assert await shop.captured() == 500


async def test_a_hold_that_is_being_released_cannot_be_booked(tmp_path: Path) -> None:
    """As by the sweep, shortly before it expires: the register must not be told that it is paid."""
    async with RegisterShop(tmp_path).open() as shop, asyncio.TaskGroup() as group:
        await shop.customer()
        register = shop.register()
        await register.run("06 22 07 04 00 00 00 00 50 00")
        [session] = shop.sessions()

        def answer(message: Message) -> bytes:
            if message.command == STATUS and shop.sessions()[0].settling is None:
                group.create_task(shop.desk.cancel(session.id, None))
            return YES

        heard = await register.run("06 24 0A 04 00 00 00 00 30 00 87 00 01", answer)
        assert heard.end == "06 1E 6C"
        await shop.settled()
        assert (await shop.captured(), await shop.held()) == (0, 0)


@pytest.mark.parametrize("ends", ["released", "captured"])
async def test_a_hold_that_ended_elsewhere_is_open_no_more(tmp_path: Path, ends: str) -> None:
    async with RegisterShop(tmp_path, profile=PROFILES["feig"]).open() as shop:
        await shop.customer()
        register = shop.register()
        await register.run("06 22 07 04 00 00 00 00 50 00")
        assert (await register.run("06 50 03 00 00 00")).end == "06 1E B8"
        [session] = shop.sessions()
        if ends == "released":
            await shop.desk.cancel(session.id, None)
        else:
            await shop.desk.capture(session.id, None, None)
        await shop.settled()
        assert (await register.run("06 24 0A 04 00 00 00 00 30 00 87 00 01")).end == "06 1E B8"
        assert (await register.run("06 50 03 00 00 00")).end == "06 0F"
        assert shop.terminal.memory.entries == []
        await shop.settled()
        assert await shop.captured() == (5000 if ends == "captured" else 0)


async def test_what_was_given_back_is_told_even_if_it_cannot_be_numbered_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A register that hears "failed" tries again, and would give back twice."""
    shop = RegisterShop(tmp_path)
    async with shop.open():
        await shop.customer()
        register = shop.register()
        assert (await register.pay(1000)).end == "06 0F"
        memory = shop.terminal.memory
        real = memory.save

        async def save(*entries: Entry) -> None:
            if any(entry.fate is Fate.STANDS for entry in entries):
                raise MemoryFileError("the disk is full")
            await real(*entries)

        monkeypatch.setattr(memory, "save", save)
        refund = await register.run("06 31 0D 00 00 00 04 00 00 00 00 04 00 87 00 01")
        assert refund.end == "06 0F"
        assert await shop.captured() == 600
    async with shop.open():
        await shop.settled()
        again = await shop.register().run("06 20 05 00 00 00 03 03")
        assert again.end == "06 0F"
        assert await shop.captured() == 600


async def test_a_booking_of_a_part_gives_the_rest_back_where_all_must_be_captured(tmp_path: Path) -> None:
    shop, drawer = drawer_shop(tmp_path, Capability.MANUAL_CAPTURE)
    async with shop.open():
        register = shop.register()
        assert (await register.run("06 22 07 04 00 00 00 00 50 00")).end == "06 0F"
        assert (await register.run("06 24 0A 04 00 00 00 00 30 00 87 00 01")).end == "06 0F"
        await shop.settled()
        [refund, sale] = shop.sessions()
        assert (sale.amount_captured, refund.order.money.amount) == (5000, 2000)
        assert drawer.money == 3000


async def test_a_rest_that_cannot_be_given_back_is_said_loudly(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shop, drawer = drawer_shop(tmp_path)
    drawer.refusals = 1
    async with shop.open():
        part = bytes.fromhex("849D0704000000000400")
        heard = await shop.register().pay(1000, lambda each: part if each.command == STATUS else YES)
        assert heard.end == "06 0F"
        await shop.settled()
        assert drawer.money == 1000
    lines = [each for each in caplog.records if each.levelno == logging.CRITICAL]
    assert len(lines) == 1
    assert "6.00" in lines[0].getMessage() or "600" in lines[0].getMessage()


class SlowDrawer(CashRegisterReader):
    """Its refunds take longer than a register waits, and fail then."""

    async def pay(self, request: PaymentRequest, report: Report) -> Outcome:
        if request.kind is Kind.REFUND:
            await asyncio.sleep(90)
            return Outcome(Verdict.FAILED, code="no_cash", message="the drawer is empty")
        return await super().pay(request, report)


async def test_a_reversal_that_fails_after_the_register_was_told_is_said_loudly(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shop = RegisterShop(tmp_path, driver=lambda _: SlowDrawer())
    async with shop.open():
        register = shop.register()
        await register.register("0E")
        assert (await register.pay(1000)).end == "06 0F"
        assert (await register.run("06 30 06 00 00 00 87 00 01")).end == "06 0F"
        await shop.settled()
        assert shop.sessions()[0].state is State.FAILED
    [line] = [each for each in caplog.records if each.levelno == logging.CRITICAL]
    assert "the drawer is empty" in line.getMessage()


async def test_a_refund_whose_register_fell_silent_is_known_all_the_same(tmp_path: Path) -> None:
    class Deliberate(CashRegisterReader):
        async def pay(self, request: PaymentRequest, report: Report) -> Outcome:
            if request.kind is Kind.REFUND:
                await asyncio.sleep(20)
            return await super().pay(request, report)

    drawer = Deliberate()
    shop = RegisterShop(tmp_path, driver=lambda _: drawer)
    async with shop.open():
        register = shop.register()
        await register.register("8E")
        assert (await register.pay(1000)).end == "06 0F"
        heard: list[Message] = []

        def falls_silent(message: Message) -> bytes | None:
            heard.append(message)
            return YES if len(heard) == 1 else None

        with suppress(HungUpError):
            await register.run("06 31 0D 00 00 00 04 00 00 00 00 04 00 87 00 01", falls_silent)
        await shop.settled()
        assert drawer.money == 600
        closed = await shop.register().run("06 50 03 00 00 00")
        assert (closed.end, closed.status.amount) == ("06 0F", 600)


async def test_money_that_no_reader_can_give_back_is_said_loudly(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    drawer = CashRegisterReader(frozenset({Capability.DISPLAY}))
    shop = RegisterShop(tmp_path, driver=lambda _: drawer)
    async with shop.open():
        no = bytes.fromhex("846600")
        await shop.register().pay(1000, lambda each: no if each.command == STATUS else YES)
        await shop.settled()
        assert drawer.money == 1000
    [line] = [each for each in caplog.records if each.levelno == logging.CRITICAL]
    assert "cannot give money back" in line.getMessage()


async def test_an_order_number_of_yesterday_is_another_order(tmp_path: Path) -> None:
    """Registers count bills or tables anew each day: the same sum twice must be paid twice."""
    async with RegisterShop(tmp_path).open() as shop:
        register = shop.register()
        order = "06 06 1F 0D 03 F0 F1 F2".replace("F0 F1 F2", "30 30 37")
        for pause_s, end, captured in ((0, "06 0F", 1000), (600, "06 1E B4", 1000), (86_400, "06 0F", 2000)):
            await asyncio.sleep(pause_s)
            await shop.customer()
            assert (await register.pay(1000, extra=order)).end == end
            assert await shop.captured() == captured


@pytest.mark.parametrize("room", ["00 10", "00 05", "00 40"])
async def test_a_register_with_hardly_any_room_ends_no_gateway(tmp_path: Path, room: str) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        await shop.customer()
        register = shop.register()
        with suppress(HungUpError):
            await register.register("8E", f"06 04 1A 02 {room}")
            await register.pay(1000)
        await shop.settled()
        assert (await shop.register().register("8E")).end == "06 0F", "once it says what it can take"


@pytest.mark.parametrize("amount", [1000, 700])
async def test_a_memory_that_was_put_back_from_a_copy_repeats_no_key(tmp_path: Path, amount: int) -> None:
    """Else the next customer's sale would be told as the one that was made under its key, or undo that."""
    shop = RegisterShop(tmp_path)
    memory, copy = tmp_path / "registers.db", tmp_path / "copy.db"
    async with shop.open():
        pass
    shutil.copy(memory, copy)
    async with shop.open():
        await shop.customer()
        assert (await shop.register().pay(1000)).end == "06 0F"
    for ending in ("-wal", "-shm"):
        memory.with_name(memory.name + ending).unlink(missing_ok=True)
    shutil.copy(copy, memory)
    async with shop.open():
        await shop.customer()
        assert (await shop.register().pay(amount)).end == "06 0F"
        await shop.settled()
        assert await shop.captured() == 1000 + amount


async def test_a_sale_under_way_is_let_go_when_the_memory_is_lost(tmp_path: Path) -> None:
    shop = RegisterShop(tmp_path)
    with suppress(ExceptionGroup):
        async with shop.open():
            await shop.customer(after=30)
            await shop.register().send("06 01 07 04 00 00 00 00 10 00")
            await asyncio.sleep(10)
            raise RuntimeError("the power fails")
    for name in ("registers.db", "registers.db-wal", "registers.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    async with shop.open():
        await asyncio.sleep(60)
        await shop.settled()
        assert (await shop.captured(), await shop.held()) == (0, 0)
        assert [each.state for each in shop.sessions()] == [State.CANCELED]


async def test_a_reservation_keeps_its_number_when_the_memory_is_lost(tmp_path: Path) -> None:
    shop = RegisterShop(tmp_path)
    async with shop.open():
        await shop.customer()
        await shop.register().run("06 22 07 04 00 00 00 00 50 00")
    for name in ("registers.db", "registers.db-wal", "registers.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    async with shop.open():
        await shop.customer()
        register = shop.register()
        assert (await register.pay(1000)).status.receipt == 2
        assert (await register.run("06 24 0A 04 00 00 00 00 30 00 87 00 01")).end == "06 0F"
        await shop.settled()
        assert await shop.captured() == 4000


async def test_a_number_that_comes_round_again_is_a_new_message(tmp_path: Path) -> None:
    """Six digits are used up in months; what was paid under a number then is not what is ordered now."""
    async with RegisterShop(tmp_path).open() as shop:
        register = shop.register()
        await register.register("8E", "06 06 1F 73 03 00 00 00")
        order = "06 01 04 00 00 00 00 10 00"
        for number in (7, 999_990, 7):
            await shop.customer()
            assert (await register.run(numbered(order, number))).end == "06 0F"
        await shop.settled()
        assert await shop.captured() == 3000
        again = replace(shop.terminal.memory.facts)
        assert (await register.run(numbered(order, 7))).answer
        assert shop.terminal.memory.facts.receipt == again.receipt

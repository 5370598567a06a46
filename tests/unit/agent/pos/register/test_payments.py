"""Payments and what undoes them, as a register sees them; the simulated bank's books are the judge."""

import asyncio
from pathlib import Path

import pytest

from agent.payments.model import Order, PosKey, State, TillName
from drivers.contract import Money
from drivers.zvt.message import Message
from tests.register_shop import ABORT, READER, STATUS, YES, HungUpError, RegisterShop

INSUFFICIENT = "4000000000009995"


async def test_a_payment_by_a_register_that_prints(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path, contract_number="VU-123456").open() as shop:
        await shop.customer()
        register = shop.register()
        done = await register.register()
        assert done.end == "06 0F"
        heard = await register.pay(1234)
        assert heard.commands == [0x040F, 0x06D3, 0x06D3, 0x060F]
        status = heard.status
        assert (status.result, status.amount, status.currency) == (0, 1234, 978)
        assert (status.receipt, status.trace, status.turnover) == (1, 1, 1)
        assert (status.card_number, status.card_type, status.card_technology) == ("EEEEEEEEEEEE4242", 10, 2)
        assert (status.time, status.date, status.merchant) == ("174924", "0308", "VU-123456")
        assert status.unique_id == bytes.fromhex("0001")
        [session] = shop.sessions()
        assert (session.state, session.amount_captured) == (State.PAID, 1234)
        assert session.references["register_answer"] == "80 00"
        assert (session.references["register_receipt"], session.references["register_trace"]) == (
            "0001",
            "000001",
        )
        assert await shop.captured() == 1234


async def test_money_moves_only_after_the_last_print_was_acknowledged(tmp_path: Path) -> None:
    captured: list[int] = []

    async with RegisterShop(tmp_path).open() as shop:

        def answer(message: Message) -> bytes:
            captured.append(sum(session.amount_captured for session in shop.sessions()))
            return YES

        await shop.customer()
        register = shop.register()
        await register.register("86")
        await register.pay(1000, answer)
        assert captured == [0, 0, 0, 1000]


@pytest.mark.parametrize("number", [INSUFFICIENT, "4000000000000002"])
async def test_a_declined_card_is_told_twice_and_moves_nothing(tmp_path: Path, number: str) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        await shop.customer(auto_present={"after": 2.0, "number": number})
        register = shop.register()
        await register.register()
        heard = await register.pay(1000)
        code = "33" if number == INSUFFICIENT else "05"
        assert heard.commands == [STATUS, ABORT]
        assert (heard.status.result, heard.end) == (int(code, 16), f"06 1E {code}")
        assert heard.status.receipt is None
        assert heard.status.additional
        assert (shop.terminal.memory.entries, shop.terminal.memory.last_stands()) == ([], None)


async def test_a_customer_who_presses_stop(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        await shop.customer(auto_cancel={"after": 3.0})
        register = shop.register()
        assert (await register.pay(1000)).end == "06 1E 6C"
        assert await shop.held() + await shop.captured() == 0


async def test_a_register_that_stops_the_sale(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        register = shop.register()
        await register.register()

        async def stop() -> None:
            await asyncio.sleep(12)
            await register.send("06 B0 00")

        async with asyncio.TaskGroup() as group:
            group.create_task(stop(), name="cashier")
            heard = await register.pay(1000)
        assert heard.end == "06 1E 6C"
        [session] = shop.sessions()
        assert (session.state, session.cancel_asked) == (State.CANCELED, "till")
        await shop.customer()
        assert (await register.pay(1000)).end == "06 0F"


async def test_a_stop_while_nothing_runs_is_answered_and_forgotten(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        register = shop.register()
        assert (await register.run("06 B0 00")).answer == "80 00"
        await shop.customer()
        assert (await register.pay(1000)).end == "06 0F"


@pytest.mark.parametrize(
    ("answers", "moved"),
    [
        (["80 00 00"], 1000),
        (["84 00 00"], 1000),
        (["84 9D 07 04 00 00 00 00 04 00"], 400),
        (["84 9C 00", "84 9C 00", "80 00 00"], 1000),
        (["84 66 00"], 0),
        (["84 FF 00"], 0),
        (["84 9D 00"], 0),
        (["84 9D 07 04 00 00 00 00 10 01"], 0),
        (["84 9C 00", "84 66 00"], 0),
        (["84 9C 00", "84 9D 07 04 00 00 00 00 04 00"], 400),
    ],
)
async def test_the_registers_word_decides(tmp_path: Path, answers: list[str], moved: int) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        await shop.customer()
        register = shop.register()
        await register.register("8C")
        said = iter(answers)

        def answer(message: Message) -> bytes:
            return bytes.fromhex(next(said, "80 00 00")) if message.command == STATUS else YES

        heard = await register.pay(1000, answer)
        assert heard.end == ("06 0F" if moved else "06 1E 6C")
        await shop.settled()
        assert (await shop.captured(), await shop.held()) == (moved, 0)
        if not moved:
            assert heard.statuses[-1].result == 0x6C
            return
        again = await register.run("06 20 05 00 00 00 03 03")
        assert again.status.amount == moved


async def test_postponed_more_often_than_allowed_is_taken_back(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        await shop.customer()
        register = shop.register()
        later = bytes.fromhex("849C00")
        heard = await register.pay(1000, lambda message: later if message.command == STATUS else YES, "02 03")
        assert heard.end == "06 1E 6C"
        # three postponements, one too many, and the reversal
        assert [status.result for status in heard.statuses] == [0, 0, 0, 0, 0x6C]
        await shop.settled()
        assert (await shop.captured(), await shop.held()) == (0, 0)


@pytest.mark.parametrize(("extra", "window_s"), [("", 30), ("01 0A", 10)])
async def test_a_register_that_never_answers_is_waited_for_and_the_money_let_go(
    tmp_path: Path, extra: str, window_s: int
) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        await shop.customer()
        register = shop.register()
        told_at: list[float] = []
        clock = asyncio.get_running_loop().time

        def answer(message: Message) -> bytes | None:
            if message.command != STATUS:
                return YES
            told_at.append(clock())
            return None

        with pytest.raises(HungUpError):
            await register.pay(1000, answer, extra)
        assert window_s <= clock() - told_at[0] <= window_s + 15
        await shop.settled()
        assert (await shop.captured(), await shop.held()) == (0, 0)


async def test_a_receipt_that_cannot_be_printed_takes_the_payment_back(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        await shop.customer()
        register = shop.register()
        await register.register()
        no_paper = bytes.fromhex("84CC00")
        heard = await register.pay(1000, lambda message: no_paper if message.command == 0x06D3 else YES)
        assert heard.end == "06 1E 6C"
        await shop.settled()
        assert (await shop.captured(), await shop.held()) == (0, 0)


async def test_part_of_the_goods_is_out_whatever_the_printer_says(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        await shop.customer()
        register = shop.register()
        await register.register()
        says = {STATUS: "84 9D 07 04 00 00 00 00 07 00", 0x06D3: "84 CC 00"}
        heard = await register.pay(1000, lambda message: bytes.fromhex(says.get(message.command, "800000")))
        assert heard.end == "06 0F"
        assert await shop.captured() == 700


async def test_a_register_that_hangs_up_while_the_customer_pays(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        await shop.customer(after=6.0)
        register = shop.register()
        await register.send("06 01 07 04 00 00 00 00 10 00")
        await register.receive()
        await asyncio.sleep(3)
        await register.close()
        await asyncio.sleep(60)
        [session] = shop.sessions()
        assert session.state in {State.CANCELED, State.RELEASED}
        assert (await shop.captured(), await shop.held()) == (0, 0)


async def test_a_reader_that_another_till_uses_is_busy(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        await shop.desk.open(Order(TillName("other"), PosKey("k"), READER, Money(500, "eur")))
        heard = await shop.register().pay(1000)
        assert heard.end == "06 1E A0"
        assert shop.terminal.memory.unsettled() == []

"""Payments and what undoes them, as a register sees them; the simulated bank's books are the judge."""

import asyncio
from pathlib import Path

import pytest

from agent.payments.model import Order, PosKey, State, TillName
from agent.pos.register.profiles import PROFILES
from drivers.contract import Kind, Money
from drivers.zvt.message import Message
from tests.register_shop import ABORT, READER, STATUS, YES, HungUpError, RegisterShop, numbered, yes

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


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("06 01 00", "9A"),
        ("06 01 07 04 00 00 00 00 00 00", "9A"),
        ("06 01 07 04 01 00 00 00 00 00", "C3"),
        ("06 01 0A 04 00 00 00 00 10 00 49 07 56", "6F"),
        ("06 30 03 00 00 00", "B5"),
        ("06 30 06 00 00 00 87 00 42", "B5"),
        ("06 31 0A 00 00 00 04 00 00 00 00 10 00", "83"),
        ("06 31 0D 00 00 00 04 00 00 00 00 10 00 87 00 42", "83"),
        ("06 24 0A 04 00 00 00 00 10 00 87 00 42", "B8"),
        ("06 23 0A 04 00 00 00 00 10 00 87 00 42", "B8"),
        ("06 25 03 87 00 42", "B8"),
        ("06 22 0B 04 00 00 00 00 10 00 0B 00 00 01", "B7"),
        ("06 20 05 00 00 00 03 03", "FF"),
        ("06 12 03 00 00 00", "9A"),
        ("06 1B 00", "9A"),
    ],
)
async def test_what_cannot_be_is_refused_with_a_reason(tmp_path: Path, command: str, code: str) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        heard = await shop.register().run(command)
        assert (heard.answer, heard.end) == ("80 00", f"06 1E {code}")
        assert shop.sessions() == []


async def test_a_reader_that_another_till_uses_is_busy(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        await shop.desk.open(Order(TillName("other"), PosKey("k"), READER, Money(500, "eur")))
        heard = await shop.register().pay(1000)
        assert heard.end == "06 1E A0"
        assert shop.terminal.memory.unsettled() == []


# -- taking back --------------------------------------------------------------------------------------------


async def test_a_payment_is_reversed_once_by_its_receipt_number(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        await shop.customer()
        register = shop.register()
        await register.register()
        await register.pay(1000)
        wrong = await register.run("06 30 0D 00 00 00 87 00 01 04 00 00 00 00 09 99")
        assert wrong.end == "06 1E B5"
        heard = await register.run("06 30 0D 00 00 00 87 00 01 04 00 00 00 00 10 00")
        assert heard.commands == [0x040F, 0x06D3, 0x06D3, 0x060F]
        status = heard.status
        assert (status.amount, status.receipt, status.original_trace, status.currency) == (1000, 2, 1, None)
        assert await shop.captured() == 0
        again = await register.run("06 30 06 00 00 00 87 00 01")
        assert again.end == "06 1E B4"
        assert (await register.run("06 30 06 00 00 00 87 00 02")).end == "06 1E B5"
        refunds = [session for session in shop.sessions() if session.order.kind is Kind.REFUND]
        assert [session.state for session in refunds] == [State.PAID]


async def test_a_reversal_whose_answer_is_lost_is_not_made_twice(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        await shop.customer()
        register = shop.register()
        await register.pay(1000)
        await register.send("06 30 06 00 00 00 87 00 01")
        await register.receive()
        await register.close()
        await shop.settled()
        assert (await shop.register().run("06 30 06 00 00 00 87 00 01")).end == "06 1E B4"
        assert await shop.captured() == 0


async def test_refunds_name_the_payment_they_come_from(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        await shop.customer()
        register = shop.register()
        await register.pay(1000)
        heard = await register.run("06 31 0D 00 00 00 04 00 00 00 00 03 00 87 00 01")
        assert (heard.end, heard.status.amount) == ("06 0F", 300)
        assert await shop.captured() == 700
        assert (await register.run("06 31 0D 00 00 00 04 00 00 00 00 08 00 87 00 01")).end == "06 1E C3"
        # what is left is what a reversal gives back, where the register names no amount
        heard = await register.run("06 30 06 00 00 00 87 00 01")
        assert (heard.end, heard.status.amount) == ("06 0F", 700)
        assert await shop.captured() == 0


async def test_a_refund_that_stripe_refuses_is_told(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        await shop.customer()
        register = shop.register()
        await register.pay(1000)
        await shop.stripe.fault("status:400:charge_disputed", method="POST", path="/v1/refunds")
        heard = await register.run("06 30 06 00 00 00 87 00 01")
        assert (heard.commands, heard.end) == ([STATUS, ABORT], "06 1E B5")
        assert await shop.captured() == 1000
        assert (await register.run("06 30 06 00 00 00 87 00 01")).end == "06 0F"


# -- holding ------------------------------------------------------------------------------------------------

HOLD = "06 22 0A 04 00 00 00 00 50 00 49 09 78"


async def test_a_reservation_is_booked_in_part(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        await shop.customer()
        register = shop.register()
        await register.register()
        held = await register.run(HOLD)
        assert held.commands == [0x040F, 0x060F], "a reservation has no receipt"
        assert (await shop.held(), held.status.receipt) == (5000, 1)
        assert (await register.run("06 23 03 87 FF FF")).end == "06 1E B8"
        assert (await register.run("06 24 0A 04 00 00 00 00 50 01 87 00 01")).end == "06 1E B7"
        booked = await register.run("06 24 0A 04 00 00 00 00 30 00 87 00 01")
        assert booked.commands == [0x040F, 0x06D3, 0x06D3, 0x060F]
        assert (booked.status.amount, booked.status.original_trace) == (3000, 1)
        assert (await shop.captured(), await shop.held()) == (3000, 0)
        assert (await register.run("06 25 03 87 00 01")).end == "06 1E B8"
        # what was booked can be reversed as any payment
        assert (await register.run("06 30 06 00 00 00 87 00 02")).end == "06 0F"
        assert await shop.captured() == 0


@pytest.mark.parametrize(
    ("command", "left"),
    [
        ("06 23 0A 04 00 00 00 00 20 00 87 00 01", 3000),
        ("06 23 0A 04 00 00 00 00 50 00 87 00 01", 0),
        ("06 25 03 87 00 01", 0),
        ("06 25 0A 04 00 00 00 00 50 00 87 00 01", 0),
    ],
)
async def test_a_reservation_is_released_in_part_or_whole(tmp_path: Path, command: str, left: int) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        await shop.customer()
        register = shop.register()
        await register.run(HOLD)
        heard = await register.run(command)
        assert heard.end == "06 0F"
        await shop.settled()
        assert (await shop.captured(), await shop.held()) == (left, 0)
        assert shop.terminal.memory.open_holds() == []


async def test_open_reservations_are_listed(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        register = shop.register()
        await register.register()
        none = await register.run("06 23 03 87 FF FF")
        assert none.messages[-1].get(0x87) == b"\xff\xff"
        for _ in range(2):
            await shop.customer()
            await register.run(HOLD)
        several = await register.run("06 23 03 87 FF FF")
        assert several.messages[-1].get(0x87) == b"\x00\x01"
        assert several.messages[-1].find_bytes(0x23, 0x08) == b"\x00\x01"
        assert (await register.run("06 25 0A 04 00 00 00 00 50 01 87 00 01")).end == "06 1E B7"
        assert (await register.run("06 23 0A 04 00 00 00 00 50 01 87 00 01")).end == "06 1E B7"


async def test_a_booking_without_the_registers_yes_leaves_the_hold_as_it_was(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        await shop.customer()
        register = shop.register()
        await register.run(HOLD)
        no = bytes.fromhex("846600")
        heard = await register.run(
            "06 24 0A 04 00 00 00 00 30 00 87 00 01", lambda each: no if each.command == STATUS else YES
        )
        assert heard.end == "06 1E 6C"
        assert await shop.held() == 5000
        assert (await register.run("06 24 0A 04 00 00 00 00 30 00 87 00 01")).end == "06 0F"
        assert await shop.captured() == 3000


async def test_a_reservation_without_the_registers_yes_is_let_go(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        await shop.customer()
        register = shop.register()
        no = bytes.fromhex("846600")
        assert (
            await register.run(HOLD, lambda each: no if each.command == STATUS else YES)
        ).end == "06 1E 6C"
        await shop.settled()
        assert await shop.held() == 0


async def test_a_hold_that_the_bank_let_go_cannot_be_booked(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        await shop.customer()
        register = shop.register()
        await register.run(HOLD)
        [session] = shop.sessions()
        await shop.desk.cancel(session.id, None)
        assert (await register.run("06 24 0A 04 00 00 00 00 30 00 87 00 01")).end == "06 1E B8"


# -- what a register may have said before -------------------------------------------------------------------

ORDER = "06 0A 1F 0D 07 41 42 43 31 32 33 34"
ORDER_ASKED = "06 0E 1F 0D 07 41 42 43 31 32 33 34 1F 15 01 04"


async def test_an_order_number_is_paid_once(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        register = shop.register()
        for _ in range(2):
            await shop.customer()
            first = await register.pay(1000, extra=ORDER)
        assert (first.end, first.status.receipt) == ("06 1E B4", 1)
        assert await shop.captured() == 1000
        assert (await register.pay(500, extra=ORDER)).end == "06 0F", "another part of the same order"
        assert (await register.pay(700, extra=ORDER_ASKED)).end == "06 1E B4"
        await register.run("06 30 06 00 00 00 87 00 02")
        await shop.customer()
        assert (await register.pay(500, extra=ORDER)).end == "06 0F", "its payment was reversed"


async def test_order_numbers_mean_nothing_where_the_profile_says_so(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path, profile=PROFILES["card-complete"]).open() as shop:
        register = shop.register()
        for _ in range(2):
            await shop.customer()
            assert (await register.pay(1000, extra=ORDER)).end == "06 0F"
        assert (await register.pay(1000, extra=ORDER_ASKED)).end == "06 1E B4"
        assert await shop.captured() == 2000


NUMBERED = "06 0E 1F 73 03 00 00 00 26 04 0A 02 06 D3 1A 02 FF FF"


async def test_a_message_that_is_sent_again_on_a_new_connection_charges_once(tmp_path: Path) -> None:
    shop = RegisterShop(tmp_path)
    payment = numbered("06 01 04 00 00 00 00 10 00", 1)
    async with shop.open():
        await shop.customer()
        register = shop.register()
        done = await register.register("8E", "06 06 1F 73 03 00 00 00")
        assert done.messages[-1].find_bytes(0x1F73) == b"\0\0\0"
        first = await register.run(payment)
        assert first.end == "06 0F"
        await register.close()
        again = await shop.register().run(payment)
        assert again.end == "06 0F"
        assert again.status.receipt == first.status.receipt == 1
    async with shop.open():
        again = await shop.register().run(payment)
        assert (again.end, again.status.receipt) == ("06 0F", 1)
        await shop.customer()
        other = await shop.register().run(numbered("06 01 04 00 00 00 00 10 00", 20))
        assert other.status.receipt == 2
        assert await shop.captured() == 2000


async def test_a_register_that_missed_the_last_result_has_it_taken_back(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        register = shop.register()
        for mirrored, amount in (("", 1000), ("0001", 1100), ("0001", 1200)):
            await shop.customer()
            tag = f"06 {3 + len(mirrored) // 2:02X} 1F 1F {len(mirrored) // 2:02X} {mirrored}"
            heard = await register.pay(amount, extra=tag)
            assert heard.end == "06 0F"
        assert heard.status.receipt == 2, "the number of what was taken back is used again"
        await shop.settled()
        assert await shop.captured() == 1000 + 1200


async def test_a_reversal_is_not_undone_by_a_register_that_missed_it(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        await shop.customer()
        register = shop.register()
        await register.pay(1000)
        await register.run("06 30 06 00 00 00 87 00 01")
        await shop.customer()
        heard = await register.pay(500, extra="06 05 1F 1F 02 00 01")
        assert heard.status.receipt == 3
        assert await shop.captured() == 500


async def test_every_answer_is_yes() -> None:
    assert yes(Message(STATUS)) == YES

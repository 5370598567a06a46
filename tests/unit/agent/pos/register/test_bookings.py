"""Reversals, refunds and what becomes of reservations, as a register sees them; the bank's books judge."""

from pathlib import Path

import pytest

from agent.payments.model import State
from drivers.contract import Kind
from tests.register_shop import ABORT, STATUS, YES, RegisterShop

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

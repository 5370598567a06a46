"""Totals, end of day, receipts that are told again; after a restart, too."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from agent.pos.register.profiles import PROFILES
from drivers.zvt.receipts import read_print
from drivers.zvt.values import Total
from tests.register_shop import Register, RegisterShop

REPEAT = "06 20 05 00 00 00 03 03"
VISA, MASTERCARD, AMEX = "4242424242424242", "5555555555554444", "378282246310005"


async def sell(shop: RegisterShop, register: Register, *amounts: int, number: str = VISA) -> None:
    for amount in amounts:
        await shop.customer(auto_present={"after": 1.0, "number": number})
        assert (await register.pay(amount)).end == "06 0F"


async def test_totals_are_counted_by_card_and_closing_begins_anew(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        register = shop.register()
        await register.register()
        await sell(shop, register, 1000, 200)
        await sell(shop, register, 500, number=MASTERCARD)
        await sell(shop, register, 300, number=AMEX)
        await register.run("06 30 06 00 00 00 87 00 02")
        so_far = await register.run("06 10 03 00 00 00")
        closed = await register.run("06 50 03 00 00 00")
        for heard in (so_far, closed):
            assert heard.commands == [0x040F, 0x06D3, 0x060F]
            totals = heard.status.totals
            assert totals is not None
            assert (totals.first_receipt, totals.last_receipt) == (1, 5)
            assert totals.cards[2:5] == (Total(1, 500), Total(1, 300), Total(3, 1000))
            assert heard.status.amount == 1800 == await shop.captured()
        lines = [line.text for line in read_print(closed.prints[0]).lines]
        assert "Kassenschnitt" in lines
        assert "visa 3 x 10.00 EUR" in lines
        empty = await register.run("06 10 03 00 00 00")
        assert (empty.status.amount, empty.status.totals and empty.status.totals.last_receipt) == (0, 0)
        again = await register.run("06 20 0B 00 00 00 03 01 06 04 1F 01 01 04")
        assert again.status == closed.status
        assert len(again.prints) == 1
        await sell(shop, register, 100)
        later = (await register.run("06 10 03 00 00 00")).status.totals
        assert later is not None
        assert later.first_receipt == 6


async def test_a_day_that_paid_out_more_than_it_took_shows_nothing(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        register = shop.register()
        await sell(shop, register, 1000)
        await register.run("06 50 03 00 00 00")
        assert (await register.run("06 30 06 00 00 00 87 00 01")).end == "06 0F", "of the day before, too"
        assert (await register.run("06 30 06 00 00 00 87 00 01")).end == "06 1E B4"
        assert (await register.run("06 10 03 00 00 00")).status.amount == 0
        await register.run("06 50 03 00 00 00")
        assert (await register.run("06 30 06 00 00 00 87 00 01")).end == "06 1E B4"


async def test_the_last_result_is_repeated_byte_for_byte_after_a_restart(tmp_path: Path) -> None:
    shop = RegisterShop(tmp_path)
    async with shop.open():
        register = shop.register()
        await register.register("BE")
        await sell(shop, register, 1000)
        await sell(shop, register, 2000)
        [told] = [
            raw
            for raw in register.raw
            if raw[:2] == b"\x04\x0f" and raw[5:12] == bytes.fromhex("04000000002000")
        ]
        printed = [raw for raw in register.raw if raw[:2] == b"\x06\xd3"][-2:]
        numbers = shop.terminal.memory.facts.trace, shop.terminal.memory.facts.receipt
    async with shop.open():
        register = shop.register()
        heard = await register.run(REPEAT)
        assert heard.commands == [0x040F, 0x060F]
        assert register.raw[1] == told
        heard = await register.run("06 20 05 00 00 00 03 01")
        assert [raw for raw in register.raw if raw[:2] == b"\x06\xd3"] == printed
        first = await register.run("06 20 10 00 00 00 03 03 06 09 1F 01 01 02 1F 02 02 00 01")
        assert first.status.amount == 1000
        assert (shop.terminal.memory.facts.trace, shop.terminal.memory.facts.receipt) == numbers
        await sell(shop, register, 300)
        assert (await register.run(REPEAT)).status.receipt == 3


async def test_who_builds_receipts_from_results_gets_the_result(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        register = shop.register()
        await register.register("0E")
        await sell(shop, register, 1000)
        assert (await register.run("06 20 03 00 00 00")).commands == [0x040F, 0x060F]


async def test_a_register_without_tlv_gets_the_result_without(tmp_path: Path) -> None:
    shop = RegisterShop(tmp_path)
    async with shop.open():
        register = shop.register()
        await register.register("BE")
        await sell(shop, register, 1000)
        await register.register("BE", "")
        heard = await register.run(REPEAT)
        assert not heard.messages[0].has_container
        assert heard.status.receipt == 1


async def test_receipts_are_printed_again_by_their_numbers(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        register = shop.register()
        await register.register("BE")
        await sell(shop, register, 100, 200, 300)
        two = await register.run("06 12 0F 00 00 00 06 0A 1F 02 02 00 02 1F 03 02 00 03")
        assert len(two.prints) == 4
        one = await register.run("06 12 06 00 00 00 87 00 01")
        amounts = [line.text for message in one.prints for line in read_print(message).lines]
        assert "1.00 EUR" in amounts


async def test_open_reservations_block_the_closing_where_the_profile_says_so(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path, profile=PROFILES["feig"]).open() as shop:
        await shop.customer()
        register = shop.register()
        await register.run("06 22 07 04 00 00 00 00 50 00")
        refused = await register.run("06 50 03 00 00 00")
        assert (refused.end, refused.messages[-1].get(0x87)) == ("06 1E B8", b"\x00\x01")
        await register.run("06 25 03 87 00 01")
        assert (await register.run("06 50 03 00 00 00")).end == "06 0F"


async def test_a_reservation_outlives_the_closing_and_the_gateway(tmp_path: Path) -> None:
    shop = RegisterShop(tmp_path)
    async with shop.open():
        await shop.customer()
        register = shop.register()
        await register.run("06 22 07 04 00 00 00 00 50 00")
        await register.run("06 50 03 00 00 00")
    async with shop.open():
        heard = await shop.register().run("06 24 0A 04 00 00 00 00 30 00 87 00 01")
        assert heard.end == "06 0F"
        assert (await shop.captured(), await shop.held()) == (3000, 0)


async def test_a_day_that_is_not_closed_locks_payments(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path, closing_after_h=0.001).open() as shop:
        register = shop.register()
        await sell(shop, register, 1000)
        await asyncio.sleep(10)
        assert (await register.run("05 01 00")).messages[-1].params["status"] == b"\xf0"
        heard = await register.pay(1000)
        assert (heard.answer, heard.end) == ("80 00", "06 1E F0")
        assert (await register.run(REPEAT)).end == "06 0F"
        assert (await register.run("06 50 03 00 00 00")).end == "06 0F"
        await sell(shop, register, 1000)


async def test_receipt_numbers_may_begin_anew(tmp_path: Path) -> None:
    profile = replace(PROFILES["standard"], restarts_receipts=True)
    async with RegisterShop(tmp_path, profile=profile).open() as shop:
        register = shop.register()
        await sell(shop, register, 1000, 1100)
        await register.run("06 50 03 00 00 00")
        await sell(shop, register, 1200)
        heard = await register.run("06 30 0D 00 00 00 87 00 01 04 00 00 00 00 12 00")
        assert heard.end == "06 0F"


@pytest.mark.parametrize("wishes", ["80", "20", "A0", "A8", "00"])
async def test_copies_are_printed_as_the_register_wishes(tmp_path: Path, wishes: str) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        register = shop.register()
        await register.register("86", f"06 0A 26 04 0A 02 06 D3 1F 04 01 {wishes}")
        await shop.customer()
        heard = await register.pay(1000)
        kinds = [message.find_bytes(0x1F07) for message in heard.prints]
        expected = {
            "80": [b"\x02"],
            "20": [b"\x01"],
            "A0": [b"\x01", b"\x02"],
            "A8": [b"\x02", b"\x01"],
            "00": [],
        }
        assert kinds == expected[wishes]


async def test_failures_are_printed_where_the_register_wishes(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        register = shop.register()
        await register.register("86", "06 0A 26 04 0A 02 06 D3 1F 04 01 40")
        await shop.customer(auto_present={"after": 1.0, "number": "4000000000000002"})
        heard = await register.pay(1000)
        assert heard.commands == [0x040F, 0x06D3, 0x061E]
        lines = [line.text for line in read_print(heard.prints[0]).lines]
        assert "Vorgang abgebrochen" in lines

"""A register that asks again: by message numbers, order numbers, unique ids."""

from pathlib import Path

from agent.pos.register.profiles import PROFILES
from tests.register_shop import RegisterShop, numbered

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

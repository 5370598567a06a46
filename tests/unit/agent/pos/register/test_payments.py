"""Payments and what undoes them, as a register sees them."""

from pathlib import Path

from agent.payments.model import State
from tests.register_shop import RegisterShop


async def test_a_payment_by_a_register_that_prints(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        await shop.customer()
        register = shop.register()
        done = await register.register()
        assert done.end == "06 0F"
        heard = await register.pay(1234)
        assert heard.commands == [0x040F, 0x06D3, 0x06D3, 0x060F]
        status = heard.status
        assert (status.result, status.amount, status.receipt, status.trace) == (0, 1234, 1, 1)
        assert status.card_number == "EEEEEEEEEEEE4242"
        [session] = shop.sessions()
        assert (session.state, session.amount_captured) == (State.PAID, 1234)
        assert await shop.captured() == 1234

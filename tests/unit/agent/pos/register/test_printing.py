"""Whose printer a receipt comes out of."""

from pathlib import Path

import pytest

from agent.pos.register.printing import restored, stored
from agent.pos.register.profiles import PROFILES
from drivers.zvt.receipts import Line, read_print
from tests.register_shop import RegisterShop


def test_lines_are_kept_as_they_were() -> None:
    lines = [Line("Müller", 0x40), Line("")]
    assert restored(stored(lines)) == lines


@pytest.mark.parametrize(
    ("tlv", "command"),
    [("06 06 26 04 0A 02 06 D3", 0x06D3), ("06 06 26 04 0A 02 06 D1", 0x06D1), ("", 0x06D1)],
)
async def test_receipts_come_by_the_command_that_was_listed(tmp_path: Path, tlv: str, command: int) -> None:
    async with RegisterShop(tmp_path, header=("Shop",)).open() as shop:
        await shop.customer()
        register = shop.register()
        await register.register("86", tlv)
        heard = await register.pay(1000)
        assert {message.command for message in heard.prints} == {command}
        lines = [line.text for message in heard.prints for line in read_print(message).lines]
        assert lines.count("Shop") == 2
        assert "10.00 EUR" in lines


async def test_a_register_that_may_have_no_containers_gets_lines_if_it_takes_them(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path, profile=PROFILES["old"]).open() as shop:
        await shop.customer()
        register = shop.register()
        await register.register("86", "06 0A 26 08 0A 02 06 D3 0A 02 06 D1")
        heard = await register.pay(1000)
        assert {message.command for message in heard.prints} == {0x06D1}

"""Receipts: who prints them, by which command, in how many pieces."""

import pytest

from drivers.simulators.zvt_terminal.profiles import PROFILES
from drivers.zvt.commands.payments import Authorisation
from drivers.zvt.commands.setup import Registration, TurnoverTotals
from drivers.zvt.config import Config
from drivers.zvt.receipts import read_print
from tests.unit.drivers.simulators.zvt_terminal.till import shop

PW = "000000"
LINE, BLOCK = 0x06D1, 0x06D3


@pytest.mark.parametrize(
    ("config", "payment", "administration", "paper"),
    [
        (0x8E, True, True, 0),
        (0x8A, True, False, 1),
        (0x8C, False, True, 2),
        (0x88, False, False, 3),
        (0x0E, False, False, 0),
        (0x0A, False, False, 1),
        (0x08, False, False, 3),
    ],
)
async def test_the_config_byte_says_who_prints(
    config: int, payment: bool, administration: bool, paper: int
) -> None:
    async with shop() as world:
        till = world.call()
        await till.register(config)
        await till.run(Authorisation(1200))
        assert bool(till.all(BLOCK)) is payment
        await till.run(TurnoverTotals(PW))
        assert bool(till.all(BLOCK)) is administration
        assert len(world.device.paper) == paper


async def test_a_terminal_without_printer_prints_nothing() -> None:
    async with shop("basic") as world:
        till = world.call()
        await till.register(0x08)
        await till.run(Authorisation(1200))
        assert world.device.paper == []


async def test_line_by_line_unless_blocks_are_permitted() -> None:
    async with shop() as world:
        till = world.call()
        await till.register(container=False)
        await till.run(Authorisation(1200))
        prints = [read_print(message) for message in till.all(LINE)]
        assert sum(each.ends for each in prints) == 2
        text = "\n".join(line.text for each in prints for line in each.lines)
        assert "Händlerbeleg" in text
        assert "12.00 EUR" in text
        assert "05.01. 08:00" in text


async def test_no_print_command_permitted_means_our_own_printer() -> None:
    async with shop() as world:
        till = world.call()
        await till.run(Registration(PW, Config(0x8E), container=True))
        await till.run(Authorisation(1200))
        assert till.commands == [0x040F, 0x060F]
        assert len(world.device.paper) == 2


async def test_one_maker_hides_the_kind_behind_the_text() -> None:
    async with shop("card-complete") as world:
        till = world.call()
        assert PROFILES["card-complete"].password == "123456"
        await till.run(Authorisation(1200))
        assert {read_print(message).kind for message in till.all(LINE)} == {1, 2}
        assert till.all(LINE)[0].params["text"].startswith("* Händlerbeleg *".encode("latin-1"))


@pytest.mark.parametrize("limit", [128, 200])
async def test_blocks_are_as_small_as_the_register_wants(limit: int) -> None:
    async with shop() as world:
        till = world.call()
        options = Registration(PW, Config(0x8E), permitted=(BLOCK,), max_apdu=limit, sequence=bytes(3))
        await till.run(options)
        await till.run(Authorisation(1200, 978))
        assert till.ended == 0
        assert len(till.all(BLOCK)) > 2
        assert max(len(chunk) for chunk in till.chunks) <= limit
        assert till.result.receipt == 1


async def test_a_register_with_next_to_no_room_gets_the_essentials() -> None:
    async with shop() as world:
        till = world.call()
        await till.run(Registration(PW, Config(0x8E), permitted=(BLOCK,), max_apdu=70))
        await till.run(Authorisation(1200, 978))
        assert till.commands == [0x040F, 0x060F]
        assert (till.result.amount, till.result.receipt, till.result.card_name) == (1200, 1, None)
        assert len(world.device.paper) == 2

"""Who is served, and when another connection takes over."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from agent.payments.model import ReaderState
from agent.pos.register.terminal import ALIVE_S, HANDLERS, WHILE_BUSY, WHILE_LOCKED
from drivers.contract import LinkError, ReaderName
from drivers.zvt.commands.table import ROWS
from tests.register_shop import HungUpError, RegisterShop, yes

PAY = "06 01 07 04 00 00 00 00 10 00"


def test_every_handler_is_for_a_command_of_the_standard() -> None:
    assert set(HANDLERS) <= set(ROWS)
    assert WHILE_BUSY < WHILE_LOCKED <= set(HANDLERS)


async def test_a_second_register_does_not_push_out_one_that_is_there(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        await shop.customer(after=30.0)
        first = shop.register()
        await first.register("8C")

        async def another() -> str:
            await asyncio.sleep(20)
            second = shop.register()
            assert (await second.run("05 01 00")).end == "06 0F"
            return (await second.pay(500)).answer

        async with asyncio.TaskGroup() as group:
            other = group.create_task(another(), name="second register")
            heard = await first.pay(1000)
        assert (heard.end, other.result()) == ("06 0F", "84 A0")
        assert len(shop.sessions()) == 1


async def test_a_register_that_was_started_again_takes_over_from_a_dead_line(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        dead = shop.register()
        await dead.send(PAY)
        await dead.receive()
        await asyncio.sleep(ALIVE_S + 1)
        again = shop.register()
        repeated = await again.run("06 20 05 00 00 00 03 03")
        assert repeated.end == "06 1E FF", "what ran was ended, nothing stands"
        await shop.settled()
        await shop.customer()
        assert (await again.pay(1000)).end == "06 0F"
        assert await shop.captured() == 1000


async def test_a_stop_may_come_on_a_connection_of_its_own(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        register = shop.register()

        async def stop() -> None:
            await asyncio.sleep(5)
            assert (await shop.register().run("06 B0 00")).answer == "80 00"

        async with asyncio.TaskGroup() as group:
            group.create_task(stop(), name="second connection")
            heard = await register.pay(1000, yes)
        assert heard.end == "06 1E 6C"


async def test_connections_that_nobody_closes_are_closed(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        registers = []
        for _ in range(12):
            registers.append(shop.register())
            assert (await registers[-1].run("05 01 00")).end == "06 0F"
            await asyncio.sleep(1)
        with pytest.raises((HungUpError, LinkError)):
            await registers[0].run("05 01 00")


async def test_a_reader_that_is_not_there(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        shop.terminal.reader = ReaderName("nowhere")
        heard = await shop.register().run("05 01 00")
        assert heard.messages[-1].params["status"] == b"\xdf"
        assert (await shop.register().pay(1000)).end == "06 1E A3"
        status = replace(shop.desk.reader("till-1"), state=ReaderState.CONNECTING)
        await shop.desk.lanes.retire(ReaderName("till-1"))
        shop.desk.lanes.expect([status])
        shop.terminal.reader = ReaderName("till-1")
        heard = await shop.register().run("05 01 00")
        assert heard.messages[-1].params["status"] == b"\x9c"
        assert (await shop.register().pay(1000)).end == "06 1E A3"


async def test_a_memory_that_cannot_be_written_refuses_everything_with_a_reason(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        register = shop.register()
        await register.register()
        shop.terminal.memory._file._writer.close()  # the disk is gone
        assert (await register.pay(1000)).end == "06 1E FF"
        assert (await register.run("06 02 00")).answer == "84 FF"
        assert shop.sessions() == []


async def test_a_command_without_what_it_needs(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        assert (await shop.register().run("06 00 00")).answer == "84 83"

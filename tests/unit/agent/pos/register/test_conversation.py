"""One connection: what is answered at once, what is ignored, when it is given up."""

import asyncio
import logging
from pathlib import Path

import pytest

from agent.payments.model import State
from tests.register_shop import YES, HungUpError, RegisterShop, numbered

PAY = "06 01 07 04 00 00 00 00 10 00"


async def test_who_speaks_another_protocol_is_hung_up_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        register = shop.register()
        await register.send(b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises(HungUpError):
            await register.receive()
        assert "HTTP" in caplog.text


async def test_a_terminals_words_from_a_register_end_the_connection(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        register = shop.register()
        await register.send("06 0F 00")
        with pytest.raises(HungUpError):
            await register.receive()


async def test_a_serial_register_that_speaks_out_of_turn_is_not_lost(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path, serial=True).open() as shop:
        register = shop.register()
        await register.send("06 0F 00")
        await asyncio.sleep(1)
        assert (await register.run("05 01 00")).end == "06 0F"


async def test_malformed_and_busy_are_answered(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        register = shop.register()
        await register.send("06 01 02 FE 00")
        assert (await register.receive()).command == 0x8483
        await register.send(PAY)
        assert (await register.receive()).command == 0x8000
        await register.send(PAY)
        assert (await register.receive()).command == 0x8000, "the same again: its answer is said again"
        await register.send("05 01 00")
        assert (await register.receive()).command == 0x84A0
        await register.send("80 00 00")
        await register.send("06 B0 00")
        assert (await register.receive()).command == 0x8000
        assert len(shop.sessions()) == 1


async def test_a_stop_in_the_same_breath_as_the_payment(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        register = shop.register()
        await register.send(bytes.fromhex(PAY.replace(" ", "")) + bytes.fromhex("06B000"))
        for _ in range(2):
            assert (await register.receive()).command == 0x8000
        status = await register.receive()
        assert (status.command, status.get(0x27)) == (0x040F, b"\x6c")


async def test_a_repeated_message_number_is_answered_and_not_obeyed(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        register = shop.register()
        await register.register("86", "06 06 1F 73 03 00 00 00")
        await register.send(numbered("06 01 04 000000001000", 1))
        assert (await register.receive()).command == 0x8000
        await register.send(numbered("06 01 04 000000001000", 1))
        assert (await register.receive()).command == 0x8000
        assert len(shop.sessions()) == 1


async def test_a_silent_register_ends_its_sale(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        register = shop.register()
        await register.register("8E")
        await register.send(PAY)
        heard = [(await register.receive()).command for _ in range(3)]
        assert heard == [0x8000, 0x04FF, 0x040F]
        with pytest.raises(HungUpError):
            await register.receive()
        await shop.settled()
        [session] = shop.sessions()
        assert session.state is State.CANCELED


async def test_a_serial_register_that_fell_silent_is_served_again(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path, serial=True).open() as shop:
        register = shop.register()
        await register.register("8E")
        await register.send(PAY)
        await asyncio.sleep(120)
        await shop.settled()
        [session] = shop.sessions()
        assert session.state is State.CANCELED
        fresh = shop.register()
        await fresh.send("05 01 00")
        await asyncio.sleep(30)


async def test_what_is_said_is_logged_for_those_who_look(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "agent.pos.register.conversation")
    async with RegisterShop(tmp_path).open() as shop:
        await shop.customer()
        register = shop.register()
        await register.pay(1000)
        await register.send(YES)
        await asyncio.sleep(1)
    assert "payment, 10.00 EUR" in caplog.text
    assert "ignored" in caplog.text

"""Who is served when: passwords, locks, other connections, commands nobody knows."""

import asyncio
from random import Random

import pytest

from drivers.simulators.zvt_terminal.customers import QUICK, Customer
from drivers.simulators.zvt_terminal.profiles import INSTANT, Profile
from drivers.simulators.zvt_terminal.terminal import HANDLERS, Terminal
from drivers.zvt import ecr, results, statuses
from drivers.zvt.apdu import Apdu
from drivers.zvt.commands.payments import Authorisation
from drivers.zvt.commands.screens import AskKey, DisplayText
from drivers.zvt.commands.setup import (
    Diagnosis,
    EndOfDay,
    Initialisation,
    Registration,
    SetTerminalClock,
    StatusEnquiry,
)
from drivers.zvt.config import Config
from drivers.zvt.fields import Field, container, encode_fields
from drivers.zvt.message import Message
from drivers.zvt.tlv import Tlv
from tests.unit.drivers.simulators.zvt_terminal.till import ALL, shop

PW = "000000"


@pytest.mark.parametrize(
    ("profile", "password", "right"),
    [
        ("standard", "000000", True),
        ("standard", "000001", False),
        ("card-complete", "123459", True),
        ("card-complete", "123356", False),
        ("feig", "777777", True),
    ],
)
async def test_passwords(profile: str, password: str, right: bool) -> None:
    async with shop(profile) as world:
        till = world.call()
        await till.run(Registration(password, Config(ALL)))
        assert till.heard[-1].command == (0x060F if right else 0x8437)


async def test_zvt_that_was_switched_off() -> None:
    async with shop("switched-off") as world:
        till = world.call()
        for command in (Registration(PW, Config(ALL)), StatusEnquiry(PW), Authorisation(1200)):
            await till.run(command)
            assert [told.command for told in till.heard] == [0x8483]


@pytest.mark.parametrize("command", [0x0603, 0x06C0, 0x0814, 0x0677, 0x0F10])
async def test_what_it_does_not_know(command: int) -> None:
    async with shop() as world:
        till = world.call()
        await till.run(Message(command))
        assert till.heard[-1].command == 0x8483
        assert command not in HANDLERS


async def test_unknown_fields_are_refused() -> None:
    async with shop() as world:
        till = world.call()
        await till.write(bytes.fromhex("06010177"))
        assert (await till.one()).command == 0x8483


async def test_a_profile_can_lack_commands() -> None:
    async with shop(Profile("test", "no refunds", unsupported=frozenset({0x0650}))) as world:
        till = world.call()
        await till.run(EndOfDay(PW))
        assert till.heard[-1].command == 0x8483


@pytest.mark.parametrize(
    ("code", "cure"),
    [
        (0x51, Initialisation(PW)),
        (0x62, SetTerminalClock(None, "260105", "080000")),
        (0xC2, Diagnosis()),
        (0xF0, EndOfDay(PW)),
    ],
)
async def test_locks_and_their_cures(code: int, cure: Initialisation) -> None:
    async with shop() as world:
        world.device.lock(code)
        till = world.call()
        await till.run(StatusEnquiry(PW))
        assert till.heard[-1].params["status"] == bytes((code,))
        await till.register()
        assert till.ended == 0
        await till.run(Authorisation(1200))
        assert till.ended == code
        assert world.books() == []
        await till.run(cure)
        assert till.ended == 0
        await till.run(Authorisation(1200))
        assert till.ended == 0


async def test_a_lock_nobody_can_cure_from_here() -> None:
    async with shop() as world:
        world.device.lock(0x77)
        till = world.call()
        await till.run(DisplayText("ok"))
        assert till.heard[-1].command == 0x8000
        await till.run(Message(0x0840, {"value": b"\0"}))
        assert till.heard[-1].command == 0x8477
        world.device.lock(0)
        assert world.device.state == statuses.READY


async def test_a_locked_terminal_may_refuse_at_once() -> None:
    async with shop("basic") as world:
        world.device.lock(0xC2)
        till = world.call()
        await till.run(Authorisation(1200))
        assert [message.command for message in till.heard] == [0x84C2]


async def test_busy_with_somebody_who_has_gone() -> None:
    async with shop() as world:
        world.device.usual = Customer(comes_after_s=20)
        till = world.call()
        await till.write(till.dialogue.send(Authorisation(1200).to_message()))
        await asyncio.sleep(1)
        await till.link.close()
        other = world.call()
        await other.run(StatusEnquiry(PW))
        assert other.heard[-1].params["status"] == b"\x9c"
        await other.register()
        assert other.ended == 0
        await other.run(Authorisation(500))
        assert other.heard[-1].command == 0x8400 | results.BUSY
        assert await other.say(Message(0x06B0)) == Message(0x8000)
        await asyncio.sleep(2)
        await other.run(StatusEnquiry(PW))
        assert other.heard[-1].params["status"] == b"\0"
        assert world.books() == [("payment", "aborted", 0, False)]


async def test_a_second_connection_takes_over() -> None:
    async with shop() as world:
        first = world.call()
        await first.register()
        second = world.call()
        await second.run(StatusEnquiry(PW))
        assert second.ended == 0
        assert await first.next() is None


async def test_a_second_connection_is_refused_by_some() -> None:
    async with shop("one-caller") as world:
        first = world.call()
        await first.register()
        second = world.call()
        assert await second.next() is None
        await first.run(StatusEnquiry(PW))
        assert first.ended == 0
        await first.link.close()
        await asyncio.sleep(1)
        third = world.call()
        await third.register()
        assert third.ended == 0


async def test_a_repeated_command_is_not_done_twice() -> None:
    async with shop() as world:
        till = world.call()
        message = Authorisation(1200).to_message()
        await till.write(till.dialogue.send(message))
        assert (await till.one()).command == 0x8000
        assert (await till.say(message)).command == 0x8000
        assert (await till.say(StatusEnquiry(PW).to_message())).command == 0x84A0
        await asyncio.sleep(0)
        await till.link.close()
        await asyncio.sleep(30)
        assert len(world.books()) == 1


async def test_stop_when_nothing_runs() -> None:
    async with shop() as world:
        till = world.call()
        assert await till.say(Message(0x06B0)) == Message(0x8000)


async def test_nobody_is_served_while_it_boots() -> None:
    async with shop() as world:
        world.device.reboot()
        till = world.call()
        assert await till.next() is None
        await asyncio.sleep(16)
        till = world.call()
        await till.register()
        assert till.ended == 0


async def test_a_question_does_not_disturb_a_sale() -> None:
    async with shop() as world:
        till = world.call()
        await till.run(AskKey("?", seconds=1))
        await till.run(Authorisation(1200))
        assert till.ended == 0


def test_a_terminal_of_ones_own_remembers_nothing() -> None:
    terminal = Terminal()
    assert terminal.ledger() == []
    assert terminal.device.now().tzinfo is not None


@pytest.mark.parametrize("seed", range(4))
async def test_no_register_can_break_it(seed: int) -> None:
    """Commands with strange contents, in any order: each one is answered, and the books stay right."""
    chance = Random(seed)
    fields = [
        Field(0x04, bytes.fromhex("000000001200")),
        Field(0x49, bytes.fromhex("0978")),
        Field(0x01, b"\0"),
        Field(0x02, b"\0"),
        Field(0x03, b"\xff"),
        Field(0x0B, b"\xff\xff\xff"),
        Field(0x87, b"\xff\xff"),
        Field(0x87, b"\0\1"),
        Field(0x29, b"\xab\xcd\xef\0"),
        Field(0xF1, b"\xff\0"),
        Field(0xF0, b"\1"),
        Field(0xAA, b"\xff\xff\xff"),
        Field(0x0C, b"\0\0\0"),
        container(Tlv(0x1F1F, b"\xff"), Tlv(0x1F0D, b"\xff"), Tlv(0x1F15, b"")),
        container(
            Tlv(0x1F01, b""), Tlv(0x1F02, b"\xff\xff"), Tlv(0x1A, b"\0"), Tlv(0x27, (Tlv(0x14, b"\1\2"),))
        ),
        container(Tlv(0x1F1F, b""), Tlv(0x1F26, b""), Tlv(0x26, b""), Tlv(0x25, b"")),
    ]
    fronts = [b"", bytes(3), b"\0\0\0\xbe", b"\0\0\0\xbe\x09\x78", b"\7", bytes(6)]
    async with shop("card-complete" if seed % 2 else "standard", times=INSTANT) as world:
        world.device.usual = QUICK
        till = world.call()
        for _ in range(150):
            command = chance.choice(sorted(HANDLERS))
            body = chance.choice(fronts) + encode_fields(chance.sample(fields, chance.randrange(4)))
            if world.device.silent:
                await asyncio.sleep(1)
            if till.dialogue.state is not ecr.State.READY or not world.device.callers:
                till = world.call()
            try:
                async with asyncio.timeout(5):
                    await till.raw(Apdu(command, body))
            except TimeoutError:
                till = world.call()
        await asyncio.sleep(100)
        for row in world.terminal.ledger():
            assert row["state"] not in {"started", "approved"}


async def test_a_command_without_what_it_needs_is_aborted() -> None:
    async with shop() as world:
        till = world.call()
        await till.run(Message(0x0691))
        assert till.ended == results.PROTOCOL_ERROR

"""Registration, status, settings, display and keys."""

import asyncio

import pytest

from drivers.simulators.zvt_terminal.profiles import PROFILES, Profile
from drivers.zvt import results
from drivers.zvt.charset import Charset
from drivers.zvt.commands import answers
from drivers.zvt.commands.payments import Authorisation
from drivers.zvt.commands.reports import Completion
from drivers.zvt.commands.screens import AskKey, DisplayText
from drivers.zvt.commands.setup import (
    Diagnosis,
    Initialisation,
    LogOff,
    Registration,
    Reset,
    SelectLanguage,
    SetTerminalClock,
    StatusEnquiry,
)
from drivers.zvt.config import LOGGED_OFF, Config
from drivers.zvt.fields import Field, container
from drivers.zvt.message import Message
from drivers.zvt.receipts import Line, print_blocks, read_print
from drivers.zvt.sequence import sequence_id
from tests.unit.drivers.simulators.zvt_terminal.till import ALL, shop, to

PW = "000000"
NUMBERS = bytes(3)


async def test_registration_says_who_and_what_it_is() -> None:
    async with shop() as world:
        till = world.call()
        await till.run(Registration(PW, Config(ALL), permitted=(0x06D3,), charsets=(1,), max_apdu=2000))
        told = Completion.from_message(till.heard[-1])
        assert (told.flags, told.terminal_id, told.currency) == (0, "52523535", 978)
        assert told.max_apdu == 0x1000
        assert told.charsets == (1,)
        assert {0x0601, 0x0620, 0x0630, 0x0650} <= set(told.permitted)
        assert till.heard[-1].find_bytes(0x1F71)
        assert world.device.permits.registered


async def test_registration_without_tlv_is_answered_without() -> None:
    async with shop("feig") as world:
        till = world.call()
        await till.run(Registration("987654", Config(ALL), currency=None))
        told = Completion.from_message(till.heard[-1])
        assert (told.flags, told.currency) == (0x10, None)
        assert not till.heard[-1].has_container


async def test_a_register_with_no_room_at_all_is_refused() -> None:
    async with shop() as world:
        till = world.call()
        await till.run(Registration(PW, Config(ALL), max_apdu=20))
        assert till.heard[-1].command == 0x849A
        assert not world.device.permits.registered


async def test_a_wrong_currency_is_refused() -> None:
    async with shop() as world:
        till = world.call()
        await till.run(Registration(PW, Config(ALL), currency=756))
        assert till.heard == [answers.wrong_currency(978)]
        assert not world.device.permits.registered


@pytest.mark.parametrize(
    ("profile", "offered", "agreed", "used"),
    [
        ("standard", (1,), (1,), Charset.LATIN_1),
        ("standard", (1, 0xFE), (), Charset.CP437),
        ("standard", (5,), (), Charset.CP437),
        ("standard", (), (), Charset.CP437),
        ("valina", (0xFE,), (), Charset.LATIN_1),
    ],
)
async def test_character_sets(profile: str, offered: tuple[int, ...], agreed: object, used: Charset) -> None:
    async with shop(profile) as world:
        till = world.call()
        password = PROFILES[profile].password or PW
        await till.run(Registration(password, Config(ALL), permitted=(0x06D3,), charsets=offered))
        assert Completion.from_message(till.heard[-1]).charsets == agreed
        assert world.device.charset is used
        await till.run(Authorisation(1200))
        assert "* Händlerbeleg *".encode(used.value) in till.chunks[-3]


async def test_sequence_ids_are_agreed_on_and_used() -> None:
    async with shop() as world:
        till = world.call()
        await till.run(Registration(PW, Config(ALL), permitted=(0x06D3,), sequence=NUMBERS))
        assert till.dialogue.sequence.active
        await till.run(Authorisation(1200))
        assert till.ended == 0
        assert sequence_id(till.heard[0]) == 1
        numbers = [sequence_id(told) or 0 for told in till.heard[1:]]
        assert numbers == list(range(2, 2 + len(numbers)))
    async with shop("basic") as world:
        till = world.call()
        await till.run(Registration(PW, Config(ALL), sequence=NUMBERS))
        assert not till.dialogue.sequence.active


async def test_log_off_forgets_the_registration() -> None:
    async with shop() as world:
        till = world.call()
        await till.register()
        await till.run(LogOff())
        assert till.commands == []
        assert world.device.permits.config == LOGGED_OFF
        await till.run(Authorisation(1200))
        assert till.ended == 0  # an unregistered terminal still sells


async def test_a_registration_outlives_its_connection() -> None:
    async with shop() as world:
        till = world.call()
        await till.register()
        await till.link.close()
        till = world.call()
        await till.run(Authorisation(1200))
        assert till.all(0x06D3)


async def test_status_with_and_without_version_and_details() -> None:
    async with shop() as world:
        till = world.call()
        await till.run(StatusEnquiry(PW))
        told = Completion.from_message(till.heard[-1])
        assert (told.sw_version, told.status, told.device_name) == ("TILLGATE-SIM 1.0", 0, None)
        await till.run(StatusEnquiry(service=2))
        assert Completion.from_message(till.heard[-1]).sw_version is None
        await till.run(StatusEnquiry(PW, 4))
        assert not till.heard[-1].has_container
        await till.register()
        await till.run(StatusEnquiry(PW, 4))
        told = Completion.from_message(till.heard[-1])
        assert (told.device_name, told.serial_number, told.action) == ("simulated terminal", "00004711", None)
        assert till.heard[-1].find_bytes(0x34, 0x1F0E) == bytes.fromhex("20260105")


async def test_status_tells_of_a_reboot_until_registered() -> None:
    async with shop() as world:
        world.device.reboot()
        await asyncio.sleep(20)
        till = world.call()
        ask = Message(0x0501, {"password": NUMBERS}, (Field(0x03, b"\x04"), container()))
        await till.run(ask)
        assert Completion.from_message(till.heard[-1]).action == 1
        await till.register()
        await till.run(ask)
        assert Completion.from_message(till.heard[-1]).action is None


async def test_the_clock_is_set_and_stays_off() -> None:
    async with shop() as world:
        till = world.call()
        await till.run(SetTerminalClock(PW, "270201", "123456"))
        assert f"{world.device.now():%y%m%d%H%M%S}" == "270201123456"
        await asyncio.sleep(4)
        await till.run(Authorisation(1200))
        assert (till.result.date, till.result.time) == ("0201", "123504")
        await till.run(SetTerminalClock(None, "270231", "123456"))
        assert till.ended == results.PROTOCOL_ERROR


async def test_languages() -> None:
    async with shop() as world:
        till = world.call()
        await till.run(SelectLanguage(1))
        assert world.terminal.memory.facts.language == 1
        await till.run(Authorisation(1200))
        assert "Card payment" in str([read_print(told) for told in till.all(0x06D1)])
        await till.run(SelectLanguage(0x77))
        assert till.heard[-1].command == 0x8483


async def test_a_new_baud_rate_holds_until_the_power_fails() -> None:
    spoken = 9600
    async with shop() as world:
        till = world.call(serial=True, speed=lambda: spoken)
        await till.run(Message(0x0840, {"value": b"\x07"}))
        assert world.device.baud_rate == 9600
        await asyncio.sleep(3)
        assert world.device.baud_rate == 115200
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(10):
                await till.run(StatusEnquiry(PW))
        spoken = 115200
        again = world.call(serial=True, speed=lambda: spoken)
        await again.run(StatusEnquiry(PW))
        assert again.ended == 0
        await again.run(Message(0x0840, {"value": b"\x55"}))
        assert again.heard[-1].command == 0x84FD
        world.device.reboot()
        assert world.device.baud_rate == 9600


async def test_a_new_password_and_a_new_identity() -> None:
    async with shop() as world:
        till = world.call()
        await till.run(Message(0x0695, {"password": NUMBERS, "new_password": bytes.fromhex("112233")}))
        await till.run(Initialisation(PW))
        assert till.heard[-1].command == 0x8437
        await till.run(Initialisation("112233"))
        assert till.ended == 0
        identity = Field(0x29, bytes.fromhex("12345678"))
        await till.run(Message(0x061B, {"password": bytes.fromhex("112233")}, (identity,)))
        await till.run(Authorisation(1200))
        assert till.result.terminal_id == "12345678"
        await till.run(Message(0x061B))
        assert till.ended == results.PROTOCOL_ERROR


async def test_diagnosis_offers_the_time_where_permitted() -> None:
    async with shop() as world:
        till = world.call()
        await till.register()
        await till.run(Diagnosis(1))
        assert till.commands == [0x0401, 0x060F]
        await till.run(Registration(PW, Config(ALL), container=True))
        await till.run(Diagnosis())
        assert till.commands == [0x060F]


async def test_a_reset_is_a_restart() -> None:
    async with shop() as world:
        till = world.call()
        await till.register()
        await till.run(Reset())
        assert till.ended == 0
        assert await till.next() is None
        assert world.device.silent
        assert not world.device.permits.registered


async def test_nobody_is_heard_during_an_update() -> None:
    async with shop() as world:
        world.device.lock(0xC4)
        till = world.call()
        await till.run(Message(0x0810))
        assert till.ended == 0
        await asyncio.sleep(1)
        await till.link.send(bytes.fromhex("050100"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(50):
                await till.next()
        await asyncio.sleep(10)
        till = world.call()
        await till.run(StatusEnquiry(PW))
        assert till.ended == 0


async def test_texts_are_shown() -> None:
    async with shop() as world:
        till = world.call()
        await till.run(DisplayText("Guten Tag", "1,00"))
        assert world.device.display == ("Guten Tag", "1,00")


async def test_keys_are_waited_for() -> None:
    async with shop() as world:
        till = world.call()
        world.device.press(b"\x0d")
        await till.run(AskKey("OK?"))
        assert till.heard[-1].params["raw"] == b"\x0d"
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(till.run(AskKey("OK?", seconds=30)))
            await asyncio.sleep(3)
            world.device.press(b"\x1b")
            await asking
        assert till.heard[-1].params["raw"] == b"\x1b"
        await till.run(AskKey("OK?", seconds=2))
        assert till.heard[-1].params["raw"] == b"\x6c"


async def test_a_question_ends_with_its_link_or_by_the_register() -> None:
    async with shop() as world:
        till = world.call()
        await till.run(AskKey("OK?"), stop_after_s=5)
        assert world.device.task is None
        await till.write(till.dialogue.send(AskKey("OK?").to_message()))
        await asyncio.sleep(1)
        assert world.device.state == 0x9C
        await till.link.close()
        await asyncio.sleep(0.1)
        assert world.device.state == 0


async def test_the_register_prints_at_the_terminal() -> None:
    [block] = print_blocks([Line("Hallo"), Line("Welt")], 3)
    async with shop() as world:
        till = world.call()
        await till.run(block)
        assert world.device.paper == [("Hallo", "Welt")]
    async with shop("basic") as world:
        till = world.call()
        await till.run(block)
        assert till.heard[-1].command == 0x84CC


async def test_the_card_is_given_back() -> None:
    async with shop() as world:
        world.device.card_inserted = True
        till = world.call()
        await till.run(Message(0x06C5))
        assert not world.device.card_inserted


async def test_answers_that_share_a_segment() -> None:
    async with shop("ingenico") as world:
        till = world.call()
        await till.register()
        assert [chunk[:3] for chunk in till.chunks] == [bytes.fromhex("800000")]
        assert len(till.chunks[0]) > 6
        till.chunks.clear()
        await till.run(Authorisation(1200))
        assert till.chunks[0][:5] == bytes.fromhex("80000004FF")


async def test_a_long_wait_does_not_keep_the_acceptance_back() -> None:
    quick = Profile("test", "no 04 FF", framing=PROFILES["ingenico"].framing)
    async with shop(quick) as world:
        till = world.call()
        await till.register(0xB6)
        till.chunks.clear()
        await till.run(Authorisation(1200), to(0x040F, answers.positive()))
        assert till.chunks[0] == bytes.fromhex("800000")

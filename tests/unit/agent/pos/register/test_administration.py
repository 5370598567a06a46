"""Registration with every bit of the config byte, states, log-off, language, clock."""

from pathlib import Path

import pytest

from agent.pos.register.conformance import PROOFS, report
from agent.pos.register.profiles import PROFILES
from agent.secret import Secret
from drivers.zvt.charset import Charset
from drivers.zvt.commands.reports import Completion
from drivers.zvt.receipts import read_print
from tests.register_shop import PROGRESS, RegisterShop

PRINT_LINE, PRINT_BLOCK = 0x06D1, 0x06D3


async def test_a_registration_is_answered_with_what_the_terminal_can(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path, terminal_id="52000001").open() as shop:
        heard = await shop.register().register("BE", "06 0B 26 04 0A 02 06 D3 27 03 14 01 FE")
        told = Completion.from_message(heard.messages[-1])
        assert (told.flags, told.terminal_id, told.currency) == (0, "52000001", 978)
        assert (told.charsets, told.max_apdu) == ((0xFE,), 0xFFFF)
        assert {0x0600, 0x0601, 0x0620, 0x0650} <= set(told.permitted)
        assert shop.terminal.charset is Charset.UTF_8


async def test_a_register_without_tlv_gets_none(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        register = shop.register()
        heard = await register.register("8E", "")
        assert not heard.messages[-1].has_container
        await shop.customer()
        heard = await register.pay(1000)
        assert not any(message.has_container for message in heard.messages)
        assert {message.command for message in heard.prints} == {PRINT_LINE}


@pytest.mark.parametrize(
    ("config", "prints", "progress"),
    [
        ("00", 0, False),
        ("08", 0, True),
        ("02", 0, False),
        ("06", 0, False),
        ("0E", 0, True),
        ("80", 0, False),
        ("82", 2, False),
        ("84", 0, False),
        ("86", 2, False),
        ("8A", 2, True),
        ("BE", 2, True),
        ("B6", 2, False),
        ("FE", 2, True),
        ("DE", 2, True),
    ],
)
async def test_every_bit_of_the_config_byte_is_kept_to(
    tmp_path: Path, config: str, prints: int, progress: bool
) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        await shop.customer(after=12.0)
        register = shop.register()
        await register.register(config)
        heard = await register.pay(1000)
        assert heard.end == "06 0F"
        assert len(heard.prints) == prints
        signs = [message for message in heard.messages if message.command == PROGRESS]
        assert bool(signs) == progress
        closed = await register.run("06 50 03 00 00 00")
        assert bool(closed.prints) == (int(config, 16) & 0x84 == 0x84)


async def test_a_register_may_be_told_nothing_that_it_did_not_list(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        await shop.customer()
        register = shop.register()
        await register.register("86", "06 00")
        assert (await register.pay(1000)).prints == []


async def test_blocks_are_as_small_as_the_register_wants_them(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        await shop.customer()
        register = shop.register()
        await register.register("86", "06 0A 26 04 0A 02 06 D3 1A 02 00 A0")
        heard = await register.pay(1000)
        assert heard.end == "06 0F"
        assert len(heard.prints) > 2
        assert max(len(raw) for raw in register.raw) <= 0xA0


async def test_a_register_with_no_room_for_receipts_gets_the_essential(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        await shop.customer()
        register = shop.register()
        await register.register("86", "06 0A 26 04 0A 02 06 D3 1A 02 00 30")
        heard = await register.pay(1000)
        assert (heard.end, heard.prints, heard.status.amount) == ("06 0F", [], 1000)
        assert max(len(raw) for raw in register.raw[-3:]) <= 0x30


@pytest.mark.parametrize(
    ("tlv", "charset"), [("27 03 14 01 01", Charset.LATIN_1), ("27 03 14 01 FE", Charset.UTF_8), ("", None)]
)
async def test_receipts_are_in_the_agreed_character_set(
    tmp_path: Path, tlv: str, charset: Charset | None
) -> None:
    async with RegisterShop(tmp_path, header=("Bäckerei Müller",)).open() as shop:
        await shop.customer()
        register = shop.register()
        box = bytes.fromhex("26 04 0A 02 06 D3" + tlv)
        await register.register("86", f"06 {len(box):02X}" + box.hex())
        heard = await register.pay(1000)
        merchant = read_print(heard.prints[0], charset or Charset.CP437)
        assert merchant.lines[0].text == "Bäckerei Müller"
        assert merchant.lines[1].text == "* Händlerbeleg *"


async def test_another_currency_is_refused_at_once(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        register = shop.register()
        await register.send("06 00 06 00 00 00 BE 07 56")
        refused = await register.receive()
        assert (refused.command, refused.params["raw"].hex()) == (0x841E, "6f0978")
        assert not shop.terminal.permits.registered


async def test_a_till_may_take_several_currencies(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path, currencies=("chf", "eur")).open() as shop:
        register = shop.register()
        done = await register.run("06 00 06 00 00 00 86 09 78")
        assert Completion.from_message(done.messages[-1]).currency == 978
        await shop.customer()
        assert (await register.pay(1000)).status.currency == 978
        assert shop.sessions()[0].order.money.currency == "eur"
        plain = await register.run("06 00 04 00 00 00 86")
        assert Completion.from_message(plain.messages[-1]).currency == 756
        await shop.customer()
        heard = await register.run("06 01 07 04 00 00 00 00 10 00")
        assert heard.status.currency is None
        assert shop.sessions()[0].order.money.currency == "chf"


async def test_a_wrong_password_is_refused(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path, password=Secret("123456")).open() as shop:
        register = shop.register()
        assert (await register.register()).answer == "84 37"
        assert (await register.run("06 50 03 12 34 57")).answer == "84 37"
        assert (await register.run("06 00 06 12 34 56 BE 09 78")).end == "06 0F"
        assert (await register.run("05 01 00")).end == "06 0F", "where none is sent none is asked for"


async def test_some_compare_only_five_digits(tmp_path: Path) -> None:
    profile = PROFILES["card-complete"]
    async with RegisterShop(tmp_path, password=Secret("123456"), profile=profile).open() as shop:
        assert (await shop.register().run("06 00 06 12 34 59 BE 09 78")).end == "06 0F"


async def test_the_state_of_the_reader_is_the_state_of_the_terminal(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path, terminal_id="52000001").open() as shop:
        register = shop.register()
        heard = await register.run("05 01 00")
        told = Completion.from_message(heard.messages[-1])
        assert (told.status, bool(told.sw_version)) == (0, True)
        await register.register()
        message = (await register.run("05 01 05 00 00 00 03 06")).messages[-1]
        told = Completion.from_message(message)
        assert (told.status, told.sw_version, told.device_name) == (0, None, "tillgate")
        assert message.find_bytes(0x1F44) == bytes.fromhex("52000001")
        assert message.find_bytes(0x34, 0x1F0E) == bytes.fromhex("20260308")


async def test_log_off_puts_everything_back(tmp_path: Path) -> None:
    shop = RegisterShop(tmp_path)
    async with shop.open():
        register = shop.register()
        await register.register("BE", "06 08 26 04 0A 02 06 D3 12 00")
        assert (await register.run("06 02 00")).answer == "80 00"
        assert not shop.terminal.permits.registered
        await shop.customer()
        assert {message.command for message in (await register.pay(1000)).prints} == {PRINT_LINE}
    async with shop.open():
        assert not shop.terminal.permits.registered


async def test_a_registration_outlives_the_gateway(tmp_path: Path) -> None:
    shop = RegisterShop(tmp_path)
    async with shop.open():
        await shop.register().register("8A")
    async with shop.open():
        await shop.customer()
        heard = await shop.register().pay(1000)
        assert {message.command for message in heard.prints} == {PRINT_BLOCK}


async def test_a_registration_that_cannot_be_read_any_more_is_forgotten(tmp_path: Path) -> None:
    shop = RegisterShop(tmp_path)
    async with shop.open():
        await shop.register().register("8A")
        shop.terminal.memory.facts.registration = "0600020000"
        await shop.terminal.memory.save()
    async with shop.open():
        assert not shop.terminal.permits.registered


async def test_the_language_stays(tmp_path: Path) -> None:
    shop = RegisterShop(tmp_path)
    async with shop.open():
        register = shop.register()
        assert (await register.run("08 30 01 01")).end == "06 0F"
        assert (await register.run("08 30 01 55")).answer == "84 83"
    async with shop.open():
        await shop.customer()
        heard = await shop.register().pay(1000)
        texts = [line.text for message in heard.prints for line in read_print(message).lines]
        assert "* Merchant copy *" in texts


async def test_cashiers_read_what_the_customer_does_in_their_language(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path, language="fr").open() as shop:
        await shop.customer(after=25.0)
        register = shop.register()
        await register.register("8E")
        heard = await register.pay(1000)
        signs = [message for message in heard.messages if message.command == PROGRESS]
        assert len(signs) >= 4, "one every ten seconds at least"
        texts = {sign.find_bytes(0x24, 0x07) for sign in signs}
        assert "Présentez la carte".encode("cp437") in texts


@pytest.mark.parametrize(
    "command",
    ["06 70 00", "06 1A 03 00 00 00", "06 93 03 00 00 00", "06 79 00", "06 51 03 00 00 00", "06 18 00"],
)
async def test_what_the_gateway_needs_not_do_is_done(tmp_path: Path, command: str) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        register = shop.register()
        await register.register("84")
        assert (await register.run(command)).end == "06 0F"


async def test_a_diagnosis_offers_the_time_where_that_is_permitted(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        register = shop.register()
        heard = await register.run("06 70 00")
        assert (heard.messages[0].command, heard.messages[0].get(0xAA)) == (0x0401, bytes.fromhex("260308"))


async def test_the_gateway_keeps_its_own_clock_and_tells_it(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        register = shop.register()
        assert (await register.run("06 91 08 AA 25 01 01 0C 12 00 00")).end == "06 0F"
        await register.register()
        heard = await register.run("06 91 08 AA 25 01 01 0C 12 00 00")
        assert heard.messages[-1].find_bytes(0x34, 0x1F0E) == bytes.fromhex("20260308")


async def test_a_terminal_id_can_be_set_unless_it_is_configured(tmp_path: Path) -> None:
    shop = RegisterShop(tmp_path)
    async with shop.open():
        register = shop.register()
        before = shop.terminal.memory.facts.terminal_id
        assert (await register.run("06 1B 05 29 52 00 00 02")).end == "06 0F"
        assert shop.terminal.memory.facts.terminal_id == "52000002" != before
        await shop.customer()
        assert (await register.pay(1000)).status.terminal_id == "52000002"
        assert (await register.run("06 1B 05 29 52 00 00 03")).end == "06 1E F0"
    async with shop.open():
        assert shop.terminal.memory.facts.terminal_id == "52000002"
    shop.options["terminal_id"] = "52000009"
    async with shop.open():
        assert (await shop.register().run("06 1B 05 29 52 00 00 03")).end == "06 1E 83"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("06 C5 00", "84 1E"),
        ("06 E0 03 F1 F0 F0", "80 00"),
        ("06 95 06 00 00 00 11 11 11", "84 83"),
        ("08 40 01 07", "84 83"),
        ("06 C0 00", "84 83"),
        ("0F 10 00", "84 83"),
        ("06 FF 00", "84 83"),
    ],
)
async def test_what_is_answered_at_once(tmp_path: Path, command: str, answer: str) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        assert (await shop.register().run(command)).answer == answer


async def test_everything_else_is_refused(tmp_path: Path) -> None:
    refused = [line.command for line in report() if line.from_register and line.command not in PROOFS]
    assert len(refused) > 30
    async with RegisterShop(tmp_path).open() as shop:
        register = shop.register()
        for command in refused:
            heard = await register.run(command.to_bytes(2, "big") + b"\x01\x00")
            assert heard.answer == "84 83", f"{command:04X}"

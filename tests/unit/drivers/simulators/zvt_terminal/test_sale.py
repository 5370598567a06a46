"""The customer's part: prompts, cards, PINs, stop keys, and what 04 FF says of it."""

import asyncio

import pytest

from drivers.simulators.zvt_terminal.customers import CARDS, QUICK, Customer
from drivers.simulators.zvt_terminal.profiles import INSTANT
from drivers.zvt import results
from drivers.zvt.commands.payments import Authorisation, Reversal
from drivers.zvt.commands.reports import IntermediateStatus
from drivers.zvt.commands.setup import StatusEnquiry
from tests.unit.drivers.simulators.zvt_terminal.till import SILENT, shop, to

PIN, WRONG, TOO_OFTEN = 0x01, 0x15, 0x18


async def test_the_usual_way() -> None:
    async with shop() as world:
        till = world.call()
        await till.register()
        await till.run(Authorisation(1200))
        assert till.progress == [0x0A, 0x0E, PIN, 0x04, 0x0B]
        first = IntermediateStatus.from_message(till.all(0x04FF)[0])
        assert (first.minutes, first.texts) == (1, ("insert the card",))


async def test_no_progress_unless_wanted_and_no_text_without_tlv() -> None:
    async with shop() as world:
        till = world.call()
        await till.register(0xB6)
        await till.run(Authorisation(1200))
        assert till.progress == []
        await till.register(container=False)
        await till.run(Authorisation(1200))
        first, second = (IntermediateStatus.from_message(told) for told in till.all(0x04FF)[:2])
        assert (first.minutes, first.texts, second.minutes) == (1, (), None)


@pytest.mark.parametrize(
    ("amount", "customer", "result", "pins"),
    [
        (1255, Customer(), 0x37, [PIN, WRONG, PIN, TOO_OFTEN]),
        (1256, Customer(), 0, [PIN, WRONG, PIN]),
        (1200, Customer(wrong_pins=1), 0, [PIN, WRONG, PIN]),
        (1200, Customer(wrong_pins=5), 0x37, [PIN, WRONG, PIN, TOO_OFTEN]),
        (1200, Customer("Visa contactless"), 0, []),
        (1256, Customer("Visa contactless"), 0, [PIN, WRONG, PIN]),
    ],
)
async def test_pins(amount: int, customer: Customer, result: int, pins: list[int]) -> None:
    async with shop() as world:
        world.device.usual = customer
        till = world.call()
        await till.register()
        await till.run(Authorisation(amount))
        assert till.ended == result
        assert [status for status in till.progress if status in {PIN, WRONG, TOO_OFTEN}] == pins


@pytest.mark.parametrize(
    ("amount", "customer", "seconds"),
    [
        (1208, Customer(), 1),
        (1208, Customer(comes_after_s=None), 0),
        (1200, Customer(stops_after_s=3.0, comes_after_s=5), 3),
        (1209, Customer(), 60),
        (1200, Customer(comes_after_s=None), 60),
        (1200, Customer(comes_after_s=61), 60),
        (1200, Customer(stops_after_s=600, comes_after_s=None), 60),
        (1200, Customer(pulls_card=True), 1.7),
    ],
)
async def test_payments_that_come_to_nothing(amount: int, customer: Customer, seconds: float) -> None:
    async with shop() as world:
        world.device.coming.append(customer)
        till = world.call()
        await till.register()
        before = asyncio.get_running_loop().time()
        await till.run(Authorisation(amount))
        assert asyncio.get_running_loop().time() - before == pytest.approx(seconds)
        assert till.ended == results.ABORTED
        assert world.terminal.ledger()[0]["state"] == "aborted"
        assert not world.device.card_inserted


async def test_while_it_waits_it_gives_signs_of_life() -> None:
    async with shop() as world:
        world.device.usual = Customer(comes_after_s=None)
        till = world.call()
        await till.register()
        await till.run(Authorisation(1200))
        assert till.progress == [0x0A] * 6
        assert world.terminal.ledger()[0]["prompts"] == 1


async def test_the_register_stops_it_before_the_host_is_asked() -> None:
    async with shop() as world:
        till = world.call()
        await till.register()
        await till.run(Authorisation(1200), stop_after_s=2.0)
        assert till.ended == results.ABORTED
        assert world.books() == [("payment", "aborted", 0, False)]


async def test_the_register_stops_it_too_late() -> None:
    async with shop() as world:
        till = world.call()
        await till.register()
        await till.run(Authorisation(1200), stop_after_s=4.0)
        assert till.ended == 0
        assert world.books() == [("payment", "stored", 1200, True)]


async def test_a_card_left_inside_holds_up_the_result() -> None:
    async with shop() as world:
        world.device.usual = Customer(leaves_card_s=240)
        till = world.call()
        await till.register()
        before = asyncio.get_running_loop().time()
        await till.run(Authorisation(1200))
        assert asyncio.get_running_loop().time() - before > 240
        assert till.progress.count(0x0B) == 24
        assert world.books() == [("payment", "stored", 1200, True)]


async def test_a_card_inside_shows_in_the_state() -> None:
    async with shop() as world:
        world.device.card_inserted = True
        till = world.call()
        await till.run(StatusEnquiry("000000"))
        assert till.heard[-1].params["status"] == b"\xdc"


@pytest.mark.parametrize("name", sorted(CARDS))
async def test_every_card_pays(name: str) -> None:
    async with shop(times=INSTANT) as world:
        world.device.usual = Customer(name)
        till = world.call()
        await till.register()
        await till.run(Authorisation(1200))
        card = CARDS[name]
        assert (till.result.card_kind, till.result.card_name) == (card.kind, name)
        assert till.result.aid == bytes.fromhex(card.aid)
        assert till.result.card_technology == card.technology
        assert world.terminal.ledger()[0]["card"] == name


async def test_quick_customers_take_no_time() -> None:
    async with shop(times=INSTANT) as world:
        world.device.usual = QUICK
        till = world.call()
        await till.register()
        await till.run(Authorisation(1200))
        assert asyncio.get_running_loop().time() == 0


async def test_tags_at_top_level_for_one_maker() -> None:
    async with shop("valina") as world:
        till = world.call()
        await till.run(Authorisation(1200, container=True))
        assert (till.result.verification, till.result.technology) == (2, 1)
        assert till.result.verification_nested is None


async def test_unanswered_progress_aborts_the_procedure() -> None:
    async with shop() as world:
        till = world.call()
        await till.register()
        await till.run(Authorisation(1200), to(0x04FF, SILENT))
        await asyncio.sleep(10)
        assert world.books() == [("payment", "aborted", 0, False)]
        assert await till.next() is None
        till = world.call()
        await till.run(Authorisation(1200))
        await till.run(Reversal("000000", 1), to(0x04FF, SILENT))
        await asyncio.sleep(10)
        assert world.books()[2] == ("reversal", "aborted", 0, False)


@pytest.mark.parametrize(("profile", "state"), [("standard", "reversed"), ("hangs-up", "aborted")])
async def test_a_register_that_hangs_up_at_once(profile: str, state: str) -> None:
    async with shop(profile) as world:
        till = world.call()
        await till.register()
        await till.run(Authorisation(1200), to(0x04FF, SILENT))
        await till.link.close()
        await asyncio.sleep(20)
        assert world.books() == [("payment", state, 0, False)]


async def test_one_that_hangs_up_without_wanting_progress() -> None:
    async with shop("hangs-up") as world:
        till = world.call()
        await till.register(0xB6)
        await till.write(till.dialogue.send(Authorisation(1200).to_message()))
        await till.next()
        await till.link.close()
        await asyncio.sleep(20)
        assert world.books() == [("payment", "aborted", 0, False)]

"""Totals, end of day, and what is printed or told again."""

import asyncio
from pathlib import Path

import pytest

from drivers.simulators.zvt_terminal.books import totals
from drivers.simulators.zvt_terminal.customers import Customer
from drivers.simulators.zvt_terminal.memory import Kind, Memory, State
from drivers.zvt import results
from drivers.zvt.commands.payments import (
    Authorisation,
    PreAuthorisation,
    Refund,
    ReleasePreAuthorisation,
    Reversal,
)
from drivers.zvt.commands.reports import Abort, Completion
from drivers.zvt.commands.setup import (
    EndOfDay,
    PrintConfiguration,
    RepeatReceipt,
    ReprintReceipts,
    TurnoverTotals,
)
from drivers.zvt.fields import Field
from drivers.zvt.message import Message
from drivers.zvt.values import Total
from tests.unit.drivers.simulators.zvt_terminal.till import ALL, Till, shop

PW = "000000"
STATUS, PRINT = 0x040F, 0x06D3


async def day(till: Till, world_cards: list[str]) -> None:
    for amount, _ in zip((1000, 2000, 3000), world_cards, strict=True):
        await till.run(Authorisation(amount, 978))


async def test_totals_by_kind_of_card() -> None:
    async with shop() as world:
        till = world.call()
        await till.register()
        world.device.coming.extend(Customer(card) for card in ("girocard", "Visa", "Visa"))
        await day(till, ["girocard", "Visa", "Visa"])
        await till.run(Authorisation(405))
        await till.run(Refund(PW, 500))
        await till.run(Reversal(PW, 2))
        await till.run(TurnoverTotals(PW))
        told = till.result
        assert told.totals is not None
        assert (told.totals.first_receipt, told.totals.last_receipt) == (1, 5)
        assert told.totals.cards[0] == Total(2, 500)
        assert told.totals.cards[4] == Total(3, 3000)
        assert told.amount == 3500
        assert till.commands == [STATUS, PRINT, 0x060F]
        assert told.amount == sum(row["money"] for row in world.terminal.ledger())


async def test_an_empty_day() -> None:
    async with shop() as world:
        till = world.call()
        await till.run(TurnoverTotals(PW))
        assert till.result.amount == 0
        assert till.result.totals is not None
        assert till.result.totals.first_receipt == 0


async def test_end_of_day_begins_a_new_one() -> None:
    async with shop() as world:
        till = world.call()
        await till.register()
        await till.run(Authorisation(1000))
        world.device.lock(0xF0)
        await till.run(Authorisation(1000))
        assert till.ended == 0xF0
        await till.run(EndOfDay(PW))
        assert (till.result.amount, till.ended) == (1000, 0)
        await till.run(TurnoverTotals(PW))
        assert till.result.amount == 0
        await till.run(Reversal(PW, 1))
        assert till.ended == results.REVERSAL_IMPOSSIBLE  # it is with the host since
        await till.run(Authorisation(700))
        assert till.result.receipt == 2
        await till.run(RepeatReceipt(PW, 3, receipt_id=4))
        assert till.result.amount == 1000
        await till.run(RepeatReceipt(PW, 0, receipt_id=4))
        assert till.commands == [PRINT, 0x060F]


async def test_numbers_that_begin_again_and_an_update() -> None:
    async with shop("restarting") as world:
        till = world.call()
        await till.run(Authorisation(1000))
        await till.run(EndOfDay(PW))
        assert Completion.from_message(till.heard[-1]).result == 0xE0
        await asyncio.sleep(0.1)
        assert world.device.silent
        await asyncio.sleep(61)
        till = world.call()
        await till.run(Authorisation(700))
        assert (till.result.receipt, till.result.turnover) == (1, 2)


async def test_a_full_memory_is_cured_by_an_end_of_day() -> None:
    async with shop() as world:
        world.device.lock(0xB1)
        till = world.call()
        await till.run(EndOfDay(PW))
        assert till.ended == 0
        await asyncio.sleep(0.1)
        assert world.device.state == 0


async def test_open_reservations_block_the_closing() -> None:
    async with shop() as world:
        till = world.call()
        await till.run(PreAuthorisation(5000))
        await till.run(EndOfDay(PW))
        assert Abort.from_message(till.heard[-1]).receipt == 1
        assert till.ended == results.OPEN_PRE_AUTHORISATION
        await till.run(ReleasePreAuthorisation(1))
        await till.run(EndOfDay(PW))
        assert till.ended == 0


@pytest.mark.parametrize("serial", [False, True])
async def test_the_stored_status_comes_again_byte_for_byte(tmp_path: Path, serial: bool) -> None:
    state = tmp_path / "memory"
    async with shop(state=state) as world:
        till = world.call(serial=serial)
        await till.register()
        await till.run(Authorisation(1200, 978))
        [told] = till.all(STATUS)
        await till.run(Authorisation(1205, 978))
        await till.run(RepeatReceipt(PW, 3))
        assert till.all(STATUS) == [told]
        assert till.commands == [STATUS, 0x060F]
    async with shop(state=state) as world:
        till = world.call(serial=serial)
        await till.register()
        await till.run(RepeatReceipt(PW, 1))
        assert till.all(STATUS) == [told]
        assert till.commands == [STATUS, PRINT, PRINT, 0x060F]


async def test_without_the_service_byte_only_the_receipt_comes() -> None:
    async with shop() as world:
        till = world.call()
        await till.register()
        await till.run(Authorisation(1200))
        await till.run(RepeatReceipt(PW))
        assert till.commands == [PRINT, PRINT, 0x060F]


async def test_a_register_that_takes_no_tlv_gets_it_without() -> None:
    async with shop() as world:
        till = world.call()
        await till.register()
        await till.run(Authorisation(1200))
        assert till.result.aid is not None
        await till.register(container=False)
        await till.run(RepeatReceipt(PW, 3))
        assert till.result.amount == 1200
        assert till.result.card_name == "girocard"
        assert not till.all(STATUS)[0].has_container


async def test_receipts_by_number() -> None:
    async with shop() as world:
        till = world.call()
        for amount in (1000, 2000):
            await till.run(Authorisation(amount))
        await till.run(RepeatReceipt(PW, 3, receipt_id=3, first=1, last=1))
        assert till.result.amount == 1000
        await till.run(RepeatReceipt(PW, 3, receipt_id=2, first=9, last=9))
        assert till.ended == results.OTHER_ERROR
    async with shop("pax-a80") as world:
        till = world.call()
        await till.register(0xBE)
        for amount in (1000, 2000):
            await till.run(Authorisation(amount))
        await till.run(RepeatReceipt(PW, 3, receipt_id=3, first=1, last=1))
        assert till.result.amount == 2000


async def test_nothing_to_repeat() -> None:
    async with shop() as world:
        till = world.call()
        await till.run(RepeatReceipt(PW, 3, receipt_id=4))
        assert till.ended == results.OTHER_ERROR


async def test_one_maker_repeats_only_for_registers_that_lock_it() -> None:
    async with shop("pax-a80") as world:
        till = world.call()
        await till.register(ALL & ~0x30)
        await till.run(Authorisation(1200))
        await till.run(RepeatReceipt(PW, 3))
        assert till.commands == [0x060F]
        await till.register(ALL)
        await till.run(RepeatReceipt(PW, 3))
        assert till.result.amount == 1200


async def test_one_that_cannot_repeat() -> None:
    async with shop("no-repeat") as world:
        till = world.call()
        await till.run(RepeatReceipt(PW, 3))
        assert till.heard[-1].command == 0x8483


async def test_receipts_are_printed_again_from_one_to_another() -> None:
    async with shop() as world:
        till = world.call()
        await till.register()
        for amount in (1000, 2000, 3000):
            await till.run(Authorisation(amount))
        await till.run(ReprintReceipts(PW, 2, 3))
        assert len(till.all(PRINT)) == 4
        await till.run(Message(0x0612, {"password": bytes(3)}, (Field(0x87, bytes((0, 1))),)))
        assert len(till.all(PRINT)) == 2
        await till.run(ReprintReceipts(PW))
        assert till.ended == results.PROTOCOL_ERROR


async def test_the_configuration_is_printed() -> None:
    async with shop() as world:
        till = world.call()
        await till.register()
        await till.run(PrintConfiguration())
        assert till.all(PRINT)
        assert b"9600 8N2" in b"".join(till.chunks)


def test_a_day_that_paid_out_more_than_it_took_shows_nothing() -> None:
    memory = Memory()
    record = memory.begin(Kind.REFUND, 500, 978)
    record.state, record.receipt = State.STORED, 1
    assert totals(memory).amount == 0

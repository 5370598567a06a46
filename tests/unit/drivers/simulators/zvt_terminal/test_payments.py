"""Payments, refunds, reversals, reservations, and what guards against paying twice."""

import asyncio
from collections.abc import Callable

import pytest

from drivers.simulators.zvt_terminal.outcomes import SCRIPTS, Power
from drivers.zvt import results
from drivers.zvt.commands.face import Face
from drivers.zvt.commands.payments import (
    Authorisation,
    BookTotal,
    PartialReversal,
    PreAuthorisation,
    Refund,
    ReleasePreAuthorisation,
    Reversal,
)
from drivers.zvt.commands.reports import Abort
from drivers.zvt.commands.setup import RepeatReceipt
from drivers.zvt.fields import Field, container
from drivers.zvt.message import Message
from drivers.zvt.tlv import Tlv
from drivers.zvt.unique_id import mirror
from drivers.zvt.values import pack
from tests.unit.drivers.simulators.zvt_terminal.till import ALL, SILENT, Till, shop, to

PW = "000000"
STATUS = 0x040F
ENDINGS = sorted((digits, script.result) for digits, script in SCRIPTS.items() if script.power is Power.STAYS)


@pytest.mark.parametrize(("digits", "result"), [(0, 0), (17, 0), *ENDINGS])
async def test_the_amount_decides(digits: int, result: int) -> None:
    async with shop() as world:
        till = world.call()
        await till.register()
        await till.run(Authorisation(4200 + digits, 978))
        assert (till.result.result, till.ended) == (result, result)
        [row] = world.terminal.ledger()
        assert row["money"] == (0 if result else 4200 + digits)
        assert row["prompts"] == 1
        assert row["approved"] is not bool(result)


async def test_the_status_tells_all_there_is() -> None:
    async with shop(seed=3) as world:
        till = world.call()
        await till.register()
        await till.run(Authorisation(1200, 978))
        told = till.result
        assert (told.amount, told.currency, told.terminal_id) == (1200, 978, "52523535")
        assert (told.receipt, told.trace, told.turnover) == (1, 1, 1)
        assert (told.card_kind, told.card_name, told.card_number) == (5, "girocard", "EEEEEEEEEEEE5726")
        assert (told.time, told.date, told.handling) == ("080004", "0105", 0x70)
        assert (told.cardholder_check, told.card_technology) == (2, 1)
        assert told.unique_id == bytes((0, 1))
        assert told.approval is not None
        assert len(told.approval) == 6
        assert told.merchant == "100764992"


async def test_the_currency_comes_back_only_if_it_was_sent() -> None:
    async with shop() as world:
        till = world.call()
        await till.run(Authorisation(1200))
        assert till.result.currency is None


async def test_no_container_unless_the_register_takes_one() -> None:
    async with shop() as world:
        till = world.call()
        await till.register(container=False)
        await till.run(Authorisation(1200))
        assert not any(message.has_container for message in till.heard)
        await till.run(Authorisation(1200, container=True))
        assert till.result.unique_id == bytes((0, 2))


@pytest.mark.parametrize("command", [Authorisation(0), Refund(PW, 0)])
async def test_no_amount_is_no_payment(command: Authorisation | Refund) -> None:
    async with shop() as world:
        till = world.call()
        await till.register()
        await till.run(command)
        assert till.ended == results.PROTOCOL_ERROR
        assert world.books() == []


@pytest.mark.parametrize(
    ("typed", "result"), [(b"1234", 0), (b"1205", 5), (b"0", 0x6C), (b"x", 0x6C), (None, 0x6C)]
)
async def test_the_cashier_types_an_amount_where_the_register_allows(
    typed: bytes | None, result: int
) -> None:
    async with shop() as world:
        till = world.call()
        await till.register(ALL & ~0x10)
        if typed is not None:
            world.device.press(typed)
        await till.run(Message(0x0601))
        assert till.ended == result
        assert till.progress[0] == 0x00
        if result == 0:
            assert (till.result.amount, world.terminal.ledger()[0]["money"]) == (1234, 1234)


async def test_a_foreign_currency_is_refused_with_the_right_one() -> None:
    async with shop() as world:
        till = world.call()
        await till.run(Authorisation(1200, 756))
        end = Abort.from_message(till.heard[-1])
        assert (end.result, end.currency) == (results.WRONG_CURRENCY, 978)
    async with shop("multi-currency") as world:
        till = world.call()
        await till.register(currency=756)
        await till.run(Authorisation(1200, 756))
        assert till.result.currency == 756


async def test_a_refund_pays_back() -> None:
    async with shop() as world:
        till = world.call()
        await till.register()
        await till.run(Refund(PW, 500, 978))
        assert world.books() == [("refund", "stored", -500, True)]
        await till.run(Reversal(PW, 1, 500))
        assert [row[2] for row in world.books()] == [-500, 500]


async def sell(till: Till, amount: int = 1200) -> int:
    await till.run(Authorisation(amount, 978))
    assert till.result.receipt is not None
    return till.result.receipt


async def test_a_reversal_takes_back_one_payment() -> None:
    async with shop() as world:
        till = world.call()
        await till.register()
        first, _ = await sell(till), await sell(till, 700)
        await till.run(Reversal(PW, first, 1200, 978))
        assert (till.result.amount, till.result.original_trace, till.ended) == (1200, 1, 0)
        assert [row["money"] for row in world.terminal.ledger()] == [1200, 700, -1200]
        assert world.terminal.ledger()[0]["refunded"] == 1200
        await till.run(Reversal(PW, first, 1200))
        assert till.ended == results.ALREADY_REVERSED


@pytest.mark.parametrize("command", [Reversal(PW, 1, 1100), Reversal(PW, 2), Reversal(PW, 7, 1200)])
async def test_a_reversal_names_an_existing_payment(command: Reversal) -> None:
    async with shop() as world:
        till = world.call()
        await sell(till)
        await till.run(command)
        assert till.ended == results.REVERSAL_IMPOSSIBLE
        await till.run(Message(0x0630, {"password": bytes(3)}))
        assert till.ended == results.REVERSAL_IMPOSSIBLE
        assert len(world.books()) == 1


async def test_a_reversal_nobody_acknowledged_never_was() -> None:
    async with shop() as world:
        till = world.call()
        receipt = await sell(till)
        await till.run(Reversal(PW, receipt), to(STATUS, SILENT))
        await till.link.close()
        till = world.call()
        await till.run(RepeatReceipt(PW, 3))
        assert till.heard[-1].command == 0x84A0  # still undoing it
        await asyncio.sleep(2)
        await till.run(Reversal(PW, receipt))
        assert [row[1] for row in world.books()] == ["stored", "reversed", "stored"]


async def test_one_maker_reverses_the_last_payment_whatever_is_named() -> None:
    async with shop("pax-a80") as world:
        till = world.call()
        first = await sell(till)
        await sell(till, 700)
        await till.run(Reversal(PW, first, 1200))
        assert till.result.amount == 700
        assert world.terminal.ledger()[2]["original"] == 2
    async with shop("pax-a80") as world:
        till = world.call()
        await till.run(Reversal(PW, 1))
        assert till.ended == results.REVERSAL_IMPOSSIBLE


async def hold(till: Till, amount: int | None = 5000) -> int:
    await till.run(PreAuthorisation(amount, 978))
    assert till.ended == 0
    assert till.commands == [STATUS, 0x060F]  # a reservation has no receipt
    assert till.result.receipt is not None
    return till.result.receipt


async def test_a_reservation_is_booked_in_full_or_in_part() -> None:
    async with shop() as world:
        till = world.call()
        await till.register()
        one, two = await hold(till), await hold(till, None)
        assert [row["held"] for row in world.terminal.ledger()] == [5000, 5000]
        await till.run(BookTotal(one, 4200, 978))
        assert till.result.amount == 4200
        await till.run(PartialReversal(two, 1500, 978))
        assert till.result.amount == 3500
        rows = world.terminal.ledger()
        assert [row["money"] for row in rows] == [0, 0, 4200, 3500]
        assert [row["held"] for row in rows] == [0, 0, 0, 0]
        await till.run(Reversal(PW, 3, 4200))
        assert world.terminal.ledger()[4]["money"] == -4200


async def test_a_reservation_is_released() -> None:
    async with shop() as world:
        till = world.call()
        await till.register()
        one = await hold(till)
        await till.run(ReleasePreAuthorisation(one, 5000))
        assert world.books()[1] == ("release", "stored", 0, True)
        for again in (ReleasePreAuthorisation(one), BookTotal(one, 1), PartialReversal(one, 1)):
            await till.run(again)
            assert till.ended == results.OPEN_PRE_AUTHORISATION


@pytest.mark.parametrize(
    "make",
    [
        lambda receipt: BookTotal(receipt, 5001),
        BookTotal,
        lambda receipt: PartialReversal(receipt, 5001),
        PartialReversal,
        lambda receipt: ReleasePreAuthorisation(receipt, 4999),
    ],
)
async def test_nobody_books_more_than_was_held(make: Callable[[int], Face]) -> None:
    async with shop() as world:
        till = world.call()
        receipt = await hold(till)
        await till.run(make(receipt))
        assert till.ended == 0xB7
        assert world.terminal.ledger()[0]["held"] == 5000


async def test_a_reservation_is_extended() -> None:
    async with shop() as world:
        till = world.call()
        await till.register()
        receipt = await hold(till)
        await till.run(PreAuthorisation(1000, 978, trace=1))
        assert world.terminal.ledger()[0]["held"] == 6000
        await till.run(PreAuthorisation(1000, 978, trace=77))
        assert till.ended == results.OPEN_PRE_AUTHORISATION
        await till.run(BookTotal(receipt, 6000))
        assert till.ended == 0


async def test_the_question_for_open_reservations() -> None:
    async with shop() as world:
        till = world.call()
        await till.run(PartialReversal.ask_for_open())
        assert Abort.from_message(till.heard[-1]).receipt == 0xFFFF
        assert till.ended == results.OPEN_PRE_AUTHORISATION
        await till.register(container=False)
        await hold(till)
        await hold(till)
        await till.run(PartialReversal.ask_for_open())
        assert Abort.from_message(till.heard[-1]).receipt == 1
        await till.register()
        await till.run(PartialReversal.ask_for_open())
        assert Abort.from_message(till.heard[-1]).open_receipts == (1, 2)


async def test_a_declined_reservation_holds_nothing() -> None:
    async with shop() as world:
        till = world.call()
        await till.run(PreAuthorisation(5005))
        assert till.ended == 0x05
        assert world.books() == [("hold", "declined", 0, False)]


@pytest.mark.parametrize("profile", ["deferred", "standard"])
async def test_a_mirrored_number_that_lags_behind_undoes_the_last_one(profile: str) -> None:
    async with shop(profile) as world:
        till = world.call()
        await till.register()
        await sell(till)
        await till.run(Authorisation(700, 978), to(STATUS, SILENT))
        await till.link.close()
        till = world.call()
        await asyncio.sleep(2)
        await till.run(Authorisation(700, 978, unique_id=mirror(1)))
        assert till.result.receipt == 2  # its number is used again
        assert [row["money"] for row in world.terminal.ledger()] == [1200, 0, 700]


async def test_a_mirrored_number_that_agrees_confirms_the_last_one() -> None:
    async with shop("deferred") as world:
        till = world.call()
        await till.register()
        await till.run(Authorisation(700, 978), to(STATUS, SILENT))
        await till.link.close()
        till = world.call()
        await till.run(Authorisation(900, 978, unique_id=mirror(1)))
        assert world.books() == [("payment", "stored", 700, True), ("payment", "stored", 900, True)]


@pytest.mark.parametrize("told", [None, mirror(None), mirror(77)])
async def test_any_other_number_is_ignored(told: bytes | None) -> None:
    async with shop("deferred") as world:
        till = world.call()
        await till.run(Authorisation(700, unique_id=mirror(4)))
        await till.run(Authorisation(700), to(STATUS, SILENT))
        await till.link.close()
        till = world.call()
        await till.run(Authorisation(900, unique_id=told))
        assert [row[1] for row in world.books()] == ["stored", "approved", "stored"]


async def test_a_terminal_without_unique_ids_ignores_them() -> None:
    async with shop("basic") as world:
        till = world.call()
        await till.run(Authorisation(700, container=True))
        assert till.result.unique_id is None
        await till.run(Authorisation(700, unique_id=mirror(9999)))
        assert [row[1] for row in world.books()] == ["stored", "stored"]


def order(amount: int, number: str, control: bytes = b"\x04") -> Message:
    objects = container(Tlv(0x1F0D, number.encode()), Tlv(0x1F15, control))
    return Message(0x0601, fields=(Field(0x04, pack(amount, 6)), objects))


async def test_one_maker_refuses_a_repeated_order_and_sends_its_result_again() -> None:
    async with shop("card-complete") as world:
        till = world.call()
        await till.run(order(1205, "A-1"))
        await till.run(order(1200, "A-1"))
        paid = till.result
        await till.run(order(1200, "A-1"))
        assert till.result == paid
        assert till.ended == results.ALREADY_REVERSED
        await till.run(order(1300, "A-2"))
        await till.run(order(1200, "A-1", b"\0"))
        assert [row[2] for row in world.books()] == [0, 1200, 1300, 1200]
    async with shop() as world:
        till = world.call()
        await till.run(order(1200, "A-1"))
        await till.run(order(1200, "A-1"))
        assert len(world.books()) == 2


async def test_long_trace_numbers() -> None:
    async with shop("long-trace") as world:
        till = world.call()
        world.terminal.memory.facts.trace = 41
        await till.run(Authorisation(1200, container=True))
        assert (till.result.trace, till.result.trace_number) == (0, 42)
        await till.run(Authorisation(1200))
        assert (till.result.trace, till.result.long_trace) == (43, None)


async def test_some_tell_of_failures_by_the_abort_alone() -> None:
    async with shop("basic") as world:
        till = world.call()
        await till.run(Authorisation(1205))
        assert till.commands == [0x061E]
        assert till.ended == 5

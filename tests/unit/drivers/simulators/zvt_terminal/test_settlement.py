"""When money is final: every answer to 04 0F and to the prints, silence, hang-ups, power cuts."""

import asyncio

import pytest

from drivers.simulators.zvt_terminal.profiles import PROFILES, Times
from drivers.zvt import results
from drivers.zvt.commands import answers
from drivers.zvt.commands.payments import Authorisation, Refund
from drivers.zvt.commands.setup import RepeatReceipt
from tests.unit.drivers.simulators.zvt_terminal.till import SILENT, shop, to

STATUS, PRINT, LINE = 0x040F, 0x06D3, 0x06D1
PAID = ("payment", "stored", 1200, True)
UNDONE = ("payment", "reversed", 0, False)


async def test_acknowledged_is_final() -> None:
    async with shop() as world:
        till = world.call()
        await till.register()
        await till.run(Authorisation(1200, 978))
        assert till.commands == [STATUS, PRINT, PRINT, 0x060F]
        assert world.books() == [PAID]


async def test_a_lost_completion_changes_nothing() -> None:
    async with shop() as world:
        till = world.call()
        await till.register()
        await till.run(Authorisation(1200), to(0x060F, SILENT))
        assert world.books() == [PAID]
        await asyncio.sleep(6)
        assert await till.next() is None  # T3 is over: the socket is closed


@pytest.mark.parametrize("code", [results.GOODS_FAILED, results.PRINTER_NOT_READY, 0x01])
async def test_refused_goods_are_reversed_and_said(code: int) -> None:
    async with shop() as world:
        till = world.call()
        await till.register()
        await till.run(Authorisation(1200), to(STATUS, answers.negative(code), answers.positive()))
        assert till.progress[-1] == 0x05
        assert till.commands == [STATUS, STATUS, 0x061E]
        assert (till.result.result, till.ended) == (results.ABORTED, results.ABORTED)
        assert world.books() == [UNDONE]


async def test_84_00_is_a_yes() -> None:
    async with shop() as world:
        till = world.call()
        await till.register()
        await till.run(Authorisation(1200), to(STATUS, answers.negative(0)))
        assert world.books() == [PAID]


@pytest.mark.parametrize(("told", "seconds"), [(None, 30), (7, 7)])
async def test_silence_is_a_reversal_after_bmp_01(told: int | None, seconds: int) -> None:
    async with shop() as world:
        till = world.call()
        await till.register(0xB6)  # without 04 FF
        await till.run(Authorisation(1200, goods_timeout_s=told), to(STATUS, SILENT))
        asked_at = asyncio.get_running_loop().time()
        assert world.books() == [("payment", "approved", 1200, False)]
        again = await till.one()
        waited = asyncio.get_running_loop().time() - asked_at
        assert waited == pytest.approx(seconds + PROFILES["standard"].times.reversal_s)
        assert again.get(0x27) == bytes((results.ABORTED,))
        assert world.books() == [UNDONE]
        await asyncio.sleep(6)
        assert await till.next() is None


async def test_a_hang_up_before_the_answer_is_a_reversal() -> None:
    async with shop() as world:
        till = world.call()
        await till.register()
        await till.run(Authorisation(1200), to(STATUS, SILENT))
        await till.link.close()
        await asyncio.sleep(2)
        assert world.books() == [UNDONE]


async def test_postponed_goods_are_asked_for_every_two_seconds() -> None:
    async with shop() as world:
        till = world.call()
        await till.register()
        later, given = answers.postponed(), answers.positive()
        before = asyncio.get_running_loop().time()
        await till.run(Authorisation(1200), to(STATUS, later, later, given))
        assert len(till.all(STATUS)) == 3
        assert till.all(STATUS)[0] == till.all(STATUS)[2]
        assert asyncio.get_running_loop().time() - before >= 4
        assert world.books() == [PAID]


async def test_postponed_too_often_is_reversed() -> None:
    async with shop() as world:
        till = world.call()
        await till.register()
        await till.run(
            Authorisation(1200, repetitions=2), lambda message: (
                answers.postponed() if message.command == STATUS and message.get(0x04) else answers.positive()
            )
        )  # fmt: skip
        assert len([message for message in till.all(STATUS) if message.get(0x04)]) == 3
        assert till.ended == results.ABORTED
        assert world.books() == [UNDONE]


async def test_one_maker_is_hasty_unless_told_how_long() -> None:
    async with shop("valina") as world:
        till = world.call()
        before = asyncio.get_running_loop().time()
        await till.run(Authorisation(1200), to(STATUS, *[answers.postponed()] * 50, answers.positive()))
        assert len(till.all(STATUS)) == 51
        assert asyncio.get_running_loop().time() - before < 10
        await till.run(
            Authorisation(1200, goods_timeout_s=30), to(STATUS, answers.postponed(), answers.positive())
        )
        assert len(till.all(STATUS)) == 2


async def test_part_of_the_goods_is_part_of_the_money() -> None:
    async with shop() as world:
        till = world.call()
        await till.register()
        await till.run(Authorisation(1200, 978), to(STATUS, answers.partly_issued(700)))
        assert till.ended == 0
        assert world.books() == [("payment", "stored", 700, True)]
        await till.run(RepeatReceipt("000000", 3))
        assert till.result.amount == 700


@pytest.mark.parametrize(("profile", "amount"), [("card-complete", 700), ("standard", 1201)])
async def test_part_that_cannot_be_is_a_refusal(profile: str, amount: int) -> None:
    async with shop(profile) as world:
        till = world.call()
        given = to(STATUS, answers.partly_issued(amount), answers.positive())
        await till.run(Authorisation(1200), given)
        assert till.ended == results.ABORTED
        assert world.books()[0][2] == 0


@pytest.mark.parametrize("answer", [answers.printer_not_ready(), SILENT])
async def test_money_needs_its_receipts(answer: object) -> None:
    async with shop() as world:
        till = world.call()
        await till.register()
        given = answers.printer_not_ready() if answer is not SILENT else SILENT
        await till.run(Authorisation(1200), to(PRINT, answers.positive(), given))
        assert len(till.all(PRINT)) == 2
        await asyncio.sleep(20)
        assert world.books() == [UNDONE]


async def test_part_of_the_goods_counts_without_receipts() -> None:
    async with shop() as world:
        till = world.call()
        await till.register()

        def answer(message: object) -> object:
            command = getattr(message, "command", 0)
            if command == STATUS:
                return answers.partly_issued(700)
            return answers.printer_not_ready() if command == PRINT else answers.positive()

        await till.run(Authorisation(1200), answer)  # type: ignore[arg-type]  # a test's own shorthand
        assert world.books() == [("payment", "stored", 700, True)]


async def test_receipts_may_come_before_the_status() -> None:
    async with shop("feig") as world:
        till = world.call()
        await till.register()
        await till.run(Authorisation(1200))
        assert till.commands == [PRINT, PRINT, STATUS, 0x060F]
        assert world.books() == [PAID]
        await till.run(Authorisation(1200), to(PRINT, answers.printer_not_ready()))
        assert world.books()[1] == UNDONE


async def test_the_deferred_habit_lets_it_stand() -> None:
    async with shop("deferred") as world:
        till = world.call()
        await till.register()
        await till.run(Authorisation(1200), to(STATUS, SILENT))
        await till.link.close()
        await asyncio.sleep(60)
        assert world.books() == [("payment", "approved", 1200, False)]
        till = world.call()
        await till.run(RepeatReceipt("000000", 3))
        assert till.result.amount == 1200


async def test_the_deferred_habit_obeys_a_refusal() -> None:
    async with shop("deferred") as world:
        till = world.call()
        await till.run(Authorisation(1200), to(STATUS, answers.goods_failed(), answers.positive()))
        assert world.books() == [UNDONE]


async def test_one_maker_calls_it_declined() -> None:
    async with shop("card-complete") as world:
        till = world.call()
        await till.run(Authorisation(1200), to(STATUS, SILENT))
        await till.link.close()
        await asyncio.sleep(60)
        assert world.books() == [("payment", "declined", 0, False)]


@pytest.mark.parametrize("serial", [False, True])
@pytest.mark.parametrize("amount", [1296, 1297, 1298])
async def test_a_power_cut_in_the_middle(amount: int, serial: bool) -> None:
    for profile, states in (("standard", ("aborted", "reversed")), ("deferred", ("aborted", "approved"))):
        async with shop(profile, times=Times(boot_s=5)) as world:
            till = world.call(serial=serial)
            await till.register()
            try:
                async with asyncio.timeout(20):
                    await till.run(Authorisation(amount))
            except TimeoutError:
                assert serial  # a line of three wires says nothing of it
            assert world.books()[0][1] == states[amount != 1296]
            assert not world.device.permits.registered
            await asyncio.sleep(20)
            till = world.call(serial=serial)
            await till.register()
            await till.run(Authorisation(500))
            assert world.books()[1] == ("payment", "stored", 500, True)


async def test_serial_silence_ends_in_the_base_state() -> None:
    async with shop() as world:
        till = world.call(serial=True)
        await till.register()
        await till.run(Refund("000000", 500), to(STATUS, SILENT))
        await asyncio.sleep(120)
        assert world.books() == [("refund", "reversed", 0, False)]
        again = world.call(serial=True)
        await again.register()
        await again.run(Authorisation(500))
        assert again.ended == 0


@pytest.mark.parametrize("profile", ["standard", "deferred"])
async def test_a_power_cut_does_not_bring_back_what_was_refused(profile: str) -> None:
    async with shop(profile) as world:
        till = world.call()
        await till.run(Authorisation(1200), to(STATUS, answers.goods_failed(), SILENT))
        world.device.reboot()
        await asyncio.sleep(60)
        assert world.books() == [UNDONE]

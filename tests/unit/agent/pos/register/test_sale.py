"""Waiting for the customer: refusals, doubts, silence, time that is over."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.payments.errors import (
    JournalError,
    OrderError,
    PaymentsError,
    ReaderUnavailableError,
    StoppingError,
    UnknownReaderError,
    WrongStateError,
)
from agent.payments.model import Order, Session, State
from agent.payments.policy import LanePolicy
from drivers.contract import ReaderName
from tests.register_shop import PROGRESS, READER, RegisterShop


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OrderError("no", param="amount"), "FF"),
        (StoppingError(), "9C"),
        (UnknownReaderError("till-1"), "A3"),
        (ReaderUnavailableError(ReaderName("till-1"), "not yet"), "A3"),
        (JournalError("the disk is full"), "FF"),
    ],
)
async def test_a_sale_that_cannot_be_opened_is_refused_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: PaymentsError, code: str
) -> None:
    async with RegisterShop(tmp_path).open() as shop:

        async def refuse(order: Order) -> tuple[Session, bool]:
            raise error

        monkeypatch.setattr(shop.desk, "open", refuse)
        heard = await shop.register().pay(1000)
        assert heard.end == f"06 1E {code}"
        assert shop.terminal.memory.unsettled() == []


async def test_without_signs_of_life_nobody_waits_longer_than_a_register_does(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path, policy=LanePolicy(payment_timeout_s=1000.0)).open() as shop:
        began = asyncio.get_running_loop().time()
        heard = await shop.register().pay(1000)
        assert heard.end == "06 1E 6C"
        assert asyncio.get_running_loop().time() - began < 170


async def test_with_signs_of_life_the_customer_has_all_the_time_of_the_settings(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path, policy=LanePolicy(payment_timeout_s=400.0)).open() as shop:
        await shop.customer(after=380.0)
        register = shop.register()
        await register.register("8C")
        heard = await register.pay(1000)
        assert heard.end == "06 0F"
        signs = [message for message in heard.messages if message.command == PROGRESS]
        assert len(signs) >= 38


async def test_a_doubt_that_does_not_end_is_ended_for_the_register_and_let_go_later(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        await shop.customer(after=4.0)
        register = shop.register()
        await register.register("8E")

        async def cut() -> None:
            await asyncio.sleep(2)
            shop.exchange.down = True

        async with asyncio.TaskGroup() as group:
            group.create_task(cut(), name="line to Stripe")
            heard = await register.pay(1000)
        assert heard.end == "06 1E 6C"
        [session] = shop.sessions()
        assert session.state is State.IN_DOUBT
        assert len(shop.terminal.memory.unsettled()) == 1
        shop.exchange.down = False
        await shop.settled()
        assert (await shop.captured(), await shop.held()) == (0, 0)
        assert shop.sessions()[0].state in {State.RELEASED, State.CANCELED}


@pytest.mark.parametrize("broken", ["changed", "cancel"])
async def test_a_journal_that_stumbles_only_makes_the_register_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        real: Callable[..., object] = getattr(shop.desk, broken)
        troubles = iter((JournalError("the disk is slow"), WrongStateError("moved on")))

        async def stumble(*args: object) -> object:
            error = next(troubles, None)
            if error is not None and not (broken == "cancel" and isinstance(error, WrongStateError)):
                raise error
            return await real(*args)  # type: ignore[misc]  # what the desk's own method returns

        monkeypatch.setattr(shop.desk, broken, stumble)
        register = shop.register()

        async def stop() -> None:
            await asyncio.sleep(5)
            await register.send("06 B0 00")

        async with asyncio.TaskGroup() as group:
            group.create_task(stop(), name="cashier")
            heard = await register.pay(1000)
        assert heard.end == "06 1E 6C"
        assert shop.sessions()[0].state is State.CANCELED


async def test_a_stop_that_comes_when_the_money_is_held_already_lets_it_go(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        await shop.customer(after=2.0)
        register = shop.register()
        await register.send("06 01 07 04 00 00 00 00 10 00")
        await register.receive()
        status = await register.receive()
        assert status.get(0x27) == b"\x00"
        # the cashier presses stop while 04 0F waits for an answer, and there are no goods yet
        await register.send("06 B0 00")
        assert (await register.receive()).command == 0x8000
        await register.send("84 9C 00")
        assert (await register.receive()).get(0x27) == b"\x6c"
        await shop.settled()
        assert (await shop.captured(), await shop.held()) == (0, 0)


async def test_tips_are_asked_for_only_where_the_register_says_so(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        for extra, skips in (("", True), ("19 40", True), ("19 48", False)):
            await shop.customer()
            assert (await shop.register().pay(1000, extra=extra)).end == "06 0F"
            tip = shop.sessions()[0].order.tip
            assert (tip is not None and tip.skip) == skips
        assert shop.sessions()[0].order.reader == READER

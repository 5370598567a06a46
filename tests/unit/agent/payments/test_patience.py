"""Waits that end in time, early, or with what is inside them."""

import asyncio

import pytest

from agent.payments.patience import Patience
from tests.unit.agent.payments.fake_driver import seconds


async def test_a_wait_ends_in_time_and_without_an_error() -> None:
    patience = Patience()
    async with patience.at_most(5):
        await asyncio.sleep(100)
    assert seconds() == 5
    async with patience.at_most(5):
        await asyncio.sleep(1)
    assert seconds() == 6


async def test_a_look_ends_all_that_are_under_way() -> None:
    patience = Patience()

    async def wait() -> float:
        async with patience.at_most(50):
            await asyncio.sleep(100)
        return seconds()

    async with asyncio.TaskGroup() as group:
        waits = [group.create_task(wait(), name="wait") for _ in range(3)]
        await asyncio.sleep(7)
        patience.look()
        patience.look()
    assert [each.result() for each in waits] == [7, 7, 7]


async def test_a_look_while_nobody_waits_is_kept_for_the_next_one() -> None:
    patience = Patience()
    patience.look()
    async with patience.at_most(50):
        await asyncio.sleep(100)
    assert seconds() == 0
    async with patience.at_most(5):
        await asyncio.sleep(100)
    assert seconds() == 5


async def test_errors_and_cancellation_pass() -> None:
    patience = Patience()
    with pytest.raises(KeyError):
        async with patience.at_most(5):
            raise KeyError
    with pytest.raises(TimeoutError):
        async with patience.at_most(5):
            raise TimeoutError("of what is inside")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1), patience.at_most(5):
            await asyncio.sleep(100)
    assert seconds() == 1


async def test_a_look_at_the_very_end_changes_nothing() -> None:
    patience = Patience()
    async with patience.at_most(5):
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            patience.look()
            raise
    assert seconds() == 5

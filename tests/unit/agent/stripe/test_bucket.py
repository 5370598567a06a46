"""Turns, in order."""

import asyncio

import pytest

from agent.stripe.bucket import Buckets, Rate, TokenBucket


def clock() -> float:
    return asyncio.get_running_loop().time()


async def taken_at(bucket: TokenBucket, times: list[float]) -> None:
    await bucket.take()
    times.append(clock())


async def test_a_burst_goes_at_once_and_the_rest_at_the_rate() -> None:
    bucket = TokenBucket(Rate(2.0, 3.0), clock=clock)
    times: list[float] = []
    for _ in range(6):
        await taken_at(bucket, times)
    assert times == pytest.approx([0, 0, 0, 0.5, 1.0, 1.5])


async def test_a_pause_earns_no_more_than_a_burst() -> None:
    bucket = TokenBucket(Rate(1.0, 2.0), clock=clock)
    await asyncio.sleep(100)
    times: list[float] = []
    for _ in range(3):
        await taken_at(bucket, times)
    assert times == pytest.approx([100, 100, 101])


async def test_turns_come_in_the_order_of_asking_and_a_canceled_one_is_given_on() -> None:
    bucket = TokenBucket(Rate(1.0, 1.0), clock=clock)
    await bucket.take()
    order: list[str] = []

    async def ask(name: str) -> None:
        await bucket.take()
        order.append(f"{name} {clock():.0f}")

    async with asyncio.TaskGroup() as group:
        group.create_task(ask("first"), name="first")
        second = group.create_task(ask("second"), name="second")
        group.create_task(ask("third"), name="third")
        await asyncio.sleep(1.5)
        second.cancel()
    assert order == ["first 1", "third 2"]


async def test_operations_do_not_starve_each_other_but_share_the_whole() -> None:
    buckets = Buckets(per_operation=Rate(1.0, 1.0), overall=Rate(1.0, 3.0), clock=clock)
    await buckets.take("GET a")
    await buckets.take("GET b")
    assert clock() == 0
    await buckets.take("GET a")
    assert clock() == 1
    for operation in "cdef":
        await buckets.take(operation)
    assert clock() == pytest.approx(4)

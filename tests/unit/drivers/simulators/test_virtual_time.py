"""The loops whose clock is ours."""

import asyncio
import time

import pytest

from drivers.simulators.virtual_time import EPOCH, DeadlockError, ScaledTimeLoop, VirtualTimeLoop


def test_virtual_time_jumps_over_waiting() -> None:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualTimeLoop)
        began = time.monotonic()
        runner.run(asyncio.sleep(86_400))
        assert time.monotonic() - began < 5
        assert loop.time() == pytest.approx(86_400, abs=1)
        assert (loop.now() - EPOCH).total_seconds() == pytest.approx(86_400, abs=1)


async def test_timers_fire_in_their_order() -> None:
    fired: list[int] = []

    async def wait(seconds: int) -> None:
        await asyncio.sleep(seconds)
        fired.append(seconds)

    async with asyncio.TaskGroup() as group:
        for seconds in (30, 10, 20):
            group.create_task(wait(seconds), name=f"wait {seconds}")
    assert fired == [10, 20, 30]


async def test_executor_work_runs_on_the_spot() -> None:
    loop = asyncio.get_running_loop()
    before = loop.time()
    assert await loop.run_in_executor(None, max, 1, 2) == 2
    with pytest.raises(ZeroDivisionError):
        await loop.run_in_executor(None, divmod, 1, 0)
    assert loop.time() == before


def test_silence_for_ever_is_a_deadlock() -> None:
    loop = VirtualTimeLoop()
    try:
        with pytest.raises(DeadlockError):
            loop.run_until_complete(loop.create_future())
    finally:
        loop.close()


async def test_sockets_still_work_and_are_counted() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(b"hello\n")
        assert await reader.readline() == b"hello\n"
        writer.close()
        await writer.wait_closed()


def test_scaled_time_runs_faster() -> None:
    with asyncio.Runner(loop_factory=lambda: ScaledTimeLoop(200)) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, ScaledTimeLoop)
        began = time.monotonic()
        before = loop.time()
        runner.run(asyncio.sleep(20))
        assert loop.time() - before >= 20
        assert time.monotonic() - began < 5
        assert loop.now() > EPOCH


def test_work_takes_the_time_it_takes() -> None:
    late: list[float] = []

    async def works_while_somebody_waits() -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + 20
        loop.call_at(due, lambda: late.append(loop.time() - due))
        time.sleep(0.05)  # noqa: ASYNC251  # work that blocks: at 200 times the pace it would be ten seconds
        await asyncio.sleep(25)

    with asyncio.Runner(loop_factory=lambda: ScaledTimeLoop(200)) as runner:
        runner.run(works_while_somebody_waits())

    assert 0 <= late[0] < 1

"""What a handler has to talk, to wait and to end."""

import asyncio

import pytest

from drivers.simulators.zvt_terminal.job import EndedError, Job
from drivers.simulators.zvt_terminal.terminal import HANDLERS
from drivers.zvt import results
from drivers.zvt.commands.payments import Authorisation
from drivers.zvt.commands.screens import AskKey
from drivers.zvt.commands.setup import Registration
from drivers.zvt.config import Config
from tests.unit.drivers.simulators.zvt_terminal.till import ALL, Shop, shop


async def job_of(world: Shop) -> Job:
    """The work on a question that nobody answers."""
    till = world.call()
    await till.write(till.dialogue.send(AskKey("?").to_message()))
    await asyncio.sleep(0.1)
    job = world.device.task
    assert isinstance(job, Job)
    return job


async def test_stop_ends_a_pause_now_or_later() -> None:
    async with shop() as world:
        job = await job_of(world)
        asyncio.get_running_loop().call_later(3, job.stop)
        before = asyncio.get_running_loop().time()
        with pytest.raises(EndedError) as ended:
            await job.pause(8, stoppable=True)
        assert ended.value.result == results.ABORTED
        assert asyncio.get_running_loop().time() - before == pytest.approx(3)
        with pytest.raises(EndedError):
            await job.pause(0, stoppable=True)
        await job.pause(5)
        assert asyncio.get_running_loop().time() - before == pytest.approx(8)


async def test_a_pause_without_a_status_says_nothing() -> None:
    async with shop() as world:
        job = await job_of(world)
        await job.pause(25)
        await job.pause(0)
        assert job.known == frozenset(HANDLERS)
        job.stop()


async def test_every_message_fits_what_the_register_takes() -> None:
    async with shop() as world:
        till = world.call()
        for limit in (64, 100, 150, 300):
            await till.run(
                Registration("000000", Config(ALL), permitted=(0x06D3,), max_apdu=limit, sequence=bytes(3))
            )
            till.chunks.clear()
            await till.run(Authorisation(1200, 978))
            assert till.ended == 0
            assert max(map(len, till.chunks)) <= limit
            assert till.result.amount == 1200

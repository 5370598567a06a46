"""The gateway's lives: how each of them ends, and what systemd would do then."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from agent.chaos import world as worlds
from agent.chaos.door import Door
from agent.chaos.eyes import Eyes
from agent.chaos.house import House
from agent.chaos.plan import plan_of
from agent.payments.desk import Desk

PLAN = plan_of(3, kinds=(), sales=1)
Story = Callable[[House], Awaitable[None]]


def nothing(*_: Any) -> None:
    pass


def in_a_house(folder: Path, story: Story) -> House:
    terminals = {name: {"profile": "standard", "serial": False, "bad_line": False} for name in PLAN.terminals}
    world = worlds.make(1, terminals, note=nothing, leaving=nothing, screens=nothing, heard=nothing)
    houses: list[House] = []

    async def day() -> None:
        loop = asyncio.get_running_loop()
        house = House(PLAN, world, folder, Eyes(loop.time, trace=True), Door(loop))
        houses.append(house)
        house.start()
        await house.served()
        await story(house)
        await house.close()

    world.run(day)
    return houses[0]


def test_it_is_killed_stopped_and_paused_and_comes_back(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        for power in (False, True):
            house.crash(after=3, down_s=2.0, power=power)
            await asyncio.sleep(1.0)
            house.crash(after=0, down_s=1.0, power=False)
            house.crash_in_commit(down_s=1.0, power=False)
            house.pause(1.0)
            house.terminate(1.0)
            await asyncio.sleep(15.0)
        house.pause(5.0)
        house.pause(5.0)
        await asyncio.sleep(10.0)
        house.second_gateway()
        house.terminate(1.0)
        await asyncio.sleep(30.0)

    house = in_a_house(tmp_path, story)
    assert house.refused == [True]
    assert house.bugs == []
    assert house.lives >= 4


def test_a_gateway_that_ends_by_a_bug_is_started_again_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_self: Desk) -> None:
        await asyncio.sleep(1.0)
        raise ZeroDivisionError("oh")

    async def story(house: House) -> None:
        monkeypatch.setattr(Desk, "run", broken)
        house.terminate(1.0)
        await asyncio.sleep(10.0)
        monkeypatch.undo()
        await asyncio.sleep(10.0)

    house = in_a_house(tmp_path, story)
    assert house.lives > 2
    assert all("ZeroDivisionError: oh" in bug and "test_house.py" in bug for bug in house.bugs)


def test_a_gateway_that_does_not_stop_is_told(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        house.stop = asyncio.Event()

    assert in_a_house(tmp_path, story).bugs == ["the gateway does not stop"]


def test_a_second_gateway_that_finds_no_lock_starts_and_alone_there_is_nothing_to_refuse(
    tmp_path: Path,
) -> None:
    async def story(house: House) -> None:
        assert house.gateway is not None
        os.close(vars(house.gateway.journal._store._file)["_lock"])
        house.gateway.journal._store._file._lock = -1
        house.second_gateway()
        house.terminate(100.0)
        await asyncio.sleep(20.0)
        house.second_gateway()

    assert in_a_house(tmp_path, story).refused == [False]

"""The terminal of a simulated store: its line's faults, its cable, its own keys."""

import asyncio
from contextlib import suppress

import pytest

from drivers.links.base import LinkNotOpenedError
from drivers.simulators.chaos.terminal import LinePlan, StoreTerminal
from drivers.simulators.fault_list import FAULTS
from drivers.simulators.faults import Direction, Write
from drivers.simulators.virtual_time import EPOCH
from tests.zvt_store import Session, ZvtStore


def test_faults_begin_and_end_while_the_line_is_used() -> None:
    fired: list[str] = []
    plan = LinePlan(fired.append, 1)
    assert plan.apply(Direction.UP, b"abc") == [Write(Direction.UP, b"abc")]
    plan.begin("loss=1", 1)
    plan.begin("idle-hang-up=7", 1)
    plan.new_link()
    assert plan.apply(Direction.UP, b"abc") == []
    assert (fired, plan.idle_s) == (["idle-hang-up", "loss"], 7)
    plan.end("loss")
    assert (plan.apply(Direction.UP, b"abc"), plan.idle_s) == ([Write(Direction.UP, b"abc")], 7)
    plan.end()
    assert (fired, plan.idle_s) == (["idle-hang-up", "loss"], None)
    assert plan.apply(Direction.DOWN, b"abc") == [Write(Direction.DOWN, b"abc")]


@pytest.mark.parametrize("bad_line", [False, True])
async def test_a_terminal_serves_is_unplugged_and_serves_again(bad_line: bool) -> None:
    async with ZvtStore() as store:
        await asyncio.sleep(0)
        listener = store.network.listen("other")
        terminal = StoreTerminal(
            "other",
            "standard",
            listener,
            serial=False,
            clock=lambda: EPOCH,
            fired=lambda _: None,
            seed=1,
            bad_line=bad_line,
        )
        terminal.expect({"card": "Visa contactless", "comes_after_s": 0.5})
        store.listener = listener
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(terminal.serve(), name="terminal")
            for fault in sorted(FAULTS)[:3]:
                terminal.line_fault(fault, 5.0, 1)
            terminal.heal()
            assert (await store.pay(Session(1200))).amount_captured == 1200
            pulled = group.create_task(terminal.unplug(5.0), name="unplug")
            await asyncio.sleep(0.1)
            with pytest.raises(LinkNotOpenedError):
                listener.call()
            await pulled
            terminal.occupy(3.0)
            assert terminal.device.state == 0x9C
            terminal.occupy(3.0)
            await asyncio.sleep(4.0)
            terminal.occupy(5.0)
            task = terminal.device.task
            assert task is not None
            task.stop()
            terminal.reboot()
            assert terminal.device.task is None
            await asyncio.sleep(30.0)
            with suppress(Exception):
                await store.driver.close()
            assert [row["money"] for row in terminal.turnover()] == [1200]
            serving.cancel()

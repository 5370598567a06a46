"""The terminal apart from any register: power, locks, who comes next."""

import asyncio
from pathlib import Path

import pytest

from drivers.simulators.zvt_terminal.customers import Customer
from drivers.simulators.zvt_terminal.device import Device
from drivers.simulators.zvt_terminal.memory import Kind, Memory, State
from drivers.simulators.zvt_terminal.profiles import PROFILES
from drivers.zvt import statuses


def approved(memory: Memory) -> None:
    record = memory.begin(Kind.PAYMENT, 1200, 978)
    record.state, record.receipt = State.APPROVED, memory.next_receipt()
    memory.save(record)
    memory.begin(Kind.PAYMENT, 1300, 978)


@pytest.mark.parametrize(
    ("profile", "state"),
    [("standard", State.REVERSED), ("deferred", State.APPROVED), ("card-complete", State.DECLINED)],
)
def test_what_nobody_acknowledged_is_undone_when_the_power_comes_back(
    profile: str, state: State, tmp_path: Path
) -> None:
    memory = Memory(tmp_path / "memory")
    approved(memory)
    memory.close()
    memory = Memory(tmp_path / "memory")
    Device(PROFILES[profile], memory)
    assert [record.state for record in memory.records] == [state, State.ABORTED]
    memory.close()
    again = Memory(tmp_path / "memory")
    assert [record.state for record in again.records] == [state, State.ABORTED]
    again.close()


def test_customers_come_in_their_order_then_the_usual_one() -> None:
    device = Device(PROFILES["standard"], Memory())
    odd = Customer("Visa")
    device.coming.append(odd)
    assert device.customer() is odd
    assert device.customer() is device.usual


async def test_power_takes_what_is_not_remembered() -> None:
    device = Device(PROFILES["standard"], Memory())
    device.lock(0x51)
    device.card_inserted = True
    device.display = ("x",)
    device.baud_rate = 115200
    device.reboot()
    assert [device.card_inserted, device.display, device.baud_rate] == [False, (), 9600]
    assert device.state == 0x51
    await asyncio.sleep(14)
    silences = [device.silent]
    await asyncio.sleep(2)
    assert [*silences, device.silent] == [True, False]
    device.lock(0)
    assert device.state == statuses.READY


def test_an_identity_is_given_once() -> None:
    memory = Memory()
    memory.facts.terminal_id = "87654321"
    Device(PROFILES["standard"], memory)
    assert memory.facts.terminal_id == "87654321"

"""The turnover memory: numbers, transactions, and what survives."""

import sqlite3
from pathlib import Path

import pytest

from drivers.simulators.zvt_terminal.memory import Kind, Memory, MemoryFileError, Record, State


def stored(memory: Memory, kind: Kind = Kind.PAYMENT, original: Record | None = None) -> Record:
    record = memory.begin(kind, 100, 978, original=original)
    record.receipt = memory.next_receipt()
    record.state = State.STORED
    memory.save(record)
    return record


def test_numbers_roll_over_to_one() -> None:
    memory = Memory()
    memory.facts.receipt, memory.facts.trace, memory.facts.turnover = 9998, 999_998, 999_999
    assert [memory.next_receipt() for _ in range(3)] == [9999, 1, 2]
    assert [memory.next_trace() for _ in range(2)] == [999_999, 1]
    assert memory.next_turnover() == 1
    memory.receipt_back()
    assert memory.facts.receipt == 1
    memory.receipt_back()
    assert memory.facts.receipt == 9999


def test_all_of_it_survives(tmp_path: Path) -> None:
    path = tmp_path / "memory"
    memory = Memory(path)
    memory.facts.terminal_id = "12345678"
    record = stored(memory)
    memory.begin(Kind.HOLD, 5, 978, original=record, order_number="A")
    memory.close()
    memory.close()
    again = Memory(path)
    assert again.facts == memory.facts
    assert again.records == memory.records
    again.close()


def test_what_was_not_saved_is_lost_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "memory"
    memory = Memory(path)
    record = stored(memory)
    record.state = State.REVERSED
    memory.next_trace()
    # the process dies here: nobody closes anything
    for name in tmp_path.iterdir():
        (tmp_path / f"copy-{name.name}").write_bytes(name.read_bytes())
    (tmp_path / "copy-memory-shm").unlink(missing_ok=True)
    memory.close()
    again = Memory(tmp_path / "copy-memory")
    assert again.records[0].state is State.STORED
    assert (again.facts.receipt, again.facts.trace) == (1, 0)
    again.close()


def test_one_terminal_a_file(tmp_path: Path) -> None:
    path = tmp_path / "memory"
    memory = Memory(path)
    stored(memory)
    with pytest.raises(MemoryFileError, match="another terminal"):
        Memory(path)
    memory.close()


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE t (x)")
    db.close()
    with pytest.raises(MemoryFileError, match="not a terminal's memory"):
        Memory(path)
    with pytest.raises(MemoryFileError):
        Memory(tmp_path)


def test_finding_transactions() -> None:
    memory = Memory()
    assert memory.last_stored() is None
    assert memory.get(1) is None
    first, second = stored(memory), stored(memory)
    second.state = State.REVERSED
    assert memory.last_stored() is first
    assert memory.by_receipt(1) is first
    assert memory.by_receipt(2) is None
    assert memory.get(2) is second
    reversal = stored(memory, Kind.REVERSAL, first)
    assert memory.follower(first) is reversal
    assert memory.of_batch() == [first, reversal]
    memory.facts.batch += 1
    assert memory.by_receipt(1) is None
    assert memory.of_batch() == []


def test_reservations() -> None:
    memory = Memory()
    hold = stored(memory, Kind.HOLD)
    stored(memory, Kind.EXTENSION, hold)
    assert memory.held(hold) == 200
    assert memory.open_holds() == [hold]
    stored(memory, Kind.BOOKING, hold)
    assert memory.open_holds() == []

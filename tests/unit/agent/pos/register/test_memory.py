"""A till's numbers and transactions: durable, counted round, found again."""

from pathlib import Path

import pytest

from agent.pos.register.memory import NUMBER_LAST, RECEIPT_LAST, Deed, Entry, Fate, Memory
from agent.pos.register.memory_file import MemoryFile, MemoryFileError

AT = "2026-03-08T17:49:23+01:00"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "registers.db"


async def sold(memory: Memory, amount: int = 1000, deed: Deed = Deed.PAYMENT, **more: object) -> Entry:
    entry = await memory.begin(deed, amount, "eur", AT, **more)  # type: ignore[arg-type]  # what a test names
    memory.number(entry)
    entry.fate, entry.unsettled, entry.status = Fate.STANDS, False, "040f00"
    await memory.save(entry)
    return entry


async def test_numbers_begin_again_behind_the_last(path: Path) -> None:
    memory = Memory(MemoryFile(path), "kasse-1")
    memory.facts.trace = memory.facts.turnover = NUMBER_LAST
    memory.facts.receipt = RECEIPT_LAST
    entry = await sold(memory)
    assert (entry.trace, entry.turnover, entry.receipt) == (1, 1, 1)
    memory.receipt_back()
    assert memory.facts.receipt == RECEIPT_LAST
    memory.receipt_back()
    assert memory.facts.receipt == RECEIPT_LAST - 1


async def test_what_was_saved_is_there_in_the_next_life(path: Path) -> None:
    file = MemoryFile(path)
    memory = Memory(file, "kasse-1")
    memory.facts.language = "en"
    first = await sold(memory, order_number="A1", sequence=7)
    broken_off = await memory.begin(Deed.PAYMENT, 500, "eur", AT)
    await sold(Memory(file, "kasse-2"), 700)
    file.close()

    again = MemoryFile(path)
    assert again.era != file.era, "whatever became of the file meanwhile, no key comes again"
    memory = Memory(again, "kasse-1")
    assert (memory.facts.language, memory.facts.receipt) == ("en", 1)
    assert memory.entries == memory.unsettled() == [broken_off], "the rest is on the disk"
    assert memory.by_order("A1") == memory.by_sequence(7) == memory.by_receipt(1) == first
    assert memory.last_stands() == memory.first_of_batch() == first
    assert memory.get(broken_off.id) == broken_off
    assert (
        memory.by_receipt(2)
        is memory.by_order("B")
        is memory.by_sequence(8)
        is memory.follower(first)
        is None
    )
    assert again.next_id() == 4


async def test_numbers_of_another_registration_are_other_numbers(path: Path) -> None:
    memory = Memory(MemoryFile(path), "kasse-1")
    await sold(memory, sequence=7)
    memory.facts.epoch += 1
    assert memory.by_sequence(7) is None


async def test_a_closed_day_is_out_of_memory_and_still_found(path: Path) -> None:
    file = MemoryFile(path)
    memory = Memory(file, "kasse-1")
    sale = await sold(memory, order_number="A1")
    hold = await sold(memory, 5000, Deed.HOLD)
    await memory.close_batch("040f", [["sum", 0]], AT)
    assert (memory.of_batch(), memory.entries, memory.open_holds()) == ([], [hold], [hold])
    assert memory.by_receipt(1) == memory.by_order("A1") == sale
    assert memory.last_stands() == hold
    memory.restore(sale)
    memory.restore(sale)
    assert memory.entries == [sale, hold]
    file.close()
    memory = Memory(MemoryFile(path), "kasse-1")
    assert (memory.entries, memory.facts.batch, memory.facts.closing) == ([hold], 2, "040f")


async def test_a_hold_is_open_until_something_stands_that_ends_it(path: Path) -> None:
    memory = Memory(MemoryFile(path), "kasse-1")
    hold = await sold(memory, 5000, Deed.HOLD)
    booking = await memory.begin(Deed.BOOKING, 3000, "eur", AT, original=hold)
    assert (booking.key, memory.open_holds()) == (hold.key, [hold])
    booking.fate = Fate.STANDS
    assert memory.open_holds() == []
    await memory.save(booking)
    assert hold not in memory.entries
    reversal = await memory.begin(Deed.REVERSAL, 3000, "eur", AT, original=booking)
    assert reversal.key != booking.key
    assert [entry.signed for entry in (hold, booking, reversal)] == [0, 3000, -3000]


async def test_a_closing_that_cannot_be_written_has_not_been(path: Path) -> None:
    file = MemoryFile(path)
    memory = Memory(file, "kasse-1")
    sale = await sold(memory)
    file.close()
    with pytest.raises(MemoryFileError):
        await memory.close_batch("040f", [], AT)
    assert (memory.facts.batch, memory.facts.closing) == (1, "")
    assert Memory(MemoryFile(path), "kasse-1").of_batch() == [sale]


async def test_facts_of_a_newer_version_are_left_alone(path: Path) -> None:
    file = MemoryFile(path)
    await file.write([("REPLACE INTO fact VALUES ('kasse-1', 'mood', '\"good\"')", ())])
    assert Memory(file, "kasse-1").facts.language == ""


async def test_what_is_in_memory_is_newer_than_the_disk(path: Path) -> None:
    memory = Memory(MemoryFile(path), "kasse-1")
    old, new = await sold(memory), await sold(memory)
    memory.restore(new)
    assert memory.last_stands() is new
    new.fate = Fate.VOID
    assert memory.last_stands() is None or memory.last_stands() == old
    assert memory.by_receipt(2) is None
    fresh = await memory.begin(Deed.PAYMENT, 1, "eur", AT)
    memory.number(fresh)
    fresh.fate = Fate.STANDS
    assert memory.last_stands() is fresh

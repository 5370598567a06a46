"""Disks that fail while money is handed over."""

import asyncio
from pathlib import Path

import pytest

from agent.payments.errors import JournalError
from agent.pos.register.memory import Entry, Fate
from agent.pos.register.memory_file import MemoryFileError
from drivers.zvt.message import Message
from tests.register_shop import STATUS, YES, RegisterShop


async def test_a_result_that_cannot_be_numbered_on_disk_is_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        await shop.customer()
        memory = shop.terminal.memory
        real = memory.save
        troubles = [MemoryFileError("the disk is full")]

        async def save(*entries: Entry) -> None:
            if troubles and any(entry.status for entry in entries):
                raise troubles.pop()
            await real(*entries)

        monkeypatch.setattr(memory, "save", save)
        heard = await shop.register().pay(1000)
        assert heard.end == "06 1E 6C"
        assert [status.result for status in heard.statuses] == [0x6C]
        await shop.settled()
        assert (await shop.captured(), await shop.held()) == (0, 0)


async def test_a_yes_that_the_journal_cannot_keep_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        await shop.customer()

        async def note(*args: object) -> None:
            raise JournalError("the disk is full")

        monkeypatch.setattr(shop.desk, "note", note)
        heard = await shop.register().pay(1000)
        assert [status.result for status in heard.statuses] == [0, 0x6C]
        assert heard.end == "06 1E 6C"
        await shop.settled()
        assert (await shop.captured(), await shop.held()) == (0, 0)


async def test_a_yes_that_only_the_journal_has_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = RegisterShop(tmp_path)
    async with shop.open():
        await shop.customer()
        memory = shop.terminal.memory
        real = memory.save

        async def save(*entries: Entry) -> None:
            if any(entry.fate is Fate.STANDS for entry in entries):
                raise MemoryFileError("the disk is full")
            await real(*entries)

        monkeypatch.setattr(memory, "save", save)
        assert (await shop.register().pay(1000)).end == "06 0F"
        assert await shop.captured() == 1000
    async with shop.open():
        again = await shop.register().run("06 20 05 00 00 00 03 03")
        assert (again.end, again.status.amount) == ("06 0F", 1000)


async def test_parts_that_are_out_do_not_wait_for_a_silent_printer(tmp_path: Path) -> None:
    async with RegisterShop(tmp_path).open() as shop:
        await shop.customer()
        register = shop.register()
        await register.register("86")

        def answer(message: Message) -> bytes | None:
            if message.command == STATUS:
                return bytes.fromhex("849D0704000000000400")
            return None if message.command == 0x06D3 else YES

        assert (await register.pay(1000, answer)).end == "06 0F"
        await asyncio.sleep(1)
        assert await shop.captured() == 400

"""The power goes in the middle of a busy morning: what was acknowledged is on the disk, whatever the disk lost."""

import asyncio
import random
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.deep.bench import Bench, Stopwatch
from tests.deep.guest import Disk, Guest, plain
from tests.deep.image import MIB, make_ext4, mend, take_out
from tests.deep.table import Table
from tests.deep.testimony import Testimony
from tests.deep.write_log import Wreck, logged

pytestmark = [pytest.mark.real_time, pytest.mark.timeout(3600)]

CUTS = 20
COUNTER_CUTS = 3
MORNING_S = (0.5, 9.0)
"""The power goes at a random moment in between, counted from the first event that was stored."""

DISKS_EACH = 3
"""Disks made of each cut: one that lost all it could, the others any part of it."""

SIZE = 64 * MIB


@dataclass(frozen=True)
class Morning:
    """A store that is open, frozen: its disk and its machine's memory at the same moment."""

    disk: Path
    memory: Path


@pytest.fixture(scope="module")
def morning(bench: Bench) -> Morning:
    """Boot once: each cut goes on from here."""
    frozen = Morning(bench.folder / "journal.ext4", bench.folder / "memory")
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(_freeze(bench, frozen))
    return frozen


async def _freeze(bench: Bench, frozen: Morning) -> None:
    make_ext4(frozen.disk, SIZE)
    guest = bench.guest("morning", [Disk("journal", plain(frozen.disk, read_only=False))])
    _ = bench.root, bench.payload_image
    with Stopwatch(bench, "boot of the guest, until its store is open"):
        async with guest:
            await guest.tell("power.morning")
            async with asyncio.timeout(240):
                await guest.hear("open")
            await guest.save(frozen.memory)


@dataclass(frozen=True)
class Cut:
    """One cut and what it left."""

    after_s: float
    testimony: Testimony
    unflushed: int
    flushes: int
    missing: Sequence[Sequence[str]]  # for each disk that the cut could leave


async def cut(bench: Bench, morning: Morning, seed: int, *, synchronous: str) -> Cut:
    """Go on from the frozen moment, sell, pull the plug, and look at what the disks remember."""
    chance = random.Random(seed)
    after_s = chance.uniform(*MORNING_S)
    disk, log = bench.folder / "cut.ext4", bench.folder / "cut.log"
    shutil.copyfile(morning.disk, disk)
    guest = bench.guest(f"cut{seed}", [Disk("journal", logged(disk, log))])
    guest.resumed_from = morning.memory
    testimony = Testimony()
    async with guest:
        async with asyncio.timeout(120):
            await guest.tell("go", seed=seed, synchronous=synchronous)
            assert await guest.hear("begun"), f"the journal did not take synchronous = {synchronous}"
        await _listen(guest, testimony, after_s)
    wreck = Wreck(morning.disk, log)
    missing = []
    for number in range(DISKS_EACH):
        wreck.leave(disk, chance=chance if number else None)
        missing.append(await asyncio.to_thread(_lost, disk, bench.folder / "found", testimony))
    return Cut(after_s, testimony, len(wreck.unflushed), wreck.flushes, missing)


async def _listen(guest: Guest, testimony: Testimony, after_s: float) -> None:
    """Hear until the plug is pulled, and then what was already on its way."""
    cut_at: float | None = None
    async with asyncio.timeout(120):
        async for said in guest.lines():
            testimony.hear(said)
            if cut_at is None and testimony.stored:
                cut_at = time.monotonic() + after_s
                asyncio.get_running_loop().call_later(after_s, guest.cut)


def _lost(disk: Path, folder: Path, testimony: Testimony) -> list[str]:
    """What the next boot's gateway misses on this disk."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    mend(disk)
    take_out(disk, folder)
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(_missing(folder / "journal.db", testimony))


async def _missing(path: Path, testimony: Testimony) -> list[str]:
    return testimony.missing_in(path)


def _table(bench: Bench, title: str) -> Table:
    return bench.table(
        title, "cut", "after s", "events acknowledged", "answers to tills", "flushes", "writes after the last", "lost"
    )


def _enter(table: Table, number: int, found: Cut) -> None:
    said = found.testimony
    lost = "/".join(str(len(each)) for each in found.missing)
    table.add(number, found.after_s, len(said.stored), len(said.told), found.flushes, found.unflushed, lost)


async def test_no_acknowledged_event_is_lost_by_a_power_cut(bench: Bench, morning: Morning) -> None:
    table = _table(bench, f"power cuts, synchronous=FULL (lost: on each of {DISKS_EACH} disks that the cut could leave)")
    events = unflushed = 0
    for number in range(CUTS):
        found = await cut(bench, morning, number, synchronous="FULL")
        _enter(table, number, found)
        assert found.missing == [[]] * DISKS_EACH, f"cut {number}"
        assert found.testimony.stored, f"cut {number} came before anything was sold"
        events += len(found.testimony.stored)
        unflushed += found.unflushed
    assert events > 50 * CUTS, "that was no busy morning"
    assert unflushed > 0, "no cut came between a write and its flush"


async def test_the_same_cuts_show_what_weaker_settings_lose(bench: Bench, morning: Morning) -> None:
    table = _table(bench, "the counter-example, synchronous=NORMAL")
    for number in range(COUNTER_CUTS):
        found = await cut(bench, morning, number, synchronous="NORMAL")
        _enter(table, number, found)
        assert found.testimony.stored
        assert all(found.missing), f"cut {number} lost nothing: this comparison would not see a loss"

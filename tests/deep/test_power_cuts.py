"""The power goes in the middle of a busy morning: what was acknowledged is on the disk, whatever is lost."""

import asyncio
import os
import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.deep.bench import Bench, Stopwatch
from tests.deep.guest import Guest, plain
from tests.deep.image import mend, take_out
from tests.deep.table import Table
from tests.deep.witness import Witness
from tests.deep.write_log import Wreck, logged

pytestmark = [pytest.mark.real_time, pytest.mark.timeout(3600)]

CUTS = 20
COUNTER_CUTS = 3
MORNING_S = (0.5, 9.0)
"""The power goes at a random moment in between, counted from the first event that was stored."""

EARLIER = 3
"""Further moments for each cut, between a write and its flush, of which any part reached the disk."""


@dataclass(frozen=True)
class Morning:
    """A store that is open, frozen: its disk and its machine's memory at the same moment."""

    disk: Path
    memory: Path


@pytest.fixture(scope="module")
def morning(bench: Bench) -> Morning:
    """Boot once: each cut goes on from here."""
    frozen = Morning(bench.folder / "journal.ext4", bench.folder / "memory")
    booted = bench.booted
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(_freeze(bench, booted, frozen))
    return frozen


async def _freeze(bench: Bench, booted: Path, frozen: Morning) -> None:
    shutil.copyfile(bench.blank, frozen.disk)
    guest = bench.guest("morning", plain(frozen.disk, read_only=False), resumed_from=booted)
    with Stopwatch(bench, "opening of the store whose power is cut"):
        async with guest:
            await guest.tell("power.morning")
            async with asyncio.timeout(240):
                await guest.hear("open")
            await guest.save(frozen.memory)


@dataclass(frozen=True)
class Cut:
    """One cut and what it left."""

    after_s: float
    witness: Witness
    flushes: int
    torn: int  # disks with writes that were not flushed
    missing: Sequence[Sequence[str]]  # for each disk that was looked at


async def cut(bench: Bench, morning: Morning, seed: int, *, synchronous: str) -> Cut:
    """Go on from the frozen moment, sell, pull the plug, and look at what the disks remember."""
    chance = random.Random(seed)
    after_s = chance.uniform(*MORNING_S)
    disk, log = bench.folder / "cut.ext4", bench.folder / "cut.log"
    shutil.copyfile(morning.disk, disk)
    guest = bench.guest(f"cut{seed}", logged(disk, log), resumed_from=morning.memory)
    witness = Witness()
    async with guest:
        async with asyncio.timeout(120):
            await guest.tell("go", seed=seed, synchronous=synchronous)
            assert await guest.hear("begun"), f"the journal did not take synchronous = {synchronous}"
        await _listen(guest, witness, log, after_s)
    wreck = Wreck(morning.disk, log)
    moments = [wreck.end(), *filter(None, (wreck.earlier(chance) for _ in range(EARLIER)))]
    missing = []
    for moment in moments:
        # The worst of the last: nothing that was not flushed. Of the others any part.
        wreck.leave(disk, moment, chance=None if moment is moments[0] else chance)
        known = witness.until(moment.size)
        missing.append(await asyncio.to_thread(_lost, disk, bench.folder / "found", known))
    torn = sum(moment.unflushed > 0 for moment in moments)
    return Cut(after_s, witness, wreck.flushes, torn, missing)


async def _listen(guest: Guest, witness: Witness, log: Path, after_s: float) -> None:
    """Hear until the plug is pulled, and then what was already on its way."""
    counting = False
    async with asyncio.timeout(120):
        async for said in guest.lines():
            witness.hear(said, os.stat(log).st_size)  # noqa: PTH116  # a moment that must not be put off
            if witness.stored and not counting:
                counting = True
                asyncio.get_running_loop().call_later(after_s, guest.cut)


def _lost(disk: Path, folder: Path, witness: Witness) -> list[str]:
    """What the next boot's gateway misses on this disk."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    mend(disk)
    take_out(disk, folder)
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(_missing(folder / "journal.db", witness))


async def _missing(path: Path, witness: Witness) -> list[str]:
    return witness.missing_in(path)


def _table(bench: Bench, title: str) -> Table:
    return bench.table(
        title,
        "cut",
        "after s",
        "events acknowledged",
        "answers to tills",
        "flushes",
        "disks (torn)",
        "lost on each",
    )


def _enter(table: Table, number: int, found: Cut) -> None:
    said = found.witness
    disks = f"{len(found.missing)} ({found.torn})"
    lost = "/".join(str(len(each)) for each in found.missing)
    table.add(number, found.after_s, len(said.stored), len(said.told), found.flushes, disks, lost)


@pytest.mark.takes(200)
async def test_no_acknowledged_event_is_lost_by_a_power_cut(bench: Bench, morning: Morning) -> None:
    table = _table(bench, "power cuts, synchronous=FULL")
    events = torn = 0
    for number in range(CUTS):
        found = await cut(bench, morning, number, synchronous="FULL")
        _enter(table, number, found)
        assert not any(found.missing), f"cut {number} lost {found.missing}"
        assert found.witness.stored, f"cut {number} came before anything was sold"
        events += len(found.witness.stored)
        torn += found.torn
    assert events > 50 * CUTS, "that was no busy morning"
    assert torn >= CUTS, "too few cuts between a write and its flush"


@pytest.mark.takes(30)
async def test_the_same_cuts_show_what_weaker_settings_lose(bench: Bench, morning: Morning) -> None:
    table = _table(bench, "the counter-example, synchronous=NORMAL")
    for number in range(COUNTER_CUTS):
        found = await cut(bench, morning, number, synchronous="NORMAL")
        _enter(table, number, found)
        assert found.witness.stored
        assert found.missing[0], f"cut {number} lost nothing: this comparison would not see a loss"

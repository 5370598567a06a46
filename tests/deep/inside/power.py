"""The morning whose power is cut: sells until the machine is gone, and tells what it was told is on disk."""

import asyncio
import os
import random
import subprocess
from collections.abc import Sequence
from pathlib import Path

from agent.payments.writer import Commit, Done, GroupWriter, Pending, Writer
from drivers.simulators.virtual_time import ScaledTimeLoop
from tests.deep.inside.line import Line
from tests.deep.inside.shop import SPEED, BusyShop, Told

DISK = "/dev/vdc"
FOLDER = Path("/srv/store")

READERS = ("till-1", "till-2", "till-3", "till-4", "till-5", "till-6")
TERMINALS = ("till-7", "till-8")

SYNCHRONOUS = {"NORMAL": 1, "FULL": 2}
"""SQLite's numbers for its levels."""


def morning(line: Line) -> None:
    """Open the store on the disk and say so; sell from the moment on at which the host says how."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "ext4", DISK, str(FOLDER)], check=True)
    with asyncio.Runner(loop_factory=lambda: ScaledTimeLoop(SPEED)) as runner:
        runner.run(_morning(line))


async def _morning(line: Line) -> None:
    loop = asyncio.get_running_loop()

    def witnessed(commit: Commit, done: Done) -> Writer:
        def acknowledged(batch: Sequence[Pending], results: Sequence[Exception | None]) -> None:
            done(batch, results)
            for pending, error in zip(batch, results, strict=True):
                if error is None:
                    line.say(stored=[[row[0], row[1], row[3]] for row in pending.write.events])

        return GroupWriter(commit, acknowledged, loop)

    async with BusyShop(FOLDER, READERS, TERMINALS).open(witnessed) as shop:
        os.sync()
        line.say(open=True)
        asked = await asyncio.to_thread(lambda: next(iter(line)))
        writer = shop.gateway.journal._store._writer
        writer.execute(f"PRAGMA synchronous = {asked['given']['synchronous']}")
        (level,) = writer.execute("PRAGMA synchronous").fetchone()
        line.say(begun=level == SYNCHRONOUS[asked["given"]["synchronous"]])
        chance = random.Random(asked["given"]["seed"])
        async with asyncio.TaskGroup() as group:
            for name in (*READERS, *TERMINALS):
                seeded = random.Random(chance.random())
                group.create_task(shop.sell(name, seeded, Told(line.say)), name=f"till at {name}")

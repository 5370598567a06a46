"""The watch over the fleet files: one call for each change, when it is complete."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from agent.fleet.contents import LocalContents
from agent.fleet.sources import FileSource, Reading
from agent.fleet.watch import FileWatch

LOCATION = """
apiVersion: tillgate/v1
kind: Location
metadata: {name: berlin}
spec: {display_name: Berlin, address: {line1: S 1, city: Berlin, postal_code: "10117", country: DE}}
"""


class FakeSource:
    def __init__(self) -> None:
        self.reading = Reading(None)

    def read(self) -> Reading:
        return self.reading


class Ear:
    """Remembers when it was told."""

    def __init__(self) -> None:
        self.heard: list[float] = []

    def __call__(self) -> None:
        self.heard.append(asyncio.get_running_loop().time())


@asynccontextmanager
async def watching(watch: FileWatch) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(watch.run(), name="fleet files")
        await asyncio.sleep(1)
        yield
        task.cancel()


async def test_a_change_is_told_once_and_within_five_seconds() -> None:
    source, ear = FakeSource(), Ear()
    async with watching(FileWatch(source, ear)):
        await asyncio.sleep(60)
        assert ear.heard == []
        changed_at = asyncio.get_running_loop().time()
        source.reading = Reading(None)
        await asyncio.sleep(60)
        [told_at] = ear.heard
        assert told_at - changed_at < 5
        source.reading = Reading(None)
        await asyncio.sleep(60)
        assert len(ear.heard) == 2


async def test_while_files_are_still_being_changed_nothing_is_told() -> None:
    source, ear = FakeSource(), Ear()
    async with watching(FileWatch(source, ear)):
        for _ in range(20):
            source.reading = Reading(None)
            await asyncio.sleep(1)
        assert ear.heard == []
        await asyncio.sleep(5)
        assert len(ear.heard) == 1


async def test_real_files(tmp_path: Path) -> None:
    file, ear = tmp_path / "fleet.yaml", Ear()
    file.write_text(LOCATION)
    source = FileSource([tmp_path], LocalContents())
    async with watching(FileWatch(source, ear)):
        await asyncio.sleep(10)
        assert ear.heard == []
        file.write_text(LOCATION.replace("Berlin", "Mitte, Berlin"))
        await asyncio.sleep(5)
        assert len(ear.heard) == 1
        file.write_text("broken")
        await asyncio.sleep(5)
        assert len(ear.heard) == 2
        assert source.read().problems

"""Folders that change, as a real kernel tells."""

import asyncio
from pathlib import Path

import pytest

from drivers.links.nodes import NodeWatch
from drivers.simulators.pty import PtyListener
from tests.unit.drivers.links.descriptors import open_descriptors

pytestmark = pytest.mark.real_time


async def told(watch: NodeWatch) -> bool:
    """Whether something changes within a moment."""
    try:
        async with asyncio.timeout(0.15):
            await watch.changed()
    except TimeoutError:
        return False
    return True


async def test_what_comes_and_goes_is_told(tmp_path: Path) -> None:
    before = open_descriptors()
    async with NodeWatch() as watch:
        watch.follow({tmp_path})
        assert not await told(watch)
        port = PtyListener(tmp_path / "port")
        await port.open()
        assert await told(watch)
        assert not await told(watch), "a burst is one change"
        (tmp_path / "rights").touch()
        await told(watch)
        (tmp_path / "rights").chmod(0o600)
        assert await told(watch), "rights that are granted late"
        await port.unplug()
        assert await told(watch)
    assert open_descriptors() == before


async def test_a_folder_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    by_id = tmp_path / "serial" / "by-id"
    async with NodeWatch() as watch:
        watch.follow({by_id})
        (tmp_path / "serial").mkdir()
        assert await told(watch)
        watch.follow({by_id})
        by_id.mkdir()
        assert await told(watch)
        watch.follow({by_id})
        assert not await told(watch)
        (by_id / "usb-1").touch()
        assert await told(watch)
        (by_id / "usb-1").unlink()
        by_id.rmdir()
        assert await told(watch), "udev takes the folder away with its last port"
        watch.follow({by_id})
        await told(watch)
        by_id.mkdir()
        assert await told(watch)


async def test_folders_that_are_not_wanted_any_more_are_let_go(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    async with NodeWatch() as watch:
        watch.follow({one, other})
        watch.follow({other})
        await told(watch)
        (one / "x").touch()
        assert not await told(watch)
        (other / "x").touch()
        assert await told(watch)


async def test_a_folder_that_goes_while_it_is_looked_at_is_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with NodeWatch() as watch:
        monkeypatch.setattr("drivers.links.nodes._nearest", lambda folder: folder)
        watch.follow({tmp_path / "gone"})
        assert await told(watch)


async def test_where_the_kernel_gives_no_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = NodeWatch()

    class FakeLibc:
        def inotify_init1(self, flags: int) -> int:
            return -1

    monkeypatch.setattr(watch, "_libc", FakeLibc())
    with pytest.raises(OSError, match="inotify_init1"):
        await watch.__aenter__()

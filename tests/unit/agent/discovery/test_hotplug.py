"""Readers whose port comes or goes are looked at at once."""

import asyncio
import logging
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.discovery import hotplug
from agent.discovery.hotplug import HotPlug
from drivers.contract import ReaderConfig, ReaderName
from drivers.links.nodes import NodeWatch
from drivers.simulators.pty import PtyListener


@dataclass
class FakeLane:
    config: ReaderConfig
    looks: int = 0
    seen: asyncio.Event = field(default_factory=asyncio.Event)

    def look(self) -> None:
        self.looks += 1
        self.seen.set()


def lane(link: str, name: str = "till-1") -> FakeLane:
    return FakeLane(ReaderConfig(ReaderName(name), "zvt", {"link": link} if link else {}))


@pytest.fixture
def by_id(tmp_path: Path) -> Path:
    folder = tmp_path / "serial" / "by-id"
    folder.mkdir(parents=True)
    return folder


async def test_only_the_reader_whose_port_changed_is_looked_at(by_id: Path) -> None:
    mine, other = lane(f"serial://{by_id}/usb-1?baudrate=19200"), lane(f"serial://{by_id}/usb-2", "till-2")
    lanes = {"till-1": mine, "till-2": other, "till-3": lane("tcp://192.0.2.1"), "till-4": lane("")}
    watch = HotPlug(lanes.values, by_id=by_id)
    port = PtyListener(by_id / "usb-1")
    watch.look()
    assert mine.looks == 0, "what is found at the start is tried by itself"
    await port.open()
    watch.look()
    watch.look()
    assert mine.looks == 1
    await port.unplug()
    watch.look()
    assert mine.looks == 2
    await port.open()
    watch.look()
    device = await port.accept()
    device.abort()
    watch.look()
    assert mine.looks == 4, "pulled and plugged in again between two looks"
    (by_id / "usb-1").resolve().chmod(0o666)
    watch.look()
    assert mine.looks == 5, "its rights were granted"
    assert other.looks == 0
    await port.close()


async def test_a_device_that_no_reader_uses_is_told_once(
    by_id: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    used, strange = PtyListener(by_id / "used"), PtyListener(by_id / "strange")
    await used.open()
    alias = by_id.parent / "alias"
    alias.symlink_to(by_id / "used")
    door = PtyListener(by_id / "door")
    await door.open()
    doors = [f"serial://{by_id}/door?baudrate=9600", "tcp://127.0.0.1:1"]
    watch = HotPlug(lambda: [lane(f"serial://{alias}")], doors, by_id=by_id)
    watch.look()
    assert caplog.messages == []
    await strange.open()
    for _ in range(3):
        watch.look()
    text = f"{by_id}/strange is plugged in and no reader uses it; `tillgate readers discover` tells more"
    assert caplog.messages == [text]
    await strange.unplug()
    watch.look()
    await strange.open()
    watch.look()
    assert caplog.messages == [text] * 2
    await door.close()
    await used.close()
    await strange.close()


async def test_two_readers_on_one_port(by_id: Path) -> None:
    one, two = lane(f"serial://{by_id}/usb-1"), lane(f"serial://{by_id}/usb-1", "till-2")
    watch = HotPlug(lambda: [one, two], by_id=by_id)
    watch.look()
    (by_id / "usb-1").touch()
    watch.look()
    assert (one.looks, two.looks) == (1, 1)


@pytest.mark.real_time
async def test_it_is_noticed_as_soon_as_the_kernel_tells(by_id: Path) -> None:
    mine = lane(f"serial://{by_id}/usb-1")
    port = PtyListener(by_id / "usb-1")
    async with asyncio.TaskGroup() as group:
        task = group.create_task(HotPlug(lambda: [mine], by_id=by_id).run(), name="hot-plug")
        await asyncio.sleep(0.05)
        for change in (port.open, port.unplug, port.open):
            mine.seen.clear()
            await change()
            async with asyncio.timeout(1.0):
                await mine.seen.wait()
        task.cancel()
    await port.close()


async def test_readers_that_are_declared_later_are_followed_too(by_id: Path) -> None:
    """On virtual time the kernel is never heard; the review is what finds them."""
    lanes: dict[str, FakeLane] = {}
    async with asyncio.TaskGroup() as group:
        task = group.create_task(HotPlug(lanes.values, by_id=by_id).run(), name="hot-plug")
        await asyncio.sleep(1)
        mine = lanes["till-1"] = lane(f"serial://{by_id}/usb-1")
        await asyncio.sleep(hotplug.REVIEW_S)
        (by_id / "usb-1").touch()
        await asyncio.sleep(hotplug.REVIEW_S)
        assert mine.looks == 1
        task.cancel()


async def test_without_a_watch_the_daemon_goes_on(
    by_id: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def refused(self: object) -> None:
        raise OSError("too many open files")

    monkeypatch.setattr(NodeWatch, "__aenter__", refused)
    await HotPlug(list, by_id=by_id).run()
    assert caplog.messages == ["devices that are plugged in are not noticed at once: too many open files"]

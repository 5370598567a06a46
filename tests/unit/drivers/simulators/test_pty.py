"""Tests of the serial port without hardware: real ptys, real clock."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from drivers.links.base import Breakable, LinkLostError, LinkNotOpenedError
from drivers.links.schemes import connect
from drivers.simulators.pty import FLUSH_S, PtyListener
from drivers.simulators.relay import Flushable
from tests.unit.drivers.links.descriptors import open_descriptors

pytestmark = pytest.mark.real_time


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[PtyListener]:
    before = open_descriptors()
    made = PtyListener(tmp_path / "usb-1")
    await made.open()
    yield made
    await made.close()
    await made.close()
    assert open_descriptors() == before, "descriptors are left"
    assert not made.path.is_symlink()


async def test_each_plugging_in_gives_one_link(port: PtyListener) -> None:
    await port.open()
    first = await port.accept()
    assert isinstance(first, Breakable)
    assert isinstance(first, Flushable)
    async with asyncio.TaskGroup() as group:
        accepting = group.create_task(port.accept(), name="accept")
        await asyncio.sleep(0)
        assert not accepting.done()
        first.abort()
        second = await accepting
    assert second is not first
    with pytest.raises(LinkLostError):
        await first.send(b"x")
    assert str(port.path.readlink()) == second.port


async def test_the_last_bytes_are_read_before_the_plug_is_pulled(
    port: PtyListener,
) -> None:
    device = await port.accept()
    link = await connect(port.address)
    await device.send(b"last words")
    await device.close()
    assert await link.receive() == b"last words"
    with pytest.raises(LinkLostError, match="gone"):
        await link.receive()


async def test_nobody_is_waited_for_who_does_not_read(port: PtyListener) -> None:
    device = await port.accept()
    started = asyncio.get_running_loop().time()
    await device.send(b"nobody has the port open")
    await device.close()
    assert asyncio.get_running_loop().time() - started >= FLUSH_S


async def test_an_end_that_vanishes_while_it_waits(port: PtyListener) -> None:
    device = await port.accept()
    await device.send(b"x")
    async with asyncio.TaskGroup() as group:
        group.create_task(device.flush(), name="flush")
        await asyncio.sleep(0)
        device.abort()


async def test_a_device_that_is_shut_is_not_plugged_in_again(port: PtyListener) -> None:
    device = await port.accept()
    await port.shut()
    assert port.path.is_symlink(), "a link that is there lives on"
    await device.close()
    assert not port.path.is_symlink()
    with pytest.raises(LinkNotOpenedError):
        await connect(port.address)
    await port.open()
    await port.shut()
    assert not port.path.is_symlink(), "nobody had accepted it"
    await port.shut()
    async with asyncio.TaskGroup() as group:
        accepting = group.create_task(port.accept(), name="accept")
        await asyncio.sleep(0)
        await port.open()
        assert str(port.path.readlink()) == (await accepting).port


async def test_a_path_that_leads_elsewhere_now_is_left_alone(port: PtyListener) -> None:
    other = PtyListener(port.path)
    await other.open()
    await port.close()
    assert port.path.is_symlink()
    await (await connect(other.address)).close()
    await other.close()

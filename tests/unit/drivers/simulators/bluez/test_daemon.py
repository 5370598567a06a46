"""A D-Bus of our own: it starts, carries messages, ends by its id and leaves nothing behind."""

import os
import shutil
from pathlib import Path

import pytest
from dbus_fast import Message
from dbus_fast.aio import MessageBus

from drivers.simulators.bluez import daemon
from drivers.simulators.bluez.daemon import PrivateBus, PrivateBusError
from tests.ble_world import needs_dbus_daemon

pytestmark = pytest.mark.real_time


@needs_dbus_daemon
async def test_it_carries_messages_and_leaves_nothing() -> None:
    async with PrivateBus() as bus:
        folder = Path(bus.address.removeprefix("unix:path=")).parent
        pid = bus.pid
        client = await MessageBus(bus_address=bus.address).connect()
        reply = await client.call(
            Message("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetId")
        )
        assert len(reply.body[0]) == 32
        client.disconnect()
    assert not folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@needs_dbus_daemon
async def test_it_can_end_before_its_time() -> None:
    async with PrivateBus() as bus:
        await bus.end()
        await bus.end()


async def test_without_the_program_it_says_which_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(name: str) -> None:
        del name

    monkeypatch.setattr(shutil, "which", nowhere)
    with pytest.raises(PrivateBusError, match="package dbus-daemon"):
        await PrivateBus().__aenter__()


def program(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.joinpath("dbus-daemon").write_text(f"#!/bin/sh\n{text}\n")
    folder.joinpath("dbus-daemon").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


async def test_one_that_does_not_start_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "echo no room >&2; exit 1", monkeypatch)
    with pytest.raises(PrivateBusError, match="did not start: no room"):
        await PrivateBus().__aenter__()


async def test_one_that_says_nothing_and_does_not_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "START_S", 0.3)
    monkeypatch.setattr(daemon, "STOP_S", 0.2)
    program(tmp_path, "trap '' TERM; while :; do sleep 0.05; done", monkeypatch)
    with pytest.raises(PrivateBusError, match="it says nothing"):
        await PrivateBus().__aenter__()

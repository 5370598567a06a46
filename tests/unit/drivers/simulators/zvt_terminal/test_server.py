"""Sockets and ptys: real ones."""

import asyncio
import contextlib
import os
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from drivers.links.address import SerialAddress
from drivers.links.base import LinkNotOpenedError
from drivers.links.serial import open_serial
from drivers.links.tcp import TcpListener, open_tcp
from drivers.simulators.fault_list import plan_for
from drivers.simulators.faults import Plan
from drivers.simulators.pty import PtyListener
from drivers.simulators.zvt_terminal.customers import QUICK
from drivers.simulators.zvt_terminal.profiles import INSTANT, PROFILES
from drivers.simulators.zvt_terminal.server import serve, speed_of
from drivers.simulators.zvt_terminal.terminal import Terminal
from drivers.zvt.commands.payments import Authorisation
from drivers.zvt.commands.setup import StatusEnquiry
from drivers.zvt.message import Message
from tests.unit.drivers.simulators.zvt_terminal.till import Till

PW = "000000"


@asynccontextmanager
async def serving(listener: TcpListener | PtyListener, plan: Plan | None = None) -> AsyncIterator[Terminal]:
    terminal = Terminal(PROFILES["standard"], times=INSTANT)
    terminal.device.usual = QUICK
    ready = asyncio.Event()
    serial = isinstance(listener, PtyListener)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(
            serve(terminal, listener, plan, serial=serial, ready=ready.set), name="terminal"
        )
        await ready.wait()
        yield terminal
        task.cancel()


@pytest.mark.real_time
async def test_over_tcp() -> None:
    listener = TcpListener("127.0.0.1", 0)
    async with serving(listener) as terminal:
        for expected in (1, 2):
            till = Till(await open_tcp(listener.address))
            await till.register()
            await till.run(Authorisation(1200, 978))
            assert till.result.receipt == expected
            await till.link.close()
        assert [row["acknowledged"] for row in terminal.ledger()] == [True, True]


@pytest.mark.real_time
async def test_over_a_serial_port(tmp_path: Path) -> None:
    listener = PtyListener(tmp_path / "port")
    async with serving(listener) as terminal:
        till = Till(await open_serial(SerialAddress(str(tmp_path / "port"))), serial=True)
        await till.register()
        await till.run(Authorisation(1210, 978))
        assert (till.result.amount, till.ended) == (1210, 0)
        assert terminal.ledger()[0]["acknowledged"]
        assert speed_of(tmp_path / "port") == 9600
        await till.link.close()
    assert not (tmp_path / "port").exists()


@pytest.mark.real_time
async def test_a_port_at_another_rate_is_not_understood(tmp_path: Path) -> None:
    path = tmp_path / "port"
    async with serving(PtyListener(path)) as terminal:
        till = Till(await open_serial(SerialAddress(str(path))), serial=True)
        terminal.device.speed_was_set = True
        await till.run(StatusEnquiry(PW))
        assert till.ended == 0
        terminal.device.baud_rate = 115200
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await till.run(Message(0x0501))
        await till.link.close()
        port = os.open(path, os.O_RDWR | os.O_NOCTTY)
        settings = termios.tcgetattr(port)
        settings[4] = settings[5] = termios.B50
        termios.tcsetattr(port, termios.TCSANOW, settings)
        assert speed_of(path) == 0
        os.close(port)


@pytest.mark.real_time
async def test_a_cut_that_lasts_is_a_power_cut() -> None:
    listener = TcpListener("127.0.0.1", 0)
    async with serving(listener, plan_for("reboot=0.2")) as terminal:
        till = Till(await open_tcp(listener.address))
        await till.register()  # the completion is cut
        assert [message.command for message in till.heard] == [0x8000]
        assert terminal.device.rebooted
        assert not terminal.device.permits.registered
        async with asyncio.timeout(5):
            while True:
                await asyncio.sleep(0.05)
                with contextlib.suppress(LinkNotOpenedError):
                    link = await open_tcp(listener.address)
                    break
        till = Till(link)
        await till.register()
        assert till.ended == 0
        await till.link.close()


@pytest.mark.real_time
async def test_a_cut_without_rest_is_only_a_cut() -> None:
    listener = TcpListener("127.0.0.1", 0)
    async with serving(listener, plan_for("cut-up=12")) as terminal:
        till = Till(await open_tcp(listener.address))
        await till.register()
        assert not terminal.device.rebooted
        await till.link.close()

"""Registers on real sockets and ports: TCP, TLS, a serial line; and a port that cannot be had."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent.payments.desk import Desk
from agent.payments.journal import Journal
from agent.payments.lane import Lane
from agent.payments.model import TillName
from agent.pos.listening import ListenError
from agent.pos.register.conversation import Conversation
from agent.pos.register.door import Place, ZvtDoor
from agent.pos.register.listening import SerialPort, server_context
from agent.pos.register.memory_file import MemoryFile
from agent.pos.register.options import RegisterOptions
from drivers.contract import ReaderConfig, ReaderName
from drivers.links.address import SerialAddress, TlsAddress
from drivers.links.base import Listener
from drivers.links.schemes import connect
from drivers.links.tcp import TcpListener
from drivers.simulators.pty import PtyListener
from tests.register_shop import Register, now
from tests.unit.agent.pos.register.test_settling import CashRegisterReader

pytestmark = pytest.mark.real_time

TLS = Path(__file__).parents[4] / "cases" / "tls"


@asynccontextmanager
async def door_on(folder: Path, listener: Listener, *, serial: bool = False) -> AsyncIterator[ZvtDoor]:
    """A door on one place, with a reader whose money moves at once."""
    journal = Journal(folder / "journal.db", now=now)
    file = MemoryFile(folder / "registers.db")
    desk = Desk(journal, now=now)
    desk.lanes.adopt(
        Lane(ReaderConfig(ReaderName("drawer"), "fake", {}), CashRegisterReader(), journal, now=now)
    )
    options = RegisterOptions(TillName("kasse-1"), ReaderName("drawer"))
    door = ZvtDoor(desk, file, [Place(options, listener, serial)], now=now, gateway="store")
    try:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(desk.run(), name="desk")
            try:
                async with door.open():
                    yield door
            finally:
                running.cancel()
    finally:
        door.close()
        journal.close()


async def sell(register: Register) -> None:
    done = await register.register()
    assert done.end == "06 0F"
    heard = await register.pay(1000)
    assert (heard.end, heard.status.amount, len(heard.prints)) == ("06 0F", 1000, 2)
    await register.close()


async def test_a_register_over_tcp(tmp_path: Path) -> None:
    listener = TcpListener("127.0.0.1", 0)
    async with door_on(tmp_path, listener) as door:
        await sell(Register(await connect(f"tcp://127.0.0.1:{listener.port}")))
        assert len(door.terminal("kasse-1").memory.of_batch()) == 1
        await door.idle()


async def test_a_register_over_tls(tmp_path: Path) -> None:
    context = server_context(TLS / "terminal.pem", TLS / "terminal.key", TLS / "authority.pem")
    listener = TcpListener("127.0.0.1", 0, context=context)
    async with door_on(tmp_path, listener):
        address = TlsAddress(
            "127.0.0.1",
            listener.port,
            ca=str(TLS / "authority.pem"),
            cert=str(TLS / "register.pem"),
            key=str(TLS / "register.key"),
            server_name="terminal.test",
        )
        await sell(Register(await connect(address)))


async def test_a_register_on_a_serial_line_that_is_pulled_and_plugged_in_again(tmp_path: Path) -> None:
    cable = PtyListener(tmp_path / "port")
    await cable.open()
    try:
        async with door_on(tmp_path, SerialPort(SerialAddress(str(cable.path))), serial=True) as door:
            before: set[Conversation] = set()
            for _ in range(2):
                link = await cable.accept()
                # bytes that wait in a port before it is opened are thrown away
                while door.terminal("kasse-1").conversations <= before:  # noqa: ASYNC110  # nobody tells
                    await asyncio.sleep(0.02)
                before |= door.terminal("kasse-1").conversations
                await sell(Register(link, serial=True))
    finally:
        await cable.close()


async def test_a_port_that_another_has_is_named(tmp_path: Path) -> None:
    async with TcpListener("127.0.0.1", 0) as other:
        with pytest.raises(ExceptionGroup) as caught:
            async with door_on(tmp_path, TcpListener("127.0.0.1", other.port)):
                pass
    assert caught.group_contains(ListenError, match=r"till kasse-1: cannot listen on 127\.0\.0\.1")

"""Tests of serial ports behind a terminal server: our link against our server, and against pyserial's."""

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from serial import rfc2217

from drivers.links.address import Rfc2217Address
from drivers.links.base import Breakable, Cause, LinkLostError, LinkNotOpenedError
from drivers.links.memory import MemoryNetwork
from drivers.links.rfc2217 import SETUP_S, SUSPENDED_S, Rfc2217Link, negotiate, open_rfc2217
from drivers.links.schemes import connect
from drivers.links.tcp import TcpListener
from drivers.links.telnet import Com
from drivers.simulators.pty import PtyListener
from drivers.simulators.rfc2217 import PortLink, Rfc2217Listener
from drivers.simulators.uart import LineSettings
from tests.unit.drivers.links.descriptors import open_descriptors

ADDRESS = Rfc2217Address("server", 4001)
EVERY = bytes(range(256))


class Line:
    """A port of our server in memory, and a link to it."""

    def __init__(self, device: LineSettings | None = None, *, mute: frozenset[Com] = frozenset()) -> None:
        self._calls = MemoryNetwork().listen("server")
        self.server = Rfc2217Listener(self._calls, device, mute=mute)
        self.device: PortLink | None = None

    @asynccontextmanager
    async def linked(self, address: Rfc2217Address = ADDRESS) -> AsyncIterator[tuple[Rfc2217Link, PortLink]]:
        """The gateway's link and the device's, while the device listens; what it hears is in `heard`."""
        inner = self._calls.call()
        device = self.device = await self.server.accept()
        self.heard = b""
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(self._listen(device), name="device listens")
            try:
                link = await negotiate(inner, address)
                yield link, device
                await link.close()
            finally:
                listening.cancel()

    async def _listen(self, device: PortLink) -> None:
        while data := await device.receive():
            self.heard += data


async def exactly(link: Breakable, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += await link.receive()
    return data


async def test_the_line_is_set_up_and_bytes_go_both_ways() -> None:
    line = Line(LineSettings(19_200, 8, "E", 1))
    async with line.linked(Rfc2217Address("server", 1, 19_200, 8, "E", 2)) as (link, device):
        uart = line.server.uart
        assert uart.settings == LineSettings(19_200, 8, "E", 2)
        assert (uart.dtr, uart.rts, uart.sending_break, uart.purges) == (True, True, False, [3])
        await link.send(EVERY)
        await device.send(EVERY)
        assert await exactly(link, 256) == EVERY
        await asyncio.sleep(0)
        assert line.heard == EVERY


async def test_what_the_device_said_before_is_thrown_away() -> None:
    calls = MemoryNetwork().listen("server")
    server = Rfc2217Listener(calls)
    inner = calls.call()
    device = await server.accept()
    await device.send(b"left over")
    async with asyncio.TaskGroup() as group:
        listening = group.create_task(device.receive(), name="device listens")
        link = await negotiate(inner, ADDRESS)
        await device.send(b"new")
        assert await link.receive() == b"new"
        await link.close()
        assert await listening == b""


async def test_settings_that_do_not_fit_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    line = Line(LineSettings(parity="E"))
    async with line.linked() as (link, device):
        for _ in range(3):
            await device.send(b"\x03")
            assert await link.receive() == b"\x03"
    [told] = [each.message for each in caplog.records if each.levelno == logging.WARNING]
    assert told.startswith("rfc2217://server:4001: the line brings broken bytes (framing); do baud rate")


async def test_a_server_without_modem_lines_leaves_much_unanswered() -> None:
    silent = frozenset({Com.CONTROL, Com.LINE_STATE_MASK, Com.MODEM_STATE_MASK, Com.PURGE, Com.MODEM_STATE})
    async with Line(mute=silent).linked() as (link, device):
        await device.send(b"x")
        assert await link.receive() == b"x"


async def test_a_server_that_confirms_no_settings(caplog: pytest.LogCaptureFixture) -> None:
    began = asyncio.get_running_loop().time()
    with pytest.raises(BaseExceptionGroup) as refused:
        async with Line(mute=frozenset({Com.BAUDRATE})).linked():
            pass
    error = refused.value.exceptions[0]
    assert isinstance(error, LinkNotOpenedError)
    assert str(error).endswith("no answer within 5 s: it does not confirm baudrate")
    assert error.code == "link_timeout"
    assert asyncio.get_running_loop().time() - began == SETUP_S


async def test_a_server_that_says_nothing_or_hangs_up() -> None:
    calls = MemoryNetwork().listen("server")
    with pytest.raises(LinkNotOpenedError, match="it does not take the COM port option") as silent:
        await negotiate(calls.call(), ADDRESS)
    assert silent.value.code == "link_unsuited"
    await calls.accept()
    async with asyncio.TaskGroup() as group:
        opening = group.create_task(_refused(calls.call()), name="open")
        server = await calls.accept()
        await server.receive()
        await server.close()
    assert "the server hung up" in str(opening.result())
    assert opening.result().code == "link_refused"


async def _refused(inner: Breakable) -> LinkNotOpenedError:
    with pytest.raises(LinkNotOpenedError) as refused:
        await negotiate(inner, ADDRESS)
    return refused.value


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"\xff\xfe\x00\xff\xfc\x00\xff\xfe\x2c", "refuses the COM port option"),
        (b"\xff\xfd\x2c\xff\xfa\x2c\x65\x00\x00\x00\x32\xff\xf0", "sets baudrate to 50 instead of 9600"),
        (b"\xff\xfa" + bytes(300), "this is no telnet"),
    ],
)
async def test_a_server_that_does_something_else(said: bytes, reason: str) -> None:
    calls = MemoryNetwork().listen("server")
    inner = calls.call()
    server = await calls.accept()
    await server.send(said)
    with pytest.raises(LinkNotOpenedError, match=reason) as unsuited:
        await negotiate(inner, ADDRESS)
    assert unsuited.value.cause is Cause.UNSUITED
    assert str(unsuited.value).count("rfc2217://") == 1
    await server.receive()
    with pytest.raises(LinkLostError):
        await server.receive()


async def test_being_cancelled_while_it_is_set_up_leaves_nothing_open() -> None:
    calls = MemoryNetwork().listen("server")
    inner = calls.call()
    server = await calls.accept()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await negotiate(inner, ADDRESS)
    await server.receive()
    with pytest.raises(LinkLostError):
        await server.receive()


async def test_a_loss_is_a_loss_and_an_end_an_end() -> None:
    line = Line()
    async with line.linked() as (link, device):
        before = link.ended
        await device.close()
        assert (before, link.ended) == (False, True)
        assert await link.receive() == b""
        with pytest.raises(LinkLostError, match="closed"):
            await link.send(b"x")
    async with line.linked() as (link, device):
        device.abort()
        with pytest.raises(LinkLostError):
            await link.receive()


async def test_a_server_that_goes_mad_later() -> None:
    async with Line().linked() as (link, device):
        await device._inner.send(b"\xff\xfa" + bytes(300))
        with pytest.raises(LinkLostError, match="no telnet"):
            await link.receive()


async def test_nothing_is_sent_while_the_server_takes_nothing() -> None:
    line = Line()
    async with line.linked() as (link, device), asyncio.TaskGroup() as group:
        await device.hold(on=True)
        receiving = group.create_task(link.receive(), name="receive")
        await asyncio.sleep(0.1)
        sending = group.create_task(link.send(b"later"), name="send")
        await asyncio.sleep(1)
        assert line.heard == b""
        await device.hold(on=False)
        await sending
        await asyncio.sleep(0.1)
        assert line.heard == b"later"
        await device.send(b"x")
        assert await receiving == b"x"


async def test_who_sends_alone_hears_that_it_goes_on() -> None:
    line = Line()
    async with line.linked() as (link, device), asyncio.TaskGroup() as group:
        await device.hold(on=True)
        await device.send(b"meanwhile")
        assert await link.receive() == b"meanwhile"
        sending = group.create_task(link.send(b"later"), name="send")
        await asyncio.sleep(0.1)
        await device.send(b"kept")
        await device.hold(on=False)
        await sending
        assert await link.receive() == b"kept"


async def test_a_server_that_never_takes_anything_again_is_given_up() -> None:
    async with Line().linked() as (link, device):
        await device.hold(on=True)
        await device.send(b"x")
        await link.receive()
        began = asyncio.get_running_loop().time()
        with pytest.raises(LinkLostError, match="taken no bytes for 10 s"):
            await link.send(b"x")
        assert asyncio.get_running_loop().time() - began == SUSPENDED_S
    async with Line().linked() as (link, device):
        await device.hold(on=True)
        await device.send(b"x")
        await link.receive()
        await device.close()
        with pytest.raises(LinkLostError, match="closed by the other side"):
            await link.send(b"x")


# -- other people's servers ---------------------------------------------------------------------------


class FakePort:
    """A serial port as pyserial's RFC 2217 server sees it; it only remembers its settings."""

    def __init__(self) -> None:
        self.baudrate, self.bytesize, self.parity, self.stopbits = 9600, 8, "N", 1.0
        self.rtscts = self.xonxoff = self.dsrdtr = self.dtr = self.rts = self.break_condition = False
        self.cts = self.dsr = self.ri = self.cd = True

    def reset_input_buffer(self) -> None: ...

    def reset_output_buffer(self) -> None: ...


class TerminalServer(asyncio.Protocol):
    """One caller of pyserial's server: an echo behind RFC 2217; it leaves the masks unanswered."""

    def __init__(self, port: FakePort) -> None:
        self.port = port

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        port: Any = self.port
        connection: Any = self
        self.manager = rfc2217.PortManager(port, connection)

    def write(self, data: bytes) -> None:
        self.transport.write(data)

    def data_received(self, data: bytes) -> None:
        echo = b"".join(self.manager.filter(data))
        if echo:
            self.write(b"".join(self.manager.escape(echo)))


@asynccontextmanager
async def terminal_server(port: FakePort) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: TerminalServer(port), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.mark.real_time
async def test_pyserial_s_server() -> None:
    port = FakePort()
    async with terminal_server(port) as number:
        link = await connect(f"rfc2217://127.0.0.1:{number}?baudrate=19200&parity=E")
        assert (port.baudrate, port.bytesize, str(port.parity), port.stopbits) == (19_200, 8, "E", 2)
        assert (port.dtr, port.rts) == (True, True)
        await link.send(EVERY)
        assert isinstance(link, Rfc2217Link)
        assert await exactly(link, 256) == EVERY
        await link.close()
        await link.close()


@pytest.mark.real_time
async def test_nobody_listens() -> None:
    async with terminal_server(FakePort()) as number:
        pass
    before = open_descriptors()
    with pytest.raises(LinkNotOpenedError, match=r"^cannot open rfc2217://127.0.0.1:\d+: \[Errno") as refused:
        await open_rfc2217(Rfc2217Address("127.0.0.1", number))
    assert refused.value.code == "link_refused"
    assert open_descriptors() == before


@pytest.mark.real_time
async def test_ser2net(tmp_path: Path) -> None:
    """The server of most Linux boxes, on a port without modem lines: it leaves their commands unanswered."""
    if shutil.which("ser2net") is None:
        pytest.skip("needs ser2net (Debian package ser2net)")
    listener = PtyListener(tmp_path / "port")
    await listener.open()
    device = await listener.accept()
    async with TcpListener("127.0.0.1", 0) as free:
        number = free.port
    config = tmp_path / "ser2net.yaml"
    config.write_text(
        f"connection: &port\n  accepter: telnet(rfc2217),tcp,127.0.0.1,{number}\n"
        f"  connector: serialdev,{listener.path},9600n81,local\n"
    )
    process = await asyncio.create_subprocess_exec("ser2net", "-d", "-n", "-c", str(config))
    try:
        link = await _until_open(Rfc2217Address("127.0.0.1", number, 19_200, 8, "E", 2))
        await link.send(EVERY)
        assert await exactly(device, 256) == EVERY
        await device.send(EVERY)
        assert await exactly(link, 256) == EVERY
        await link.close()
    finally:
        process.terminate()
        await process.wait()
        await listener.close()


async def _until_open(address: Rfc2217Address) -> Rfc2217Link:
    async with asyncio.timeout(10):
        while True:
            try:
                return await open_rfc2217(address)
            except LinkNotOpenedError as error:
                if error.cause is not Cause.REFUSED:
                    raise
                await asyncio.sleep(0.02)

"""Tests of serial ports behind a terminal server: serialx against pyserial's own idea of RFC 2217."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from serial import rfc2217

from drivers.links.address import Rfc2217Address
from drivers.links.base import LinkLostError, LinkNotOpenedError
from drivers.links.rfc2217 import open_rfc2217
from drivers.links.schemes import connect
from drivers.links.stream import StreamLink
from tests.unit.drivers.links.descriptors import open_descriptors

pytestmark = pytest.mark.real_time


class FakePort:
    """A serial port as pyserial's RFC 2217 server sees it; it only remembers its settings."""

    def __init__(self) -> None:
        self.baudrate, self.bytesize, self.parity, self.stopbits = 9600, 8, "N", 1.0
        self.rtscts = self.xonxoff = self.dsrdtr = self.dtr = self.rts = self.break_condition = False
        self.cts = self.dsr = self.ri = self.cd = True

    def reset_input_buffer(self) -> None: ...

    def reset_output_buffer(self) -> None: ...


class TerminalServer(asyncio.Protocol):
    """One caller of the server: an echo behind RFC 2217."""

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
        # PortManager leaves two commands unanswered: the masks of line and modem states
        for command, answer in ((b"\x0a", b"\x6e"), (b"\x0b", b"\x6f")):
            asked = b"\xff\xfa\x2c" + command
            if asked in data:
                mask = data[data.index(asked) + len(asked) :][:1]
                self.write(b"\xff\xfa\x2c" + answer + mask.replace(b"\xff", b"\xff\xff") + b"\xff\xf0")
        echo = b"".join(self.manager.filter(data))
        if echo == b"hang up":
            self.transport.abort()
        elif echo:
            self.write(b"".join(self.manager.escape(echo)))


@asynccontextmanager
async def terminal_server(port: FakePort) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: TerminalServer(port), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def exactly(link: StreamLink, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += await link.receive()
    return data


async def test_the_line_is_set_up_and_bytes_go_both_ways() -> None:
    port = FakePort()
    async with terminal_server(port) as number:
        link = await open_rfc2217(Rfc2217Address("127.0.0.1", number, 19_200, 8, "E", 2))
        assert (port.baudrate, port.bytesize, str(port.parity), port.stopbits) == (19_200, 8, "E", 2)
        every = bytes(range(256))
        await link.send(every)
        assert await exactly(link, 256) == every
        await link.close()
        await link.close()


async def test_a_loss_is_a_loss() -> None:
    async with terminal_server(FakePort()) as number:
        link = await open_rfc2217(Rfc2217Address("127.0.0.1", number))
        await link.send(b"hang up")
        assert await link.receive() == b""
        with pytest.raises(LinkLostError, match="closed by the other side"):
            await link.send(b"x")
        await link.close()


async def test_nobody_listens() -> None:
    async with terminal_server(FakePort()) as number:
        pass
    with pytest.raises(LinkNotOpenedError, match=r"cannot open rfc2217://127.0.0.1:") as refused:
        await open_rfc2217(Rfc2217Address("127.0.0.1", number))
    assert refused.value.code == "link_refused"


async def test_a_server_that_does_not_speak_it() -> None:
    loop = asyncio.get_running_loop()

    class Refuser(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            assert isinstance(self.transport, asyncio.Transport)
            # DON'T and WON'T to whatever is asked
            self.transport.write(b"\xff\xfe\x00\xff\xfc\x00\xff\xfe\x2c")

    server = await loop.create_server(Refuser, "127.0.0.1", 0)
    try:
        with pytest.raises(LinkNotOpenedError, match="refused") as unsuited:
            await open_rfc2217(Rfc2217Address("127.0.0.1", server.sockets[0].getsockname()[1]))
    finally:
        server.close()
    assert unsuited.value.code == "link_unsuited"


async def test_a_silent_server_is_left_in_time_and_nothing_stays_open() -> None:
    before = len(open_descriptors())
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    async with server:
        address = Rfc2217Address("127.0.0.1", server.sockets[0].getsockname()[1])
        with pytest.raises(LinkNotOpenedError, match=r"no answer within 0.05 s"):
            await connect(address, timeout_s=0.05)
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(open_descriptors()) <= before


async def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "serialx", None)
    with pytest.raises(LinkNotOpenedError, match=r"install tillgate\[rfc2217\]") as missing:
        await open_rfc2217(Rfc2217Address("127.0.0.1", 1))
    assert missing.value.permanent

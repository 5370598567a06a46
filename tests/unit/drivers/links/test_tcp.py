"""Tests of TCP and TLS between real sockets on this machine."""

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from drivers.links import tcp
from drivers.links.address import TcpAddress, TlsAddress
from drivers.links.base import LinkLostError, LinkNotOpenedError
from drivers.links.stream import StreamLink
from drivers.links.tcp import BACKLOG, TcpListener, open_tcp
from tests.unit.drivers.links.descriptors import open_descriptors

pytestmark = pytest.mark.real_time

CASES = Path(__file__).parents[3] / "cases" / "tls"
AUTHORITY = str(CASES / "authority.pem")
REGISTER = str(CASES / "register.pem")
HERE = "127.0.0.1"


@pytest.fixture
async def listener() -> AsyncIterator[TcpListener]:
    before = open_descriptors()
    async with TcpListener("127.0.0.1", 0) as made:
        yield made
    await asyncio.sleep(0)
    assert open_descriptors() == before, "descriptors are left"


async def linked(listener: TcpListener) -> tuple[StreamLink, StreamLink]:
    return await open_tcp(listener.address), await listener.accept()


async def exactly(link: StreamLink, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += await link.receive()
    return data


async def test_bytes_go_both_ways_and_the_end_is_seen(listener: TcpListener) -> None:
    till, terminal = await linked(listener)
    await till.send(b"up")
    assert await terminal.receive() == b"up"
    big = os.urandom(1_000_000)
    async with asyncio.TaskGroup() as group:
        group.create_task(terminal.send(big), name="send")
        assert await exactly(till, len(big)) == big
    await terminal.close()
    assert await till.receive() == b""
    with pytest.raises(LinkLostError, match="closed by the other side"):
        await till.send(b"x")
    await till.close()


async def test_a_half_closed_link_is_closed_from_our_side_too(listener: TcpListener) -> None:
    sock = socket.create_connection(("127.0.0.1", listener.port))
    sock.setblocking(False)
    terminal = await listener.accept()
    sock.shutdown(socket.SHUT_WR)
    assert await terminal.receive() == b""
    async with asyncio.timeout(5):
        assert await asyncio.get_running_loop().sock_recv(sock, 1) == b""
    sock.close()


async def test_a_reset_is_a_loss_after_what_has_come(listener: TcpListener) -> None:
    till, terminal = await linked(listener)
    await terminal.send(b"half a fr")
    assert await till.receive() == b"half a fr"
    terminal.abort()
    with pytest.raises(LinkLostError, match="reset by peer") as lost:
        await till.receive()
    assert lost.value.code == "link_lost"
    await till.close()


async def test_the_socket_is_set_up(listener: TcpListener) -> None:
    till, terminal = await linked(listener)
    quiet = await open_tcp(replace(listener.address, keepalive_idle_s=0))
    assert till._transport is not None
    assert quiet._transport is not None

    def option(link: StreamLink, level: int, name: int) -> int:
        assert link._transport is not None
        value: int = link._transport.get_extra_info("socket").getsockopt(level, name)
        return value

    for link in (till, quiet):
        assert option(link, socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert option(till, socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert option(till, socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 10
    assert option(till, socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 5
    assert option(till, socket.IPPROTO_TCP, socket.TCP_KEEPCNT) == 3
    assert option(till, socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 25_000
    assert not option(quiet, socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    await quiet.close()
    await till.close()
    assert await terminal.receive() == b""


async def test_nobody_listens(listener: TcpListener) -> None:
    till, terminal = await linked(listener)
    await listener.shut()
    await listener.shut()
    with pytest.raises(LinkNotOpenedError, match=r"cannot open tcp://127.0.0.1:") as refused:
        await open_tcp(listener.address)
    assert refused.value.code == "link_refused"
    await till.send(b"links that are there live on")
    assert await exactly(terminal, 28) == b"links that are there live on"
    port = listener.port
    await listener.open()
    await listener.open()
    assert listener.port == port
    again, _ = await linked(listener)
    await again.close()
    await till.close()


async def test_a_host_nobody_knows() -> None:
    with pytest.raises(LinkNotOpenedError) as absent:
        await open_tcp(TcpAddress("no-such-host.invalid", 1))
    assert absent.value.code in {"link_no_host", "link_unreachable"}


def test_the_causes_of_what_cannot_be_opened() -> None:
    assert tcp._cause(socket.gaierror(-2, "unknown")).value == "link_no_host"
    assert tcp._cause(FileNotFoundError(2, "ca.pem")).value == "link_untrusted"
    assert tcp._cause(ssl.SSLCertVerificationError(1, "no")).value == "link_untrusted"


async def test_a_port_somebody_else_has(listener: TcpListener) -> None:
    with pytest.raises(LinkNotOpenedError, match=r"cannot listen on 127.0.0.1 port") as taken:
        await TcpListener("127.0.0.1", listener.port).open()
    assert taken.value.code == "link_busy"


async def test_callers_beyond_the_backlog_are_turned_away(listener: TcpListener) -> None:
    callers = [await open_tcp(listener.address) for _ in range(BACKLOG)]
    one_too_many = await open_tcp(listener.address)
    with pytest.raises(LinkLostError, match="reset"):
        await one_too_many.receive()
    await listener.close()
    for caller in callers:
        assert await caller.receive() == b""


async def test_cancelling_while_connecting_leaves_nothing(listener: TcpListener) -> None:
    async with asyncio.TaskGroup() as group:
        opening = group.create_task(open_tcp(listener.address), name="open")
        await asyncio.sleep(0)
        opening.cancel()
    assert opening.cancelled()


def server_context(*, demand: bool) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=AUTHORITY)
    context.load_cert_chain(CASES / "terminal.pem", CASES / "terminal.key")
    context.verify_mode = ssl.CERT_REQUIRED if demand else ssl.CERT_NONE
    return context


async def test_tls_with_certificates_on_both_sides() -> None:
    async with TcpListener("127.0.0.1", 0, context=server_context(demand=True)) as listener:
        assert listener.address == TlsAddress(HERE, listener.port)
        address = TlsAddress(
            HERE,
            listener.port,
            ca=AUTHORITY,
            cert=REGISTER,
            key=str(CASES / "register.key"),
            server_name="terminal.test",
        )
        till, terminal = await open_tcp(address), await listener.accept()
        await till.send(b"secret")
        assert await terminal.receive() == b"secret"
        async with asyncio.timeout(5):
            for part in (b"an", b"sw", b"er"):
                await terminal.send(part)
                assert await till.receive() == part
            for part in (b"to", b" th", b"at"):
                await till.send(part)
        await terminal.close()
        assert await till.receive() == b""
        await till.close()


@pytest.mark.parametrize(
    "address",
    [
        TlsAddress(HERE, 0, ca=str(CASES / "stranger.pem")),
        TlsAddress(HERE, 0),
        TlsAddress(HERE, 0, ca=AUTHORITY, server_name="another.test"),
        TlsAddress(HERE, 0, ca="/nowhere/ca.pem"),
        TlsAddress(HERE, 0, ca=AUTHORITY, cert=REGISTER, key=str(CASES / "terminal.key")),
        TlsAddress(HERE, 0, ca=AUTHORITY, cert=REGISTER, key=str(CASES / "register-locked.key")),
    ],
)
async def test_a_side_that_cannot_be_trusted_is_not_spoken_to(address: TlsAddress) -> None:
    async with TcpListener("127.0.0.1", 0, context=server_context(demand=False)) as listener:
        with pytest.raises(LinkNotOpenedError) as untrusted:
            await open_tcp(replace(address, port=listener.port))
        assert untrusted.value.code == "link_untrusted"


async def test_a_missing_client_certificate_is_named_as_the_reason() -> None:
    # OpenSSL's own blocking server: asyncio's keeps its alert to itself
    plain = socket.create_server(("127.0.0.1", 0))
    server = server_context(demand=True).wrap_socket(plain, server_side=True)

    def serve() -> str:
        with pytest.raises(ssl.SSLError) as refused:
            server.accept()
        return str(refused.value)

    address = TlsAddress("127.0.0.1", server.getsockname()[1], ca=AUTHORITY)
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(asyncio.to_thread(serve), name="serve")
        till = await open_tcp(address)
        with pytest.raises(LinkLostError) as untrusted:
            await till.receive()
    assert untrusted.value.code == "link_untrusted"
    assert "PEER_DID_NOT_RETURN_A_CERTIFICATE" in serving.result()
    server.close()

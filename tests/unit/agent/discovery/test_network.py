"""Only addresses that were named are called, and only so many."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agent.discovery import network
from agent.discovery.network import AT_ONCE, TARGETS_MAX, TargetError, find_terminals, targets
from drivers.contract import Link
from drivers.links.address import TcpAddress
from drivers.links.base import Cause, LinkNotOpenedError
from drivers.links.tcp import TcpListener
from drivers.simulators.zvt_terminal.profiles import PROFILES
from drivers.simulators.zvt_terminal.server import serve
from drivers.simulators.zvt_terminal.terminal import Terminal
from tests.zvt_store import local


def test_ranges_and_hosts() -> None:
    assert targets(["192.0.2.8/30, 192.0.2.9:20007", "till.local:5577,[2001:db8::1]:7"]) == [
        ("192.0.2.9", 20007),
        ("192.0.2.10", 20007),
        ("till.local", 5577),
        ("2001:db8::1", 7),
    ]
    assert targets(["192.0.2.7/32:5577", "2001:db8::/127"])[0] == ("192.0.2.7", 5577)
    assert targets([]) == []
    assert len(targets(["192.0.2.0/22"])) == 1022 <= TARGETS_MAX


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("10.0.0.0/8", "more than 1024 addresses"),
        ("2001:db8::/64", "more than 1024"),
        ("192.0.2.0/33", "a range is written as"),
        ("192.0.2.0/24:x", "'x' is no port"),
        ("192.0.2.0/24:0", "'0' is no port"),
        ("me@till", "neither"),
        ("host:99999", "no address"),
    ],
)
def test_what_makes_no_sense_is_refused(text: str, words: str) -> None:
    with pytest.raises(TargetError, match=words):
        targets([text])


@asynccontextmanager
async def terminal_there() -> AsyncIterator[tuple[Terminal, int]]:
    terminal = Terminal(PROFILES["standard"], clock=local)
    listener = TcpListener("127.0.0.1", 0)
    await listener.open()
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(serve(terminal, listener), name="terminal")
        yield terminal, listener.port
        serving.cancel()


@pytest.mark.real_time
async def test_terminals_are_found_and_closed_ports_are_not_told() -> None:
    async with TcpListener("127.0.0.1", 0) as gone:
        closed = gone.port
    async with terminal_there() as (terminal, port):
        asked = [("127.0.0.1", closed), ("127.0.0.1", port)]
        [found] = await find_terminals(asked, {}, {})
        assert (found.kind, found.where, found.speaks) == (
            "tcp",
            f"127.0.0.1:{port}",
            "a ZVT terminal: ready",
        )
        assert found.link == f"tcp://127.0.0.1:{port}"
        [found] = await find_terminals(asked, {f"tcp://127.0.0.1:{port}": "till-5"}, {})
        assert (found.reader, found.link) == ("till-5", "")
        [found] = await find_terminals(asked, {}, {}, ask=False)
        assert found.speaks == "listens; not asked"
        assert terminal.ledger() == []


async def test_a_reader_of_the_running_daemon_is_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(address: TcpAddress, *, timeout_s: float) -> Link:
        raise AssertionError("it was called")

    monkeypatch.setattr(network, "connect", never)
    used = {"tcp://192.0.2.7": "till-5", "serial:///dev/x": "till-4", "nonsense": "till-3"}
    [found] = await find_terminals([("192.0.2.7", 20007)], used, {"till-5": "the daemon uses it"})
    assert (found.reader, found.speaks) == ("till-5", "not asked: the daemon uses it")


async def test_few_are_called_at_a_time_and_the_rest_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    calling, most = 0, 0

    async def nobody(address: TcpAddress, *, timeout_s: float) -> Link:
        nonlocal calling, most
        calling += 1
        most = max(most, calling)
        await asyncio.sleep(timeout_s)
        calling -= 1
        raise LinkNotOpenedError("no answer", cause=Cause.TIMEOUT)

    monkeypatch.setattr(network, "connect", nobody)
    assert await find_terminals(targets(["192.0.2.0/24"]), {}, {}) == []
    assert most == AT_ONCE
    assert asyncio.get_running_loop().time() == pytest.approx(8 * network.CONNECT_S)


async def test_a_name_that_nobody_knows_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(address: TcpAddress, *, timeout_s: float) -> Link:
        raise LinkNotOpenedError("no such host", cause=Cause.NO_HOST)

    monkeypatch.setattr(network, "connect", unknown)
    [found] = await find_terminals([("nowhere.invalid", 1)], {}, {})
    assert found.speaks == "no such host"

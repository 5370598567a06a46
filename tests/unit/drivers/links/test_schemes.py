"""Tests of the one way from an address to a link."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from drivers.contract import Link
from drivers.links import rfc2217, serial, tcp
from drivers.links.address import Address, AddressError, MemoryAddress, TcpAddress
from drivers.links.base import LinkNotOpenedError
from drivers.links.memory import MemoryNetwork, pair
from drivers.links.schemes import connect


async def test_memory_leads_into_the_network_that_is_given() -> None:
    network = MemoryNetwork()
    listener = network.listen("terminal")
    link = await connect("memory://terminal", memory=network)
    await link.send(b"hello")
    assert await (await listener.accept()).receive() == b"hello"
    with pytest.raises(LinkNotOpenedError, match="nowhere outside of tests") as caught:
        await connect(MemoryAddress("terminal"))
    assert caught.value.permanent


async def test_a_bad_address_never_works() -> None:
    with pytest.raises(AddressError):
        await connect("terminal")


def opener(opened: list[Address]) -> Callable[[Address], Awaitable[Link]]:
    async def open_it(address: Address) -> Link:
        opened.append(address)
        return pair()[0]

    return open_it


async def test_each_scheme_has_its_opener(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Address] = []
    for module, name in ((serial, "open_serial"), (tcp, "open_tcp"), (rfc2217, "open_rfc2217")):
        monkeypatch.setattr(module, name, opener(opened))
    for text in ("serial:///dev/x", "tcp://t", "tls://t", "rfc2217://t"):
        await connect(text, default_port=7)
    assert [str(address) for address in opened] == [
        "serial:///dev/x",
        "tcp://t:7",
        "tls://t:7",
        "rfc2217://t:7",
    ]


async def test_who_does_not_answer_in_time_was_not_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(address: Address) -> Link:
        await asyncio.sleep(3600)
        raise AssertionError(address)

    monkeypatch.setattr(tcp, "open_tcp", never)
    started = asyncio.get_running_loop().time()
    with pytest.raises(LinkNotOpenedError, match=r"no answer within 2.5 s") as caught:
        await connect(TcpAddress("t", 1), timeout_s=2.5)
    assert caught.value.code == "link_timeout"
    assert asyncio.get_running_loop().time() - started == 2.5


@pytest.mark.real_time
async def test_a_port_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LinkNotOpenedError, match="is the cable plugged in") as caught:
        await connect(f"serial://{tmp_path}/usb-1")
    assert caught.value.code == "link_absent"

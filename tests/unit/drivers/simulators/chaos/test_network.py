"""Links die with the program that opened them, and say nothing after."""

import asyncio

import pytest

from drivers.contract import Link
from drivers.links.address import MemoryAddress
from drivers.links.base import LinkLostError
from drivers.simulators.chaos.life import Life
from drivers.simulators.chaos.network import LivingLink, LivingNetwork


async def opened(*, told: bool) -> tuple[LivingNetwork, LivingLink, Link, list[bytes]]:
    heard: list[bytes] = []
    network = LivingNetwork(lambda _name, data: heard.append(data))
    listener = network.listen("pt")
    life = Life(lambda _: None)
    link = life.context.run(network.call, MemoryAddress("pt"))
    assert isinstance(link, LivingLink)
    device = await listener.accept()
    await link.send(b"hello")
    assert await device.receive() == b"hello"
    life.dead = True
    network.died(life, told=told)
    await link.send(b"nobody hears this")
    await link.close()
    link.abort()
    return network, link, device, heard


async def test_the_other_end_hears_that_a_process_has_died() -> None:
    _, _, device, heard = await opened(told=True)
    assert heard == [b"hello"]
    with pytest.raises(LinkLostError):
        await device.receive()


async def test_after_a_power_cut_nobody_hears_anything_until_the_machine_is_back() -> None:
    network, _, device, _ = await opened(told=False)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(100):
            await device.receive()
    network.back()
    with pytest.raises(LinkLostError):
        await device.receive()


async def test_a_link_of_nobody_lives_on() -> None:
    network = LivingNetwork(lambda _name, _data: None)
    listener = network.listen("pt")
    link = network.call(MemoryAddress("pt"))
    device = await listener.accept()
    await device.send(b"x")
    assert await link.receive() == b"x"
    assert isinstance(link, LivingLink)
    link.abort()
    with pytest.raises(LinkLostError):
        await device.receive()
    await link.close()

"""The memory network as a program sees it that can die: its links die with it, and nothing is said after."""

from collections.abc import Callable

from drivers.contract import Link
from drivers.links.address import MemoryAddress
from drivers.links.base import Breakable
from drivers.links.memory import MemoryNetwork
from drivers.simulators.chaos.life import LIFE, Life

Heard = Callable[[str, bytes], None]
"""Told what a program is about to send, and to whom."""


class LivingLink:
    """A link that belongs to one life."""

    def __init__(self, name: str, link: Link, life: Life | None, heard: Heard) -> None:
        self.life = life
        self._name = name
        self._link = link
        self._heard = heard

    async def send(self, data: bytes) -> None:
        """As `Link.send`."""
        if self._alive:
            self._heard(self._name, data)
            await self._link.send(data)

    async def receive(self) -> bytes:
        """As `Link.receive`."""
        return await self._link.receive()

    async def close(self) -> None:
        """As `Link.close`."""
        if self._alive:
            await self._link.close()

    def abort(self) -> None:
        """As `Breakable.abort`."""
        if self._alive:
            self.cut()

    def cut(self) -> None:
        """Break it, whoever is dead."""
        if isinstance(self._link, Breakable):
            self._link.abort()

    @property
    def _alive(self) -> bool:
        return self.life is None or not self.life.dead


class LivingNetwork(MemoryNetwork):
    """Knows which link belongs to which life."""

    def __init__(self, heard: Heard) -> None:
        super().__init__()
        self._heard = heard
        self._links: list[LivingLink] = []
        self._silent: list[LivingLink] = []

    def call(self, address: MemoryAddress) -> Link:
        """As `MemoryNetwork.call`."""
        link = LivingLink(address.name, super().call(address), LIFE.get(), self._heard)
        if link.life is not None:
            self._links.append(link)
        return link

    def died(self, life: Life, *, told: bool) -> None:
        """A life is over; `told`: the other ends hear of it, as when a kernel closes a process's sockets."""
        mine = [link for link in self._links if link.life is life]
        self._links = [link for link in self._links if link.life is not life]
        self._silent += mine
        if told:
            self.back()

    def back(self) -> None:
        """The machine has power again: it knows nothing of its old connections, and says so."""
        silent, self._silent = self._silent, []
        for link in silent:
            link.cut()

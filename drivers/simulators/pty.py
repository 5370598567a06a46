"""A serial port without hardware: a pty behind a path that comes and goes like one of /dev/serial/by-id."""

import asyncio
import fcntl
import os
import struct
import termios
import tty
from collections.abc import Callable
from pathlib import Path

from drivers.links.address import SerialAddress
from drivers.links.descriptor import DescriptorLink

FLUSH_S = 0.2
"""How long an end that is about to vanish waits for its last bytes to be read: a pty throws them away."""

_LOOK_S = 0.002


class PtyLink(DescriptorLink):
    """The device's end of a pty: what it sends comes out of the port."""

    def __init__(self, master: int, slave: int, path: Path, unplug: Callable[["PtyLink"], None]) -> None:
        self.port = os.ttyname(slave)
        self._slave = slave
        super().__init__(master, f"the device at {path}", lambda: unplug(self))

    async def flush(self) -> None:
        """Wait until whoever has the port open has read everything, or FLUSH_S is over."""
        for _ in range(int(FLUSH_S / _LOOK_S)):
            # before the first look as well: the kernel passes bytes on in its own time
            await asyncio.sleep(_LOOK_S)
            if not self._open or not self._unread():
                return

    async def close(self) -> None:
        """Pull the plug once the last bytes were read."""
        await self.flush()
        self.abort()

    def hang_up(self) -> None:
        """Close both ends: who has the port open gets an empty read or EIO, as from a pulled USB device."""
        os.close(self._fd)
        os.close(self._slave)

    def _unread(self) -> int:
        waiting: int = struct.unpack("i", fcntl.ioctl(self._slave, termios.FIONREAD, bytes(4)))[0]
        return waiting


class PtyListener:
    """A device that is plugged in while open: `path` leads to a new pty each time.

    When its link ends while the device is not `shut`, it is plugged in again at once under the same path.
    That a program closes the port is not seen from here, as little as through a cable of three wires.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._wanted = False
        self._link: PtyLink | None = None
        self._fresh = asyncio.Event()

    @property
    def address(self) -> SerialAddress:
        """What to open."""
        return SerialAddress(str(self.path))

    async def accept(self) -> PtyLink:
        """The device's end of the port, once for each time it is plugged in."""
        while True:
            await self._fresh.wait()
            self._fresh.clear()
            if self._link is not None:
                return self._link

    async def open(self) -> None:
        """Plug it in."""
        self._wanted = True
        if self._link is None:
            self._plug()

    async def shut(self) -> None:
        """Do not plug it in again when its link ends; pull it when nobody has accepted it."""
        self._wanted = False
        if self._link is not None and self._fresh.is_set():
            self._link.abort()

    async def close(self) -> None:
        """Pull it for good."""
        await self.unplug()

    async def unplug(self) -> None:
        """Pull it; `open` plugs it in again."""
        self._wanted = False
        if self._link is not None:
            self._link.abort()

    def _plug(self) -> None:
        master, slave = os.openpty()
        # We hold the slave too: a master whose port nobody has open is readable all the time.
        tty.setraw(slave)
        self._link = link = PtyLink(master, slave, self.path, self._unplugged)
        beside = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        beside.unlink(missing_ok=True)
        beside.symlink_to(link.port)
        beside.replace(self.path)
        self._fresh.set()

    def _unplugged(self, link: PtyLink) -> None:
        if self.path.is_symlink() and str(self.path.readlink()) == link.port:
            self.path.unlink()
        link.hang_up()
        self._link = None
        if self._wanted:
            self._plug()

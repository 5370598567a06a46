"""Device nodes that come and go, told by the kernel (inotify): nothing is polled, nothing wakes a quiet box.

Three calls of libc by ctypes. udev's netlink socket would need an address family more, and says nothing of
rights that are granted a moment later; the libraries for inotify are these three calls, most with threads.
"""

import asyncio
import ctypes
import os
import struct
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

SETTLE_S = 0.02
"""udev makes a node, sets its rights and links it: a burst that counts as one change."""

# inotify(7)
_ATTRIB, _MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x4, 0x40, 0x80, 0x100, 0x200
_DELETE_SELF, _MOVE_SELF = 0x400, 0x800
_ONLYDIR, _IGNORED = 0x01000000, 0x8000
_MASK = _ATTRIB | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _DELETE_SELF | _MOVE_SELF | _ONLYDIR
_EVENT = struct.Struct("iIII")
_READ_MAX = 65_536


class NodeWatch:
    """Says that something has changed in the folders it follows; what it was, the folders tell.

    To be entered with `async with`; entering raises `OSError` where the kernel gives no watch.
    """

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = -1
        self._folders: dict[Path, int] = {}
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._fd = self._call(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC), "inotify_init1")
        asyncio.get_running_loop().add_reader(self._fd, self._read)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.get_running_loop().remove_reader(self._fd)
        os.close(self._fd)

    def follow(self, folders: Iterable[Path]) -> None:
        """From now on these; for one that is not there, the nearest above it, so that its coming is seen."""
        wanted = {_nearest(folder) for folder in folders}
        for folder in self._folders.keys() - wanted:
            self._libc.inotify_rm_watch(self._fd, self._folders.pop(folder))
        for folder in wanted - self._folders.keys():
            number = self._libc.inotify_add_watch(self._fd, os.fsencode(folder), _MASK)
            if number < 0:
                self._changed.set()  # it went away meanwhile: look again
            else:
                self._folders[folder] = number

    async def changed(self) -> None:
        """Wait until something changes, and then until it has settled. What changed before counts."""
        await self._changed.wait()
        await asyncio.sleep(SETTLE_S)
        self._changed.clear()

    def _read(self) -> None:
        data = os.read(self._fd, _READ_MAX)
        place = 0
        while place < len(data):
            number, mask, _, length = _EVENT.unpack_from(data, place)
            place += _EVENT.size + length
            if mask & _IGNORED:  # the folder itself is gone, or we have let it go
                self._folders = {folder: each for folder, each in self._folders.items() if each != number}
            else:
                self._changed.set()

    def _call(self, result: int, what: str) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, f"{what}: {os.strerror(number)}")
        return result


def _nearest(folder: Path) -> Path:
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return folder

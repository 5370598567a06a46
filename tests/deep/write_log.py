"""What a disk was told, in order (QEMU's blklogwrites driver), and the disks that a power cut can leave.

QEMU's own death takes the guest's memory with it, but what the guest had handed to its disk would be safe in
the host's page cache: a disk without a cache of its own. Real disks have one, and lose it. So the writes and
the flushes are logged: what came before the last flush is on the disk, of what came after it any part may be.
"""

import random
import shutil
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path
from typing import Any

SECTOR = 512
MAGIC = 0x6A736677736872
_SUPER = struct.Struct("<QQQI")
_ENTRY = struct.Struct("<QQQQ")


class Flag(IntFlag):
    """Of an entry (Documentation/admin-guide/device-mapper/log-writes of the Linux kernel)."""

    FLUSH = 1
    FUA = 2
    DISCARD = 4
    MARK = 8


@dataclass(frozen=True)
class Written:
    """One request to the disk: where (in bytes) and what; a flush may write nothing."""

    offset: int
    data: bytes
    flags: Flag
    end: int
    """The log's size with it."""

    @property
    def flush(self) -> bool:
        """Whether everything before it was on the disk for good when it was done."""
        return bool(self.flags & (Flag.FLUSH | Flag.FUA))


def logged(disk: Path, log: Path) -> Mapping[str, Any]:
    """QEMU's description of a disk whose requests are logged."""
    log.unlink(missing_ok=True)
    log.touch()
    return {
        "driver": "blklogwrites",
        "file": {"driver": "file", "filename": str(disk)},
        "log": {"driver": "file", "filename": str(log)},
        "log-sector-size": SECTOR,
        "log-super-update-interval": 4096,
    }


def read_log(path: Path) -> list[Written]:
    """All requests that were logged; a torn last one is left out."""
    with path.open("rb") as file:
        head = file.read(SECTOR)
        if len(head) < SECTOR:
            return []
        magic, version, _, size = _SUPER.unpack_from(head)
        assert (magic, version, size) == (MAGIC, 1, SECTOR), (magic, version, size)
        return list(_entries(file))


def _entries(file: Any) -> Iterator[Written]:
    # The head counts the entries as of the last flush; those behind it are the interesting ones.
    while len(head := file.read(SECTOR)) == SECTOR:
        place, count, flags, _ = _ENTRY.unpack_from(head)
        flag = Flag(flags)
        if not flag and not count:
            return
        size = 0 if Flag.DISCARD in flag else count * SECTOR
        data = file.read(size)
        if len(data) < size:
            return
        yield Written(place * SECTOR, data, flag, file.tell())


@dataclass(frozen=True)
class Moment:
    """One at which the power could have gone: after so many requests; the log had that size."""

    requests: int
    size: int
    unflushed: int


class Wreck:
    """The disks that a cut can leave, made from what was on the disk before and the log since.

    What was acknowledged when the log had a size needs no more than that much of the log. So one log holds
    all the cuts that could have come before its end, too.
    """

    def __init__(self, before: Path, log: Path) -> None:
        self._before = before
        self._requests = read_log(log)
        self.flushes = sum(each.flush for each in self._requests)

    def end(self) -> Moment:
        """The moment at which the power did go."""
        return self._moment(len(self._requests))

    def earlier(self, chance: random.Random) -> Moment | None:
        """Any moment between a write and its flush; None when nothing was written."""
        between = [
            place
            for place, each in enumerate(self._requests, start=1)
            if each.data and not each.flush and Flag.DISCARD not in each.flags
        ]
        return self._moment(chance.choice(between)) if between else None

    def leave(self, path: Path, moment: Moment, *, chance: random.Random | None) -> None:
        """A disk without what was not flushed, or (with `chance`) with any of its sectors."""
        shutil.copyfile(self._before, path)
        sure = moment.requests - moment.unflushed
        with path.open("r+b") as disk:
            for number, request in enumerate(self._requests[: moment.requests]):
                for start in range(0, len(request.data), SECTOR):
                    if number < sure or (chance is not None and chance.random() < 0.5):
                        disk.seek(request.offset + start)
                        disk.write(request.data[start : start + SECTOR])

    def _moment(self, requests: int) -> Moment:
        before = self._requests[:requests]
        flushed = next((place for place in range(requests, 0, -1) if before[place - 1].flush), 0)
        return Moment(requests, before[-1].end if before else 0, requests - flushed)

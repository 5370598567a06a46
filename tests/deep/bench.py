"""What one run of the deep tests shares: a folder, the root, the payload, a machine that is already up."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.deep.guest import Disk, Guest, plain
from tests.deep.image import MIB, make_ext4, size_of
from tests.deep.payload import make_payload
from tests.deep.rootfs import Root, root
from tests.deep.table import Table

DISK_SIZE = 64 * MIB


@dataclass
class Bench:
    """Made once a run. What costs time is made when it is first asked for."""

    folder: Path
    tables: list[Table] = field(default_factory=list)
    took_s: dict[str, float] = field(default_factory=dict)

    @cached_property
    def root(self) -> Root:
        """The guest's Debian."""
        with Stopwatch(self, "root file system (built, or from the cache)"):
            return root()

    @cached_property
    def payload(self) -> Path:
        """What is tested, as a folder."""
        folder = self.folder / "payload"
        with Stopwatch(self, "payload"):
            make_payload(folder)
        return folder

    @cached_property
    def payload_image(self) -> Path:
        """The same as a disk."""
        image = self.folder / "payload.ext4"
        make_ext4(image, size_of(self.payload), content=self.payload, journal=False)
        return image

    @cached_property
    def blank(self) -> Path:
        """The guest's third disk: a file system with nothing in it. It is copied before it is used."""
        image = self.folder / "blank.ext4"
        make_ext4(image, DISK_SIZE)
        return image

    @cached_property
    def booted(self) -> Path:
        """The memory of a machine that has booted: all others go on from there."""
        memory = self.folder / "booted"
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            runner.run(self._boot(memory))
        return memory

    async def _boot(self, memory: Path) -> None:
        guest = self.guest("boot")
        with Stopwatch(self, "boot of the guest"):
            async with guest:
                await guest.save(memory)

    def guest(
        self, name: str, disk: Mapping[str, Any] | None = None, *, resumed_from: Path | None = None
    ) -> Guest:
        """A machine with `disk`, or a blank one, as its third; it boots, or goes on from a saved memory.

        A disk that can be written: what a machine was booted with it must be resumed with.
        """
        folder = self.new_folder(name)
        if disk is None:
            shutil.copyfile(self.blank, folder / "store.ext4")
            disk = plain(folder / "store.ext4", read_only=False)
        disks = [
            Disk("root", plain(self.root.image)),
            Disk("payload", plain(self.payload_image)),
            Disk("store", disk),
        ]
        extra = ("-device", "qemu-xhci,id=usb")
        return Guest(self.root, folder, disks, extra, resumed_from=resumed_from)

    def new_folder(self, name: str) -> Path:
        """An empty folder; the names of Unix sockets in it must stay short."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder))

    def table(self, title: str, *heads: str) -> Table:
        """A table that is shown at the end of the run."""
        table = Table(title, heads)
        self.tables.append(table)
        return table


class Stopwatch:
    """Notes how long a step of the bench took."""

    def __init__(self, bench: Bench, what: str) -> None:
        self._bench = bench
        self._what = what

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self._bench.took_s[self._what] = time.monotonic() - self._began

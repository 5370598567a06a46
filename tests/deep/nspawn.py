"""A container with a real systemd as its first process (systemd-nspawn), and a way in (nsenter)."""

import asyncio
import os
import shutil
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.deep.command import CommandError, run, run_beside
from tests.deep.guest import LEASHED

BOOT_S = 60.0
HALT = signal.SIGRTMIN + 4
"""Tells systemd to power off (systemd(1), "Signals")."""


class ContainerError(Exception):
    """The container did not come up; the message has its last words."""


@dataclass
class Container:
    """Use as `async with`. The tree is not changed: what is written is gone with the container."""

    tree: Path
    folder: Path
    files: Mapping[str, str] = field(default_factory=dict)
    binds: Mapping[Path, str] = field(default_factory=dict)
    leader: int = 0
    _process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        changes, merged = self.folder / "changes", self.folder / "merged"
        for each in (changes, merged):
            each.mkdir(parents=True)
        run("mount", "-t", "tmpfs", "tmpfs", changes)
        try:
            (changes / "upper").mkdir()
            (changes / "work").mkdir()
            for name, text in self.files.items():
                path = changes / "upper" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            layers = f"lowerdir={self.tree},upperdir={changes / 'upper'},workdir={changes / 'work'}"
            run("mount", "-t", "overlay", "overlay", "-o", layers, merged)
            await self._boot(merged)
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end()

    async def _boot(self, merged: Path) -> None:
        binds = [f"--bind-ro={source}:{target}" for source, target in self.binds.items()]
        with (self.folder / "console.log").open("wb") as console:
            self._process = await asyncio.create_subprocess_exec(
                *LEASHED,
                "systemd-nspawn",
                "--quiet",
                f"--directory={merged}",
                "--register=no",
                "--keep-unit",
                "--private-network",
                "--console=pipe",
                *binds,
                "--boot",
                "systemd.unified_cgroup_hierarchy=1",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )
        async with asyncio.timeout(BOOT_S):
            while True:
                if self._process.returncode is not None:
                    raise ContainerError((self.folder / "console.log").read_text()[-2000:])
                if self._is_up():
                    break
                await asyncio.sleep(0.02)
            # 1: a unit of the distribution failed, which is none of our business
            await self.run("systemctl", "is-system-running", "--wait", fine=(0, 1))

    def _is_up(self) -> bool:
        """Find the first process: the child of nspawn that is number 1 in a world of its own."""
        assert self._process is not None
        with suppress(OSError):
            own = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
            for child in own.split():
                process = Path("/proc", child)
                if _names(process)[1:] == ["1"] and (process / "root/run/systemd/private").exists():
                    self.leader = int(child)
                    return True
        return False

    async def run(self, *words: str, fine: tuple[int, ...] = (0,)) -> str:
        """Run a program inside; what it says on stdout."""
        return await run_beside("nsenter", "-t", str(self.leader), "-a", "--", *words, fine=fine)

    async def show(self, unit: str, *properties: str) -> dict[str, str]:
        """What systemd knows of a unit."""
        told = await self.run("systemctl", "show", unit, f"--property={','.join(properties)}")
        return dict(line.split("=", 1) for line in told.splitlines())

    def outer_pid(self, inner: int) -> int:
        """A process of the container, as this side numbers it; 0 when it is gone."""
        ours = Path(f"/proc/{self.leader}/ns/pid").readlink()
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if _names(process)[1:] == [str(inner)] and (process / "ns/pid").readlink() == ours:
                    return int(process.name)
        return 0

    def inside(self, path: str) -> Path:
        """A path of the container, from outside."""
        return Path(f"/proc/{self.leader}/root{path}")

    async def _end(self) -> None:
        process = self._process
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                if self.leader:
                    os.kill(self.leader, HALT)
            try:
                async with asyncio.timeout(30):
                    await process.wait()
            except TimeoutError:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        for name in ("merged", "changes"):
            with suppress(CommandError):
                run("umount", self.folder / name)
        shutil.rmtree(self.folder, ignore_errors=True)


def _names(process: Path) -> list[str]:
    """A process' numbers, from the outermost to its own world."""
    lines = (process / "status").read_text().splitlines()
    return next(line.split()[1:] for line in lines if line.startswith("NSpid:"))

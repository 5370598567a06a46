"""One emulated machine: booted or resumed, talked to over one line, unplugged at any moment."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.deep.qmp import Qmp, QmpError
from tests.deep.rootfs import Root

BOOT_S = 240.0
"""An emulated machine on a busy host is slow; one that needs longer has failed."""

LINE_LIMIT = 16 * 1024 * 1024
CONSOLE_TAIL = 6000

# A machine that outlives a killed test run would keep a processor busy for ever.
LEASHED = ("setpriv", "--pdeathsig", "KILL")


class GuestError(Exception):
    """The guest did not do what it was asked; the message has what it said."""


@dataclass(frozen=True)
class Disk:
    """A disk of the guest. `node` is QEMU's description of what is behind it."""

    name: str
    node: Mapping[str, Any]


def plain(path: Path, *, read_only: bool = True) -> Mapping[str, Any]:
    """A file as a disk."""
    return {
        "driver": "raw",
        "read-only": read_only,
        "file": {"driver": "file", "filename": str(path), "read-only": read_only},
    }


@dataclass
class Guest:
    """Use as `async with Guest(...) as guest`; leaving the block kills it if it still runs.

    The order of the disks is the order in which the guest sees them (vda, vdb, ...); `extra` are further
    words of QEMU's command line.
    """

    root: Root
    folder: Path
    disks: Sequence[Disk]
    extra: Sequence[str] = ()
    memory_mib: int = 1024
    resumed_from: Path | None = None
    _process: asyncio.subprocess.Process = field(init=False)
    _calls: int = 0
    _answers: dict[int, Any] = field(default_factory=dict)
    _qmp: Qmp | None = None
    _line: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    @property
    def qmp(self) -> Qmp:
        """QEMU's own controls."""
        assert self._qmp is not None, "the machine was not started"
        return self._qmp

    @property
    def console(self) -> Path:
        """What kernel and systemd said."""
        return self.folder / "console.log"

    async def __aenter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in ("qmp", "line"):
            (self.folder / name).unlink(missing_ok=True)
        self._process = await asyncio.create_subprocess_exec(
            *self._words(),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(BOOT_S):
                self._qmp = await self._connected()
                self._line = await asyncio.open_unix_connection(self.folder / "line", limit=LINE_LIMIT)
                if self.resumed_from is not None:
                    await self._resume(self.resumed_from)
                else:
                    await self.hear("ready")
        except (QmpError, ConnectionError) as error:
            words = await self._last_words()
            await self.unplug()
            raise GuestError(f"{error}: {words}") from error
        except BaseException:
            await self.unplug()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.unplug()

    def _words(self) -> list[str]:
        words = [*LEASHED, "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2"]
        words += [
            "-m",
            str(self.memory_mib),
            "-machine",
            "pc",
            "-nodefaults",
            "-no-user-config",
            "-display",
            "none",
        ]
        words += ["-kernel", str(self.root.kernel), "-initrd", str(self.root.initramfs)]
        words += ["-append", "console=ttyS0 loglevel=4 quiet mitigations=off audit=0 systemd.show_status=0"]
        words += ["-qmp", f"unix:{self.folder / 'qmp'},server=on,wait=off"]
        words += ["-chardev", f"file,id=console,path={self.console}", "-serial", "chardev:console"]
        words += ["-device", "virtio-serial-pci"]
        words += ["-chardev", f"socket,id=line,path={self.folder / 'line'},server=on,wait=off"]
        words += ["-device", "virtserialport,chardev=line,name=deep", "-device", "virtio-rng-pci"]
        words += self.extra
        for disk in self.disks:
            words += ["-blockdev", json.dumps({"node-name": disk.name, **disk.node})]
            words += ["-device", f"virtio-blk-pci,drive={disk.name},id=disk-{disk.name},write-cache=on"]
        if self.resumed_from is not None:
            words += ["-incoming", "defer"]
        return words

    async def _connected(self) -> Qmp:
        while True:
            if self._process.returncode is not None:
                raise GuestError(await self._last_words())
            try:
                return await Qmp.connect(self.folder / "qmp")
            except (FileNotFoundError, ConnectionRefusedError):
                await asyncio.sleep(0.05)

    async def _last_words(self) -> str:
        assert self._process.stderr is not None
        with suppress(ProcessLookupError):
            self.cut()
        return "QEMU ended: " + (await self._process.stderr.read()).decode().strip()

    async def _resume(self, state: Path) -> None:
        """Go on from a saved memory; its disks are ours to bring."""
        await self.qmp.ask("migrate-incoming", uri=f"exec:cat {state}")
        await self._migrated("it could not be resumed from its saved memory")
        await self.qmp.ask("cont")

    async def _migrated(self, complaint: str) -> None:
        while True:
            status = (await self.qmp.ask("query-migrate")).get("status")
            if status == "completed":
                return
            if status == "failed":
                raise GuestError(complaint)
            await asyncio.sleep(0.02)

    def _console(self) -> str:
        """The last that kernel, systemd and the programs said, for errors."""
        return self.console.read_text(errors="replace")[-CONSOLE_TAIL:] if self.console.exists() else ""

    # -- the line -----------------------------------------------------------------------------------------

    async def tell(self, do: str, **given: Any) -> None:
        """Ask the inner side to begin something."""
        assert self._line is not None
        self._line[1].write(json.dumps({"do": do, "given": given}).encode() + b"\n")
        await self._line[1].drain()

    async def lines(self) -> AsyncIterator[dict[str, Any]]:
        """What the inner side says, until the line is cut; raises what failed there."""
        assert self._line is not None
        while True:
            try:
                line = await self._line[0].readline()
            except ConnectionError:
                return
            if not line.endswith(b"\n"):  # a line that the cut tore says nothing
                return
            said: dict[str, Any] = json.loads(line)
            if "failed" in said:
                raise GuestError(f"{said['failed']}\n{self._console()}")
            yield said

    async def hear(self, what: str) -> Any:
        """Wait for the inner side to say something; the rest is not listened to."""
        return (await self.hear_any(what))[what]

    async def hear_any(self, what: str) -> dict[str, Any]:
        """The same with all that was said in that line."""
        async for said in self.lines():
            if what in said:
                return said
        raise GuestError(f"the line was cut before it said {what!r}\n{self._console()}")

    async def start(self, call: str, **given: Any) -> int:
        """Make a call of the service inside that is running; the number of its answer."""
        assert self._line is not None
        self._calls += 1
        asked = {"do": call, "number": self._calls, "given": given}
        self._line[1].write(json.dumps(asked).encode() + b"\n")
        await self._line[1].drain()
        return self._calls

    async def answer(self, number: int, *, within_s: float) -> Any:
        """What came of a call; answers to others are kept for those who ask."""
        async with asyncio.timeout(within_s):
            while number not in self._answers:
                said = await self.hear_any("answer")
                self._answers[said["answer"]] = said["result"]
        return self._answers.pop(number)

    async def call(self, call: str, *, within_s: float, **given: Any) -> Any:
        """Make a call and wait for what comes of it."""
        return await self.answer(await self.start(call, **given), within_s=within_s)

    # -- its life -----------------------------------------------------------------------------------------

    async def save(self, path: Path) -> None:
        """Stop it for good and keep its memory, so that others go on from here."""
        await self.qmp.ask("stop")
        await self.qmp.ask("migrate-set-parameters", max_bandwidth=10**12)
        await self.qmp.ask("migrate", uri=f"exec:cat > {path}")
        await self._migrated("its memory could not be saved")

    def cut(self) -> None:
        """Pull the plug: nothing of it runs any more when this returns."""
        os.killpg(self._process.pid, signal.SIGKILL)

    async def unplug(self) -> None:
        """Pull the plug, and wait until it is gone."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self.cut()
            await self._process.communicate()
        if self._line is not None:
            self._line[1].close()
        if self._qmp is not None:
            self._qmp.close()

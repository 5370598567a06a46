"""A D-Bus of our own: dbus-daemon in a temporary folder, for whoever is told its address."""

import asyncio
import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import Self

START_S = 10.0
STOP_S = 5.0

_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "busconfig.dtd">
<busconfig>
  <type>custom</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
    <allow user="*"/>
  </policy>
</busconfig>
"""


class PrivateBusError(Exception):
    """The bus could not be started; the message says why."""


class PrivateBus:
    """A running dbus-daemon. To be entered with `async with`; ended with it, by its process id."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._daemon: asyncio.subprocess.Process | None = None
        self.address = ""
        """For DBUS_SYSTEM_BUS_ADDRESS."""

    @property
    def pid(self) -> int:
        """The daemon's process."""
        assert self._daemon is not None
        return self._daemon.pid

    async def __aenter__(self) -> Self:
        program = shutil.which("dbus-daemon")
        if program is None:
            raise PrivateBusError("needs dbus-daemon (Debian package dbus-daemon)")
        self._folder = Path(tempfile.mkdtemp(prefix="tillgate-bus-"))
        socket = self._folder / "bus"
        config = self._folder / "bus.conf"
        config.write_text(_CONFIG.format(socket=socket), encoding="utf-8")
        # it grumbles about limits that a handful of connections never reach
        with (self._folder / "messages").open("wb") as messages:
            self._daemon = await asyncio.create_subprocess_exec(
                program,
                f"--config-file={config}",
                "--nofork",
                "--nopidfile",
                "--print-address",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=messages,
                # a terminal's Ctrl-C is for us to pass on, in order
                start_new_session=True,
            )
        try:
            await self._started()
        except BaseException:
            await self.__aexit__()
            raise
        self.address = f"unix:path={socket}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    async def end(self) -> None:
        """Stop the daemon; all its connections break."""
        daemon, self._daemon = self._daemon, None
        if daemon is None:
            return
        with contextlib.suppress(ProcessLookupError):
            daemon.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                await daemon.wait()
        except TimeoutError:
            daemon.kill()
            await daemon.wait()

    async def _started(self) -> None:
        assert self._daemon is not None
        assert self._daemon.stdout is not None
        try:
            async with asyncio.timeout(START_S):
                line = await self._daemon.stdout.readline()
        except TimeoutError:
            line = b""
        if not line:
            assert self._folder is not None
            said = (self._folder / "messages").read_text(encoding="utf-8", errors="replace").strip()
            raise PrivateBusError(f"dbus-daemon did not start: {said or 'it says nothing'}")

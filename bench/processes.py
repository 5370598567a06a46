"""The processes of a measurement: how they are started, told to work, and what they cost."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_TOLD = ("PATH", "HOME", "PYTHONPYCACHEPREFIX")


def environment(**more: str) -> dict[str, str]:
    """What a service manager hands over: nothing of the shell's. Bytecode is cached."""
    return {name: os.environ[name] for name in _TOLD if name in os.environ} | more


class Process:
    """A child that lives inside a `with` block."""

    def __init__(
        self, command: Sequence[str], *, env: Mapping[str, str] | None = None, log: Path | None = None
    ) -> None:
        self._command = list(command)
        self._env = environment() if env is None else dict(env)
        self._log = log
        self._child: subprocess.Popen[str] | None = None

    @property
    def child(self) -> "subprocess.Popen[str]":
        """The running child."""
        assert self._child is not None, "not started"
        return self._child

    def __enter__(self) -> Self:
        with open(self._log or os.devnull, "ab") as errors:  # noqa: PTH123  # a path or the null device
            self._child = subprocess.Popen(  # noqa: S603  # our own programs
                self._command,
                env=self._env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        child = self.child
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.close()
        child.terminate()
        try:
            child.wait(30)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        child.stdout.close()

    def line(self) -> str:
        """The next line that the child prints."""
        assert self.child.stdout is not None
        line = self.child.stdout.readline()
        if not line:
            raise RuntimeError(f"{' '.join(self._command[:3])} ended before it had answered; see {self._log}")
        return line.strip()

    def say(self, text: str) -> None:
        """Send the child a line."""
        assert self.child.stdin is not None
        self.child.stdin.write(text + "\n")
        self.child.stdin.flush()

    def answer(self) -> Any:
        """The next line, as JSON."""
        return json.loads(self.line())

    def cpu_s(self) -> float:
        """Processor seconds that the child has used, all threads, to the nanosecond."""
        # The kernel's per-process clock (clock_getcpuclockid(3)): finer than the ticks of /proc/PID/stat.
        return time.clock_gettime((~self.child.pid << 3) | 2)

    def memory_mb(self) -> dict[str, float]:
        """Resident memory in MB (10**6 bytes would flatter: these are 2**20), as the kernel counts it."""
        lines = Path(f"/proc/{self.child.pid}/status").read_text(encoding="ascii").splitlines()
        found = dict(line.split(":", 1) for line in lines)
        names = {"VmRSS": "rss", "RssAnon": "anonymous", "RssFile": "files"}
        return {short: int(found[name].split()[0]) / 1024 for name, short in names.items()}


def python(module: str, *arguments: str, log: Path | None = None) -> Process:
    """A module of this package as a process of its own."""
    return Process([sys.executable, "-m", module, *arguments], log=log)

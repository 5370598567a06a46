"""What systemd and people are told of the daemon: ready, alive, stopping, and in what health."""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Self

IDLE_BEAT_S = 5.0  # how often the loop is measured when no watchdog asks for more
MAX_STATUS_LENGTH = 200  # systemctl shows one line

Alive = Callable[[], str]
"""Why the daemon is no longer of use, "" while it is."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Notifier:
    """A line to the service manager (sd_notify(3)); silent where there is none."""

    address: str = ""
    watchdog_s: float | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Self:
        """As systemd told us: NOTIFY_SOCKET, and sd_watchdog_enabled(3)'s WATCHDOG_USEC and WATCHDOG_PID."""
        given = os.environ if environ is None else environ
        microseconds, pid = given.get("WATCHDOG_USEC", ""), given.get("WATCHDOG_PID", "")
        ours = not pid or pid == str(os.getpid())
        watchdog_s = int(microseconds) / 1_000_000 if ours and microseconds.isdecimal() else None
        return cls(given.get("NOTIFY_SOCKET", ""), watchdog_s or None)

    def tell(self, *lines: str) -> bool:
        """Send lines such as `READY=1`; false when nobody was told. Never raises, never waits."""
        if not self.address:
            return False
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
                line.settimeout(0)
                line.connect(address)
                line.send("\n".join(lines).encode())
        except OSError as error:
            log.debug("cannot tell the service manager at %s: %s", self.address, error)
            return False
        return True

    def ready(self, status: str = "") -> bool:
        """Start-up is over: the doors are open."""
        return self.tell("READY=1", _status(status or "running"))

    def status(self, text: str) -> bool:
        """One line for `systemctl status`."""
        return self.tell(_status(text))

    def stopping(self, status: str = "") -> bool:
        """The stop has begun."""
        return self.tell("STOPPING=1", _status(status or "stopping"))

    def ping(self) -> bool:
        """The watchdog's proof of life."""
        return self.tell("WATCHDOG=1")


def _status(text: str) -> str:
    return f"STATUS={' '.join(text.split())[:MAX_STATUS_LENGTH]}"


@dataclass(slots=True)
class Heartbeat:
    """Beats while the event loop turns: pings the watchdog, measures the loop's lag, keeps the status true.

    `alive` may say why the process is of no use although its loop turns (the journal's thread is dead):
    then there is no ping, and systemd restarts us.
    """

    notifier: Notifier
    alive: Alive = lambda: ""
    status: Callable[[], str] | None = None
    clock: Callable[[], float] = time.monotonic
    lag_s: float = field(default=0.0, init=False)
    worst_lag_s: float = field(default=0.0, init=False)
    beats: int = field(default=0, init=False)
    _told: str = field(default="", init=False)
    _complaint: str = field(default="", init=False)

    @property
    def interval_s(self) -> float:
        """Twice as often as the watchdog asks (sd_watchdog_enabled(3))."""
        return IDLE_BEAT_S if self.notifier.watchdog_s is None else self.notifier.watchdog_s / 2

    async def run(self) -> None:
        """Beat until canceled."""
        while True:
            self.beat()
            due = self.clock() + self.interval_s
            await asyncio.sleep(self.interval_s)
            self.lag_s = max(0.0, self.clock() - due)
            self.worst_lag_s = max(self.worst_lag_s, self.lag_s)
            if self.lag_s > self.interval_s:
                log.warning(
                    "the event loop was held up for %.1f s: something in it waits or computes", self.lag_s
                )

    def beat(self) -> None:
        """One beat: the ping, if all is alive, and the status, if it changed."""
        complaint = self.alive()
        if complaint != self._complaint:
            if complaint:
                log.error("no more watchdog pings, the service manager will restart us: %s", complaint)
            self._complaint = complaint
        if not complaint:
            self.beats += 1
            self.notifier.ping()
        text = complaint or (self.status() if self.status is not None else "")
        if text and text != self._told:
            self._told = text
            self.notifier.status(text)


@dataclass(frozen=True, slots=True)
class Finding:
    """One part's health; `detail` is shown as it is, `problem` says what is wrong ("" if nothing is)."""

    problem: str = ""
    detail: Mapping[str, object] = field(default_factory=dict)


@dataclass(slots=True)
class Health:
    """The health document, built afresh whenever somebody asks.

    `parts` are asked by name ("journal", "readers", "reconciler"): cheap, without I/O. A part with a
    problem makes the whole `degraded`; one of `vital` makes it `failing`.
    """

    gateway: str
    version: str
    heartbeat: Heartbeat
    parts: Mapping[str, Callable[[], Finding]]
    vital: frozenset[str] = frozenset({"journal"})
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _started: float = field(init=False)
    _started_at: datetime = field(init=False)

    def __post_init__(self) -> None:
        self._started = self.clock()
        self._started_at = self.now()

    def document(self) -> dict[str, object]:
        """`{status, gateway, version, started_at, uptime_s, loop: {...}, problems: [...], PART: {...}}`."""
        found = {name: ask() for name, ask in self.parts.items()}
        problems = [f"{name}: {finding.problem}" for name, finding in found.items() if finding.problem]
        failing = any(finding.problem for name, finding in found.items() if name in self.vital)
        return {
            "status": "failing" if failing else "degraded" if problems else "ok",
            "gateway": self.gateway,
            "version": self.version,
            "started_at": self._started_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "uptime_s": round(self.clock() - self._started, 1),
            "loop": {
                "lag_s": round(self.heartbeat.lag_s, 4),
                "worst_lag_s": round(self.heartbeat.worst_lag_s, 4),
            },
            "problems": problems,
            **{name: {"ok": not finding.problem, **finding.detail} for name, finding in found.items()},
        }

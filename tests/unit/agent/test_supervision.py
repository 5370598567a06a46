"""What the service manager hears, when the watchdog is fed, and the health document."""

import asyncio
import contextlib
import logging
import os
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.supervision import Finding, Health, Heartbeat, Notifier


@pytest.fixture
def manager() -> Iterator[tuple[socket.socket, str]]:
    """A service manager's socket; the path must be short (108 bytes)."""
    with tempfile.TemporaryDirectory() as directory:
        path = str(Path(directory) / "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
            listening.bind(path)
            listening.setblocking(False)
            yield listening, path


def heard(listening: socket.socket) -> list[str]:
    found = []
    with contextlib.suppress(BlockingIOError):
        while True:
            found.append(listening.recv(4096).decode())
    return found


def test_each_message_arrives_as_systemd_wants_it(manager: tuple[socket.socket, str]) -> None:
    listening, path = manager
    notifier = Notifier(path)
    assert notifier.ready()
    assert notifier.ready("3 readers\nready")
    assert notifier.status("x" * 500)
    assert notifier.ping()
    assert notifier.stopping()
    assert heard(listening) == [
        "READY=1\nSTATUS=running",
        "READY=1\nSTATUS=3 readers ready",
        "STATUS=" + "x" * 200,
        "WATCHDOG=1",
        "STOPPING=1\nSTATUS=stopping",
    ]


def test_an_abstract_socket() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        name = f"tillgate-test-{os.getpid()}"
        listening.bind(f"\0{name}")
        listening.setblocking(False)
        assert Notifier(f"@{name}").ping()
        assert heard(listening) == ["WATCHDOG=1"]


def test_nobody_to_tell_is_no_error() -> None:
    assert Notifier().ready() is False


def test_a_manager_that_is_gone_is_no_error(tmp_path: Path) -> None:
    assert Notifier(str(tmp_path / "gone")).ping() is False


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, Notifier()),
        ({"NOTIFY_SOCKET": "/n"}, Notifier("/n")),
        ({"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "3000000"}, Notifier("/n", 3.0)),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}, Notifier("", 3.0)),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, Notifier()),
        ({"WATCHDOG_USEC": "soon"}, Notifier()),
        ({"WATCHDOG_USEC": "0"}, Notifier()),
    ],
)
def test_the_environment_says_whom_to_tell(environ: dict[str, str], expected: Notifier) -> None:
    assert Notifier.from_environment(environ) == expected


def test_the_processes_own_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/somewhere")
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    assert Notifier.from_environment() == Notifier("/somewhere")


async def beat_for(heartbeat: Heartbeat, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await heartbeat.run()


async def test_the_watchdog_is_fed_twice_as_often_as_it_asks(manager: tuple[socket.socket, str]) -> None:
    listening, path = manager
    loop = asyncio.get_running_loop()
    heartbeat = Heartbeat(Notifier(path, 10.0), clock=loop.time)
    await beat_for(heartbeat, 14)
    assert heard(listening) == ["WATCHDOG=1"] * 3
    assert heartbeat.beats == 3
    assert heartbeat.worst_lag_s == pytest.approx(0, abs=1e-6)


async def test_no_ping_while_something_vital_is_dead(
    manager: tuple[socket.socket, str], caplog: pytest.LogCaptureFixture
) -> None:
    listening, path = manager
    wrong = ["", "the journal's thread is dead", "the journal's thread is dead", ""]
    heartbeat = Heartbeat(Notifier(path, 10.0), alive=lambda: wrong.pop(0), status=lambda: "2 readers")
    await beat_for(heartbeat, 19)
    assert heard(listening) == [
        "WATCHDOG=1",
        "STATUS=2 readers",
        "STATUS=the journal's thread is dead",
        "WATCHDOG=1",
        "STATUS=2 readers",
    ]
    assert [record.levelname for record in caplog.records] == ["ERROR"]


async def test_without_a_watchdog_the_loop_is_still_measured() -> None:
    heartbeat = Heartbeat(Notifier())
    assert heartbeat.interval_s == 5
    await beat_for(heartbeat, 11)
    assert heartbeat.beats == 3


@dataclass
class FakeClock:
    """Time that stands still except where told."""

    steps: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]


async def test_a_loop_that_was_held_up_is_measured_and_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    # Two readings a beat: before and after the sleep. First 12 s late, then in time.
    heartbeat = Heartbeat(Notifier(), clock=FakeClock([0, 17, 20, 25, 30]))
    await beat_for(heartbeat, 11)
    assert heartbeat.lag_s == 0
    assert heartbeat.worst_lag_s == 12
    assert "held up for 12.0 s" in caplog.text


def health(**problems: str) -> dict[str, object]:
    parts = {
        "journal": lambda: Finding(problems.get("journal", ""), {"schema": 3}),
        "readers": lambda: Finding(problems.get("readers", ""), {"ready": 2, "offline": 1}),
    }
    document = Health(
        gateway="g1",
        version="1.2.3",
        heartbeat=Heartbeat(Notifier()),
        parts=parts,
        clock=FakeClock([100.0, 160.25]),
        now=lambda: datetime(2026, 1, 31, 9, 0, tzinfo=UTC),
    )
    return document.document()


def test_the_health_document() -> None:
    assert health() == {
        "status": "ok",
        "gateway": "g1",
        "version": "1.2.3",
        "started_at": "2026-01-31T09:00:00Z",
        "uptime_s": 60.2,
        "loop": {"lag_s": 0.0, "worst_lag_s": 0.0},
        "problems": [],
        "journal": {"ok": True, "schema": 3},
        "readers": {"ok": True, "ready": 2, "offline": 1},
    }


def test_a_problem_degrades_and_a_vital_one_fails() -> None:
    degraded = health(readers="till-2 is offline")
    assert degraded["status"] == "degraded"
    assert degraded["problems"] == ["readers: till-2 is offline"]
    assert health(journal="disk full")["status"] == "failing"


def test_the_document_tells_real_time_by_default() -> None:
    found = Health(gateway="g", version="1", heartbeat=Heartbeat(Notifier()), parts={}).document()
    assert str(found["started_at"]).endswith("Z")

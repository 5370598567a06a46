"""`tillgate run`: settings, log lines, and how the daemon's end is told."""

import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from agent import cli
from agent.payments.disk import refuse_unsafe
from agent.payments.errors import JournalLockedError
from agent.pos.tills import TillRegistryError
from agent.settings import SecretError


@pytest.fixture(autouse=True)
def _logging_restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What `serve` is given; an exception put in here is what it raises."""
    seen: list[Any] = []

    async def serve(settings: object) -> None:
        raised = seen[0] if seen else None
        seen.append(settings)
        if isinstance(raised, BaseException):
            raise raised

    app = ModuleType("agent.app")
    vars(app)["serve"] = serve
    monkeypatch.setitem(sys.modules, "agent.app", app)
    return seen


@pytest.fixture
def gateway(tmp_path: Path) -> str:
    path = tmp_path / "gateway.yaml"
    path.write_text("gateway: {name: g1}\nlocation: here\nlogging: {format: json, level: warning}\n")
    return str(path)


@pytest.fixture(autouse=True)
def disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """What the kernel says of the disk: fit for a journal until a test writes something else."""
    mounts = tmp_path / "mounts"
    mounts.write_text("/dev/x / ext4 rw 0 0\n")
    monkeypatch.setattr(refuse_unsafe, "__defaults__", (mounts,))
    return mounts


def test_a_disk_that_forgets_is_refused_unless_that_is_accepted(
    served: list[Any], gateway: str, disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    disk.write_text("tmpfs / tmpfs rw 0 0\n")
    assert cli.main(["run", "--config", gateway]) == 1
    assert "would be on tmpfs" in capsys.readouterr().err
    assert served == []
    text = Path(gateway).read_text()
    Path(gateway).write_text(text + "journal: {path: journal.db, accept_unsafe_disk: true}\n")
    assert cli.main(["run", "--config", gateway]) == 0
    assert len(served) == 1


def test_the_settings_are_served_and_a_clean_stop_is_0(served: list[Any], gateway: str) -> None:
    assert cli.main(["run", "--config", gateway]) == 0
    assert served[0].gateway.name == "g1"
    assert logging.getLogger().level == logging.WARNING


def test_the_line_beats_the_file(served: list[Any], gateway: str) -> None:
    assert cli.main(["run", "--config", gateway, "--log-level", "debug"]) == 0
    assert logging.getLogger().level == logging.DEBUG


@pytest.mark.parametrize(
    "raised",
    [
        JournalLockedError("another gateway uses the journal"),
        TillRegistryError("cannot read the tills"),
        SecretError("no key"),
        OSError(98, "Address already in use"),
        ExceptionGroup("tasks", [OSError(98, "Address already in use")]),
    ],
)
def test_what_the_admin_can_set_right_is_told_without_a_traceback(
    raised: Exception, served: list[Any], gateway: str, capsys: pytest.CaptureFixture[str]
) -> None:
    served.append(raised)
    assert cli.main(["run", "--config", gateway]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("tillgate: ")
    assert "Traceback" not in captured.err


def test_a_mistake_of_ours_is_logged_with_its_traceback(
    served: list[Any], gateway: str, capsys: pytest.CaptureFixture[str]
) -> None:
    served.append(ExceptionGroup("tasks", [KeyError("lost"), ValueError("sk_test_abc123")]))
    assert cli.main(["run", "--config", gateway]) == 1
    captured = capsys.readouterr()
    assert '"level": "critical"' in captured.err
    assert "KeyError: 'lost'" in captured.err
    assert "abc123" not in captured.err


def test_ctrl_c_is_no_error(served: list[Any], gateway: str) -> None:
    served.append(KeyboardInterrupt())
    assert cli.main(["run", "--config", gateway]) == 130

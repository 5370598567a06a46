"""The command as a whole: its options anywhere on the line, its exit codes, the light way into `run`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent import cli
from agent.cli import run
from agent.cli.options import current

# What only people at a terminal need; the daemon must not carry it.
HEAVY = ("typer", "rich", "stripe", "bleak", "pygments")


@pytest.fixture
def gateway(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.yaml"
    path.write_text("gateway: {name: g1}\nlocation: here\n")
    return path


@pytest.mark.parametrize(
    "line",
    [
        ["run", "--config", "X", "--log-level", "debug"],
        ["--config", "X", "--log-level", "debug", "run"],
        ["--config=X", "run", "--log-level=debug"],
        # These two go through the command-line library, and end at the same place.
        ["--config=X", "--log-level=debug", "-o", "json", "run"],
        ["-o", "json", "run", "--config", "X", "--log-level", "debug"],
    ],
)
def test_run_is_told_the_same_by_both_ways(line: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, str | None]] = []

    def fake_run() -> int:
        told.append((str(current().config), current().log_level))
        return 7

    monkeypatch.setattr(run, "run", fake_run)
    assert cli.main(line) == 7
    assert told == [("X", "debug")]


@pytest.mark.parametrize("line", [["run"], ["-o", "json", "run"]])
def test_run_without_its_file_fails_alike_by_both_ways(
    line: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("TILLGATE_CONFIG", str(tmp_path / "none.yaml"))
    assert cli.main(line) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith(f"{tmp_path}/none.yaml:1:1: cannot be read: No such file")
    assert captured.out == ""


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (["--log-level", "loud", "run"], "--log-level is one of debug, info, warning, error, not 'loud'"),
        (["run", "--config"], "--config wants a value"),
        (["run", "--bogus"], "No such option: --bogus"),
        (["fly"], "No such command 'fly'"),
        (["pay", "ten", "eur", "--reader", "r"], "'ten' is not a whole number of minor units"),
        (["pay", "12.00", "eur", "--reader", "r"], "'12.00' is not a whole number of minor units"),
        (["session", "refund", "x", "--amount=1.0"], "'1.0' is not a whole number of minor units"),
        (["-o", "xml", "sessions"], "'xml' is not one of"),
    ],
)
def test_wrong_usage_ends_with_2(line: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(line) == 2
    captured = capsys.readouterr()
    assert told in captured.err
    assert captured.out == ""


def test_the_processes_own_line_is_the_default(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["tillgate", "--version"])
    assert cli.main() == 0
    assert capsys.readouterr().out.startswith("tillgate 0.")


@pytest.mark.real_time
def test_the_daemon_loads_no_command_line_library(gateway: Path) -> None:
    """Before `serve` is loaded: what that needs is its own business."""
    script = (
        "import sys, json, types\n"
        "app = types.ModuleType('agent.app')\n"
        "async def serve(settings): pass\n"
        "app.serve = serve\n"
        "sys.modules['agent.app'] = app\n"
        "from agent.cli import main\n"
        "code = main(['run'])\n"
        "print(json.dumps([code, [name for name in sys.argv[1:] if name in sys.modules]]))\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", script, *HEAVY],
        env={**os.environ, "TILLGATE_CONFIG": str(gateway)},
        cwd=Path(__file__).parents[4],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(found.stdout) == [0, []]

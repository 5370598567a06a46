"""The command as it is built: its verbs, its help, and what becomes of errors."""

import errno

import pytest
import typer

from agent import cli
from agent.cli import command, till
from agent.cli.errors import CommandError

VERBS = (
    "run",
    "demo",
    "check",
    "plan",
    "apply",
    "drift",
    "export",
    "pay",
    "sessions",
    "readers",
    "doctor",
    "simulate",
    "session",
    "reader",
    "till",
    "zvt",
)


def test_every_verb_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    shown = capsys.readouterr().out
    listed = [line.split()[0] for line in shown.split("Commands:")[1].splitlines() if line.startswith("  ")]
    assert set(VERBS) <= set(listed)
    assert "TILLGATE_CONFIG" in shown


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([verb, "-h"]) == 0
    assert f"Usage: tillgate {verb}" in capsys.readouterr().out


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"tillgate {command.version()}\n"


def test_no_verb_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    captured = capsys.readouterr()
    assert "Commands:" in captured.out + captured.err


@pytest.mark.parametrize(
    ("raised", "code", "told"),
    [
        (CommandError("no", exit_code=3), 3, "tillgate: no\n"),
        (KeyboardInterrupt(), 130, ""),
        (typer.Exit(4), 4, ""),
        (ZeroDivisionError("by us"), 1, "ZeroDivisionError: by us"),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "No space left"),
    ],
)
def test_what_a_verb_raises_becomes_an_exit_code(
    raised: BaseException,
    code: int,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken() -> None:
        raise raised

    monkeypatch.setattr(till, "_registry", broken)
    assert cli.main(["till", "list"]) == code
    captured = capsys.readouterr()
    assert told in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""


def test_debug_shows_where_it_broke(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise ZeroDivisionError("by us")

    monkeypatch.setattr(till, "_registry", broken)
    assert cli.main(["till", "list", "--log-level", "debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_an_exit_without_a_number_is_0(monkeypatch: pytest.MonkeyPatch) -> None:
    def leaves() -> None:
        raise SystemExit

    monkeypatch.setattr(till, "_registry", leaves)
    assert cli.main(["till", "list"]) == 0

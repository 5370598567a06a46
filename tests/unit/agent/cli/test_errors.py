"""What people read when a command fails."""

from contextvars import copy_context

import pytest

from agent.cli.errors import CommandError, expected, report, single
from agent.cli.options import Options, choose
from agent.documents import Problem, ProblemsError
from agent.settings import SecretError


def told(error: Exception, capsys: pytest.CaptureFixture[str], *, level: str = "warning") -> tuple[int, str]:
    def run() -> int:
        choose(Options(log_level=level))
        return report(error)

    code = copy_context().run(run)
    captured = capsys.readouterr()
    assert captured.out == ""
    return code, captured.err


def test_a_command_error_says_what_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    error = CommandError("asked the daemon for x", fix="start it", exit_code=2)
    assert told(error, capsys) == (2, "tillgate: asked the daemon for x\n  start it\n")
    assert str(CommandError("short")) == "short"


def test_every_problem_of_a_file_has_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    one = Problem("f.yaml", 1, 2, "is bad")
    assert told(ProblemsError([one]), capsys) == (1, "f.yaml:1:2: is bad\ntillgate: 1 problem found\n")
    assert told(ProblemsError([one, one]), capsys)[1].endswith("tillgate: 2 problems found\n")


def test_our_own_errors_and_the_systems_are_their_message(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(SecretError("no key"), capsys) == (1, "tillgate: no key\n")
    assert (
        told(FileNotFoundError(2, "No such file", "/x"), capsys)[1]
        == "tillgate: [Errno 2] No such file: '/x'\n"
    )


def test_what_a_task_group_wrapped_is_unwrapped(capsys: pytest.CaptureFixture[str]) -> None:
    wrapped = ExceptionGroup("g", [ExceptionGroup("g", [CommandError("inside", exit_code=3)])])
    assert told(wrapped, capsys) == (3, "tillgate: inside\n")
    two = ExceptionGroup("g", [ValueError(), ValueError()])
    assert single(two) is two


def test_a_mistake_of_ours_names_its_kind_and_hides_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert not expected(KeyError("k"))
    code, text = told(KeyError("k"), capsys)
    assert code == 1
    assert text.startswith("tillgate: KeyError: 'k'\n")
    assert "--log-level debug" in text


def test_debug_shows_the_traceback_masked(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise ValueError("sk_test_abc123")
    except ValueError as error:
        _, text = told(error, capsys, level="debug")
    assert "Traceback" in text
    assert "abc123" not in text
    assert "--log-level" not in text

"""Steps on stderr."""

import pytest

from agent.cli.progress import Steps


def test_plain_lines_once_each(capsys: pytest.CaptureFixture[str]) -> None:
    with Steps() as say:
        for step in ("one", "one", "two", "one"):
            say(step)
    captured = capsys.readouterr()
    assert captured.err == "one\ntwo\none\n"
    assert captured.out == ""


def test_a_terminal_gets_one_moving_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")  # rich writes no control codes then, so that it can be read here
    with Steps() as say:
        say("[one]")
        say("two")
        assert say._status is not None
        assert say._status.status == "two"
    assert capsys.readouterr().out == ""

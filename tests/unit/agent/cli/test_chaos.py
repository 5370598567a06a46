"""`tillgate chaos` on the command line."""

import json

import pytest

from agent.chaos import command
from agent.chaos.judge import Violation
from agent.chaos.many import Report
from agent.chaos.real import Soak
from agent.cli.command import dispatch


def test_worlds_without_faults_end_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch(["chaos", "--seeds", "1..1", "--faults", "none", "--sales", "3", "--workers", "1"]) == 0
    assert "no promise was broken" in capsys.readouterr().out


def test_programs_get_json_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    line = ["chaos", "--seeds", "2", "--faults", "crash", "--sales", "3", "--workers", "1", "-o", "json"]
    assert dispatch(line) == 0
    assert json.loads(capsys.readouterr().out)["worlds"] == 1


def test_one_world_is_traced(capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch(["chaos", "--seed", "2", "--trace", "--faults", "none", "--sales", "3"]) == 0
    assert "starts, life 1" in capsys.readouterr().out


def test_a_broken_promise_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = Report(violations={3: [Violation("ends", 1.0, "x")]})
    monkeypatch.setattr(command, "run", lambda _request: (broken, "seed 3"))
    assert dispatch(["chaos"]) == 1
    assert capsys.readouterr().out == "seed 3\n"


def test_wrong_words_end_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch(["chaos", "--faults", "nonsense"]) == 2
    assert "nonsense" in capsys.readouterr().err


def test_the_real_thing_is_for_minutes_and_says_what_came_of_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[float, int]] = []

    def main(minutes: float, seed: int) -> Soak:
        asked.append((minutes, seed))
        return Soak(violations=[Violation("ends", 1.0, "x")] if seed == 3 else [])

    monkeypatch.setattr("agent.chaos.real.main", main)
    assert dispatch(["chaos", "--real"]) == 0
    assert "no promise was broken" in capsys.readouterr().out
    assert dispatch(["chaos", "--real", "--minutes", "2", "--seed", "3", "-o", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["violations"]
    assert asked == [(10.0, 1), (2.0, 3)]

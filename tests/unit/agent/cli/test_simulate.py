"""`tillgate simulate ...`."""

import importlib.metadata
import json
from collections.abc import Callable, Sequence

import pytest

from agent import cli

Main = Callable[[Sequence[str]], int | None]


class FakeEntryPoint:
    """A simulator that somebody installed."""

    def __init__(self, name: str, main: Main) -> None:
        self.name = name
        self.value = f"somewhere:{name}"
        self._main = main

    def load(self) -> Main:
        return self._main


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    heard: list[list[str]] = []

    def fine(argv: Sequence[str]) -> None:
        heard.append(list(argv))

    def broken(argv: Sequence[str]) -> int:
        heard.append(list(argv))
        return 5

    installed = {"tillgate.simulators": [FakeEntryPoint("stripe", fine), FakeEntryPoint("bad", broken)]}
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: installed.get(group, []))
    return heard


def test_all_that_follows_is_the_simulators_own(told: list[list[str]]) -> None:
    line = ["stripe", "--port", "0", "--help", "-o", "x", "--config", "c", "--", "rest"]
    assert cli.main(["simulate", *line]) == 0
    assert told == [["--port", "0", "--help", "-o", "x", "--config", "c", "--", "rest"]]


def test_its_exit_code_is_ours(told: list[list[str]]) -> None:
    assert cli.main(["simulate", "bad"]) == 5


def test_without_a_name_they_are_listed(told: list[list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["simulate", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {"name": "bad", "runs": "somewhere:bad"},
        {"name": "stripe", "runs": "somewhere:stripe"},
    ]


def test_an_unknown_one_is_wrong_usage(
    told: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["simulate", "zvt"]) == 2
    assert capsys.readouterr().err == "tillgate: there is no simulator 'zvt'\n  installed: bad, stripe\n"
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [])
    assert cli.main(["simulate", "zvt"]) == 2
    assert "installed: none" in capsys.readouterr().err

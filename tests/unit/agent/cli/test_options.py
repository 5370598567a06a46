"""The options for the whole command."""

from contextvars import copy_context
from pathlib import Path

import pytest

from agent.cli.options import (
    DEFAULT_CONFIG,
    Format,
    OptionError,
    Options,
    choose,
    current,
    default_config,
    hoist,
    parse,
)


@pytest.mark.parametrize(
    ("line", "given", "rest"),
    [
        ([], [], []),
        (["run"], [], ["run"]),
        (["--config", "a", "run"], ["--config", "a"], ["run"]),
        (["pay", "1", "--config=a", "eur"], ["--config=a"], ["pay", "1", "eur"]),
        (["run", "--log-level", "debug"], ["--log-level", "debug"], ["run"]),
        (["run", "--config"], ["--config"], ["run"]),
        (["-o", "json", "readers"], [], ["-o", "json", "readers"]),
        # A simulator may have a --config of its own.
        (
            ["--config", "a", "simulate", "x", "--config", "b"],
            ["--config", "a"],
            ["simulate", "x", "--config", "b"],
        ),
        (["x", "--", "--config", "b"], [], ["x", "--", "--config", "b"]),
        (["x", "--configure"], [], ["x", "--configure"]),
    ],
)
def test_options_are_taken_from_anywhere(line: list[str], given: list[str], rest: list[str]) -> None:
    assert hoist(line) == (given, rest)


def test_the_last_one_counts() -> None:
    found = parse(["--config", "a", "--log-level=info", "--config=b=c", "--log-level", "debug"])
    assert found == Options(config=Path("b=c"), log_level="debug")
    assert found.debug
    assert not Options(log_level="info").debug


@pytest.mark.parametrize("given", [["--config"], ["--log-level"], ["--log-level", "x"], ["--log-level="]])
def test_nonsense_is_refused(given: list[str]) -> None:
    with pytest.raises(OptionError):
        parse(given)


def test_where_the_file_is_when_nobody_says() -> None:
    assert default_config({}) == DEFAULT_CONFIG
    assert default_config({"TILLGATE_CONFIG": ""}) == DEFAULT_CONFIG
    assert default_config({"TILLGATE_CONFIG": "/x.yaml"}) == Path("/x.yaml")


def test_the_choice_holds_where_it_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILLGATE_CONFIG", "/from-environment")

    def chosen() -> Options:
        choose(Options(output=Format.YAML))
        return current()

    context = copy_context()
    assert context.run(chosen).output is Format.YAML
    assert context.run(current).output is Format.YAML

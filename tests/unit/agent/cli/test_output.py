"""Tables, JSON and YAML on stdout."""

import json
from contextvars import copy_context
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from agent.cli.options import Format, Options, choose
from agent.cli.output import cell, chosen, plainly, print_data
from agent.secret import Secret

ROWS = [{"name": "a", "since_at": None, "n": 1}, {"name": "longer", "extra": True}]


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Thing:
    colour: Colour
    at: datetime


class Model(BaseModel):
    path: Path


def shown(capsys: pytest.CaptureFixture[str], data: object, output: str | None = None, **more: Any) -> str:
    print_data(data, output, **more)
    return capsys.readouterr().out


def test_a_table_of_rows(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        shown(capsys, ROWS, "table")
        == "NAME    SINCE AT  N  EXTRA\na                 1\nlonger               yes\n"
    )


def test_chosen_columns_in_their_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, ROWS, "table", columns=("n", "name")) == "N  NAME\n1  a\n   longer\n"


def test_one_mapping_is_a_line_a_key(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, {"id": "x", "card": {"brand": "visa", "none": None}}, "table") == (
        "id    x\ncard  brand=visa\n"
    )


def test_lists_of_anything_and_single_values(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, ["a", 1], "table") == "a\n1\n"
    assert shown(capsys, "word", "table") == "word\n"
    assert shown(capsys, {}, "table") == ""


def test_an_empty_table_says_so_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    print_data([], Format.TABLE, empty="no readers")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "no readers\n")


def test_json_and_yaml_hold_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(shown(capsys, ROWS, "json", columns=("n",))) == ROWS
    assert yaml.safe_load(shown(capsys, ROWS, "yaml")) == ROWS
    assert json.loads(shown(capsys, [], "json")) == []
    assert "Friedrichstraße" in shown(capsys, ["Friedrichstraße"], "json")
    assert "Friedrichstraße" in shown(capsys, ["Friedrichstraße"], "yaml")


def test_values_become_plain() -> None:
    at = datetime(2026, 1, 31, 9, tzinfo=UTC)
    found = plainly(
        {"t": Thing(Colour.RED, at), "m": Model(path=Path("/x")), "s": {"b", "a"}, "k": Secret("v")}
    )
    assert found == {
        "t": {"colour": "red", "at": "2026-01-31T09:00:00Z"},
        "m": {"path": "/x"},
        "s": ["a", "b"],
        "k": "***",
    }
    assert type(plainly(Colour.RED)) is str
    assert plainly([None, True, 1.5, (1,)]) == [None, True, 1.5, [1]]


def test_nothing_from_outside_moves_the_cursor() -> None:
    assert cell("a\x1b[2Jb\nc") == "a [2Jb c"
    assert cell([1, None, False]) == "1, , no"


def test_the_verbs_choice_beats_the_one_before_it() -> None:
    def run() -> tuple[Format, Format]:
        choose(Options(output=Format.YAML))
        return chosen(), chosen("json")

    assert copy_context().run(run) == (Format.YAML, Format.JSON)


def test_a_terminal_gets_a_rich_table(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    text = shown(capsys, [{"name": "[bold]x[/bold]"}], "table")
    assert "NAME" in text
    assert "[bold]x[/bold]" in text
    assert "key" in shown(capsys, {"key": 1}, "table")

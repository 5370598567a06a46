"""The documents are true: links lead somewhere, names exist, pictures and examples fit the code."""

import ast
import contextlib
import io
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, get_args
from urllib.parse import unquote

import pytest
from typer.main import get_command

from agent import documents, settings
from agent.cli.command import build
from agent.cli.options import Options, choose
from agent.demo.script import Happening
from agent.fleet import declaration
from agent.fleet.sources import is_gateway
from agent.payments.machine import diagram
from drivers.simulators.stripe_api.cards import CARDS

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")], key=lambda page: page.relative_to(ROOT).as_posix()
)
NO_SETTING = re.compile(r"fleet\.(drift|contested)|.*\.(yaml|db(-\w+|\.lock)?)")
"""Parts of the health document, and files, that look like settings."""

GUARANTEES = ROOT / "docs" / "guarantees.md"

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?)\s*$", re.MULTILINE)
_CODE = re.compile(r"`([^`\n]+)`")
_FOLDERS = "agent|drivers|config|systemd|tests|docs|bench"
_PATH = re.compile(rf"^(?:{_FOLDERS})/[\w./*-]*$")
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
_MAP_LINE = re.compile(rf"^((?:{_FOLDERS})/) +(.+)$", re.MULTILINE)


def page_id(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def fences(page: Path, language: str) -> list[str]:
    return [text for found, text in _FENCE.findall(page.read_text(encoding="utf-8")) if found == language]


def prose(page: Path) -> str:
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def anchor(heading: str) -> str:
    """As forges make it: lower case, without punctuation, hyphens for spaces."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def broken_links(page: Path) -> Iterator[str]:
    for target in _LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        where, _, part = unquote(target).partition("#")
        there = (page.parent / where) if where else page
        if not there.exists():
            yield f"{target}: there is no such file"
        elif part and anchor_missing(there, part):
            yield f"{target}: no heading makes #{part}"


def anchor_missing(page: Path, part: str) -> bool:
    return part not in {anchor(heading) for heading in _HEADING.findall(prose(page))}


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert list(broken_links(page)) == []


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_path_that_is_named_exists(page: Path) -> None:
    named = [
        code.rstrip("/") for code in _CODE.findall(prose(page)) if _PATH.match(code) and "/x/" not in code
    ]
    assert [path for path in named if not list(ROOT.glob(path))] == []


def test_the_map_of_folders_is_right() -> None:
    rows = _MAP_LINE.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert {folder for folder, _ in rows} == {f"{each}/" for each in _FOLDERS.split("|")}
    for folder, about in rows:
        assert (ROOT / folder).is_dir(), folder
        for name in re.findall(r"\b[\w.]+\.(?:py|yaml)\b", about):
            assert (ROOT / folder / name).is_file(), f"{folder}{name}"


def test_the_picture_of_the_machine_is_the_machine() -> None:
    assert fences(ROOT / "docs" / "architecture.md", "mermaid") == [diagram()]


def test_the_storeys_are_those_that_are_checked() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    checked = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    for contract in checked["contracts"]:
        if contract["type"] == "layers":
            house = re.match(r"\(?(\w+)", contract["layers"][0])
            assert house is not None
            storeys = " > ".join(contract["layers"]).replace(f"{house[1]}.", "")
            assert re.search(rf"^{house[1]}: +{re.escape(storeys)}$", page, re.MULTILINE), storeys


def test_the_picture_of_the_demo_shows_what_the_demo_does() -> None:
    picture = (ROOT / "docs" / "demo.svg").read_text(encoding="utf-8").replace("&#160;", " ")
    assert [each for each in Happening if each.split(",")[0][:20] not in picture] == []
    assert "books agree" in picture
    assert "url(" not in picture.replace("url(#", "")  # it loads nothing from anywhere


# -- the walk and its proofs ------------------------------------------------------------------------------


def defined(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds)}


def test_every_proof_exists() -> None:
    proofs = _TEST.findall(GUARANTEES.read_text(encoding="utf-8"))
    assert len(proofs) > 20
    missing = [
        f"{path}::{name}"
        for path, name in proofs
        if not (ROOT / path).is_file() or name not in defined(ROOT / path)
    ]
    assert missing == []


def test_every_line_of_the_walk_has_its_proofs() -> None:
    text = GUARANTEES.read_text(encoding="utf-8")
    letters = set(re.findall(r"^- \*\*([A-Z])\*\*", text, re.MULTILINE))
    rows = re.findall(r"^\| (?:\d+|[cmr]\d) \|.*\| ([A-Z, ]+) \|$", text, re.MULTILINE)
    assert len(rows) == len(re.findall(r"^\| (?:\d+|[cmr]\d) \|", text, re.MULTILINE)) > 20
    for row in rows:
        assert set(row.split(", ")) <= letters


# -- the command line -------------------------------------------------------------------------------------


def command_lines(page: Path) -> Iterator[str]:
    """Everything that begins with `tillgate ` where a command may stand."""
    text = page.read_text(encoding="utf-8")
    for language, block in _FENCE.findall(text):
        if language in {"", "sh"}:
            for line in block.splitlines():
                found = re.match(r"(?:\$ )?(tillgate [a-z].*)", line)
                if found:
                    yield found[1].partition(" #")[0].rstrip(" &")
    for code in _CODE.findall(prose(page)):
        if re.match(r"tillgate [a-z]", code):
            yield code


def verb(words: list[str]) -> tuple[Any, list[str], list[str]]:
    """The command of a line, the path to it, and the words behind. (The library hides its own types.)"""
    command: Any = get_command(build())
    path: list[str] = []
    while hasattr(command, "commands") and words and re.fullmatch(r"[a-z]+(\|[a-z]+)*", words[0]):
        for each in words[0].split("|"):
            assert each in command.commands, f"there is no `tillgate {' '.join([*path, each])}`"
        path.append(words[0].split("|")[0])
        command = command.commands[path[-1]]
        words = words[1:]
    return command, path, words


@cache
def simulator_help(name: str) -> str:
    (found,) = entry_points(group="tillgate.simulators", name=name)
    with contextlib.redirect_stdout(io.StringIO()) as paper:
        found.load()(["--help"])
    return paper.getvalue()


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_verb_and_option_exists(page: Path) -> None:
    try:
        for line in command_lines(page):
            command, path, rest = verb(line.split()[1:])
            options = [word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)]
            if path == ["simulate"]:
                if rest:
                    assert all(option in simulator_help(rest[0]) for option in options), line
                continue
            known = {name for each in command.params for name in [*each.opts, *each.secondary_opts]}
            known |= {"--config", "--log-level", "--help", "-o"}
            assert not set(options) - known, line
    finally:
        choose(Options())


def every_option() -> set[str]:
    found: set[str] = set()
    waiting: list[Any] = [get_command(build())]
    while waiting:
        command = waiting.pop()
        waiting += getattr(command, "commands", {}).values()
        found |= {name for each in command.params for name in [*each.opts, *each.secondary_opts]}
    helps = [simulator_help(point.name) for point in entry_points(group="tillgate.simulators")]
    return found | {name for text in helps for name in re.findall(r"--[a-z-]+", text)}


def test_every_option_that_is_named_alone_exists() -> None:
    known = every_option()
    named = [
        (page.name, option)
        for page in PAGES
        for code in _CODE.findall(prose(page))
        for option in re.findall(r"^--[a-z-]+", code)
    ]
    assert named
    assert [each for each in named if each[1] not in known] == []


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_setting_that_is_named_exists(page: Path) -> None:
    for code in _CODE.findall(prose(page)):
        words = code.partition(":")[0].split(".")
        if len(words) > 1 and words[0] in settings.Settings.model_fields and not NO_SETTING.fullmatch(code):
            model: Any = settings.Settings
            for word in words:
                assert word in model.model_fields, f"gateway.yaml has no {code}"
                kind = model.model_fields[word].annotation
                inside = [each for each in [kind, *get_args(kind)] if hasattr(each, "model_fields")]
                model = inside[0] if inside else model


# -- examples ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_yaml_example_is_valid(page: Path, tmp_path: Path) -> None:
    fleet: list[documents.Document] = []
    for number, text in enumerate(fences(page, "yaml")):
        path = tmp_path / f"{number}.yaml"
        path.write_text(text, encoding="utf-8")
        found = documents.load(path)
        if is_gateway(found[0]):
            settings.read(found, path)
        else:
            fleet += found
    if fleet:
        declaration.declare(fleet)


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_python_example_is_python(page: Path) -> None:
    for text in fences(page, "python"):
        compile(text, str(page), "exec")


def test_the_test_cards_are_test_cards() -> None:
    page = (ROOT / "docs" / "simulators.md").read_text(encoding="utf-8")
    cards = set(re.findall(r"\b\d{14,19}\b", page))
    assert cards
    assert cards <= set(CARDS)

"""`tillgate till ...` on a real registry."""

import json
from pathlib import Path

import pytest

from agent import cli
from agent.pos.tills import TillRegistry


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TillRegistry:
    path = tmp_path / "gateway.yaml"
    path.write_text("gateway: {name: g1}\nlocation: here\njournal: {path: journal.db}\n")
    monkeypatch.setenv("TILLGATE_CONFIG", str(path))
    return TillRegistry(tmp_path / "tills.json")


def test_a_token_is_shown_once_alone_on_stdout(
    gateway: TillRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["till", "add", "till-1"]) == 0
    captured = capsys.readouterr()
    assert gateway.authenticate(captured.out.strip()) == "till-1"
    assert captured.err == "the token of till till-1, shown this once:\n"


def test_json_for_programs_and_rotation(gateway: TillRegistry, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["till", "add", "t", "-o", "json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["name"] == "t"
    assert cli.main(["-o", "json", "till", "rotate", "t"]) == 0
    second = json.loads(capsys.readouterr().out)
    assert gateway.authenticate(first["token"]) is None
    assert gateway.authenticate(second["token"]) == "t"


def test_list_and_revoke(gateway: TillRegistry, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["till", "list"]) == 0
    assert capsys.readouterr().err == "no tills yet: `tillgate till add NAME`\n"
    gateway.add("t")
    assert cli.main(["till", "list"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[0] == "t"
    assert cli.main(["till", "revoke", "t"]) == 0
    assert capsys.readouterr().err == "till t may not sell any more\n"
    assert gateway.list() == []


def test_what_the_registry_refuses(gateway: TillRegistry, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["till", "revoke", "nobody"]) == 1
    assert capsys.readouterr().err.startswith("tillgate: there is no till 'nobody'")

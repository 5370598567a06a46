"""`python -m bench`: its line, its JSON, its table; the parts themselves are stood in for."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench import __main__ as command
from bench import parts
from bench.figures import Figure
from bench.parts import Effort


def _good(folder: Path, effort: Effort) -> Sequence[Figure]:
    assert folder.is_dir()
    return [Figure("quick enough", float(effort.starts), "s", most=100.0)]


def _bad(folder: Path, effort: Effort) -> Sequence[Figure]:
    del folder, effort
    return [Figure("too slow", 2.0, "s", beside=1.0, most=1.0)]


@pytest.fixture(autouse=True)
def _parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    for module in (parts, command):
        monkeypatch.setattr(module, "PARTS", {"good": _good, "bad": _bad})


def test_json_alone_goes_to_the_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--json", "-"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {"machine", "parts", "missed"}
    assert {"cpus", "python", "stripe", "tillgate", "load_before"} <= set(told["machine"])
    assert list(told["parts"]) == ["good", "bad"]
    assert told["parts"]["bad"][0]["beside"] == 1.0
    assert told["missed"] == ["too slow"]


def test_the_table_goes_to_the_output_and_json_to_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "figures.json"
    assert command.main(["bad", "--json", str(path), "--place", str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert "MISSED" in captured.out
    assert "measuring: bad" in captured.err
    assert list(json.loads(path.read_text())["parts"]) == ["bad"]


def test_quick_measures_less(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["good", "--quick", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["parts"]["good"][0]["value"] < Effort().starts


def test_an_unknown_part_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.main(["fast"])
    assert stopped.value.code == 2
    assert "no such part: fast" in capsys.readouterr().err

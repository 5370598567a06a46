"""The fuzz targets: their seeds, what was found, and a short search each."""

import json
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.fuzz import __main__ as fuzz
from tests.fuzz import seeds, targets
from tests.thoroughness import THOROUGH

EVERYDAY = ("message", "frames", "register", "terminal")
"""Both decoders and both dialogues; the rest is searched where a machine has the time."""

needs_atheris = pytest.mark.skipif(find_spec("atheris") is None, reason=fuzz.MISSING)


@pytest.mark.parametrize("target", targets.TARGETS)
def test_every_seed_holds(target: str) -> None:
    found = [b"", *seeds.seeds(target)]
    assert len(found) > 10
    for data in found:
        targets.TARGETS[target](data)


@pytest.mark.parametrize("case", seeds.found(), ids=lambda case: case["was"])
def test_what_was_found_stays_mended(case: dict[str, Any]) -> None:
    targets.TARGETS[case["target"]](bytes.fromhex(case["data"]))


@needs_atheris
@pytest.mark.real_time
@pytest.mark.parametrize("target", targets.TARGETS if THOROUGH else EVERYDAY)
def test_a_short_search_finds_nothing(target: str) -> None:
    found = fuzz.search(target, 10, runs=20_000 if THOROUGH else 1_000, seed=1)
    assert found.finding is None, f"{found.finding!r}\n{found.told}"
    assert found.runs >= 100


@needs_atheris
@pytest.mark.real_time
def test_a_finding_is_told_with_its_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # a child that reads this first breaks the target that takes everything to be read
    (tmp_path / "sitecustomize.py").write_text("import json\njson.loads = lambda data: 1 / 0\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    assert fuzz.main(["notation", "--seconds", "5", "--seed", "1"]) == 1
    captured = capsys.readouterr()
    assert "notation" in captured.out
    assert "FOUND" in captured.out
    assert "ZeroDivisionError" in captured.err


def test_targets_are_called_by_their_names(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        fuzz.main(["nothing"])
    assert "no such target: nothing" in capsys.readouterr().err


def test_findings_are_kept_as_data() -> None:
    found = json.loads(seeds.FOUND.read_text())
    assert all(set(case) == {"target", "data", "was"} for case in found)

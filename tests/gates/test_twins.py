"""The gate that looks for test twins sees what it must."""

from pathlib import Path

import pytest

from tests.gates import twins


def house(root: Path, *files: str) -> Path:
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('"""Something."""\n' + ("" if name.endswith("empty/__init__.py") else "X = 1\n"))
    return root


def test_every_module_with_its_twin_is_fine(tmp_path: Path) -> None:
    root = house(
        tmp_path,
        "agent/x/y.py",
        "agent/empty/__init__.py",
        "agent/cli/__init__.py",
        "drivers/z.py",
        "tests/unit/agent/x/test_y.py",
        "tests/unit/agent/cli/test_cli.py",
        "tests/unit/drivers/test_z.py",
    )
    assert list(twins.missing(root)) == []


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    root = house(tmp_path, "agent/x/y.py", "drivers/__init__.py", "tests/unit/agent/x/test_z.py")
    assert list(twins.missing(root)) == [
        "agent/x/y.py: its tests are missing: tests/unit/agent/x/test_y.py",
        "drivers/__init__.py: its tests are missing: tests/unit/drivers/test_drivers.py",
    ]


def test_it_ends_with_1_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(twins, "ROOT", house(tmp_path, "agent/y.py"))
    assert twins.main() == 1
    assert capsys.readouterr().out.endswith("twins: 1 problem\n")
    house(tmp_path, "tests/unit/agent/test_y.py")
    assert twins.main() == 0

"""Where everything must be there, a skip fails."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugins.require_all import required


def report(**changes: object) -> pytest.TestReport:
    found = pytest.TestReport(
        "test_x", ("test_x.py", 1, "test_x"), {}, "skipped", ("test_x.py", 1, "Skipped: no systemd"), "call"
    )
    for name, value in changes.items():
        setattr(found, name, value)
    return found


def test_a_skip_fails_and_keeps_its_reason() -> None:
    found = required(report(), required_here=True)
    assert found.failed
    assert "no systemd" in str(found.longrepr)
    assert required(report(longrepr="why"), required_here=True).failed


def test_elsewhere_a_skip_is_a_skip() -> None:
    assert required(report(), required_here=False).skipped


def test_an_expected_failure_and_a_pass_stay_what_they_are() -> None:
    assert required(report(wasxfail="known"), required_here=True).skipped
    assert required(report(outcome="passed"), required_here=True).passed


def test_a_module_that_skips_itself_fails_too() -> None:
    found = pytest.CollectReport("test_x.py", "skipped", ("test_x.py", 1, "Skipped: no broker"), [])
    assert required(found, required_here=True).failed


@pytest.mark.real_time
def test_pytest_itself_fails_where_all_is_required(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, body in {
        "test_one.py": "import pytest\n\ndef test_it():\n    pytest.skip('no reader')\n",
        "test_whole.py": "import pytest\n\npytest.skip('no broker', allow_module_level=True)\n",
        "pytest.ini": "[pytest]\n",
    }.items():
        (tmp_path / name).write_text(body)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--continue-on-collection-errors",
        "-p",
        "tests.plugins.require_all",
        "-p",
        "no:cacheprovider",
    ]
    root = Path(__file__).parents[2]
    monkeypatch.setenv("PYTHONPATH", str(root))
    monkeypatch.delenv("TILLGATE_REQUIRE_ALL", raising=False)
    relaxed = subprocess.run(
        [*command, str(tmp_path)], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    monkeypatch.setenv("TILLGATE_REQUIRE_ALL", "1")
    strict = subprocess.run(
        [*command, str(tmp_path)], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert "2 skipped" in relaxed.stdout
    assert strict.returncode != 0
    assert "no reader" in strict.stdout
    assert "no broker" in strict.stdout

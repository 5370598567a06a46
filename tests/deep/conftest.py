"""The deep tests' bench, what is left out for want of time, and the tables at the end of the run."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deep.bench import Bench
from tests.deep.needs import missing
from tests.deep.rootfs import cache
from tests.deep.timing import left_s

STALE_S = 86400.0

BENCH = pytest.StashKey[Bench]()


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker of these tests."""
    config.addinivalue_line("markers", "takes(seconds): how long a deep test takes on two idle cores")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out what no time is left for."""
    marker = item.get_closest_marker("takes")
    if marker is not None and marker.args[0] > left_s():
        pytest.skip(f"takes about {marker.args[0]} s, and {max(0.0, left_s()):.0f} s of the budget are left")


@pytest.fixture(scope="session")
def bench(pytestconfig: pytest.Config) -> Iterator[Bench]:
    """One for all tests; they run one after the other, for one machine is all that a small host carries."""
    why_not = missing()
    if why_not:
        pytest.skip(why_not)
    cache().mkdir(parents=True, exist_ok=True)
    for old in cache().glob("run-*"):  # what a run left that was killed
        if time.time() - old.stat().st_mtime > STALE_S:
            shutil.rmtree(old, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=cache()) as folder:
        pytestconfig.stash[BENCH] = Bench(Path(folder))
        yield pytestconfig.stash[BENCH]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show what was measured."""
    found = config.stash.get(BENCH, None)
    if found is None:
        return
    terminalreporter.section("deep tests")
    for table in found.tables:
        terminalreporter.write_line(f"{table}\n")
    for what, took_s in found.took_s.items():
        terminalreporter.write_line(f"{what}: {took_s:.1f} s")

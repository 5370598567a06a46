"""The deep tests' bench, and their tables at the end of the run."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deep.bench import Bench
from tests.deep.needs import missing
from tests.deep.rootfs import cache

BENCH = pytest.StashKey[Bench]()


@pytest.fixture(scope="session")
def bench(pytestconfig: pytest.Config) -> Iterator[Bench]:
    """One for all tests; they run one after the other, for one machine is all that a small host carries."""
    why_not = missing()
    if why_not:
        pytest.skip(why_not)
    cache().mkdir(parents=True, exist_ok=True)
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

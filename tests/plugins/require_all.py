"""With `TILLGATE_REQUIRE_ALL=1` a skipped test fails: where everything is installed, nothing may hide."""

import os
from collections.abc import Generator
from typing import TypeVar

import pytest

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

VARIABLE = "TILLGATE_REQUIRE_ALL"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure that keeps its reason; an expected failure stays one."""
    return required((yield), required_here=os.environ.get(VARIABLE) == "1")


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a module that skips itself as a whole."""
    return required((yield), required_here=os.environ.get(VARIABLE) == "1")


def required(report: Report, *, required_here: bool) -> Report:
    """The report as it counts on this machine."""
    if required_here and report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{VARIABLE}=1 allows no skips, and this one was skipped: {reason}"
    return report

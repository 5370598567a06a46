"""`python -m tests.deep`: run the deep tests if possible. Exit code 0: passed, 1: failed, 77: not here."""

import argparse
import os
import sys
from pathlib import Path

import pytest

from tests.deep.needs import missing
from tests.deep.timing import BUDGET

NOT_HERE = 77
"""What many test tools take for "skipped"."""

HERE = Path(__file__).parent
ORDER = ("test_power_cuts.py", "test_systemd.py", "test_usb.py", "test_bluez.py")
"""The most important ones first: time may run out."""


def main(argv: list[str]) -> int:
    """Say why not, or run them."""
    parser = argparse.ArgumentParser(prog="python -m tests.deep", description=__doc__)
    parser.add_argument(
        "--budget", type=float, metavar="SECONDS", help="leave out what takes longer than that"
    )
    given, rest = parser.parse_known_args(argv)
    why_not = missing()
    if why_not:
        print(f"deep tests: not here: {why_not}")
        return NOT_HERE
    # What is left out for want of time is said, and is no failure.
    os.environ.pop("TILLGATE_REQUIRE_ALL", None)
    if given.budget is not None:
        os.environ[BUDGET] = str(given.budget)
    named = any(".py" in each for each in rest)
    chosen = [] if named else [str(HERE / name) for name in ORDER]
    code = pytest.main(["-p", "no:cacheprovider", "-p", "no:randomly", "--verbose", "-s", *chosen, *rest])
    return 0 if code == pytest.ExitCode.OK else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""One deliberate bug at a time, in a copy of the sources: do the tests that are named for it see it?"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

ROOT = Path(__file__).parents[2]
PARTS = ("agent", "drivers", "tests", "bench", "config", "systemd", "docs", "pyproject.toml", "README.md")
PATIENCE_S = 300.0
"""A mutant that hangs the tests is seen by that, too."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A bug that somebody could write: in `file`, `before` becomes `after`; `seen_by` says which tests."""

    name: str
    file: str
    before: str
    after: str
    seen_by: tuple[str, ...]


class Fate(StrEnum):
    """What became of a mutant."""

    DIED = "died"
    SURVIVED = "survived"
    INVALID = "invalid"  # its place is not there any more, or the tests could not be run


@dataclass(frozen=True, slots=True)
class Verdict:
    """The end of one trial."""

    mutant: Mutant
    fate: Fate
    by: str  # the first test that saw it, or why there is no verdict
    took_s: float


def copy(folder: Path) -> Path:
    """The sources, to be changed at will."""
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / part)
    return folder


def run_tests(folder: Path, arguments: Iterable[str]) -> tuple[int, str]:
    """The exit code of pytest there, and what it printed; -1 when it took too long."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "--no-header",
        *arguments,
    ]
    # Whatever the tests start must find the copy before the installed sources, too.
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("COVERAGE_PROCESS_CONFIG", None)
    environment.pop("COVERAGE_PROCESS_START", None)
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return -1, ""
    return done.returncode, done.stdout + done.stderr


def try_mutant(mutant: Mutant, folder: Path) -> Verdict:
    """Put the bug into a copy, run its tests there, take it out again."""
    began = time.monotonic()

    def ends(fate: Fate, by: str) -> Verdict:
        return Verdict(mutant, fate, by, time.monotonic() - began)

    place = folder / mutant.file
    sound = place.read_text(encoding="utf-8")
    if sound.count(mutant.before) != 1:
        return ends(
            Fate.INVALID, f"its text is {sound.count(mutant.before)} times in {mutant.file}, not once"
        )
    place.write_text(sound.replace(mutant.before, mutant.after), encoding="utf-8")
    try:
        code, printed = run_tests(folder, mutant.seen_by)
    finally:
        place.write_text(sound, encoding="utf-8")
    if code == 0:
        return ends(Fate.SURVIVED, "")
    if code == -1:
        return ends(Fate.DIED, f"no end within {PATIENCE_S:g} s")
    failed = first_failure(printed)
    if code != 1 or not failed:
        return ends(Fate.INVALID, f"pytest ended with {code}: {printed[-300:]}")
    return ends(Fate.DIED, failed)


def first_failure(printed: str) -> str:
    """The first test that the summary names, without its parameters and its reason; '' if none was run."""
    for line in printed.splitlines():
        if line.startswith(("FAILED ", "ERROR ")) and "::" in line:
            return line.split(" ", 1)[1].split(" - ", 1)[0].split("[", 1)[0].strip()
    return ""

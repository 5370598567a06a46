"""`python -m tests.fuzz --seconds N [TARGET ...]`: search for bytes that break what must hold for any."""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[2]
MISSING = "needs atheris, which has no wheel for this Python and machine"

LONGEST_BYTES = 2048
SLOWEST_S = 10
"""One input may take so long; more is a finding."""

_RUNS = re.compile(r"stat::number_of_executed_units:\s+(\d+)")


@dataclass(frozen=True, slots=True)
class Search:
    """What came of one target: how many inputs were tried, and the one that failed with its traceback."""

    target: str
    runs: int
    finding: bytes | None
    told: str


def search(target: str, seconds: int, *, runs: int = -1, seed: int = 0, corpus: Path | None = None) -> Search:
    """Search one target for so long, or so many inputs. `corpus` keeps what led to new places."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as place:
        begin, kept, failed = Path(place, "seeds"), corpus or Path(place, "corpus"), Path(place, "failed")
        begin.mkdir()
        kept.mkdir(parents=True, exist_ok=True)
        for number, data in enumerate(seeds(target)):
            (begin / f"{number:04}").write_bytes(data)
        command = [
            *(sys.executable, "-m", "tests.fuzz.worker", target, str(kept), str(begin)),
            f"-artifact_prefix={failed}-",
            *(f"-max_total_time={seconds}", f"-runs={runs}", f"-seed={seed}", f"-timeout={SLOWEST_S}"),
            *(f"-max_len={LONGEST_BYTES}", "-print_final_stats=1", "-verbosity=0", "-rss_limit_mb=1024"),
        ]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=_environment(),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        told = done.stdout + done.stderr
        ran = _RUNS.search(told)
        found = sorted(failed.parent.glob(f"{failed.name}-*"))
        if done.returncode and not found:
            raise RuntimeError(f"the search of {target!r} did not run:\n{told}")
        finding = found[0].read_bytes() if found else None
        return Search(target, int(ran[1]) if ran else 0, finding, done.stdout)  # Python speaks there


def _environment() -> dict[str, str]:
    """Ours without what measures coverage: it would slow the search down and see only rewritten code."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_PROCESS")}


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"some of: {' '.join(TARGETS)}")
    parser.add_argument("--seconds", type=int, default=600, help="for all targets together (default: 600)")
    parser.add_argument("--jobs", type=int, default=1, help="how many processes at once")
    parser.add_argument("--seed", type=int, default=0, help="begin the same way again; 0: anew each time")
    parser.add_argument("--corpus", type=Path, help="a folder that keeps what led to new places")
    given = parser.parse_args(argv)
    unknown = sorted(set(given.targets) - set(TARGETS))
    if unknown:
        parser.error(f"no such target: {' '.join(unknown)}")
    return given


def main(argv: Sequence[str] | None = None) -> int:
    """Search and tell; 1 when something was found."""
    given = _arguments(argv)
    if find_spec("atheris") is None:
        sys.stderr.write(f"{MISSING}\n")
        return 2
    targets = given.targets or list(TARGETS)
    seconds = max(1, given.seconds * given.jobs // len(targets))
    corpora = [given.corpus / target if given.corpus else None for target in targets]
    bad = 0
    with ThreadPoolExecutor(given.jobs) as pool:
        one = partial(search, seconds=seconds, seed=given.seed)
        for result in pool.map(lambda target, corpus: one(target, corpus=corpus), targets, corpora):
            sys.stdout.write(f"{result.target:<10} {result.runs:>10} inputs  {_verdict(result)}\n")
            sys.stdout.flush()
            if result.finding is not None:
                bad += 1
                sys.stderr.write(f"{result.told}\n")
    return 1 if bad else 0


def _verdict(result: Search) -> str:
    return "nothing found" if result.finding is None else f"FOUND {result.finding.hex().upper()}"


if __name__ == "__main__":
    sys.exit(main())

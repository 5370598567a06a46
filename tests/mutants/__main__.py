"""`python -m tests.mutants`: put each deliberate bug into a copy of the sources; which test sees it?"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutants.catalogue import MUTANTS
from tests.mutants.trial import Fate, Mutant, Verdict, copy, run_tests, try_mutant

BEGIN, END = "<!-- mutants: begin -->", "<!-- mutants: end -->"
PAGE = Path(__file__).parents[2] / "docs" / "guarantees.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every mutant died; 1 when one survived or could not be tried."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("words", nargs="*", help="only mutants whose name has one of these words")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--sound", action="store_true", help="first see that the sound sources pass")
    parser.add_argument("--write", action="store_true", help="write the table into docs/guarantees.md")
    given = parser.parse_args(arguments)
    chosen = [each for each in MUTANTS if not given.words or any(word in each.name for word in given.words)]
    if given.sound and not _sound(chosen):
        return 1
    verdicts: list[Verdict] = []
    for verdict in _try(chosen, given.workers):
        verdicts.append(verdict)
        sys.stdout.write(f"{verdict.fate:9} {verdict.took_s:5.1f} s  {verdict.mutant.name}: {verdict.by}\n")
        sys.stdout.flush()
    died = sum(verdict.fate is Fate.DIED for verdict in verdicts)
    sys.stdout.write(f"{died} of {len(verdicts)} mutants died\n")
    if given.write and died == len(MUTANTS):
        write(PAGE, table(verdicts))
    return 0 if died == len(verdicts) else 1


def _sound(mutants: Sequence[Mutant]) -> bool:
    """Whether the tests pass where nothing was changed: else their failures would say nothing."""
    with tempfile.TemporaryDirectory(prefix="tillgate-") as folder:
        code, printed = run_tests(copy(Path(folder)), sorted({each for m in mutants for each in m.seen_by}))
    if code:
        sys.stdout.write(f"the sound sources do not pass:\n{printed[-3000:]}\n")
    return code == 0


def _try(mutants: Sequence[Mutant], workers: int) -> Iterator[Verdict]:
    """One after the other in as many copies as there are workers."""
    shares = [mutants[number::workers] for number in range(workers)]
    with tempfile.TemporaryDirectory(prefix="tillgate-") as folder, ThreadPoolExecutor(workers) as pool:

        def work(number: int) -> list[Verdict]:
            where = copy(Path(folder) / str(number))
            return [try_mutant(mutant, where) for mutant in shares[number]]

        for verdicts in pool.map(work, range(workers)):
            yield from verdicts


def table(verdicts: Sequence[Verdict]) -> str:
    """The verdicts for the page, in the order of the catalogue."""
    rows = {verdict.mutant.name: verdict for verdict in verdicts}
    lines = ["| the bug | in | seen first by |", "|---|---|---|"]
    for mutant in MUTANTS:
        verdict = rows[mutant.name]
        lines.append(
            f"| {mutant.name} | `{mutant.file}` | `{verdict.by.rpartition('::')[2] or verdict.by}` |"
        )
    return "\n".join(lines)


def write(page: Path, made: str) -> None:
    """Put the table between its marks."""
    text = page.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    page.write_text(f"{head}{BEGIN}\n{made}\n{END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())

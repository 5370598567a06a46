"""Many worlds: one after the other or in several processes, until they are through or the time is up."""

import gc
import logging
import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from agent.chaos.faults import FAULTS, KINDS, STEPS
from agent.chaos.judge import Violation
from agent.chaos.plan import plan_of
from agent.chaos.story import Verdict, play

TIDY_EVERY = 8
"""Worlds between two collections of what they left."""


@dataclass(slots=True)
class Report:
    """What became of many worlds."""

    worlds: int = 0
    sales: int = 0
    lives: int = 0
    elapsed_s: float = 0.0
    world_s: float = 0.0
    violations: dict[int, list[Violation]] = field(default_factory=dict)
    states: Counter[str] = field(default_factory=Counter)
    coverage: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def sales_per_s(self) -> float:
        """Simulated sales per second of the machine's."""
        return self.sales / self.elapsed_s if self.elapsed_s else 0.0

    def add(self, verdict: Verdict) -> None:
        """One more world."""
        self.worlds += 1
        self.sales += verdict.sales
        self.lives += verdict.lives
        self.world_s += verdict.world_s
        self.states += verdict.states
        self.coverage += verdict.coverage
        if verdict.violations:
            self.violations[verdict.seed] = verdict.violations

    def missing(self, kinds: Iterable[str] = KINDS) -> list[tuple[str, str]]:
        """The pairs of fault and step that could have come true and did not."""
        pairs = ((kind, step) for kind in kinds for step in STEPS if FAULTS[kind].can(step))
        return [pair for pair in pairs if not self.coverage[pair]]

    def as_data(self, kinds: Sequence[str] = KINDS) -> dict[str, Any]:
        """The report for programs."""
        return {
            "worlds": self.worlds,
            "sales": self.sales,
            "lives": self.lives,
            "elapsed_s": round(self.elapsed_s, 1),
            "world_s": round(self.world_s),
            "sales_per_s": round(self.sales_per_s, 1),
            "states": dict(self.states),
            "violations": [
                {"seed": seed, "invariant": each.invariant, "at_s": each.at_s, "what": each.what}
                for seed, found in sorted(self.violations.items())
                for each in found
            ],
            "coverage": {
                kind: {step: self.coverage[kind, step] for step in STEPS if FAULTS[kind].can(step)}
                for kind in kinds
            },
            "missing": [list(pair) for pair in self.missing(kinds)],
        }


def play_seed(
    seed: int, *, kinds: Sequence[str] = KINDS, sales: int = 16, sweeper: bool | None = None
) -> Verdict:
    """The world of one seed. A world that breaks down is a violation too: its seed must not get lost."""
    logging.disable(logging.CRITICAL)
    try:
        verdict = play(plan_of(seed, kinds=kinds, sales=sales, forgetful=sweeper))
    except Exception as error:  # noqa: BLE001  # whatever it is, the seed is what people need
        broken = Violation("lives on", 0.0, f"the world broke down: {error!r}")
        verdict = Verdict(seed, [broken], 0, 0, 0.0, 0.0)
    finally:
        logging.disable(logging.NOTSET)
    if seed % TIDY_EVERY == 0:
        gc.collect()
    return verdict


def run_worlds(
    seeds: Iterable[int],
    *,
    kinds: Sequence[str] = KINDS,
    sales: int = 16,
    sweeper: bool | None = None,
    workers: int = 1,
    minutes: float | None = None,
    told: Callable[[Verdict, Report], bool] = lambda _verdict, _report: True,
) -> Report:
    """Play the world of every seed. `told` hears of each; when it says False, or time is up, it is over.

    `sweeper`: whether tills forget holds; None: in one world of ten.
    """
    report = Report()
    began_s = time.monotonic()
    until_s = float("inf") if minutes is None else began_s + 60 * minutes
    one = partial(play_seed, kinds=tuple(kinds), sales=sales, sweeper=sweeper)
    for verdict in _each(one, seeds, workers):
        report.add(verdict)
        report.elapsed_s = time.monotonic() - began_s
        if not told(verdict, report) or time.monotonic() >= until_s:
            break
    return report


def _each(one: Callable[[int], Verdict], seeds: Iterable[int], workers: int) -> Iterator[Verdict]:
    if workers <= 1:
        yield from map(one, seeds)
        return
    # processes of their own: what a thread or a fork would share is what makes runs differ
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap_unordered(one, seeds, chunksize=2)

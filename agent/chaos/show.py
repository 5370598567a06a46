"""What a chaos run prints: progress, the table of steps and faults, and how to see a violation again."""

import sys
from collections.abc import Sequence

from agent.chaos.faults import FAULTS, STEPS
from agent.chaos.judge import INVARIANTS
from agent.chaos.many import Report
from agent.chaos.plan import Plan
from agent.chaos.story import Verdict

PROGRESS_EVERY = 100
"""Worlds between two lines of progress."""


def progress(verdict: Verdict, report: Report) -> None:
    """A line to stderr now and then, and at once for a broken promise."""
    for violation in verdict.violations:
        sys.stderr.write(f"seed {verdict.seed}: {violation}\n")
    if report.worlds % PROGRESS_EVERY == 0:
        sys.stderr.write(
            f"{report.worlds} worlds, {report.sales} sales, {report.sales_per_s:.0f} sales/s, "
            f"{len(report.violations)} with violations\n"
        )
    sys.stderr.flush()


def table(report: Report, kinds: Sequence[str]) -> str:
    """How often each fault came true at each step of a sale; `-` where it cannot."""
    width = max(len(kind) for kind in kinds)
    lines = ["How often each fault came true, by what the sale at the reader had come to", ""]
    lines.append(" " * width + "".join(f"  {number:>5}" for number in range(1, len(STEPS) + 1)))
    for kind in kinds:
        cells = (str(report.coverage[kind, step]) if FAULTS[kind].can(step) else "-" for step in STEPS)
        lines.append(kind.ljust(width) + "".join(f"  {cell:>5}" for cell in cells))
    lines.append("")
    lines += [f"{number:>3} {step}" for number, step in enumerate(STEPS, start=1)]
    return "\n".join(lines)


def summary(report: Report, kinds: Sequence[str]) -> str:
    """The run in a few lines."""
    missing, hours = report.missing(kinds), report.world_s / 3600
    states = ", ".join(f"{count} {state}" for state, count in report.states.most_common())
    lines = [
        f"{report.worlds} worlds, {report.lives} lives of the gateway, {report.sales} sales ({states})",
        f"{report.elapsed_s:.0f} s for {hours:.0f} hours of the world, {report.sales_per_s:.0f} sales/s",
        f"{len(INVARIANTS)} invariants, {len(missing)} pairs of fault and step never came true",
    ]
    if report.violations:
        lines.append(f"{len(report.violations)} worlds broke a promise: seeds {_seeds(report)}")
    else:
        lines.append("no promise was broken")
    return "\n".join(lines)


def _seeds(report: Report) -> str:
    return ", ".join(str(seed) for seed in sorted(report.violations)[:20])


def replay(plan: Plan, whole: Plan) -> str:
    """The command that lets a world happen again, less what was left out."""
    command = f"tillgate chaos --seed {plan.seed} --trace"
    if plan.faults != whole.faults:
        command += f" --only-faults {_places(plan.faults, whole.faults)}"
    if plan.sales != whole.sales:
        command += f" --only-sales {_places(plan.sales, whole.sales)}"
    return command if plan.shuffle else f"{command} --no-shuffle"


def _places(kept: Sequence[object], whole: Sequence[object]) -> str:
    return ",".join(str(whole.index(each)) for each in kept) or "none"


def story(plan: Plan, verdict: Verdict) -> str:
    """What one world was made of and what became of it."""
    lines = [*verdict.timeline, "", f"seed {plan.seed}: {plan.tills} tills, {len(plan.sales)} sales"]
    lines += [f"  {name}: {each.profile}{', serial' * each.serial}" for name, each in plan.terminals.items()]
    lines += [f"  fault {number}: {fault}" for number, fault in enumerate(plan.faults)]
    lines += [str(violation) for violation in verdict.violations] or ["no promise was broken"]
    return "\n".join(lines)

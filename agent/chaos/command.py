"""What `tillgate chaos` does with what it was asked for."""

import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from agent.chaos import show
from agent.chaos.faults import FAULTS, KINDS
from agent.chaos.many import Report, play_seed, run_worlds
from agent.chaos.plan import Plan, plan_of
from agent.chaos.shrink import shrink
from agent.chaos.story import Verdict, play


class RequestError(ValueError):
    """What was asked for cannot be; the message says why."""


@dataclass(frozen=True, slots=True)
class Request:
    """The options as people write them."""

    seeds: str = "1..100"
    minutes: float | None = None
    faults: str = "all"
    sales: int = 16
    workers: int = 0
    sweeper: bool = False


def read_seeds(text: str) -> range:
    """`A..B`, both included, or one number. Errors: `RequestError`."""
    first, dots, last = text.partition("..")
    try:
        seeds = range(int(first), int(last if dots else first) + 1)
    except ValueError:
        raise RequestError(f"--seeds {text}: write it as 1..1000 or as one number") from None
    if not seeds:
        raise RequestError(f"--seeds {text}: there is none")
    return seeds


def read_faults(text: str) -> tuple[str, ...]:
    """Names or groups with commas between them, `all` or `none`. Errors: `RequestError`."""
    if text == "all":
        return KINDS
    if text == "none":
        return ()
    chosen: list[str] = []
    for word in (part.strip() for part in text.split(",")):
        group = [kind for kind in KINDS if FAULTS[kind].group.value == word]
        if word not in FAULTS and not group:
            raise RequestError(f"--faults: there is no {word!r}; there are: {', '.join(KINDS)}")
        chosen += group or [word]
    return tuple(dict.fromkeys(chosen))


def read_places(text: str, count: int) -> list[int]:
    """Numbers with commas between them, `none` for none of them. Errors: `RequestError`."""
    try:
        places = [] if text == "none" else [int(part) for part in text.split(",")]
    except ValueError:
        raise RequestError(f"{text!r}: write numbers with commas between them, or none") from None
    if any(not 0 <= place < count for place in places):
        raise RequestError(f"{text!r}: there are {count}, counted from 0")
    return places


def run(request: Request) -> tuple[Report, str]:
    """Play the worlds and say what became of them; with a violation, how to see the smallest one again."""
    kinds = read_faults(request.faults)
    workers = request.workers or os.cpu_count() or 1

    def told(verdict: Verdict, report: Report) -> bool:
        show.progress(verdict, report)
        return True

    report = run_worlds(
        read_seeds(request.seeds),
        kinds=kinds,
        sales=request.sales,
        sweeper=request.sweeper or None,
        workers=workers,
        minutes=request.minutes,
        told=told,
    )
    parts = [show.table(report, kinds)] if kinds else []
    parts.append(show.summary(report, kinds))
    if report.violations:
        parts.append(_smallest(report, request, kinds))
    return report, "\n\n".join(parts)


def _smallest(report: Report, request: Request, kinds: Sequence[str]) -> str:
    seed = min(report.violations)
    name = report.violations[seed][0].invariant
    whole = plan_of(seed, kinds=kinds, sales=request.sales, forgetful=request.sweeper or None)

    def breaks(plan: Plan) -> bool:
        logging.disable(logging.CRITICAL)
        try:
            verdict = play(plan)
        except Exception:  # noqa: BLE001  # a world that breaks down is another trouble than this one
            return False
        finally:
            logging.disable(logging.NOTSET)
        return any(each.invariant == name for each in verdict.violations)

    sys.stderr.write(f"seed {seed} breaks {name!r}: looking for the smallest world that does\n")
    small = shrink(whole, breaks)
    command = show.replay(small, whole) + _options(request)
    kept = (
        f"{len(small.faults)} of {len(whole.faults)} faults, {len(small.sales)} of {len(whole.sales)} sales"
    )
    return f"seed {seed} breaks {name!r}; smallest world: {kept}\nsee it: {command}"


def _options(request: Request) -> str:
    told: dict[str, Any] = {"--faults": request.faults, "--sales": request.sales}
    usual = {"--faults": "all", "--sales": 16}
    text = "".join(f' {name} "{value}"' for name, value in told.items() if value != usual[name])
    return text + (" --sweeper" if request.sweeper else "")


def tell(
    seed: int,
    request: Request,
    *,
    trace: bool,
    only_faults: str = "",
    only_sales: str = "",
    shuffle: bool = True,
) -> tuple[Verdict, str]:
    """One world, with its timeline."""
    kinds = read_faults(request.faults)
    plan = plan_of(seed, kinds=kinds, sales=request.sales, forgetful=request.sweeper or None)
    if only_faults:
        places = read_places(only_faults, len(plan.faults))
        plan = replace(plan, faults=tuple(plan.faults[place] for place in places))
    if only_sales:
        places = read_places(only_sales, len(plan.sales))
        plan = replace(plan, sales=tuple(plan.sales[place] for place in places))
    plan = replace(plan, shuffle=shuffle)
    logging.disable(logging.CRITICAL)
    try:
        verdict = play(plan, trace=trace)
    finally:
        logging.disable(logging.NOTSET)
    return verdict, show.story(plan, verdict)


__all__ = ["Request", "RequestError", "play_seed", "run", "tell"]

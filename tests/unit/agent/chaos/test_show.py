"""What people read of a chaos run."""

from collections import Counter
from dataclasses import replace

import pytest

from agent.chaos import show
from agent.chaos.faults import STEPS
from agent.chaos.judge import Violation
from agent.chaos.many import Report
from agent.chaos.plan import plan_of
from agent.chaos.story import Verdict

WHOLE = next(plan for plan in map(plan_of, range(50)) if len(plan.faults) > 3)
BROKEN = Verdict(7, [Violation("ends", 1.0, "it does not")], 3, 1, 100.0, 0.1, Counter(paid=3))


def test_the_table_has_a_line_for_each_fault_and_a_column_for_each_step() -> None:
    report = Report(coverage=Counter({("crash", "opened"): 12}))
    text = show.table(report, ("crash", "garbage"))
    lines = text.splitlines()
    crash = next(line for line in lines if line.startswith("crash"))
    assert crash.split()[1:] == ["12", *["0"] * (len(STEPS) - 1)]
    assert "-" in next(line for line in lines if line.startswith("garbage"))
    assert f"{len(STEPS)} {STEPS[-1]}" in lines[-1]


def test_the_summary_says_whether_a_promise_was_broken() -> None:
    report = Report()
    assert "no promise was broken" in show.summary(report, ("crash",))
    report.add(BROKEN)
    assert "1 worlds broke a promise: seeds 7" in show.summary(report, ("crash",))


def test_progress_is_told_now_and_then_and_violations_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report()
    report.add(BROKEN)
    show.progress(BROKEN, report)
    assert capsys.readouterr().err == "seed 7: [ends] at 1.0 s: it does not\n"
    report.worlds = 100
    show.progress(replace(BROKEN, violations=[]), report)
    assert "100 worlds" in capsys.readouterr().err


def test_a_smaller_world_is_replayed_by_the_places_of_what_is_left() -> None:
    assert show.replay(WHOLE, WHOLE) == f"tillgate chaos --seed {WHOLE.seed} --trace"
    small = replace(WHOLE, faults=WHOLE.faults[1:2], sales=(), shuffle=False)
    assert show.replay(small, WHOLE).endswith("--only-faults 1 --only-sales none --no-shuffle")


def test_a_story_lists_what_a_world_was_made_of() -> None:
    text = show.story(WHOLE, replace(BROKEN, timeline=["    1.000  gateway starts"]))
    assert text.startswith("    1.000  gateway starts")
    assert "fault 0: " in text
    assert "[ends]" in text
    assert "no promise was broken" in show.story(WHOLE, replace(BROKEN, violations=[]))

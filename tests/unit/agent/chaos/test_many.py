"""Many worlds, in this process and in others."""

from collections import Counter

import pytest

from agent.chaos import many
from agent.chaos.judge import Violation
from agent.chaos.many import Report, play_seed, run_worlds
from agent.chaos.story import Verdict

FEW = {"kinds": ("crash", "answer lost"), "sales": 6}


def test_worlds_are_added_up() -> None:
    report = run_worlds(range(8, 11), kinds=("crash", "answer lost"), sales=6)
    assert report.worlds == 3
    assert report.violations == {}
    assert report.sales == sum(report.states.values()) > 3
    assert report.sales_per_s > 0
    data = report.as_data(("crash",))
    assert data["worlds"] == 3
    assert set(data["coverage"]) == {"crash"}
    assert ["crash", "opened"] in data["missing"] or data["coverage"]["crash"]["opened"]


@pytest.mark.real_time
def test_two_processes_find_the_same() -> None:
    alone = run_worlds(range(1, 3), kinds=("crash",), sales=5)
    together = run_worlds(range(1, 3), kinds=("crash",), sales=5, workers=2)
    assert (alone.sales, alone.states, alone.coverage) == (together.sales, together.states, together.coverage)


def test_it_ends_when_somebody_says_so_or_the_time_is_up() -> None:
    seen: list[int] = []

    def told(verdict: Verdict, report: Report) -> bool:
        seen.append(verdict.seed)
        return report.worlds < 2

    assert run_worlds(range(100), kinds=(), sales=3, told=told).worlds == len(seen) == 2
    assert run_worlds(range(100), kinds=(), sales=3, minutes=0.0).worlds == 1


def test_a_world_that_breaks_down_keeps_its_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fall(*_args: object, **_how: object) -> Verdict:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(many, "play", fall)
    verdict = play_seed(5)
    assert verdict.seed == 5
    assert "ZeroDivisionError" in str(verdict.violations[0])


def test_a_report_names_the_worlds_that_broke_a_promise() -> None:
    report = Report()
    assert report.sales_per_s == 0.0
    violation = Violation("ends", 1.0, "it does not")
    report.add(Verdict(7, [violation], 3, 1, 100.0, 0.1, Counter(paid=3), Counter({("crash", "opened"): 1})))
    assert report.violations == {7: [violation]}
    assert report.as_data()["violations"] == [
        {"seed": 7, "invariant": "ends", "at_s": 1.0, "what": "it does not"}
    ]
    assert ("crash", "opened") not in report.missing()

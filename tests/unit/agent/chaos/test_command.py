"""The options of `tillgate chaos` and what they do."""

import pytest

from agent.chaos import command, many
from agent.chaos.command import Request, RequestError, read_faults, read_places, read_seeds, run, tell
from agent.chaos.faults import KINDS
from agent.chaos.judge import Violation
from agent.chaos.plan import Plan
from agent.chaos.story import Verdict


def test_seeds_and_faults_and_places_are_read() -> None:
    assert read_seeds("3..5") == range(3, 6)
    assert read_seeds("7") == range(7, 8)
    assert read_faults("all") == KINDS
    assert read_faults("none") == ()
    assert read_faults("crash, 500,crash") == ("crash", "500")
    assert "garbage" in read_faults("terminal's line")
    assert read_places("0,2", 3) == [0, 2]
    assert read_places("none", 3) == []


@pytest.mark.parametrize("text", ["x", "5..1", "1...3"])
def test_wrong_seeds_are_refused(text: str) -> None:
    with pytest.raises(RequestError, match="--seeds"):
        read_seeds(text)


def test_wrong_faults_and_places_are_refused() -> None:
    with pytest.raises(RequestError, match="nonsense"):
        read_faults("nonsense")
    with pytest.raises(RequestError):
        read_places("9", 3)
    with pytest.raises(RequestError):
        read_places("x", 3)


def test_a_run_without_violations_says_so() -> None:
    report, text = run(Request("1..2", faults="none", sales=3, workers=1))
    assert report.worlds == 2
    assert "no promise was broken" in text
    _, text = run(Request("1..1", faults="crash", sales=3, workers=1))
    assert "How often each fault" in text


def test_a_violation_is_shrunk_and_can_be_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    def judged(plan: Plan, **_: object) -> Verdict:
        broken = [Violation("ends", 1.0, "x")] if len(plan.sales) > 1 else []
        return Verdict(plan.seed, broken, len(plan.sales), 1, 1.0, 0.1)

    monkeypatch.setattr(many, "play", judged)
    monkeypatch.setattr(command, "play", judged)
    report, text = run(Request("4..6", faults="crash", sales=12, workers=1, sweeper=True))
    assert set(report.violations) == {4, 5, 6}
    assert "seed 4 breaks 'ends'" in text
    assert "tillgate chaos --seed 4 --trace" in text
    assert '--faults "crash" --sales "12" --sweeper' in text
    monkeypatch.setattr(command, "play", lambda *_args, **_how: 1 / 0)
    assert "seed 4 breaks" in run(Request("4", faults="none", sales=12, workers=1))[1]


def test_one_world_is_told_whole_or_in_part() -> None:
    request = Request(faults="crash", sales=5)
    verdict, text = tell(8, request, trace=True)
    assert "starts, life 1" in text
    assert verdict.violations == []
    verdict, text = tell(8, request, trace=False, only_faults="none", only_sales="0,1", shuffle=False)
    assert "2 sales" in text
    assert "fault 0" not in text

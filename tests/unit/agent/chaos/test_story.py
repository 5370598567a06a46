"""One world from its seed to its verdict: it happens the same way again, and what is broken is seen."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from agent.chaos.crowd import Till
from agent.chaos.faults import KINDS, Fault
from agent.chaos.house import House
from agent.chaos.plan import Plan, Sale, plan_of
from agent.chaos.story import play
from agent.payments.desk import Desk
from agent.payments.model import State

CALM = plan_of(3, kinds=(), sales=8)
Spoil = Callable[[pytest.MonkeyPatch], None]


def broken(plan: Plan) -> set[str]:
    return {each.invariant for each in play(plan).violations}


def with_faults(*faults: Fault) -> Plan:
    return replace(CALM, faults=faults)


def test_a_world_happens_the_same_way_again() -> None:
    plan = plan_of(25, sales=10)
    one, two = play(plan, trace=True), play(plan, trace=True)
    assert one.timeline == two.timeline
    assert len(one.timeline) > 100
    assert (one.sales, one.lives, one.states, one.coverage) == (
        two.sales,
        two.lives,
        two.states,
        two.coverage,
    )
    assert one.violations == []


@pytest.mark.parametrize(
    "kind",
    ["crash", "crash in a commit", "power cut", "power cut in a commit", "stop", "pause", "second gateway"],
)
def test_the_gateway_ends_in_every_way_and_comes_back(kind: str) -> None:
    step = "waiting" if kind != "stop" else ""
    verdict = play(with_faults(Fault(kind, "stripe-1", 0.0 if step else 20.0, step, 3.0)))
    assert verdict.violations == []
    assert any(name.startswith(kind.removesuffix(" in a commit")) for name, _ in verdict.coverage)
    assert verdict.lives == (1 if kind in {"pause", "second gateway"} else 2)


@pytest.mark.parametrize("kind", ["disk full", "disk error", "fsync error", "clock forward", "line down"])
def test_disks_clocks_and_lines_fail_and_the_books_agree(kind: str) -> None:
    verdict = play(
        with_faults(Fault(kind, "stripe-1", 0.0, "opened", 9.0), Fault(kind, "zvt-1", 30.0, "", 5.0))
    )
    assert verdict.violations == []
    assert any(name == kind for name, _ in verdict.coverage)


@pytest.mark.parametrize(
    "kind", ["till hangs up", "till's request lost", "till's answer lost", "busy", "absent"]
)
def test_tills_and_readers_fail_and_the_books_agree(kind: str) -> None:
    verdict = play(with_faults(Fault(kind, "zvt-1", 5.0, "", 5.0, times=3)))
    assert verdict.violations == []
    assert any(name == kind for name, _ in verdict.coverage)


async def _paid_at_once(self: Desk, *args: Any) -> Any:
    found = await _CHANGED(self, *args)
    return found.but({"state": State.FAILED, "amount_captured": 0})


_CHANGED = Desk.changed


def test_a_till_that_is_told_something_else_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Desk, "changed", _paid_at_once)
    assert {"told is true", "told stays"} <= broken(CALM)


def test_a_second_gateway_that_starts_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(House, "second_gateway", lambda self: self.refused.append(False))
    plan = with_faults(Fault("second gateway", "stripe-1", 5.0))
    assert broken(plan) == {"second refuses"}


def test_a_reader_that_does_not_serve_again_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: Any) -> None:
        return None

    monkeypatch.setattr(Till, "sell_plainly", never)
    assert broken(CALM) == {"serves again"}


def test_money_that_leaves_unwritten_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.chaos.journal.Peephole.promised", lambda *_args, **_how: False)
    monkeypatch.setattr("agent.chaos.journal.Peephole.attempted_at", lambda *_: False)
    assert broken(CALM) == {"written first"}


def test_a_bug_and_a_refusal_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    close = House.close

    async def close_with_a_bug(self: House) -> None:
        self.bugs.append("it stumbled")
        await close(self)

    monkeypatch.setattr(House, "close", close_with_a_bug)
    assert broken(CALM) == {"lives on"}


def test_every_kind_of_fault_has_its_place_in_a_story() -> None:
    faults = tuple(
        Fault(kind, "zvt-1", 1.0 + number / 2, "", 1.0, seed=number) for number, kind in enumerate(KINDS)
    )
    verdict = play(with_faults(*faults))
    assert verdict.violations == []
    assert len({kind for kind, _ in verdict.coverage}) > 15


def test_holds_that_a_till_forgets_are_swept_before_they_expire() -> None:
    sale = Sale(0, 0, "stripe-1", 1000, 0.0, 1.0, manual=True, after="forget")
    plan = replace(CALM, sales=(sale,))
    assert play(replace(plan, forgetful=True)).violations == []
    assert play(plan).states["authorized"] == 1

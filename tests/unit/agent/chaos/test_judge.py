"""A judge that cannot fail is a defect: each invariant is shown a world that breaks it, and one without."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from agent.chaos.journal import Entry, Kept
from agent.chaos.judge import INVARIANTS, Judge, Sums, Told, Truth, is_refund, sale_of, unsound, why_canceled

AT = {"s1": ("stripe-1", 1200), "s2": ("zvt-1", 1500)}


def row(session: str = "ses_1", **more: Any) -> dict[str, Any]:
    return {
        "id": f"pi_{session}",
        "status": "succeeded",
        "authorized": 1200,
        "captured": 1200,
        "refunded": 0,
        "payable_now": False,
        "prompts_replaced": 0,
        "metadata": {"tillgate_session": session},
        **more,
    }


UNPAID: dict[str, Any] = {"authorized": 0, "captured": 0, "status": "canceled"}


def turn(**more: Any) -> dict[str, Any]:
    return {
        "id": 1,
        "kind": "payment",
        "amount": 1500,
        "state": "stored",
        "money": 1500,
        "held": 0,
        "original": None,
        **more,
    }


def kept(session: str = "ses_1", key: str = "s1", state: str = "paid", **more: Any) -> Kept:
    kind = "refund" if is_refund(key) else "payment"
    reader, amount = AT[sale_of(key)]
    found = Kept(1, session, "till-0", key, reader, kind, state, amount, 0, None, None, 0, 1, 0)
    found.captured = amount if state == "paid" and kind == "payment" else 0
    found.holds = int(state in {"opened", "in_flight", "in_doubt"})
    found.events = [Entry(1, 0, "opened", {})]
    if state == "in_flight":
        found.events.append(Entry(2, 0, "started", {}))
    elif state == "in_doubt":
        found.events.append(Entry(2, 0, "doubted", {}))
    elif state != "opened":
        found.events.append(Entry(2, 0, "concluded", {"verdict": state, "code": more.pop("code", "")}))
    for name, value in more.items():
        setattr(found, name, value)
    return found


def told(session: str = "ses_1", key: str = "s1", state: str = "paid", **more: Any) -> Told:
    view = {
        "id": session,
        "pos_key": key,
        "state": state,
        "seq": 2,
        "kind": "refund" if is_refund(key) else "payment",
        "amount_captured": AT[sale_of(key)][1] if state == "paid" and not is_refund(key) else 0,
        **more,
    }
    return Told(1.0, "till-0", key, view)


class Case:
    """A world's end as it should be; tests spoil one thing of it."""

    def __init__(self) -> None:
        self.intents: list[dict[str, Any]] = [row()]
        self.refunds: list[dict[str, Any]] = []
        self.turnover: list[dict[str, Any]] = [turn()]
        self.journal = {"ses_1": kept(), "ses_2": kept("ses_2", "s2")}
        self.words = [told(), told("ses_2", "s2")]
        self.screens: dict[str, tuple[str, str]] = {}

    def truth(self) -> Truth:
        return Truth(self.intents, self.refunds, {"zvt-1": self.turnover})

    def broken(self, *, sweeper: bool = False, disturbed: bool = False) -> set[str]:
        judge = Judge(AT, self.truth, sweeper=sweeper)
        if disturbed:
            judge.disturbed |= {"stripe-1"}
        for word in self.words:
            judge.hear(word)
        judge.conclude(9.0, self.journal, self.screens)
        assert all(each.invariant in INVARIANTS and str(each) for each in judge.violations)
        return {each.invariant for each in judge.violations}


def test_books_that_agree_break_nothing() -> None:
    assert Case().broken(sweeper=True) == set()


def unpaid(case: Case, state: str, **more: Any) -> None:
    case.intents = [row(**{**UNPAID, **more})]
    case.journal["ses_1"] = kept(state=state)
    case.words[0] = told(state=state)


@pytest.mark.parametrize("state", ["declined", "failed", "canceled", "released"])
def test_an_unpaid_end_while_money_moved_is_held_or_can_still_be_paid(state: str) -> None:
    for more in (
        {"captured": 1200, "authorized": 1200, "status": "succeeded"},
        {"authorized": 1200, "status": "requires_capture"},
        {"payable_now": True, "status": "requires_payment_method"},
    ):
        case = Case()
        unpaid(case, state, **more)
        assert "told is true" in case.broken(disturbed=True)
    case = Case()
    unpaid(case, state)
    assert case.broken(disturbed=True) == set()


def test_paid_is_told_without_money_or_of_another_amount() -> None:
    case = Case()
    case.intents = [row(**UNPAID)]
    assert {"told is true", "sale agrees", "sums agree"} <= case.broken()
    case = Case()
    case.words[0] = told(amount_captured=1300)
    assert {"told is true", "sums agree"} <= case.broken()


def test_money_at_a_terminal_that_the_till_was_told_did_not_move() -> None:
    case = Case()
    case.journal["ses_2"] = kept("ses_2", "s2", "failed")
    case.words[1] = told("ses_2", "s2", "failed")
    assert {"told is true", "sale agrees", "sums agree"} <= case.broken()
    case.turnover = [turn(state="started", money=0)]
    assert "told is true" in case.broken()
    case.turnover = [turn(state="reversed", money=0)]
    assert case.broken() == set()


def test_a_sale_is_charged_twice() -> None:
    case = Case()
    case.turnover.append(turn(id=2))
    assert {"one capture", "sale agrees", "sums agree"} <= case.broken()
    case = Case()
    case.intents.append(row("ses_3"))
    case.journal["ses_3"] = kept("ses_3", "s1-again")
    case.words.append(told("ses_3", "s1-again"))
    assert "one capture" in case.broken()


def test_a_key_makes_two_sessions() -> None:
    case = Case()
    case.words.append(told("ses_9"))
    assert "one key one sale" in case.broken()


def test_an_end_changes_after_it_was_told() -> None:
    case = Case()
    case.words.append(told(state="canceled", seq=3))
    assert "told stays" in case.broken()
    case = Case()
    case.journal["ses_1"] = kept(state="declined")
    assert "told stays" in case.broken()
    case = Case()
    case.words.append(told(seq=1, state="in_flight", amount_captured=0))
    assert case.broken() == set()


def test_what_was_told_is_not_in_the_journal() -> None:
    case = Case()
    del case.journal["ses_1"]
    assert "told is durable" in case.broken()
    case = Case()
    case.words[0] = told(seq=7)
    assert "told is durable" in case.broken()


@pytest.mark.parametrize("state", ["opened", "in_flight", "in_doubt"])
def test_a_session_does_not_end(state: str) -> None:
    case = Case()
    unpaid(case, state)
    case.words[0] = told(state=state)
    assert "ends" in case.broken()


def test_a_settlement_does_not_end_and_a_hold_is_forgotten() -> None:
    case = Case()
    case.intents = [row(captured=0, status="requires_capture")]
    case.journal["ses_1"] = kept(state="authorized", settling=1)
    case.words[0] = told(state="authorized")
    assert case.broken() == {"ends"}
    case.journal["ses_1"].settling = 0
    assert case.broken() == set()
    assert case.broken(sweeper=True) == {"holds end"}


def test_a_hold_that_the_journal_does_not_know() -> None:
    case = Case()
    case.intents[0]["status"] = "requires_capture"
    assert "sale agrees" in case.broken()


def test_a_reader_is_left_with_our_prompt() -> None:
    case = Case()
    case.screens = {"tmr_1": ("pi_1", "ses_1")}
    assert case.broken() == {"no prompt left"}
    case = Case()
    unpaid(case, "failed")
    judge_sees = row(**{**UNPAID, "payable_now": True})
    case.intents = [judge_sees]
    assert "no prompt left" in case.broken()


def test_a_sale_is_canceled_by_nobody() -> None:
    case = Case()
    unpaid(case, "canceled")
    assert case.broken() == {"nobody else's"}
    assert case.broken(disturbed=True) == set()
    case.journal["ses_1"].events.insert(1, Entry(2, 0, "cancel_asked", {"by": "till"}))
    case.journal["ses_1"].events[2] = replace(case.journal["ses_1"].events[2], seq=3)
    assert case.broken() == set()


def test_who_wanted_an_end() -> None:
    assert why_canceled(kept(state="canceled", code="customer_canceled"), 45.0) == "customer_canceled"
    lost = kept(state="canceled", code="prompt_lost")
    assert why_canceled(lost, 45.0) == ""
    lost.events[-1] = replace(lost.events[-1], at=45_000_000)
    assert why_canceled(lost, 45.0) == "late"


def test_a_prompt_takes_the_place_of_one_that_could_be_paid() -> None:
    waiting = row(**UNPAID, prompts_replaced=1) | {"status": "requires_payment_method"}
    judge = Judge(AT, lambda: Truth([waiting], [], {}))
    judge.see(1.0, {"tmr_1": ("pi_ses_1", "ses_1")})
    judge.see(2.0, {"tmr_1": ("pi_2", "ses_2")})
    assert [each.invariant for each in judge.violations] == ["nobody else's"]


def test_a_sale_can_be_paid_at_two_readers_at_once() -> None:
    judge = Judge(AT, Case().truth)
    judge.see(1.0, {"tmr_1": ("pi_1", "ses_1"), "tmr_2": ("pi_2", "ses_2")})
    assert judge.violations == []
    judge.see(2.0, {"tmr_1": ("pi_1", "ses_1"), "tmr_2": ("pi_3", "ses_1")})
    assert [each.invariant for each in judge.violations] == ["one prompt"]


def test_money_that_belongs_to_no_session() -> None:
    case = Case()
    case.intents.append(row("ses_unknown"))
    assert {"sale agrees", "sums agree"} <= case.broken()


def test_more_is_captured_than_was_asked_for() -> None:
    case = Case()
    case.intents[0]["captured"] = 1300
    case.journal["ses_1"].captured = 1300
    case.words[0] = told(amount_captured=1300)
    assert case.broken() == {"sale agrees"}
    tipped = case.journal["ses_1"].events
    tipped[1] = replace(tipped[1], facts={"verdict": "paid", "amount_tip": 100})
    assert case.broken() == set()


def refunded(case: Case, amount: int, *, at_stripe: int | None = None) -> None:
    refund = kept("ses_r", "s1-r0")
    refund.amount = amount
    case.journal["ses_r"] = refund
    given = amount if at_stripe is None else at_stripe
    case.intents[0]["refunded"] = given
    case.refunds = [{"amount": given, "status": "succeeded"}]
    case.words.append(told("ses_r", "s1-r0"))


def test_refunds_are_what_they_are_told_and_no_more_than_was_paid() -> None:
    case = Case()
    refunded(case, 500)
    assert case.broken() == set()
    case = Case()
    refunded(case, 1300)
    assert case.broken() == {"refunds fit"}
    case = Case()
    refunded(case, 500, at_stripe=1000)
    assert case.broken() == {"refunds fit", "sums agree"}


def test_a_till_that_heard_nothing_of_the_end_is_no_quarrel() -> None:
    case = Case()
    case.words[0] = told(state="in_flight", seq=1)
    assert case.broken() == set()


def test_holds_and_bookings_at_a_terminal() -> None:
    judge = Judge(AT, Case().truth)
    hold = turn(kind="hold", held=1500, money=0)
    assert judge.sums("s2", Truth([], [], {"zvt-1": [hold]})) == Sums(held=1500)
    booked = turn(id=2, kind="booking", amount=900, original=1)
    sums = judge.sums("s2", Truth([], [], {"zvt-1": [hold | {"held": 0}, booked]}))
    assert sums == Sums(moved=900, times=1)


def problems(**spoilt: Kept) -> list[str]:
    journal: Mapping[str, Kept] = {"ses_1": kept(), **spoilt}
    return list(unsound(journal))


def test_a_journal_that_contradicts_itself() -> None:
    assert problems() == []
    gap = kept("ses_2", "s2")
    gap.events[1] = replace(gap.events[1], seq=3)
    assert "has the events" in problems(ses_2=gap)[0]
    risen = kept("ses_2", "s2", "failed")
    risen.events.append(Entry(3, 0, "concluded", {"verdict": "paid"}))
    assert any("was failed and became paid" in each for each in problems(ses_2=risen))
    differs = kept("ses_2", "s2")
    differs.state = "failed"
    assert any("its events say paid" in each for each in problems(ses_2=differs))
    holding = kept("ses_2", "s2")
    holding.holds = 1
    assert any("holds its reader" in each for each in problems(ses_2=holding))
    two = kept("ses_2", "s2", "in_flight"), kept("ses_3", "s2", "in_doubt")
    assert any("is held by" in each for each in problems(ses_2=two[0], ses_3=two[1]))
    odd = kept("ses_2", "s2", "in_flight")
    odd.events.append(Entry(3, 0, "concluded", {"verdict": "unknown"}))
    assert problems(ses_2=odd) == []


def test_a_judge_names_only_what_it_promises() -> None:
    judge = Judge(AT, Case().truth)
    with pytest.raises(AssertionError):
        judge.blame("nonsense", 0.0, "")
    judge.blame("written first", 1.0, "it was not")
    assert str(judge.violations[0]) == "[written first] at 1.0 s: it was not"

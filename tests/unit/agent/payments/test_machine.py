"""The table and its effects: what may follow what, and what each event leaves in the session."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import pytest

from agent.payments.machine import (
    TRANSITIONS,
    IllegalStepError,
    advance,
    begin,
    diagram,
    fold,
    may_refund,
    refund_references,
)
from agent.payments.model import Event, EventKind, PendingSettlement, Session, State, order_facts
from drivers.contract import Card, Kind, Progress, Settlement, Verdict
from tests.unit.agent.payments.sales import DECLINED, MORNING, PAID, opened, order, refund, then

LATER = "2026-01-05T09:00:00+00:00"

FACTS: Mapping[EventKind, Mapping[str, Any]] = {
    EventKind.STARTED: {},
    EventKind.ATTEMPT: {"operation": "create", "number": 1},
    EventKind.REFERENCE: {"name": "payment_intent", "value": "pi_1"},
    EventKind.PROGRESS: {"step": "entering_pin"},
    EventKind.CANCEL_ASKED: {"by": "till"},
    EventKind.DOUBTED: {"code": "timeout", "message": "no answer"},
    EventKind.CHECKED: {"code": "pending", "message": "still open", "next_check_at": LATER},
    EventKind.RESUMED: {},
    EventKind.SETTLING: {"settlement": "capture", "amount": 900},
    EventKind.CONCLUDED: PAID,
    EventKind.RULED: PAID,
    EventKind.REFUNDED: {"amount": 1000},
    EventKind.RETRIED: {"by": "ses_2"},
    EventKind.TIDIED: {},
}
"""Facts with which each event is legal wherever its kind is (a conclusion depends on the state)."""


def at(state: State, **changes: Any) -> Session:
    session, _ = opened()
    return replace(session, state=state, amount_captured=1000 if state is State.PAID else 0, **changes)


def after(session: Session, kind: EventKind, facts: Mapping[str, Any]) -> Session:
    return then(session, kind, facts)[0]


@pytest.mark.parametrize("kind", list(EventKind))
@pytest.mark.parametrize("state", list(State))
def test_only_what_the_table_allows_can_happen(state: State, kind: EventKind) -> None:
    session = at(state)
    allowed = TRANSITIONS.get(kind, {}).get(state)
    event = Event(session.id, 2, kind, MORNING, FACTS.get(kind, {}))
    if allowed is None:
        with pytest.raises(IllegalStepError, match=f"ses_1 is {state}: {kind} cannot happen"):
            advance(session, event)
    elif kind in {EventKind.CONCLUDED, EventKind.RULED}:
        for verdict in (verdict for verdict in Verdict if verdict.value in set(State)):
            facts = {"verdict": verdict.value}
            if State(verdict.value) in allowed:
                assert advance(session, replace(event, facts=facts)).state == verdict.value
            else:
                with pytest.raises(IllegalStepError, match=f"cannot go from {state} to {verdict}"):
                    advance(session, replace(event, facts=facts))
    else:
        assert {advance(session, event).state} == allowed


def test_every_kind_has_its_row_and_its_facts() -> None:
    assert set(TRANSITIONS) == set(EventKind) - {EventKind.OPENED} == set(FACTS)


def test_what_has_ended_stays_ended() -> None:
    for ways in TRANSITIONS.values():
        for before, results in ways.items():
            assert not before.ended or results == {before}


def test_an_event_changes_the_number_the_time_and_fields_that_exist() -> None:
    known = {field.name for field in fields(Session)}
    for kind, ways in TRANSITIONS.items():
        for state in ways:
            session = at(state)
            changed = after(session, kind, FACTS[kind] if kind is not EventKind.CONCLUDED else _end(state))
            assert set(vars(changed)) == known
            assert (changed.seq, changed.created_at, changed.order) == (2, session.created_at, session.order)
            assert changed.updated_at > session.updated_at


def _end(state: State) -> Mapping[str, Any]:
    return {"verdict": "canceled"} if state is State.OPENED else PAID


@pytest.mark.parametrize(("kind", "seq"), [(EventKind.STARTED, 1), (EventKind.OPENED, 2)])
def test_a_session_begins_with_being_opened(kind: EventKind, seq: int) -> None:
    with pytest.raises(IllegalStepError, match="begins with"):
        begin(Event(opened()[0].id, seq, kind, MORNING, {}))


@pytest.mark.parametrize(("session", "seq"), [("ses_1", 3), ("ses_1", 1), ("ses_2", 2)])
def test_an_event_follows_the_last_of_its_own_session(session: Any, seq: int) -> None:
    with pytest.raises(IllegalStepError, match="does not follow number 1 of ses_1"):
        advance(at(State.OPENED), Event(session, seq, EventKind.STARTED, MORNING, {}))


def test_an_opened_session_has_its_references_and_may_need_no_reader() -> None:
    session, _ = opened(references={"payment_intent": "pi_1"}, on_reader=False)
    assert session.references == {"payment_intent": "pi_1"}
    assert not session.on_reader


def test_attempts_are_counted_one_by_one_for_each_operation() -> None:
    session = after(at(State.IN_FLIGHT), EventKind.ATTEMPT, {"operation": "create", "number": 1})
    session = after(session, EventKind.ATTEMPT, {"operation": "process", "number": 1})
    assert session.attempts == {"create": 1, "process": 1}
    for wrong in (1, 3):
        with pytest.raises(IllegalStepError, match=f"attempt {wrong} of create does not follow 1"):
            after(session, EventKind.ATTEMPT, {"operation": "create", "number": wrong})


def test_references_and_progress_are_kept() -> None:
    session = after(at(State.IN_FLIGHT), EventKind.REFERENCE, {"name": "payment_intent", "value": "pi_1"})
    session = after(session, EventKind.REFERENCE, {"name": "reader", "value": "tmr_1"})
    session = after(session, EventKind.PROGRESS, {"step": "entering_pin"})
    assert session.references == {"payment_intent": "pi_1", "reader": "tmr_1"}
    assert session.progress is Progress.ENTERING_PIN
    assert after(session, EventKind.CANCEL_ASKED, {"by": "till"}).cancel_asked == "till"


def test_doubt_is_counted_and_forgotten_when_it_is_over() -> None:
    session = after(at(State.IN_FLIGHT, checks=4), EventKind.DOUBTED, FACTS[EventKind.DOUBTED])
    assert (session.code, session.message, session.progress) == ("timeout", "no answer", Progress.CHECKING)
    assert session.checks == 0
    session = after(session, EventKind.CHECKED, FACTS[EventKind.CHECKED])
    assert session.next_check_at is not None
    assert (session.next_check_at.isoformat(), session.checks, session.code) == (LATER, 1, "pending")
    session = after(session, EventKind.RESUMED, {})
    assert (session.code, session.message, session.next_check_at) == ("", "", None)
    assert session.progress is Progress.WAITING_FOR_CARD


@pytest.mark.parametrize(
    ("settlement", "step"),
    [
        (Settlement.CAPTURE, Progress.CAPTURING),
        (Settlement.RELEASE, Progress.RELEASING),
        (Settlement.REVERSE, Progress.RELEASING),
    ],
)
def test_a_settlement_is_pending_until_the_conclusion(settlement: Settlement, step: Progress) -> None:
    session = after(at(State.AUTHORIZED), EventKind.SETTLING, {"settlement": settlement, "amount": 5})
    assert (session.settling, session.progress) == (PendingSettlement(settlement, 5), step)
    assert session.needs_lane
    again = after(session, EventKind.SETTLING, {"settlement": settlement})
    assert again.settling == PendingSettlement(settlement, None)
    other = Settlement.RELEASE if settlement is Settlement.CAPTURE else Settlement.CAPTURE
    with pytest.raises(IllegalStepError, match=f"already settling by {settlement}"):
        after(session, EventKind.SETTLING, {"settlement": other})
    assert after(session, EventKind.CONCLUDED, {"verdict": "authorized"}).settling is None


def test_a_conclusion_says_everything() -> None:
    session = at(State.IN_FLIGHT, amount_tip=50, progress=Progress.AUTHORIZING, references={"a": "1"})
    facts = {
        **PAID,
        "code": "c",
        "message": "m",
        "decline_code": "d",
        "references": {"charge": "ch_1"},
        "card": {"brand": "visa", "last4": "4242"},
        "receipt": {"aid": "A0"},
    }
    done = after(session, EventKind.CONCLUDED, facts)
    assert (done.state, done.verdict, done.progress) == (State.PAID, Verdict.PAID, None)
    assert (done.code, done.message, done.decline_code) == ("c", "m", "d")
    assert (done.amount_authorized, done.amount_captured, done.amount_tip) == (1000, 1000, 50)
    assert done.references == {"a": "1", "charge": "ch_1"}
    assert (done.card, done.receipt) == (Card(brand="visa", last4="4242"), {"aid": "A0"})
    bare = after(session, EventKind.CONCLUDED, {"verdict": "canceled", "amount_tip": 0})
    assert (bare.card, bare.receipt, bare.references, bare.amount_tip) == (None, {}, {"a": "1"}, 0)


@pytest.mark.parametrize("verdict", ["pending", "unknown"])
def test_what_is_undecided_concludes_nothing(verdict: str) -> None:
    with pytest.raises(IllegalStepError, match=f"cannot be concluded as {verdict}"):
        after(at(State.IN_FLIGHT), EventKind.CONCLUDED, {"verdict": verdict})


@pytest.mark.parametrize(
    "facts",
    [
        {"verdict": "canceled", "amount_captured": 1},
        {"verdict": "authorized", "amount_authorized": 5, "amount_captured": 5},
        {"verdict": "paid", "amount_captured": -1},
        {"verdict": "authorized", "amount_authorized": -1},
    ],
)
def test_money_stands_only_where_the_state_says_so(facts: Mapping[str, Any]) -> None:
    with pytest.raises(IllegalStepError, match="captured"):
        after(at(State.IN_FLIGHT), EventKind.CONCLUDED, facts)


def test_refunds_never_exceed_what_was_captured() -> None:
    session = after(at(State.PAID), EventKind.REFUNDED, {"amount": 600})
    assert session.amount_refunded == 600
    with pytest.raises(IllegalStepError, match="would give back 1001 of 1000"):
        after(session, EventKind.REFUNDED, {"amount": 401})
    session = after(session, EventKind.REFUNDED, {"amount": 400})
    assert not may_refund(session)


def test_only_a_paid_payment_may_be_refunded() -> None:
    paid = at(State.PAID, references={"payment_intent": "pi_1"})
    assert may_refund(paid)
    assert refund_references(paid) == {"refund_of_payment_intent": "pi_1"}
    assert not may_refund(at(State.AUTHORIZED))
    assert not may_refund(replace(paid, order=refund(paid, "k2")))
    assert refund(paid, "k2").kind is Kind.REFUND


def test_a_declined_sale_is_taken_up_again_once() -> None:
    declined = after(at(State.IN_FLIGHT), EventKind.CONCLUDED, DECLINED)
    assert (declined.decline_code, declined.tidied) == ("insufficient_funds", False)
    retried = after(declined, EventKind.RETRIED, {"by": "ses_2"})
    assert retried.tidied
    with pytest.raises(IllegalStepError, match="ses_3 cannot take it up again"):
        after(retried, EventKind.RETRIED, {"by": "ses_3"})
    assert after(declined, EventKind.TIDIED, {}).tidied


def test_a_history_adds_up_to_its_session() -> None:
    session, _ = opened(wanted=order("k9"))
    events = [Event(session.id, 1, EventKind.OPENED, MORNING, order_facts(session.order))]
    for kind, facts in [(EventKind.STARTED, {}), (EventKind.CONCLUDED, PAID)]:
        events.append(Event(session.id, len(events) + 1, kind, MORNING, facts))
    assert fold(events).state is State.PAID
    assert fold(events[:1]) == session


def test_the_diagram_has_every_way_between_two_states() -> None:
    lines = diagram().splitlines()
    assert lines[:2] == ["stateDiagram-v2", "    [*] --> opened: opened"]
    assert set(lines[2:]) == {
        f"    {before} --> {result}: {kind}"
        for kind, ways in TRANSITIONS.items()
        for before, results in ways.items()
        for result in results
        if before is not result
    }

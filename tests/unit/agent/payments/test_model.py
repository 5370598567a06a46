"""The facts about sessions: what holds a reader, what is left over, what survives being written as JSON."""

import json
from dataclasses import FrozenInstanceError, fields, replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.payments.model import (
    EventKind,
    LinkState,
    Order,
    PendingSettlement,
    PosKey,
    Session,
    State,
    TillName,
    order_facts,
    order_from,
    outcome_facts,
)
from drivers.contract import (
    Capture,
    Card,
    Kind,
    LinkHealth,
    Money,
    Outcome,
    ReaderName,
    SessionId,
    Settlement,
    TipPolicy,
    Verdict,
)
from tests.unit.agent.payments.sales import MORNING, order


def session(**changes: object) -> Session:
    made = Session(SessionId("ses_1"), order(), State.OPENED, 1, MORNING, MORNING)
    return replace(made, **changes)  # type: ignore[arg-type]  # the tests name real fields


def test_states_hold_a_reader_or_have_ended_or_hold_money() -> None:
    holding = {state for state in State if state.holds_reader}
    ended = {state for state in State if state.ended}
    assert holding == {State.OPENED, State.IN_FLIGHT, State.IN_DOUBT}
    assert ended == {State.PAID, State.DECLINED, State.CANCELED, State.FAILED, State.RELEASED}
    assert set(State) - holding - ended == {State.AUTHORIZED}


@pytest.mark.parametrize("words", [State, EventKind])
def test_a_word_is_found_by_its_text(words: type[State] | type[EventKind]) -> None:
    table = {member: member.name for member in words}
    assert [table[member.value] for member in words] == [member.name for member in words]  # type: ignore[index]  # that is the point


def test_a_copy_differs_only_where_it_should() -> None:
    before = session()
    after = before.but({"state": State.IN_FLIGHT, "seq": 2})
    assert after == replace(before, state=State.IN_FLIGHT, seq=2)
    assert before == session()
    with pytest.raises(FrozenInstanceError):
        after.seq = 3  # type: ignore[misc]  # that is the point


@pytest.mark.parametrize(
    ("changes", "needs"),
    [
        ({}, True),
        ({"state": State.IN_DOUBT}, True),
        ({"state": State.AUTHORIZED}, False),
        ({"state": State.AUTHORIZED, "settling": PendingSettlement(Settlement.CAPTURE, None)}, True),
        ({"state": State.PAID}, False),
    ],
)
def test_who_needs_a_lane(changes: dict[str, object], needs: bool) -> None:
    assert session(**changes).needs_lane is needs


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ({"state": State.DECLINED, "references": {"payment_intent": "pi_1"}}, True),
        ({"state": State.DECLINED, "references": {"payment_intent": "pi_1"}, "tidied": True}, False),
        ({"state": State.DECLINED}, False),
        ({"state": State.PAID, "references": {"payment_intent": "pi_1"}}, False),
    ],
)
def test_what_is_left_over(changes: dict[str, object], left: bool) -> None:
    assert session(**changes).left_over is left


def test_a_driver_sees_the_order_and_what_is_known() -> None:
    made = session(references={"payment_intent": "pi_1"}, attempts={"create": 2})
    request = made.request()
    assert (request.session, request.money, request.kind) == ("ses_1", Money(1000, "eur"), Kind.PAYMENT)
    assert request.references == {"payment_intent": "pi_1"}
    assert request.attempts == {"create": 2}
    assert request.opened_at == MORNING


texts = st.text(max_size=8)  # any text, with halves of surrogate pairs too
orders = st.builds(
    Order,
    till=texts.map(TillName),
    pos_key=texts.map(PosKey),
    reader=texts.map(ReaderName),
    money=st.builds(Money, st.integers(), st.just("eur")),
    kind=st.sampled_from(Kind),
    capture=st.sampled_from(Capture),
    tip=st.none() | st.builds(TipPolicy, st.booleans(), st.none() | st.integers()),
    description=texts,
    metadata=st.dictionaries(texts, texts, max_size=2),
    retry_of=st.none() | texts.filter(bool).map(SessionId),
    refund_of=st.none() | texts.filter(bool).map(SessionId),
)


@given(orders, st.dictionaries(texts, texts, max_size=2), st.booleans())
def test_an_order_comes_back_from_its_facts(made: Order, references: dict[str, str], on_reader: bool) -> None:
    facts = json.loads(json.dumps(order_facts(made, references=references, on_reader=on_reader)))
    assert order_from(facts) == made
    assert facts["on_reader"] is on_reader
    assert facts.get("references", {}) == references


def test_an_outcome_without_anything_is_only_its_verdict() -> None:
    assert outcome_facts(Outcome(Verdict.CANCELED)) == {"verdict": "canceled"}


def test_an_outcome_keeps_all_that_was_said() -> None:
    outcome = Outcome(
        Verdict.PAID,
        code="ok",
        message="thanks",
        decline_code="none",
        amount_authorized=1100,
        amount_captured=1100,
        amount_tip=0,
        references={"charge": "ch_1"},
        card=Card(brand="visa", exp_year=2030),
        receipt={"aid": "A000"},
    )
    assert outcome_facts(outcome) == {
        "verdict": "paid",
        "code": "ok",
        "message": "thanks",
        "decline_code": "none",
        "amount_authorized": 1100,
        "amount_captured": 1100,
        "amount_tip": 0,
        "references": {"charge": "ch_1"},
        "card": {"brand": "visa", "exp_year": 2030},
        "receipt": {"aid": "A000"},
    }


def test_every_field_of_a_session_is_compared() -> None:
    assert all(field.compare for field in fields(Session))
    assert session() != session(updated_at=MORNING + timedelta(seconds=1))


@pytest.mark.parametrize(
    ("health", "word"),
    [
        (LinkHealth(up=True, for_s=1), LinkState.UP),
        (LinkHealth(up=False, for_s=1), LinkState.IDLE),
        (LinkHealth(up=False, for_s=1, cause="pulled"), LinkState.DOWN),
        (LinkHealth(up=True, for_s=1, flapping=True), LinkState.FLAPPING),
        (LinkHealth(up=False, for_s=1, cause="pulled", flapping=True), LinkState.FLAPPING),
    ],
)
def test_one_word_for_a_link(health: LinkHealth, word: LinkState) -> None:
    assert LinkState.of(health) is word

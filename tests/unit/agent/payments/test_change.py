"""What is handed to the database: any text survives, times are exact, only real changes are named."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.payments.change import (
    ROW_CHANGES,
    event_from,
    event_row,
    moment,
    owned_references,
    stamp,
    state_row,
)
from agent.payments.model import Event, EventKind
from drivers.contract import SessionId
from tests.unit.agent.payments.sales import MORNING, PAID, opened, then

NAME = SessionId("ses_1")


@given(st.datetimes(timezones=st.just(UTC)))
def test_times_come_back_to_the_microsecond(at: datetime) -> None:
    assert moment(stamp(at)) == at


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.booleans() | st.none(), max_size=4))
def test_any_text_comes_back_even_half_a_surrogate_pair(facts: dict[str, Any]) -> None:
    event = Event(NAME, 7, EventKind.PROGRESS, MORNING, facts)
    session, seq, at, kind, text = event_row(event)
    assert text.isascii()
    assert event_from(session, (seq, at, kind, text)) == event


@pytest.mark.parametrize("facts", [{"a": float("nan")}, {"a": object()}])
def test_what_json_cannot_say_is_refused_at_once(facts: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        event_row(Event(NAME, 1, EventKind.PROGRESS, MORNING, facts))


def test_a_clock_without_a_zone_is_refused() -> None:
    with pytest.raises(TypeError):
        stamp(MORNING.replace(tzinfo=None))
    assert stamp(MORNING + timedelta(microseconds=1)) - stamp(MORNING) == 1


@pytest.mark.parametrize("row", [(1, 0, "sold", "{}"), (1, 0, "opened", "{")])
def test_what_this_version_does_not_understand_is_an_error(row: tuple[int, int, str, str]) -> None:
    with pytest.raises(ValueError, match=r"sold|Expecting"):
        event_from(NAME, row)


def test_a_row_names_more_than_the_state_only_if_more_changed() -> None:
    session, _ = opened()
    started, _ = then(session, EventKind.STARTED)
    assert state_row(session, started) == ("ses_1", "in_flight", None)
    paid, _ = then(started, EventKind.CONCLUDED, PAID)
    assert state_row(started, paid) == ("ses_1", "paid", (False, False, False, 1000))
    held, _ = then(started, EventKind.CONCLUDED, {"verdict": "authorized"})
    settling, _ = then(held, EventKind.SETTLING, {"settlement": "release"})
    assert state_row(held, settling) == ("ses_1", "authorized", (False, True, False, 0))


def test_only_references_that_are_unique_in_the_world_are_owned() -> None:
    references = {"payment_intent": "pi_1", "trace_no": "17", "refund_of_charge": "ch_1"}
    assert owned_references(NAME, references.items()) == (("payment_intent", "pi_1", "ses_1"),)


def test_events_without_a_row_change_leave_the_row_as_it_is() -> None:
    session, _ = opened()
    started, _ = then(session, EventKind.STARTED)
    for kind, facts in [
        (EventKind.ATTEMPT, {"operation": "create", "number": 1}),
        (EventKind.REFERENCE, {"name": "payment_intent", "value": "pi_1"}),
        (EventKind.PROGRESS, {"step": "preparing"}),
        (EventKind.CANCEL_ASKED, {"by": "till"}),
    ]:
        assert kind not in ROW_CHANGES
        after, _ = then(started, kind, facts)
        assert state_row(started, after) == (NAME, "in_flight", None)
    assert json.loads(event_row(Event(NAME, 1, EventKind.STARTED, MORNING, {}))[4]) == {}

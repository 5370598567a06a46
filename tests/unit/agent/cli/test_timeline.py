"""The story of a session in words."""

from typing import Any

import pytest

from agent.cli.timeline import lines, sentence
from agent.payments.model import EventKind
from tests.unit.agent.cli.fake_daemon import session

ORDER = {
    "till": "t1",
    "amount": 1250,
    "currency": "eur",
    "reader": "till-1",
    "pos_key": "k",
    "kind": "payment",
}


def event(what: str, facts: dict[str, Any] | None = None, second: float = 0.0) -> dict[str, Any]:
    return {"seq": 1, "kind": what, "at": f"2026-01-31T09:00:{second:06.3f}Z", "facts": facts or {}}


def test_the_whole_story() -> None:
    found = session("in_doubt", references={"payment_intent": "pi_1"}, next_check_at="2026-01-31T09:01:00Z")
    events = [event("opened", ORDER), event("doubted", {"code": "lost", "message": "cut"}, 2.5)]
    assert list(lines(found, events)) == [
        "ses_1  payment of 1250 eur on till-1: in doubt",
        "  2026-01-31T09:00:00.000Z     +0.000 s  till t1 asked for 1250 eur on till-1 (its key: k)",
        "  2026-01-31T09:00:02.500Z     +2.500 s  contact lost while money may have moved: cut  [code=lost]",
        "  payment_intent: pi_1",
        "  asked again at 2026-01-31T09:01:00Z",
    ]


def test_a_session_without_events_has_a_heading() -> None:
    assert list(lines(session("paid"), [])) == ["ses_1  payment of 1250 eur on till-1: paid"]


@pytest.mark.parametrize("kind", list(EventKind))
def test_every_kind_of_event_has_its_sentence(kind: EventKind) -> None:
    told = sentence(event(kind.value))
    assert told
    assert "{" not in told
    assert told != kind.value


def test_a_kind_from_a_newer_daemon_is_shown_as_it_is() -> None:
    assert (
        sentence(event("sung_about", {"by": "us", "of": "", "receipt": {"a": "b"}})) == "sung about  [by=us]"
    )

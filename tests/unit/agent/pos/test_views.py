"""Sessions as tills see them: complete, and honest about doubt."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

import pytest

from agent.payments.model import EventKind, Order, PosKey, TillName
from agent.pos.answers import EventShape, ReaderShape, SessionShape
from agent.pos.views import event_view, moment, reader_view, session_view, settled, to_json
from drivers.contract import LinkHealth, Money, SessionId
from tests.unit.agent.pos.fake_desk import READER, FakeDesk


@pytest.fixture
def desk() -> FakeDesk:
    return FakeDesk()


async def _sell(desk: FakeDesk, **changes: Any) -> str:
    session, _ = await desk.open(
        Order(TillName("kasse-1"), PosKey("k1"), READER, Money(1250, "eur"), **changes)
    )
    return session.id


def _view(desk: FakeDesk, session_id: str) -> dict[str, Any]:
    """The view, checked against the published shape."""
    view: dict[str, Any] = json.loads(to_json(session_view(desk.sessions[session_id])))
    SessionShape.model_validate(view)
    return view


async def test_a_new_session(desk: FakeDesk) -> None:
    view = _view(desk, await _sell(desk))

    assert view == {
        "id": "ses_0001",
        "pos_key": "k1",
        "till": "kasse-1",
        "reader": "till-1",
        "kind": "payment",
        "state": "opened",
        "seq": 1,
        "amount": 1250,
        "currency": "eur",
        "capture": "automatic",
        "amount_authorized": 0,
        "amount_captured": 0,
        "amount_tip": None,
        "amount_refunded": 0,
        "progress": None,
        "prompt": None,
        "verdict": None,
        "references": {},
        "card": None,
        "receipt": None,
        "created_at": "2026-01-05T09:00:01.000Z",
        "updated_at": "2026-01-05T09:00:01.000Z",
        "next_check_at": None,
    }


async def test_a_paid_session_shows_card_receipt_and_references(desk: FakeDesk) -> None:
    session_id = await _sell(desk, description="Bon 17", metadata=MappingProxyType({"bon": "17"}))
    desk.move(session_id, EventKind.STARTED)
    desk.conclude(
        session_id,
        "paid",
        amount_authorized=1350,
        amount_captured=1350,
        amount_tip=100,
        references={"payment_intent": "pi_1", "charge": "ch_1"},
        card={"brand": "visa", "last4": "4242", "exp_month": 12},
        receipt={"application": "VISA"},
    )

    view = _view(desk, session_id)

    assert (view["state"], view["verdict"]) == ("paid", {"code": "paid", "message": ""})
    assert (view["amount"], view["amount_captured"], view["amount_tip"]) == (1250, 1350, 100)
    assert view["card"] == {"brand": "visa", "last4": "4242", "exp_month": 12}
    assert view["receipt"] == {"application": "VISA"}
    assert view["references"] == {"payment_intent": "pi_1", "charge": "ch_1"}
    assert (view["description"], view["metadata"]) == ("Bon 17", {"bon": "17"})


async def test_a_decline_has_its_reason(desk: FakeDesk) -> None:
    session_id = await _sell(desk)
    desk.move(session_id, EventKind.STARTED)
    desk.conclude(
        session_id,
        "declined",
        code="card_declined",
        message="The card was declined.",
        decline_code="lost_card",
    )

    assert _view(desk, session_id)["verdict"] == {
        "code": "card_declined",
        "message": "The card was declined.",
        "decline_code": "lost_card",
    }


async def test_doubt_is_no_verdict_and_says_when_we_ask_next(desk: FakeDesk) -> None:
    session_id = await _sell(desk)
    desk.move(session_id, EventKind.STARTED)
    desk.move(session_id, EventKind.DOUBTED, code="link_lost", message="The reader went away.")
    first = _view(desk, session_id)
    at = datetime(2026, 1, 5, 10, tzinfo=UTC)
    desk.move(
        session_id, EventKind.CHECKED, code="unknown", message="No answer.", next_check_at=at.isoformat()
    )
    second = _view(desk, session_id)

    for view in (first, second):
        assert (view["state"], view["verdict"], view["progress"]) == ("in_doubt", None, "checking")
        assert not {"failed", "declined"} & set(json.dumps(view).split('"'))
    assert first["doubt"] == {"code": "link_lost", "message": "The reader went away."}
    assert second["doubt"] == {"code": "unknown", "message": "No answer."}
    assert second["next_check_at"] == "2026-01-05T10:00:00.000Z"


async def test_a_capture_under_way_does_not_touch_what_was_decided(desk: FakeDesk) -> None:
    session_id = await _sell(desk)
    desk.move(session_id, EventKind.STARTED)
    desk.conclude(session_id, "authorized", amount_authorized=1250)
    assert not settled(desk.sessions[session_id])
    desk.move(session_id, EventKind.SETTLING, settlement="capture", amount=None)
    desk.move(
        session_id,
        EventKind.CHECKED,
        code="no_answer",
        message="Stripe did not answer.",
        next_check_at=datetime(2026, 1, 5, 10, tzinfo=UTC).isoformat(),
    )

    view = _view(desk, session_id)

    assert (view["state"], view["verdict"]) == ("authorized", {"code": "authorized", "message": ""})
    assert view["doubt"] == {"code": "no_answer", "message": "Stripe did not answer."}
    assert view["progress"] == "capturing"


async def test_a_sale_that_may_still_be_paid_has_no_verdict_though_its_release_is_under_way(
    desk: FakeDesk,
) -> None:
    session_id = await _sell(desk)
    desk.move(session_id, EventKind.STARTED)
    desk.move(session_id, EventKind.SETTLING, settlement="release")

    view = _view(desk, session_id)

    assert (view["verdict"], view["progress"], "doubt" in view) == (None, "releasing", False)


async def test_what_a_session_belongs_to(desk: FakeDesk) -> None:
    session_id = await _sell(desk, refund_of=SessionId("ses_a"))
    desk.pay(session_id)
    assert settled(desk.sessions[session_id])
    again, _ = await desk.open(
        Order(TillName("kasse-1"), PosKey("k2"), READER, Money(1250, "eur"), retry_of=SessionId(session_id))
    )

    assert _view(desk, session_id)["refund_of"] == "ses_a"
    assert _view(desk, again.id)["retry_of"] == session_id


async def test_events_and_readers(desk: FakeDesk) -> None:
    session_id = await _sell(desk)
    event = event_view(desk.history(session_id)[0])

    assert (event["seq"], event["kind"], event["facts"]["amount"]) == (1, "opened", 1250)
    EventShape.model_validate_json(to_json(event))
    ReaderShape.model_validate_json(to_json(reader_view(desk.reader("till-1"))))


@pytest.mark.parametrize(
    ("link", "word"),
    [
        (LinkHealth(up=True, for_s=3.0, losses_total=1), "up"),
        (LinkHealth(up=False, for_s=3.0), "idle"),
        (LinkHealth(up=False, for_s=3.0, cause="pulled", code="link_lost", losses=1, losses_total=1), "down"),
        (LinkHealth(up=True, for_s=3.0, losses=3, losses_total=3, flapping=True), "flapping"),
    ],
)
def test_a_reader_s_link(desk: FakeDesk, link: LinkHealth, word: str) -> None:
    reader = replace(desk.reader("till-1"), link=link)
    view = reader_view(replace(reader, link_since_at=reader.since_at + timedelta(seconds=5)))

    ReaderShape.model_validate_json(to_json(view))
    assert view["link"]["state"] == word
    assert (view["link"]["why"], view["link"]["losses"]) == (link.cause, link.losses)
    assert view["link"]["since_at"] > reader_view(reader)["link"]["since_at"] == view["since_at"]


def test_times_are_utc_with_milliseconds() -> None:
    at = datetime(2026, 1, 5, 10, 0, 0, 123456, tzinfo=timezone(timedelta(hours=1)))

    assert moment(at) == "2026-01-05T09:00:00.123Z"


def test_read_only_mappings_are_json_and_other_objects_are_not() -> None:
    assert to_json({"a": MappingProxyType({"b": 1})}) == b'{"a":{"b":1}}'
    with pytest.raises(TypeError, match="set is not JSON"):
        to_json({"a": {1}})

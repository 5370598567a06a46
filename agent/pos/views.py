"""Sessions, readers and events as tills see them: plain dicts, made for every answer, so made cheaply."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from agent.payments.model import Event, LinkState, ReaderStatus, Session, State
from agent.payments.tender import Tender
from agent.pos.prompts import ENGLISH, prompt
from drivers.contract import Card

_CARD_FIELDS = tuple(Card.__dataclass_fields__)


def _plain(value: object) -> object:
    """Read-only mappings as dicts."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


_compact = json.JSONEncoder(separators=(",", ":"), default=_plain).encode


def to_json(value: Mapping[str, Any]) -> bytes:
    """Compact JSON."""
    return _compact(value).encode()


def moment(at: datetime) -> str:
    """A time as RFC 3339 in UTC with milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def settled(session: Session) -> bool:
    """Whether nothing more will happen to the session by itself."""
    return session.state.ended and session.settling is None


def session_view(session: Session, language: str = ENGLISH) -> dict[str, Any]:
    """A session as its till sees it; `prompt` is what its cashier reads, in this language.

    `verdict` speaks only when the owner of the truth has spoken; while we do not know, `doubt` says why not.
    """
    order = session.order
    view: dict[str, Any] = {
        "id": session.id,
        "pos_key": order.pos_key,
        "till": order.till,
        "reader": order.reader,
        "kind": order.kind.value,
        "state": session.state.value,
        "seq": session.seq,
        "amount": order.money.amount,
        "currency": order.money.currency,
        "capture": order.capture.value,
        "amount_authorized": session.amount_authorized,
        "amount_captured": session.amount_captured,
        "amount_tip": session.amount_tip,
        "amount_refunded": session.amount_refunded,
        "progress": None if session.progress is None else session.progress.value,
        "prompt": None if session.progress is None else prompt(session.progress, language),
        "verdict": _verdict(session),
        "references": dict(session.references),
        "card": None if session.card is None else _card(session.card),
        "receipt": dict(session.receipt) if session.receipt else None,
        "created_at": moment(session.created_at),
        "updated_at": moment(session.updated_at),
        "next_check_at": None if session.next_check_at is None else moment(session.next_check_at),
    }
    if _doubtful(session) and session.code:
        view["doubt"] = {"code": session.code, "message": session.message}
    if order.description:
        view["description"] = order.description
    if order.metadata:
        view["metadata"] = dict(order.metadata)
    if order.retry_of is not None:
        view["retry_of"] = order.retry_of
    if order.refund_of is not None:
        view["refund_of"] = order.refund_of
    if order.sale is not None:
        view["sale"] = {"id": order.sale.id, "amount": order.sale.amount}
    return view


def tender_view(tender: Tender, language: str = ENGLISH) -> dict[str, Any]:
    """How far a sale is paid, with all its sessions, oldest first."""
    return {
        "object": "sale",
        "id": tender.sale.id,
        "amount": tender.sale.amount,
        "currency": tender.currency,
        "amount_paid": tender.paid,
        "amount_held": tender.held,
        "amount_under_way": tender.under_way,
        "amount_left": tender.left,
        "sessions": [session_view(session, language) for session in tender.sessions],
    }


def _doubtful(session: Session) -> bool:
    return session.state is State.IN_DOUBT or session.settling is not None


def _verdict(session: Session) -> dict[str, str] | None:
    if session.verdict is None or session.state.holds_reader:
        return None
    if _doubtful(session):
        # The code is about the capture or release under way, not about what was decided before.
        return {"code": session.verdict.value, "message": ""}
    verdict = {"code": session.code or session.verdict.value, "message": session.message}
    if session.decline_code:
        verdict["decline_code"] = session.decline_code
    return verdict


def _card(card: Card) -> dict[str, Any]:
    values = {name: getattr(card, name) for name in _CARD_FIELDS}
    return {name: value for name, value in values.items() if value not in {"", None}}


def reader_view(reader: ReaderStatus) -> dict[str, Any]:
    """A reader as tills see it."""
    return {
        "name": reader.name,
        "driver": reader.driver,
        "location": reader.location,
        "state": reader.state.value,
        "since_at": moment(reader.since_at),
        "why": reader.why,
        "capabilities": sorted(capability.value for capability in reader.capabilities),
        "session": reader.session,
        "device_type": reader.device_type,
        "serial_number": reader.serial_number,
        "link": _link(reader),
    }


def _link(reader: ReaderStatus) -> dict[str, Any] | None:
    link = reader.link
    if link is None:
        return None
    return {
        "state": LinkState.of(link).value,
        "since_at": moment(reader.link_since_at or reader.since_at),
        "why": link.cause,
        "code": link.code,
        "losses": link.losses,
        "losses_total": link.losses_total,
    }


def event_view(event: Event) -> dict[str, Any]:
    """One line of a session's timeline."""
    return {"seq": event.seq, "kind": event.kind.value, "at": moment(event.at), "facts": dict(event.facts)}


def listing(data: list[dict[str, Any]], *, has_more: bool = False) -> dict[str, Any]:
    """A page of things."""
    return {"object": "list", "data": data, "has_more": has_more}

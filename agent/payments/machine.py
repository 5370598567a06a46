"""The states of a session and the only ways between them. The diagram in docs/ is drawn from this table."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from agent.payments.model import (
    ORIGINAL,
    Event,
    EventKind,
    PendingSettlement,
    Session,
    State,
    order_from,
)
from drivers.contract import Card, Kind, Progress, Settlement, Verdict


class IllegalStepError(Exception):
    """Somebody tried what the table does not allow: a bug of ours, never a fact of the world."""


_DECIDED = frozenset(
    {State.PAID, State.AUTHORIZED, State.DECLINED, State.CANCELED, State.FAILED, State.RELEASED}
)


def _stay(*states: State) -> dict[State, frozenset[State]]:
    return {state: frozenset({state}) for state in states}


_UNDER_WAY = (State.OPENED, State.IN_FLIGHT, State.IN_DOUBT)

TRANSITIONS: Mapping[EventKind, Mapping[State, frozenset[State]]] = MappingProxyType(
    {
        EventKind.STARTED: {State.OPENED: frozenset({State.IN_FLIGHT})},
        EventKind.ATTEMPT: _stay(State.IN_FLIGHT, State.IN_DOUBT, State.AUTHORIZED),
        EventKind.REFERENCE: _stay(State.IN_FLIGHT, State.IN_DOUBT, State.AUTHORIZED, State.PAID),
        EventKind.PROGRESS: _stay(State.IN_FLIGHT, State.IN_DOUBT, State.AUTHORIZED),
        EventKind.CANCEL_ASKED: _stay(*_UNDER_WAY),
        EventKind.DOUBTED: {State.IN_FLIGHT: frozenset({State.IN_DOUBT})},
        EventKind.CHECKED: _stay(State.IN_DOUBT, State.AUTHORIZED),
        EventKind.RESUMED: {State.IN_DOUBT: frozenset({State.IN_FLIGHT})},
        EventKind.SETTLING: _stay(State.IN_FLIGHT, State.IN_DOUBT, State.AUTHORIZED),
        EventKind.CONCLUDED: {
            State.OPENED: frozenset({State.CANCELED, State.FAILED}),
            State.IN_FLIGHT: _DECIDED,
            State.IN_DOUBT: _DECIDED,
            State.AUTHORIZED: frozenset({State.PAID, State.RELEASED, State.AUTHORIZED}),
        },
        EventKind.RULED: {State.IN_DOUBT: _DECIDED},
        EventKind.REFUNDED: _stay(State.PAID),
        EventKind.RETRIED: _stay(State.DECLINED),
        EventKind.TIDIED: _stay(State.DECLINED, State.CANCELED, State.FAILED),
    }
)
"""Event kind -> state before -> the states it may lead to. `OPENED` makes a session out of nothing."""

_NO_WAY: Mapping[State, frozenset[State]] = MappingProxyType({})

_STATE_OF: Mapping[Verdict, State] = MappingProxyType(
    {
        Verdict.PAID: State.PAID,
        Verdict.AUTHORIZED: State.AUTHORIZED,
        Verdict.DECLINED: State.DECLINED,
        Verdict.CANCELED: State.CANCELED,
        Verdict.RELEASED: State.RELEASED,
        Verdict.FAILED: State.FAILED,
    }
)


def begin(event: Event) -> Session:
    """The session that an `OPENED` event makes."""
    if event.kind is not EventKind.OPENED or event.seq != 1:
        raise IllegalStepError(f"session {event.session} begins with {event.kind} number {event.seq}")
    facts = event.facts
    return Session(
        id=event.session,
        order=order_from(facts),
        state=State.OPENED,
        seq=1,
        created_at=event.at,
        updated_at=event.at,
        on_reader=facts["on_reader"],
        references=MappingProxyType(facts.get("references", {})),
    )


def advance(session: Session, event: Event) -> Session:
    """The session after one more event; raises `IllegalStepError` for anything the table does not allow."""
    if event.session != session.id or event.seq != session.seq + 1:
        raise IllegalStepError(
            f"event {event.kind} number {event.seq} of {event.session} does not follow number {session.seq} "
            f"of {session.id}"
        )
    ways = TRANSITIONS.get(event.kind, _NO_WAY)
    allowed = ways.get(session.state)
    if allowed is None:
        raise IllegalStepError(f"session {session.id} is {session.state}: {event.kind} cannot happen to it")
    changes = _EFFECTS[event.kind](session, event.facts)
    after = changes.get("state", session.state)
    if after not in allowed:
        raise IllegalStepError(
            f"session {session.id} cannot go from {session.state} to {after} by {event.kind}"
        )
    changes["seq"] = event.seq
    changes["updated_at"] = event.at
    return session.but(changes)


def fold(events: Sequence[Event]) -> Session:
    """The session that a whole history adds up to."""
    session = begin(events[0])
    for event in events[1:]:
        session = advance(session, event)
    return session


_Changes = dict[str, Any]


def _with_references(session: Session, facts: Mapping[str, Any]) -> Mapping[str, str]:
    found = facts.get("references")
    return session.references if not found else MappingProxyType({**session.references, **found})


def _started(_session: Session, facts: Mapping[str, Any]) -> _Changes:
    return {"state": State.IN_FLIGHT, "driver": facts.get("driver", ""), "progress": Progress.PREPARING}


def _attempt(session: Session, facts: Mapping[str, Any]) -> _Changes:
    operation, number = facts["operation"], facts["number"]
    if number != session.attempts.get(operation, 0) + 1:
        raise IllegalStepError(
            f"attempt {number} of {operation} does not follow {session.attempts.get(operation, 0)}"
        )
    return {"attempts": MappingProxyType({**session.attempts, operation: number})}


def _reference(session: Session, facts: Mapping[str, Any]) -> _Changes:
    return {"references": MappingProxyType({**session.references, facts["name"]: facts["value"]})}


def _progress(_session: Session, facts: Mapping[str, Any]) -> _Changes:
    return {"progress": Progress(facts["step"])}


def _cancel_asked(_session: Session, facts: Mapping[str, Any]) -> _Changes:
    return {"cancel_asked": facts["by"]}


def _doubted(_session: Session, facts: Mapping[str, Any]) -> _Changes:
    return {
        "state": State.IN_DOUBT,
        "code": facts["code"],
        "message": facts["message"],
        "progress": Progress.CHECKING,
        "checks": 0,
    }


def _checked(session: Session, facts: Mapping[str, Any]) -> _Changes:
    return {
        "code": facts["code"],
        "message": facts["message"],
        "next_check_at": datetime.fromisoformat(facts["next_check_at"]),
        "checks": session.checks + 1,
    }


def _resumed(_session: Session, _facts: Mapping[str, Any]) -> _Changes:
    return {
        "state": State.IN_FLIGHT,
        "code": "",
        "message": "",
        "progress": Progress.WAITING_FOR_CARD,
        "next_check_at": None,
    }


def _settling(session: Session, facts: Mapping[str, Any]) -> _Changes:
    settlement = Settlement(facts["settlement"])
    if session.settling is not None and session.settling.settlement is not settlement:
        raise IllegalStepError(f"session {session.id} is already settling by {session.settling.settlement}")
    step = Progress.CAPTURING if settlement is Settlement.CAPTURE else Progress.RELEASING
    return {"settling": PendingSettlement(settlement, facts.get("amount")), "progress": step}


def _concluded(session: Session, facts: Mapping[str, Any]) -> _Changes:
    verdict = Verdict(facts["verdict"])
    state = _STATE_OF.get(verdict)
    if state is None:
        raise IllegalStepError(f"session {session.id} cannot be concluded as {verdict}")
    captured, authorized = facts.get("amount_captured", 0), facts.get("amount_authorized", 0)
    if captured < 0 or authorized < 0 or (captured and state is not State.PAID):
        raise IllegalStepError(
            f"session {session.id} cannot be {state} with {authorized} authorized and {captured} captured"
        )
    changes: _Changes = {
        "state": state,
        "verdict": verdict,
        "code": facts.get("code", ""),
        "message": facts.get("message", ""),
        "decline_code": facts.get("decline_code", ""),
        "amount_authorized": authorized,
        "amount_captured": captured,
        "amount_tip": facts.get("amount_tip", session.amount_tip),
        "references": _with_references(session, facts),
        "progress": None,
        "settling": None,
        "next_check_at": None,
    }
    if "card" in facts:
        changes["card"] = Card(**facts["card"])
    if "receipt" in facts:
        changes["receipt"] = MappingProxyType(facts["receipt"])
    return changes


def _ruled(session: Session, facts: Mapping[str, Any]) -> _Changes:
    return {**_concluded(session, facts), "ruled": True}


def _refunded(session: Session, facts: Mapping[str, Any]) -> _Changes:
    refunded = session.amount_refunded + facts["amount"]
    if refunded > session.amount_captured:
        raise IllegalStepError(
            f"session {session.id} would give back {refunded} of {session.amount_captured}"
        )
    return {"amount_refunded": refunded}


def _retried(session: Session, facts: Mapping[str, Any]) -> _Changes:
    if session.tidied:
        raise IllegalStepError(f"session {session.id} is over: {facts['by']} cannot take it up again")
    return {"tidied": True}


def _tidied(_session: Session, _facts: Mapping[str, Any]) -> _Changes:
    return {"tidied": True}


_EFFECTS: Mapping[EventKind, Callable[[Session, Mapping[str, Any]], _Changes]] = MappingProxyType(
    {
        EventKind.STARTED: _started,
        EventKind.ATTEMPT: _attempt,
        EventKind.REFERENCE: _reference,
        EventKind.PROGRESS: _progress,
        EventKind.CANCEL_ASKED: _cancel_asked,
        EventKind.DOUBTED: _doubted,
        EventKind.CHECKED: _checked,
        EventKind.RESUMED: _resumed,
        EventKind.SETTLING: _settling,
        EventKind.CONCLUDED: _concluded,
        EventKind.RULED: _ruled,
        EventKind.REFUNDED: _refunded,
        EventKind.RETRIED: _retried,
        EventKind.TIDIED: _tidied,
    }
)


def refund_references(original: Session) -> dict[str, str]:
    """What a refund must know of the sale it gives back."""
    return {f"{ORIGINAL}{name}": value for name, value in original.references.items()}


def may_refund(original: Session) -> bool:
    """Whether there is anything to give back."""
    return (
        original.order.kind is Kind.PAYMENT
        and original.state is State.PAID
        and original.amount_refunded < original.amount_captured
    )


def diagram() -> str:
    """The table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> opened: opened"]
    for kind, rows in TRANSITIONS.items():
        for before, afters in rows.items():
            lines.extend(f"    {before} --> {after}: {kind}" for after in sorted(afters) if after != before)
    return "\n".join([*lines, ""])

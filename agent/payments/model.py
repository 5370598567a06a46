"""Sessions and what happens to them: frozen facts, no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NewType

from drivers.contract import (
    NO_ATTEMPTS,
    NOTHING,
    Capability,
    Capture,
    Card,
    Kind,
    LinkHealth,
    Money,
    Outcome,
    PaymentRequest,
    Progress,
    ReaderName,
    SessionId,
    Settlement,
    TipPolicy,
    Verdict,
)

TillName = NewType("TillName", str)
PosKey = NewType("PosKey", str)

UNIQUE_REFERENCES = frozenset({"payment_intent", "charge", "refund"})
"""References that name one thing in the whole world, so that two sessions can never both own it."""

ORIGINAL = "refund_of_"
"""Prefix under which a refund carries the references of the sale it gives back."""


class State(StrEnum):
    """Where a session stands. The till sees these words."""

    __hash__ = str.__hash__  # equal to its word, so it hashes like it; and without a Python call a look-up

    OPENED = "opened"
    IN_FLIGHT = "in_flight"
    IN_DOUBT = "in_doubt"
    AUTHORIZED = "authorized"
    PAID = "paid"
    DECLINED = "declined"
    CANCELED = "canceled"
    FAILED = "failed"
    RELEASED = "released"

    @property
    def holds_reader(self) -> bool:
        """Whether nobody else may use the reader."""
        return self in _HOLDING

    @property
    def ended(self) -> bool:
        """Whether nothing more happens unless somebody asks for a refund."""
        return self in _ENDED


_HOLDING = frozenset({State.OPENED, State.IN_FLIGHT, State.IN_DOUBT})
_ENDED = frozenset({State.PAID, State.DECLINED, State.CANCELED, State.FAILED, State.RELEASED})


class EventKind(StrEnum):
    """What can happen to a session. The journal keeps these for ever, in order."""

    __hash__ = str.__hash__  # as with State

    OPENED = "opened"  # the till's order, accepted
    STARTED = "started"  # handed to the driver
    ATTEMPT = "attempt"  # a numbered try of an operation is about to be sent
    REFERENCE = "reference"  # an outside name of this session became known
    PROGRESS = "progress"  # what the customer sees
    CANCEL_ASKED = "cancel_asked"  # somebody wants it to end
    DOUBTED = "doubted"  # contact was lost while money may have moved
    CHECKED = "checked"  # asked the owner of the truth; not decided yet
    RESUMED = "resumed"  # the owner of the truth says: still waiting for the customer
    SETTLING = "settling"  # capture, release or reversal is about to be sent
    CONCLUDED = "concluded"  # the owner of the truth has spoken
    RULED = "ruled"  # an operator's word ended the doubt
    REFUNDED = "refunded"  # a refund session of this sale moved money back
    RETRIED = "retried"  # another session tries a declined sale again, on the same references
    TIDIED = "tidied"  # what an unpaid sale left at Stripe is gone


@dataclass(frozen=True, slots=True)
class Sale:
    """What several sessions of one till pay together: the till's own id for it, and the whole amount."""

    id: str
    amount: int  # minor units of the sessions' currency, without tips


@dataclass(frozen=True, slots=True)
class Order:
    """What a till asks for. `pos_key` is its own key: the same key never makes a second sale."""

    till: TillName
    pos_key: PosKey
    reader: ReaderName
    money: Money
    kind: Kind = Kind.PAYMENT
    capture: Capture = Capture.AUTOMATIC
    tip: TipPolicy | None = None
    description: str = ""
    metadata: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    retry_of: SessionId | None = None
    refund_of: SessionId | None = None
    sale: Sale | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened: append-only, numbered from 1 within its session."""

    session: SessionId
    seq: int
    kind: EventKind
    at: datetime
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PendingSettlement:
    """A capture, release or reversal that was promised to a till and has not been answered yet."""

    settlement: Settlement
    amount: int | None


@dataclass(
    frozen=True
)  # not slotted: a copy of 25 slots costs more than all else that an event does in memory
class Session:
    """One attempt to take (or give back) one payment on one reader; the sum of its events.

    Amounts are minor units of `money.currency`; `amount_authorized` and `amount_captured` include the tip.
    """

    id: SessionId
    order: Order
    state: State
    seq: int
    created_at: datetime
    updated_at: datetime
    on_reader: bool = True
    driver: str = ""
    amount_authorized: int = 0
    amount_captured: int = 0
    amount_tip: int | None = None
    amount_refunded: int = 0
    progress: Progress | None = None
    verdict: Verdict | None = None
    code: str = ""
    message: str = ""
    decline_code: str = ""
    references: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    attempts: Mapping[str, int] = field(default_factory=lambda: NO_ATTEMPTS)
    card: Card | None = None
    receipt: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    cancel_asked: str = ""
    settling: PendingSettlement | None = None
    next_check_at: datetime | None = None
    checks: int = 0
    ruled: bool = False
    tidied: bool = False

    @property
    def needs_lane(self) -> bool:
        """Whether a lane must look after this session before it may serve another."""
        return self.state.holds_reader or self.settling is not None

    @property
    def left_over(self) -> bool:
        """Whether something at the provider may wait for a customer whom nobody expects any more.

        A declined sale may be tried again for a while; an operator's word takes no prompt off a reader.
        """
        unpaid = self.state is State.DECLINED or (self.ruled and self.state in {State.CANCELED, State.FAILED})
        return unpaid and not self.tidied and "payment_intent" in self.references

    def but(self, changes: Mapping[str, Any]) -> "Session":
        """A copy in which some fields differ; `dataclasses.replace` does the same in ten times the time."""
        copy = object.__new__(Session)
        fields = self.__dict__.copy()
        fields.update(changes)
        object.__setattr__(copy, "__dict__", fields)
        return copy

    def request(self) -> PaymentRequest:
        """The session as its driver sees it."""
        order = self.order
        return PaymentRequest(
            session=self.id,
            kind=order.kind,
            money=order.money,
            capture=order.capture,
            tip=order.tip,
            description=order.description,
            metadata=order.metadata,
            references=self.references,
            attempts=self.attempts,
            opened_at=self.created_at,
        )


@dataclass(frozen=True, slots=True)
class SessionQuery:
    """Which sessions to list, newest first. `before` is the last id of the page already seen."""

    pos_key: str | None = None
    state: State | None = None
    reader: str | None = None
    since: datetime | None = None
    before: SessionId | None = None
    limit: int = 20


class ReaderState(StrEnum):
    """How a reader stands, as tills and staff see it."""

    CONNECTING = "connecting"  # not reached yet
    READY = "ready"
    BUSY = "busy"  # a session is under way
    IN_DOUBT = "in_doubt"  # a session must be settled first
    OFFLINE = "offline"  # was reached once, cannot be now


class LinkState(StrEnum):
    """How the link to a reader stands."""

    UP = "up"
    IDLE = "idle"  # let go on purpose: made when it is needed
    DOWN = "down"
    FLAPPING = "flapping"  # it comes and goes

    @classmethod
    def of(cls, link: LinkHealth) -> "LinkState":
        """The one word for it."""
        if link.flapping:
            return cls.FLAPPING
        if link.up:
            return cls.UP
        return cls.DOWN if link.cause else cls.IDLE


@dataclass(frozen=True, slots=True)
class ReaderStatus:
    """One reader as the gateway sees it now, and why."""

    name: ReaderName
    driver: str
    location: str
    state: ReaderState
    since_at: datetime
    why: str = ""
    capabilities: frozenset[Capability] = frozenset()
    session: SessionId | None = None
    device_type: str = ""
    serial_number: str = ""
    link: LinkHealth | None = None  # None: its driver has no link of its own
    link_since_at: datetime | None = None


def order_facts(
    order: Order, *, references: Mapping[str, str] = NOTHING, on_reader: bool = True
) -> dict[str, Any]:
    """An order as the journal keeps it."""
    facts: dict[str, Any] = {
        "till": order.till,
        "pos_key": order.pos_key,
        "reader": order.reader,
        "kind": order.kind.value,
        "amount": order.money.amount,
        "currency": order.money.currency,
        "capture": order.capture.value,
        "on_reader": on_reader,
    }
    if order.tip is not None:
        facts["tip"] = {"skip": order.tip.skip, "amount_eligible": order.tip.amount_eligible}
    optional = {
        "description": order.description,
        "metadata": dict(order.metadata),
        "retry_of": order.retry_of,
        "refund_of": order.refund_of,
        "sale": {} if order.sale is None else {"id": order.sale.id, "amount": order.sale.amount},
        "references": dict(references),
    }
    facts.update({name: value for name, value in optional.items() if value})
    return facts


def order_from(facts: Mapping[str, Any]) -> Order:
    """The order that `order_facts` wrote."""
    tip, sale = facts.get("tip"), facts.get("sale")
    return Order(
        till=TillName(facts["till"]),
        pos_key=PosKey(facts["pos_key"]),
        reader=ReaderName(facts["reader"]),
        kind=Kind(facts["kind"]),
        money=Money(facts["amount"], facts["currency"]),
        capture=Capture(facts["capture"]),
        tip=None if tip is None else TipPolicy(skip=tip["skip"], amount_eligible=tip["amount_eligible"]),
        description=facts.get("description", ""),
        metadata=MappingProxyType(facts.get("metadata", {})),
        retry_of=facts.get("retry_of"),
        refund_of=facts.get("refund_of"),
        sale=None if sale is None else Sale(sale["id"], sale["amount"]),
    )


def outcome_facts(outcome: Outcome) -> dict[str, Any]:
    """An outcome as the journal keeps it; what is empty is left out."""
    facts: dict[str, Any] = {"verdict": outcome.verdict.value}
    for name in ("code", "message", "decline_code", "amount_authorized", "amount_captured"):
        value = getattr(outcome, name)
        if value:
            facts[name] = value
    if outcome.amount_tip is not None:
        facts["amount_tip"] = outcome.amount_tip
    if outcome.references:
        facts["references"] = dict(outcome.references)
    if outcome.card is not None:
        card = outcome.card
        values = {name: getattr(card, name) for name in Card.__dataclass_fields__}
        facts["card"] = {name: value for name, value in values.items() if value not in {"", None}}
    if outcome.receipt:
        facts["receipt"] = dict(outcome.receipt)
    return facts

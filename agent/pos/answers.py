"""The shapes of what the door answers, for the API document and for tests; answers are plain dicts."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agent.payments.model import EventKind, LinkState, ReaderState, State
from agent.pos.errors import ErrorType
from drivers.contract import Capability, Capture, Kind, Progress

_Minor = Annotated[int, Field(ge=0, description="Minor units of the session's currency.")]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class VerdictShape(_Shape):
    """What the owner of the truth decided."""

    code: str
    message: str
    decline_code: str | None = None


class DoubtShape(_Shape):
    """Why it is not known yet what became of the money."""

    code: str
    message: str


class CardShape(_Shape):
    """What may be shown and printed of the card."""

    brand: str | None = None
    last4: str | None = None
    read_method: str | None = None
    funding: str | None = None
    country: str | None = None
    exp_month: int | None = None
    exp_year: int | None = None
    wallet: str | None = None


class SaleShape(_Shape):
    """The whole that several sessions of one till pay together."""

    id: str
    amount: _Minor


class SessionShape(_Shape):
    """One attempt to take (or give back) one payment on one reader."""

    id: str
    pos_key: str
    till: str
    reader: str
    kind: Kind
    state: Annotated[
        State, Field(description="failed: certain that no money moved. in_doubt: being found out.")
    ]
    seq: Annotated[int, Field(ge=1, description="Counts this session's changes.")]
    amount: _Minor
    currency: str
    capture: Capture
    amount_authorized: Annotated[_Minor, Field(description="Held or moved, with the tip.")]
    amount_captured: Annotated[_Minor, Field(description="Moved, with the tip.")]
    amount_tip: int | None
    amount_refunded: _Minor
    progress: Progress | None
    prompt: Annotated[str | None, Field(description="What the cashier reads, by Accept-Language.")]
    verdict: Annotated[VerdictShape | None, Field(description="null until it is decided.")]
    doubt: DoubtShape | None = None
    references: dict[str, str]
    card: CardShape | None
    receipt: dict[str, str] | None
    description: str | None = None
    metadata: dict[str, str] | None = None
    retry_of: str | None = None
    refund_of: str | None = None
    sale: SaleShape | None = None
    created_at: datetime
    updated_at: datetime
    next_check_at: Annotated[datetime | None, Field(description="In doubt: when the gateway asks next.")]


class TenderShape(_Shape):
    """How far a sale is paid. Amounts are without tips."""

    object: Literal["sale"]
    id: str
    amount: _Minor
    currency: str
    amount_paid: Annotated[_Minor, Field(description="Less what was given back.")]
    amount_held: _Minor
    amount_under_way: Annotated[_Minor, Field(description="Begun or in doubt: it may still be paid.")]
    amount_left: Annotated[_Minor, Field(description="What another session may take.")]
    sessions: list[SessionShape]


class SessionListShape(_Shape):
    """A page of sessions, newest first."""

    object: Literal["list"]
    data: list[SessionShape]
    has_more: bool


class LinkShape(_Shape):
    """How the link to a reader is."""

    state: Annotated[LinkState, Field(description="idle: not needed now. flapping: it comes and goes.")]
    since_at: datetime
    why: Annotated[str, Field(description="What began the outage; empty when there is none.")]
    code: str
    losses: Annotated[int, Field(ge=0, description="In the last five minutes.")]
    losses_total: Annotated[int, Field(ge=0, description="Since the gateway took the reader into service.")]


class ReaderShape(_Shape):
    """One reader as the gateway sees it now."""

    name: str
    driver: str
    location: str
    state: ReaderState
    since_at: datetime
    why: str
    capabilities: list[Capability]
    session: Annotated[str | None, Field(description="The session that holds the reader.")]
    device_type: str
    serial_number: str
    link: Annotated[
        LinkShape | None, Field(description="null: the reader is not reached over a link of ours.")
    ]


class AppReaderShape(_Shape):
    """A reader of this store that only an app with Stripe's SDK can drive."""

    serial_number: str
    device_type: str
    product: str
    label: str
    location: str


class ReaderListShape(_Shape):
    """Every reader of the gateway."""

    object: Literal["list"]
    data: list[ReaderShape]
    has_more: bool
    app_readers: Annotated[
        list[AppReaderShape],
        Field(description="Stripe's Bluetooth readers here. They are seen; no sale can be opened on them."),
    ]


class EventShape(_Shape):
    """One line of a session's timeline."""

    seq: int
    kind: EventKind
    at: datetime
    facts: dict[str, Any]


class EventListShape(_Shape):
    """A session's whole timeline, oldest first."""

    object: Literal["list"]
    data: list[EventShape]
    has_more: bool


class ConnectionTokenShape(_Shape):
    """What Stripe's client SDKs want."""

    secret: str
    location: str


class LookShape(_Shape):
    """The gateway has been told to look; what it finds is in health and in the readers."""

    object: Literal["fleet_look"]


class HealthShape(BaseModel):
    """How the gateway is."""

    model_config = ConfigDict(extra="allow")

    status: Annotated[
        str, Field(description="ok and degraded: sales are taken (200); anything else: not (503).")
    ]


class ErrorDetailShape(_Shape):
    """What is wrong and what to do."""

    type: ErrorType
    code: str
    message: str
    param: Annotated[str | None, Field(description="The part of the request that is wrong.")] = None


class ErrorShape(_Shape):
    """Every answer that is not a success."""

    error: ErrorDetailShape

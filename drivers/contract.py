"""What every kind of reader promises to the gateway, and the words both sides use.

The agent calls drivers through this file only; drivers know the agent through this file only.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import NewType, Protocol, Self, runtime_checkable

ReaderName = NewType("ReaderName", str)
SessionId = NewType("SessionId", str)

NOTHING: Mapping[str, str] = MappingProxyType({})
NO_ATTEMPTS: Mapping[str, int] = MappingProxyType({})


class MoneyError(ValueError):
    """An amount or a currency that cannot be."""


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount in minor units (cents) with its currency (ISO 4217, lower case)."""

    amount: int
    currency: str

    def __post_init__(self) -> None:
        """Refuse floats, booleans and malformed currencies at once: they only ever come from a bug."""
        if type(self.amount) is not int:
            raise MoneyError(f"an amount is a whole number of minor units, not {self.amount!r}")
        if len(self.currency) != 3 or not (self.currency.isascii() and self.currency.islower()):
            raise MoneyError(f"a currency is three lower-case letters, not {self.currency!r}")

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"

    def _same(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise MoneyError(f"cannot mix {self.currency} and {other.currency}")

    def __add__(self, other: "Money") -> Self:
        self._same(other)
        return type(self)(self.amount + other.amount, self.currency)

    def __sub__(self, other: "Money") -> Self:
        self._same(other)
        return type(self)(self.amount - other.amount, self.currency)


class Capture(StrEnum):
    """When held money moves: at once, or when the till says so."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


class Kind(StrEnum):
    """What a session is for."""

    PAYMENT = "payment"
    REFUND = "refund"


class Progress(StrEnum):
    """What the customer or the reader is doing; one vocabulary for every kind of reader."""

    PREPARING = "preparing"
    WAITING_FOR_CARD = "waiting_for_card"
    CHOOSING_TIP = "choosing_tip"
    ENTERING_PIN = "entering_pin"
    WRONG_PIN = "wrong_pin"
    AUTHORIZING = "authorizing"
    REMOVE_CARD = "remove_card"
    PRINTING = "printing"
    CANCELING = "canceling"
    CHECKING = "checking"
    CAPTURING = "capturing"
    RELEASING = "releasing"
    REFUNDING = "refunding"


class Capability(StrEnum):
    """What a driver can do beyond taking a payment; asked for by name."""

    MANUAL_CAPTURE = "manual_capture"
    PARTIAL_CAPTURE = "partial_capture"
    TIP = "tip"
    REFUND = "refund"
    CUSTOMER_CANCEL = "customer_cancel"
    RETRY = "retry"  # the same order again after a decline, on the same references
    DISPLAY = "display"
    SETTLE_REMOTELY = "settle_remotely"  # capture, release and refund do not need the device


@dataclass(frozen=True, slots=True)
class ReaderConfig:
    """One reader as its driver needs to know it: a name, where it is, and the driver's own options."""

    name: ReaderName
    driver: str
    options: Mapping[str, str] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True)
class ReaderInfo:
    """What a driver learnt when it reached its reader."""

    device_type: str
    serial_number: str
    capabilities: frozenset[Capability]
    details: Mapping[str, str] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True)
class TipPolicy:
    """Whether the reader asks for a tip, and on which part of the amount (minor units)."""

    skip: bool = False
    amount_eligible: int | None = None


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """One session as a driver sees it: what to do, and all that is already known and on disk.

    `references` and `attempts` are what earlier calls of `Report` made durable; a driver that is called
    again after a crash finds them here and continues instead of beginning again.
    """

    session: SessionId
    kind: Kind
    money: Money
    capture: Capture = Capture.AUTOMATIC
    tip: TipPolicy | None = None
    description: str = ""
    metadata: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    references: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    attempts: Mapping[str, int] = field(default_factory=lambda: NO_ATTEMPTS)
    opened_at: datetime | None = None


NEVER_SENT = "never_sent"
"""Code of a FAILED outcome of `inquire`: no command that could move money has left us for this session."""


class Verdict(StrEnum):
    """The one-word summary of what became of a session."""

    PAID = "paid"  # money moved (for a refund: back to the customer)
    AUTHORIZED = "authorized"  # money is held, not moved
    DECLINED = "declined"  # the issuer or the reader said no; nothing moved
    CANCELED = "canceled"  # the customer, the till or the clock ended it; nothing moved
    RELEASED = "released"  # money was held and has been let go
    FAILED = "failed"  # certain that nothing moved and nothing can
    PENDING = "pending"  # still undecided: the prompt may still be paid
    UNKNOWN = "unknown"  # the owner of the truth could not tell

    @property
    def final(self) -> bool:
        """Whether nothing can change this any more without a new request."""
        return self not in {Verdict.PENDING, Verdict.UNKNOWN, Verdict.AUTHORIZED}


@dataclass(frozen=True, slots=True)
class Card:
    """What may be shown and printed of a card; never its number."""

    brand: str = ""
    last4: str = ""
    read_method: str = ""
    funding: str = ""
    country: str = ""
    exp_month: int | None = None
    exp_year: int | None = None
    wallet: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the device or its owner said. Amounts are minor units of the request's currency.

    `amount_captured` is money moved and `amount_authorized` money held or moved, both with the tip.
    """

    verdict: Verdict
    code: str = ""
    message: str = ""
    decline_code: str = ""
    amount_authorized: int = 0
    amount_captured: int = 0
    amount_tip: int | None = None
    references: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    card: Card | None = None
    receipt: Mapping[str, str] = field(default_factory=lambda: NOTHING)


class Settlement(StrEnum):
    """How to end a session that holds money or may still be payable."""

    CAPTURE = "capture"  # move held money
    RELEASE = "release"  # let held money go; make an open prompt unpayable
    REVERSE = "reverse"  # give back money that moved by itself


@dataclass(frozen=True, slots=True)
class Decision:
    """What `settle` shall do; `amount` (minor units) only for a capture of less than was held."""

    settlement: Settlement
    amount: int | None = None


class Report(Protocol):
    """A driver's line to the journal. When a call returns, what it said survives a power cut."""

    async def progress(self, step: Progress) -> None:
        """Say what the customer sees. Not awaited for durability: progress may be lost, nothing else."""
        ...

    async def reference(self, name: str, value: str) -> None:
        """Make a reference durable the moment it is known."""
        ...

    async def attempt(self, operation: str) -> int:
        """Make the next attempt number of an operation durable before it is sent; counts from 1.

        A driver asks for a new number only after a definite error: a repeat for want of an answer uses
        the number it has (`PaymentRequest.attempts`, or the last one this returned).
        """
        ...


class Driver(Protocol):
    """Makes one kind of reader obey. `NotStartedError` is certain, any other `DriverError` is doubt."""

    async def open(self) -> ReaderInfo:
        """Reach the reader and make it ready, again if need be; never starts a sale."""
        ...

    async def close(self) -> None:
        """Let go of the reader and every resource; never raises for a reader already gone."""
        ...

    async def pay(self, request: PaymentRequest, report: Report) -> Outcome:
        """Take (or refund) the money; with references in the request, go on where it was left."""
        ...

    async def cancel(self) -> None:
        """Ask the session under way to end; the answer comes from `pay`. Repeated after a `DriverError`."""
        ...

    async def inquire(self, request: PaymentRequest) -> Outcome:
        """Say what became of it, read-only. PENDING: the prompt may still be paid.

        Called even when `open` has failed: who must have the device then raises `DriverError`.
        """
        ...

    async def settle(self, request: PaymentRequest, decision: Decision, report: Report) -> Outcome:
        """Capture, release or reverse; safe to repeat with the same request until it answers."""
        ...


@runtime_checkable
class Attended(Protocol):
    """A driver that looks at its reader while nobody pays: for links on which only asking tells."""

    @property
    def check_every_s(self) -> float:
        """Seconds of quiet after which a look is worth while."""
        ...

    async def check(self) -> None:
        """See that the reader is there, read-only; raises `DriverError` when it is not."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """One sale in the books of the owner of the truth that carries this gateway's name."""

    session: SessionId
    verdict: Verdict  # AUTHORIZED: money is held; PENDING: it may still be paid; PAID: money moved
    money: Money  # held, to be paid, or moved
    references: Mapping[str, str]
    made_at: datetime
    expires_at: datetime | None = None  # when a hold falls away by itself


@runtime_checkable
class Audited(Protocol):
    """A driver whose books can be read without knowing what to look for: nothing is left over in them."""

    @property
    def books(self) -> str:
        """Whose they are: two drivers that say the same word show the same entries; '': there are none."""
        ...

    async def entries(self, since: datetime) -> Sequence[Entry]:
        """Every hold, and what was made since then and is payable or paid. Read-only; may lag by minutes."""
        ...


@dataclass(frozen=True, slots=True)
class LinkHealth:
    """How the link to a reader is doing, for tills and for people."""

    up: bool  # there, and the reader has spoken over it
    for_s: float  # seconds it has been so
    cause: str = ""  # what began the outage, in words; "" for none: up, or let go on purpose
    code: str = ""  # the same for machines
    tries: int = 0  # that failed in this outage
    losses: int = 0  # lately
    losses_total: int = 0  # since the driver was made
    flapping: bool = False  # it comes and goes: cable, power, settings, radio
    rest_s: float = 0.0  # until trying again by itself is worth while; 0: now


@runtime_checkable
class Linked(Protocol):
    """A driver that reaches its reader over a link of its own, and says how that is."""

    @property
    def link_health(self) -> LinkHealth:
        """How the link is now."""
        ...

    def on_link_end(self, told: Callable[[], None]) -> None:
        """Call `told` whenever the link ends while nobody uses it, where the link can say so."""
        ...


class DriverError(Exception):
    """We do not know what the device did. The code is for machines, the message for people."""

    def __init__(self, message: str, *, code: str = "unknown_outcome") -> None:
        super().__init__(message)
        self.code = code


class NotStartedError(DriverError):
    """We are certain that nothing began: no command that could move money left us, or it was refused."""

    def __init__(self, message: str, *, code: str = "not_started") -> None:
        super().__init__(message, code=code)


class RefusedError(DriverError):
    """The peer gave a definite answer: it did not do what was asked."""

    def __init__(self, message: str, *, code: str, decline_code: str = "") -> None:
        super().__init__(message, code=code)
        self.decline_code = decline_code


class Link(Protocol):
    """A two-way byte pipe. Used once: a lost link is closed and a new one is made."""

    async def send(self, data: bytes) -> None:
        """Hand bytes to the wire; raises `LinkError` when the link is gone."""
        ...

    async def receive(self) -> bytes:
        """Bytes as they come, at least one; b"" when the other side closed."""
        ...

    async def close(self) -> None:
        """Let go; safe to call twice."""
        ...


class LinkError(DriverError):
    """The link is lost or could not be made."""

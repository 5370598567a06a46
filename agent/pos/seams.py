"""What the door needs from the rest of the gateway."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from agent.payments.model import (
    Event,
    Order,
    PosKey,
    ReaderStatus,
    Session,
    SessionQuery,
    TillName,
)
from agent.payments.tender import Tender
from agent.pos.tokens import ConnectionToken
from drivers.contract import Outcome

Health = Callable[[], Mapping[str, Any]]
"""The health document; its `status` decides the answer's code: "ok" and "degraded" serve, others do not."""


Look = Callable[[], None]
"""Makes the gateway look at its fleet files, its account and its readers now; returns at once."""


AppReaders = Callable[[], Sequence[Mapping[str, Any]]]
"""The readers of this store that only apps with Stripe's SDK can drive, as they are shown."""


class Desk(Protocol):
    """The front door of payments. `till` None is an operator, who sees every session."""

    async def open(self, order: Order) -> tuple[Session, bool]:
        """The session of this order, durable, and whether it is new."""
        ...

    def session(self, session_id: str, till: TillName | None) -> Session:
        """One session as it stands."""
        ...

    async def changed(self, session_id: str, seq: int, wait_s: float, till: TillName | None) -> Session:
        """The session as soon as it has moved past `seq`, or as it stands after `wait_s` seconds."""
        ...

    async def decided(self, session_id: str, wait_s: float, till: TillName | None) -> Session:
        """The session when nothing more happens to it by itself, or as it stands after `wait_s` seconds."""
        ...

    async def cancel(self, session_id: str, till: TillName | None) -> Session:
        """Ask the sale to end."""
        ...

    async def capture(self, session_id: str, amount: int | None, till: TillName | None) -> Session:
        """Move held money, all of it or `amount` minor units."""
        ...

    async def refund(
        self, session_id: str, amount: int | None, pos_key: PosKey, till: TillName | None
    ) -> tuple[Session, bool]:
        """The session that gives money back, and whether it is new; any till may refund what it can name."""
        ...

    async def rule(self, session_id: str, outcome: Outcome) -> Session:
        """End a doubt by an operator's word."""
        ...

    def tender(self, sale: str, till: TillName) -> Tender:
        """How far a sale of this till is paid; `UnknownSaleError`."""
        ...

    def find(self, query: SessionQuery, till: TillName | None) -> Sequence[Session]:
        """Sessions, newest first."""
        ...

    def history(self, session_id: str) -> Sequence[Event]:
        """Everything that happened to one session, in order."""
        ...

    def readers(self) -> Sequence[ReaderStatus]:
        """Every reader of the gateway."""
        ...

    def reader(self, name: str) -> ReaderStatus:
        """One reader; `UnknownReaderError`."""
        ...


class TokenIssuer(Protocol):
    """Where fresh connection tokens come from."""

    async def issue(self) -> ConnectionToken:
        """One new token for the gateway's location; `TokenIssueError` says why there is none."""
        ...


class Tills(Protocol):
    """Who may talk to the door."""

    def authenticate(self, token: str) -> TillName | None:
        """The till this token belongs to."""
        ...

    def retired(self, token: str) -> TillName | None:
        """The till this token belonged to before it was revoked or replaced."""
        ...

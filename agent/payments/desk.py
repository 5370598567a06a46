"""The front door of payments: what tills may ask, checked, written down, and handed to the right lane."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from agent.payments.errors import (
    JournalError,
    OrderError,
    PosKeyReusedError,
    ReaderBusyError,
    ReaderUnavailableError,
    StoppingError,
    UnknownReaderError,
    UnknownSessionError,
    WrongStateError,
)
from agent.payments.journal import Journal, Now
from agent.payments.lane import Lane
from agent.payments.machine import IllegalStepError, may_refund, refund_references
from agent.payments.model import (
    Event,
    EventKind,
    Order,
    PosKey,
    ReaderStatus,
    Session,
    SessionQuery,
    State,
    TillName,
    outcome_facts,
)
from agent.payments.store import Conflict, ConflictError
from drivers.contract import (
    NOTHING,
    Capability,
    Capture,
    Kind,
    Money,
    Outcome,
    ReaderConfig,
    ReaderName,
    Settlement,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeskPolicy:
    """How patient the desk is, in seconds."""

    settle_wait_s: float = 10.0  # how long capture and refund wait for an answer before they say "under way"
    retry_window_s: float = 600.0  # how long a declined sale may be tried again on the same references
    tidy_interval_s: float = 60.0


class Desk:
    """Opens, watches, cancels, captures and refunds sessions; knows the lanes."""

    def __init__(self, journal: Journal, *, now: Now, policy: DeskPolicy | None = None) -> None:
        self._journal = journal
        self._now = now
        self._policy = policy or DeskPolicy()
        self._lanes: dict[ReaderName, Lane] = {}
        self._tasks: dict[ReaderName, asyncio.Task[None]] = {}
        self._expected: dict[ReaderName, ReaderStatus] = {}
        self._group: asyncio.TaskGroup | None = None
        self._stopping = False

    # -- lanes ----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Run the lanes and tidy up; ends by cancellation or by a bug in any of them."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for lane in self._lanes.values():
                self._start(lane)
            while True:
                await asyncio.sleep(self._policy.tidy_interval_s)
                await self._tidy()

    def adopt(self, lane: Lane) -> None:
        """Put a reader into service; it begins with what an earlier life left undone on it."""
        name = lane.config.name
        if name in self._lanes:
            raise ValueError(f"reader {name} is already in service")
        self._lanes[name] = lane
        self._expected.pop(name, None)
        if self._group is not None:
            self._start(lane)

    async def retire(self, name: ReaderName) -> None:
        """Take a reader out of service; raises `ReaderBusyError` while a session uses it."""
        lane = self._lane(name)
        if lane.busy:
            raise ReaderBusyError(name, "a session is under way")
        del self._lanes[name]
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def expect(self, readers: Iterable[ReaderStatus]) -> None:
        """Readers that are declared but cannot be put into service yet, and why."""
        self._expected = {reader.name: reader for reader in readers if reader.name not in self._lanes}

    @property
    def lanes(self) -> Mapping[ReaderName, Lane]:
        """The readers in service."""
        return self._lanes

    def stop(self) -> None:
        """Take no new sales; what is under way goes on until the lanes are cancelled."""
        self._stopping = True

    def _start(self, lane: Lane) -> None:
        assert self._group is not None
        name = lane.config.name
        self._tasks[name] = self._group.create_task(lane.run(), name=f"lane {name}")

    def _lane(self, name: str) -> Lane:
        lane = self._lanes.get(ReaderName(name))
        if lane is not None:
            return lane
        expected = self._expected.get(ReaderName(name))
        if expected is not None:
            raise ReaderUnavailableError(expected.name, expected.why)
        raise UnknownReaderError(name)

    def orphans(self) -> list[ReaderConfig]:
        """Readers without a lane that still have a session to be settled, as they were when it began."""
        configs: dict[ReaderName, ReaderConfig] = {}
        for session in self._journal.unsettled():
            reader = session.order.reader
            if reader in self._lanes or reader in configs:
                continue
            for event in self._journal.history(session.id):
                if event.kind is EventKind.STARTED:
                    options = MappingProxyType(event.facts["options"])
                    configs[reader] = ReaderConfig(reader, event.facts["driver"], options)
        return list(configs.values())

    def readers(self) -> list[ReaderStatus]:
        """Every reader in service or expected, by name."""
        known = self._expected | {name: lane.status for name, lane in self._lanes.items()}
        return [known[name] for name in sorted(known)]

    def reader(self, name: str) -> ReaderStatus:
        """One reader; raises `UnknownReaderError`."""
        expected = self._expected.get(ReaderName(name))
        return self._lane(name).status if expected is None else expected

    def busy(self, name: str) -> bool:
        """Whether a session uses the reader; False for a reader that is not in service."""
        lane = self._lanes.get(ReaderName(name))
        return lane is not None and lane.busy

    # -- sales ----------------------------------------------------------------------------------------

    async def open(self, order: Order) -> tuple[Session, bool]:
        """Accept an order: the session, durable, and whether it is new.

        The same key with the same content gives the same session. Raises `StoppingError`, `OrderError`,
        `PosKeyReusedError`, `UnknownReaderError`, `ReaderBusyError`, `UnknownSessionError` (retry_of) and
        `JournalError`; then nothing was stored.
        """
        if self._stopping:
            raise StoppingError
        known = self._journal.by_pos_key(order.till, order.pos_key)
        if known is not None:
            return _same(known, order), False
        lane = self._lane(order.reader)
        _check_capabilities(lane, order)
        references = NOTHING if order.retry_of is None else self._retried(order).references
        if lane.busy:
            raise ReaderBusyError(order.reader, lane.status.why or "a session is about to begin")
        return await self._open(lane, order, references, on_reader=True)

    async def _open(
        self, lane: Lane, order: Order, references: Mapping[str, str], *, on_reader: bool
    ) -> tuple[Session, bool]:
        try:
            session = await self._journal.open_session(order, references=references, on_reader=on_reader)
        except ConflictError as error:
            # Somebody was faster: the same key answers with its session, else the conflict says why.
            known = self._journal.by_pos_key(order.till, order.pos_key)
            if known is not None:
                return _same(known, order), False
            raise _refusal(order, error) from error
        lane.offer(session)
        return session, True

    def _retried(self, order: Order) -> Session:
        """The declined session that an order tries again; the money must be the same."""
        assert order.retry_of is not None
        declined = self.session(order.retry_of, order.till)
        if declined.state is not State.DECLINED:
            raise WrongStateError(
                f"session {declined.id} is {declined.state}; only a declined one can be tried again"
            )
        window = timedelta(seconds=self._policy.retry_window_s)
        if declined.tidied or self._now() - declined.created_at > window:
            raise OrderError(
                f"session {declined.id} was tried again already or is too old; open a sale without retry_of",
                param="retry_of",
                code="retry_too_late",
            )
        before = declined.order
        if (before.money, before.capture) != (order.money, order.capture):
            raise OrderError(
                f"session {declined.id} was for {before.money}, capture {before.capture}; a retry keeps that",
                param="retry_of",
                code="retry_differs",
            )
        return declined

    def session(self, session: str, till: TillName | None) -> Session:
        """One session; a till sees its own only, the operator (None) sees all."""
        found = self._journal.session(session)
        if till is not None and found.order.till != till:
            raise UnknownSessionError(session)
        return found

    async def changed(self, session: str, seq: int, wait_s: float, till: TillName | None) -> Session:
        """The session as soon as it is beyond event `seq`, or as it is after `wait_s` seconds."""
        found = self.session(session, till)
        if found.seq <= seq:
            try:
                async with asyncio.timeout(wait_s):
                    found = await self._journal.changed(found.id, seq)
            except TimeoutError:
                found = self._journal.session(session)
        return found

    def find(self, query: SessionQuery, till: TillName | None) -> list[Session]:
        """Sessions that match, newest first; a till finds its own only."""
        return self._journal.find(query, till)

    def history(self, session: str) -> list[Event]:
        """Every event of a session."""
        return self._journal.history(session)

    def totals(self) -> dict[str, int]:
        """How many sessions there are in each state."""
        return self._journal.totals()

    async def cancel(self, session: str, till: TillName | None) -> Session:
        """Ask for the end of a sale under way; asking again, or for one that ended unpaid, does nothing more.

        Raises `WrongStateError` for a sale that is paid or holds money: refund or release it instead.
        """
        found = self.session(session, till)
        if found.state is State.AUTHORIZED:
            return await self._settle(found, Settlement.RELEASE, None)
        if (
            found.state in {State.CANCELED, State.RELEASED, State.DECLINED, State.FAILED}
            or found.cancel_asked
        ):
            return found
        if found.state is State.PAID or not found.on_reader:
            raise WrongStateError(
                f"session {found.id} is {found.state}: it cannot be canceled, only refunded"
            )
        by = "operator" if till is None else "till"
        return await self._record(found, EventKind.CANCEL_ASKED, {"by": by})

    async def capture(self, session: str, amount: int | None, till: TillName | None) -> Session:
        """Move held money, all or `amount` minor units of it; repeats do nothing more."""
        found = self.session(session, till)
        if found.state is State.PAID and amount in {None, found.amount_captured}:
            return found
        if found.state is not State.AUTHORIZED:
            raise WrongStateError(
                f"session {found.id} is {found.state}: only an authorized sale can be captured"
            )
        if amount is not None and not 0 < amount <= found.amount_authorized:
            raise OrderError(
                f"amount must be from 1 to {found.amount_authorized}, what is held; it is {amount}",
                param="amount",
            )
        return await self._settle(found, Settlement.CAPTURE, amount)

    async def _settle(self, session: Session, settlement: Settlement, amount: int | None) -> Session:
        pending = session.settling
        if pending is not None and (pending.settlement, pending.amount) != (settlement, amount):
            raise WrongStateError(f"session {session.id} is already under way to {pending.settlement}")
        lane = self._settling_lane(session)
        if pending is None:
            facts: dict[str, object] = {"settlement": settlement.value}
            if amount is not None:
                facts["amount"] = amount
            session = await self._record(session, EventKind.SETTLING, facts)
            lane.offer(session)
        return await self._answered(session)

    async def _answered(self, session: Session) -> Session:
        """The session when its settlement is answered, or as it is when that takes longer than we wait."""
        try:
            async with asyncio.timeout(self._policy.settle_wait_s):
                while session.needs_lane:
                    session = await self._journal.changed(session.id, session.seq)
        except TimeoutError:
            pass
        return session

    async def refund(
        self, session: str, amount: int | None, pos_key: PosKey, till: TillName | None
    ) -> tuple[Session, bool]:
        """Give back a paid sale, all that is left of it or `amount` minor units, by a new session.

        Any till of the store may refund a sale whose id it knows: customers return elsewhere.
        """
        if self._stopping:
            raise StoppingError
        original = self.session(session, None)
        by = till or TillName("operator")
        known = self._journal.by_pos_key(by, pos_key)
        left = original.amount_captured - original.amount_refunded
        money = Money(left if amount is None else amount, original.order.money.currency)
        if known is not None and amount is None:
            money = known.order.money  # "all that is left" was answered once; the key keeps that answer
        order = Order(
            till=by,
            pos_key=pos_key,
            reader=original.order.reader,
            money=money,
            kind=Kind.REFUND,
            refund_of=original.id,
        )
        if known is not None:
            return await self._answered(_same(known, order)), False
        if not may_refund(original):
            raise WrongStateError(
                f"session {original.id} is {original.state}: there is nothing left to give back"
            )
        if not 0 < money.amount <= left:
            raise OrderError(
                f"amount must be from 1 to {left}, what is left; it is {money.amount}", param="amount"
            )
        lane = self._settling_lane(original)
        if not lane.can(Capability.REFUND):
            raise OrderError(
                f"reader {order.reader} cannot give money back", param="id", code="refund_unsupported"
            )
        on_reader = not lane.can(Capability.SETTLE_REMOTELY)
        if on_reader and lane.busy:
            raise ReaderBusyError(order.reader, lane.status.why or "a session is about to begin")
        refund, created = await self._open(lane, order, refund_references(original), on_reader=on_reader)
        return await self._answered(refund), created

    async def rule(self, session: str, outcome: Outcome) -> Session:
        """End a doubt by an operator's word: what the terminal or the provider's own pages say."""
        found = self.session(session, None)
        if found.state is not State.IN_DOUBT:
            raise WrongStateError(f"session {found.id} is {found.state}: there is no doubt to end")
        return await self._record(found, EventKind.RULED, outcome_facts(outcome))

    def _settling_lane(self, session: Session) -> Lane:
        """The session's own lane, or another of the same kind that needs no device for it."""
        own = self._lanes.get(session.order.reader)
        if own is not None:
            return own
        for lane in self._lanes.values():
            if lane.config.driver == session.driver and lane.can(Capability.SETTLE_REMOTELY):
                return lane
        raise UnknownReaderError(session.order.reader)

    async def _record(self, session: Session, kind: EventKind, facts: Mapping[str, object]) -> Session:
        try:
            return await self._journal.record(session.id, kind, facts)
        except IllegalStepError as error:
            # The session moved on between the look and the deed.
            raise WrongStateError(f"session {session.id} has just changed; look again") from error

    async def _tidy(self) -> None:
        """Take away what declined sales left, once they are too old to be tried again."""
        margin_s = self._policy.retry_window_s + self._policy.tidy_interval_s
        try:
            leftovers = self._journal.untidied(self._now() - timedelta(seconds=margin_s), limit=20)
            for session in leftovers:
                await self._settling_lane(session).tidy(session)
        except (JournalError, UnknownReaderError) as error:
            log.debug("tidying up waits: %s", error)


def _check_capabilities(lane: Lane, order: Order) -> None:
    wanted = (
        (order.capture is Capture.MANUAL, Capability.MANUAL_CAPTURE, "capture"),
        (order.tip is not None and not order.tip.skip, Capability.TIP, "tip"),
        (order.retry_of is not None, Capability.RETRY, "retry_of"),
    )
    for asked, capability, param in wanted:
        if asked and not lane.can(capability):
            raise OrderError(
                f"reader {order.reader} cannot do this: {capability}",
                param=param,
                code="unsupported_by_reader",
            )


def _same(known: Session, order: Order) -> Session:
    """The known session, if the order is the same in everything a till can say."""
    for name in (
        "kind",
        "reader",
        "money",
        "capture",
        "tip",
        "description",
        "metadata",
        "retry_of",
        "refund_of",
    ):
        if getattr(known.order, name) != getattr(order, name):
            raise PosKeyReusedError(order.pos_key, known.id, name)
    return known


def _refusal(order: Order, error: ConflictError) -> Exception:
    match error.conflict:
        case Conflict.READER:
            return ReaderBusyError(order.reader, "another session holds it")
        case Conflict.REFUND:
            return OrderError("refunds under way already use up what is left", param="amount")
        case Conflict.RETRY | Conflict.REFERENCE:
            return OrderError(
                "this sale is being tried again already", param="retry_of", code="retry_too_late"
            )
        case Conflict.POS_KEY | Conflict.OTHER:
            return JournalError(f"the order could not be stored: {error}")

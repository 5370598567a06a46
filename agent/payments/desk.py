"""The front door of payments: what tills may ask, checked, written down, and handed to the right lane."""

import asyncio
from collections.abc import Mapping

from agent.payments import orders, tender
from agent.payments.change import ConflictError
from agent.payments.course import given_back
from agent.payments.errors import (
    OrderError,
    StoppingError,
    UnknownSessionError,
    WrongStateError,
)
from agent.payments.journal import Journal, Now, Wanted
from agent.payments.lane import Lane
from agent.payments.lanes import Lanes
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
from agent.payments.policy import DeskPolicy
from agent.payments.tender import Tender
from drivers.contract import (
    NOTHING,
    Capability,
    Kind,
    Money,
    Outcome,
    ReaderName,
    SessionId,
    Settlement,
    Verdict,
)

_UNPAID = frozenset({State.CANCELED, State.RELEASED, State.DECLINED, State.FAILED})

_DECIDED = frozenset({State.AUTHORIZED, State.PAID})


class Desk:
    """Opens, watches, cancels, captures and refunds sessions; `lanes` carry them out."""

    def __init__(self, journal: Journal, *, now: Now, policy: DeskPolicy | None = None) -> None:
        self._journal = journal
        self._now = now
        self._policy = policy or DeskPolicy()
        self.lanes = Lanes(journal, now=now, policy=self._policy)
        self._stopping = False

    async def run(self) -> None:
        """Run the lanes; ends by cancellation or by a bug in any of them."""
        await self.lanes.run()

    def stop(self) -> None:
        """Take no new sales; what is under way goes on until the lanes are cancelled."""
        self._stopping = True

    # -- looking --------------------------------------------------------------------------------------

    def readers(self) -> list[ReaderStatus]:
        """Every reader in service or expected, by name."""
        return self.lanes.statuses()

    def reader(self, name: str) -> ReaderStatus:
        """One reader; raises `UnknownReaderError`."""
        return self.lanes.status(name)

    def busy(self, name: str) -> bool:
        """Whether a session uses the reader; False for a reader that is not in service."""
        lane = self.lanes.by_name.get(ReaderName(name))
        return lane is not None and (lane.busy or lane.held > 0)

    def session(self, session: str, till: TillName | None) -> Session:
        """One session; a till sees its own only, the operator (None) sees all."""
        found = self._journal.session(session)
        if till is not None and found.order.till != till:
            raise UnknownSessionError(session)
        return found

    async def changed(self, session: str, seq: int, wait_s: float, till: TillName | None) -> Session:
        """The session as soon as it is beyond event `seq`, or as it is after `wait_s` seconds."""
        return await self._reached(self.session(session, till), wait_s, lambda found: found.seq > seq)

    async def decided(self, session: str, wait_s: float, till: TillName | None) -> Session:
        """The session as soon as nothing more happens to it by itself, or as it is after `wait_s` seconds."""
        return await self._reached(self.session(session, till), wait_s, _decided)

    async def _reached(self, session: Session, wait_s: float, wanted: Wanted) -> Session:
        if wanted(session):
            return session
        try:
            async with asyncio.timeout(wait_s):
                return await self._journal.reached(session.id, wanted)
        except TimeoutError:
            return self._journal.session(session.id)

    def find(self, query: SessionQuery, till: TillName | None) -> list[Session]:
        """Sessions that match, newest first; a till finds its own only."""
        return self._journal.find(query, till)

    def history(self, session: str) -> list[Event]:
        """Every event of a session."""
        return self._journal.history(session)

    def totals(self) -> dict[str, int]:
        """How many sessions there are in each state."""
        return self._journal.totals()

    # -- selling --------------------------------------------------------------------------------------

    async def open(self, order: Order) -> tuple[Session, bool]:
        """Accept an order: the session, durable, and whether it is new.

        The same key with the same content gives the same session. Raises `StoppingError`, `OrderError`,
        `PosKeyReusedError`, `UnknownReaderError`, `ReaderUnavailableError`, `ReaderBusyError`,
        `UnknownSessionError` (retry_of), `WrongStateError` (retry_of) and `JournalError`; then nothing was
        stored.
        """
        known = self._journal.by_pos_key(order.till, order.pos_key)
        if known is not None:
            return orders.same(known, order), False
        if self._stopping:
            raise StoppingError
        lane = self.lanes.lane(order.reader)
        orders.check(order, lane)
        references = (
            NOTHING if order.retry_of is None else self._retried(order, order.retry_of, lane).references
        )
        if lane.busy:
            raise orders.busy(lane)
        return await self._open(lane, order, references, on_reader=True)

    async def _open(
        self, lane: Lane, order: Order, references: Mapping[str, str], *, on_reader: bool
    ) -> tuple[Session, bool]:
        async def store() -> tuple[Session, bool]:
            started = lane.handover if on_reader else None
            try:
                session = await self._journal.open_session(
                    order, references=references, on_reader=on_reader, started=started
                )
            except ConflictError as error:
                # Somebody was faster: the same key answers with its session, else the conflict says why.
                known = self._journal.by_pos_key(order.till, order.pos_key)
                if known is not None:
                    return orders.same(known, order), False
                raise orders.refusal(order, error, self._journal) from error
            lane.offer(session, fresh=True)
            return session, True

        return await self.lanes.finish(lane, store, f"open {order.pos_key}")

    def _retried(self, order: Order, declined_id: SessionId, lane: Lane) -> Session:
        declined = self.session(declined_id, order.till)
        age = self._now() - declined.created_at
        orders.check_retry(order, declined, lane, age=age, window_s=self._policy.retry_window_s)
        return declined

    def tender(self, sale: str, till: TillName) -> Tender:
        """How far a sale of this till is paid. Raises `UnknownSaleError`."""
        return tender.of(self._journal.of_sale(till, sale), sale)

    async def cancel(self, session: str, till: TillName | None) -> Session:
        """Ask for the end of a sale under way; asking again, or for one that ended unpaid, does nothing more.

        Held money is let go. Raises `WrongStateError` for a sale that is paid: refund it instead.
        """
        found = self.session(session, till)
        if found.state is State.AUTHORIZED:
            return await self._settle(found, Settlement.RELEASE, None)
        if found.state in _UNPAID or found.cancel_asked:
            return found
        if found.state is State.PAID or not found.on_reader:
            raise WrongStateError(
                f"session {found.id} is {found.state}: it cannot be canceled, only refunded"
            )
        by = "operator" if till is None else "till"
        return await self._record(found, EventKind.CANCEL_ASKED, {"by": by})

    async def note(self, session: str, references: Mapping[str, str], till: TillName | None) -> Session:
        """Make durable what a door learnt of a sale that is authorized or paid, such as its till's yes to it.

        All or nothing. Raises `WrongStateError` for a sale that is neither, or whose money is being let go
        (what was noted of that does not count), and `JournalError`.
        """
        found = self.session(session, till)
        news = [(name, value) for name, value in references.items() if found.references.get(name) != value]
        if not news:
            return found
        if found.state not in _DECIDED or _let_go(found):
            raise WrongStateError(f"session {found.id} is {found.state}: nothing can be noted about it")
        first, *more = [{"name": name, "value": value} for name, value in news]
        also = [(found.id, EventKind.REFERENCE, facts) for facts in more]
        if _let_go(await self._record(found, EventKind.REFERENCE, first, *also)):
            raise WrongStateError(f"session {found.id} was being let go already")
        return self.session(session, till)

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
        whole = session.amount_authorized
        amount = None if amount == whole else amount
        pending = session.settling
        if pending is not None and (pending.settlement, pending.amount) != (settlement, amount):
            raise WrongStateError(
                f"session {session.id} is already under way to {pending.settlement} "
                f"{whole if pending.amount is None else pending.amount}"
            )
        lane = self.lanes.settling(session)
        if amount is not None and not lane.can(Capability.PARTIAL_CAPTURE):
            raise OrderError(
                f"reader {lane.config.name} can only capture all of it, {whole}",
                param="amount",
                code="unsupported_by_reader",
            )
        if pending is None:
            facts: dict[str, object] = {"settlement": settlement.value}
            if amount is not None:
                facts["amount"] = amount

            async def promise() -> Session:
                promised = await self._record(session, EventKind.SETTLING, facts)
                lane.offer(promised)
                return promised

            session = await self.lanes.finish(lane, promise, f"{settlement} {session.id}")
        return await self._answered(session)

    async def _answered(self, session: Session) -> Session:
        """The session when its settlement is answered, or as it is when that takes longer than we wait."""
        return await self._reached(session, self._policy.settle_wait_s, _decided)

    async def refund(
        self, session: str, amount: int | None, pos_key: PosKey, till: TillName | None
    ) -> tuple[Session, bool]:
        """Give back a paid sale, all that is left of it or `amount` minor units, by a new session.

        Any till of the store may refund a sale whose id it knows: customers return elsewhere. Raises what
        `open` raises.
        """
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
            return await self._answered(orders.same(known, order)), False
        if self._stopping:
            raise StoppingError
        if not may_refund(original):
            raise WrongStateError(
                f"session {original.id} is {original.state}: there is nothing left to give back"
            )
        if not 0 < money.amount <= left:
            raise OrderError(
                f"amount must be from 1 to {left}, what is left; it is {money.amount}", param="amount"
            )
        lane = self.lanes.settling(original)
        if not lane.can(Capability.REFUND):
            raise OrderError(
                f"reader {order.reader} cannot give money back", param="id", code="refund_unsupported"
            )
        # Until a reader has said that its refunds are made elsewhere, they wait for it like a sale.
        on_reader = not lane.surely_can(Capability.SETTLE_REMOTELY)
        if on_reader and lane.busy:
            raise orders.busy(lane)
        refund, created = await self._open(lane, order, refund_references(original), on_reader=on_reader)
        return await self._answered(refund), created

    async def rule(self, session: str, outcome: Outcome) -> Session:
        """End a doubt by an operator's word: what the terminal or the provider's own pages say."""
        found = self.session(session, None)
        if found.state is not State.IN_DOUBT:
            raise WrongStateError(f"session {found.id} is {found.state}: there is no doubt to end")
        facts = outcome_facts(outcome)
        if found.order.kind is Kind.REFUND and outcome.verdict is Verdict.PAID:
            return await self._record(found, EventKind.RULED, facts, given_back(found))
        return await self._record(found, EventKind.RULED, facts)

    async def _record(
        self,
        session: Session,
        kind: EventKind,
        facts: Mapping[str, object],
        *also: tuple[SessionId, EventKind, Mapping[str, object]],
    ) -> Session:
        try:
            return (await self._journal.record_all([(session.id, kind, facts), *also]))[0]
        except IllegalStepError as error:
            # The session moved on between the look and the deed.
            raise WrongStateError(f"session {session.id} has just changed; look again") from error


def _let_go(session: Session) -> bool:
    """Whether held money is on its way back, or is about to be: somebody wanted the end."""
    if session.state is not State.AUTHORIZED:
        return False
    pending = session.settling
    return bool(session.cancel_asked) if pending is None else pending.settlement is not Settlement.CAPTURE


def _decided(session: Session) -> bool:
    return not session.needs_lane

"""Holding the provider's books against the journal: what was left over is let go, nothing is forgotten."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from agent.payments.change import ConflictError
from agent.payments.errors import JournalError, PaymentsError, UnknownSessionError
from agent.payments.journal import Journal, Now
from agent.payments.lane import Lane
from agent.payments.lanes import Lanes
from agent.payments.machine import IllegalStepError
from agent.payments.model import (
    UNIQUE_REFERENCES,
    EventKind,
    Session,
    SessionQuery,
    State,
    outcome_facts,
)
from agent.payments.policy import SweepPolicy
from agent.payments.report import SilentReport
from drivers.contract import (
    Audited,
    Capture,
    Decision,
    DriverError,
    Entry,
    Kind,
    Outcome,
    PaymentRequest,
    SessionId,
    Settlement,
    Verdict,
)

log = logging.getLogger(__name__)

AT_ONCE = 20
"""Entries that are looked up in one turn of the event loop: a busy store has thousands; customers wait."""

HELD_AT_ONCE = 1000
"""Authorized sessions that are held against the books in one sweep."""

Release = Callable[[SessionId], Awaitable[object]]
"""Promises the release of an authorized session (`Desk.cancel` by nobody's till)."""


class Finding(StrEnum):
    """What an entry in the books means for us."""

    FINE = "fine"  # the journal says the same, or is about to
    EXPIRING = "expiring"  # a hold that nobody captured and that falls away soon
    LEFT_OVER = "left_over"  # held or payable, and nobody is going to need it
    QUARREL = "quarrel"  # money moved, and the journal does not say so: for people


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did."""

    seen: int = 0
    released: int = 0  # left over, and gone now
    expiring: int = 0  # promised to be released
    concluded: int = 0  # authorized sessions that somebody else had ended
    quarrels: tuple[str, ...] = ()


def judge(
    entry: Entry, owner: Session | None, known: Session | None, now: datetime, policy: SweepPolicy
) -> Finding:
    """What one entry means. `owner` has its references in the journal; `known` is whose name it carries."""
    age = now - entry.made_at
    session = owner or known
    if session is None:
        if age < timedelta(seconds=policy.unknown_s):
            return Finding.FINE
        return Finding.QUARREL if entry.verdict is Verdict.PAID else Finding.LEFT_OVER
    young = timedelta(seconds=policy.young_s)
    # The entry was read before the session, and may have been indexed long before it: what has just changed
    # here is looked at the next time. (A change in the future is a clock's fault; nobody waits for it.)
    if session.needs_lane or age < young or abs(now - session.updated_at) < young:
        return Finding.FINE
    if owner is None:
        # The answer that would have told us of it was lost, and the sale went on without it.
        return Finding.QUARREL if entry.verdict is Verdict.PAID else Finding.LEFT_OVER
    if session.state is State.AUTHORIZED:
        expires_at = entry.expires_at
        soon = expires_at is not None and expires_at - now <= timedelta(seconds=policy.before_expiry_s)
        return Finding.EXPIRING if entry.verdict is Verdict.AUTHORIZED and soon else Finding.FINE
    if session.state is State.PAID:
        agreed = entry.verdict is Verdict.PAID and entry.money.amount == session.amount_captured
        return Finding.FINE if agreed else Finding.QUARREL
    if session.state is State.DECLINED and not session.tidied and entry.verdict is Verdict.PENDING:
        return Finding.FINE  # it may be tried again, and is tidied away after that
    return Finding.QUARREL if entry.verdict is Verdict.PAID else Finding.LEFT_OVER


class Sweeper:
    """Looks through the books of every provider whose driver can show them, now and then."""

    def __init__(
        self,
        lanes: Lanes,
        journal: Journal,
        release: Release,
        *,
        now: Now,
        policy: SweepPolicy | None = None,
    ) -> None:
        self._lanes = lanes
        self._journal = journal
        self._release = release
        self._now = now
        self._policy = policy or SweepPolicy()
        self._told: set[str] = set()
        self.last = Swept()
        self.released = 0
        """How much was let go since the start; each is worth a question how it came to be."""

    async def run(self) -> None:
        """Sweep for ever; what cannot be asked now is asked the next time."""
        await asyncio.sleep(self._policy.first_after_s)
        told = False
        while True:
            try:
                await self.sweep()
                told = False
            except (DriverError, JournalError) as error:
                # a key that may not search would go unnoticed, and holds run out then
                level = logging.INFO if told else logging.WARNING
                log.log(level, "the books could not be swept, trying again later: %s", error)
                told = True
            await asyncio.sleep(self._policy.interval_s)

    async def sweep(self) -> Swept:
        """Look once. Raises `DriverError` or `JournalError` when it cannot."""
        since = self._now() - timedelta(seconds=self._policy.look_back_s)
        seen = released = expiring = concluded = 0
        quarrels: list[str] = []
        for lane, books in self._books():
            entries = await books.entries(since)
            seen += len(entries)
            held: set[SessionId] = set()
            for number, entry in enumerate(entries):
                if number % AT_ONCE == 0:
                    await asyncio.sleep(0)
                owner, known = self._owner(entry), self._known(entry.session)
                if owner is not None and entry.verdict is Verdict.AUTHORIZED:
                    held.add(owner.id)
                match judge(entry, owner, known, self._now(), self._policy):
                    case Finding.EXPIRING:
                        assert owner is not None
                        expiring += await self._let_expire(owner, entry)
                    case Finding.LEFT_OVER:
                        released += await self._let_go(lane, entry, owner or known)
                    case Finding.QUARREL:
                        quarrels.append(_quarrel(entry, owner or known))
                    case _:
                        pass  # the journal says the same
            concluded += await self._conclude_others(lane, held)
        for line in quarrels:
            if line not in self._told:
                log.critical("%s", line)
        self._told = set(quarrels)
        self.released += released
        self.last = Swept(seen, released, expiring, concluded, tuple(quarrels))
        return self.last

    def _books(self) -> Iterator[tuple[Lane, Audited]]:
        """Each set of books once, with a lane that can settle what is found in them."""
        seen = {""}
        for lane in list(self._lanes.by_name.values()):
            driver = lane.driver
            if isinstance(driver, Audited) and driver.books not in seen:
                seen.add(driver.books)
                yield lane, driver

    def _owner(self, entry: Entry) -> Session | None:
        for name in sorted(entry.references.keys() & UNIQUE_REFERENCES):
            found = self._journal.by_reference(name, entry.references[name])
            if found is not None:
                return found
        return None

    def _known(self, name: SessionId) -> Session | None:
        try:
            return self._journal.session(name)
        except UnknownSessionError:
            return None

    async def _let_expire(self, session: Session, entry: Entry) -> int:
        log.warning(
            "session %s holds %s that nobody captured and that expires at %s: it is released",
            session.id,
            entry.money,
            entry.expires_at,
        )
        try:
            await self._release(session.id)
        except PaymentsError as error:
            log.info("session %s is not released: %s", session.id, error)
            return 0
        return 1

    async def _let_go(self, lane: Lane, entry: Entry, session: Session | None) -> int:
        own = None if session is None else self._lanes.by_name.get(session.order.reader)
        if own is not None and own.config.driver == lane.config.driver:
            lane = own  # its reader may still show it
        request = PaymentRequest(
            session=entry.session,
            kind=Kind.PAYMENT,
            money=entry.money,
            capture=Capture.MANUAL,
            references=entry.references,
        )
        whose = f"session {entry.session}, " + (
            "not in the journal" if session is None else str(session.state)
        )
        try:
            outcome = await lane.driver.settle(request, Decision(Settlement.RELEASE), SilentReport())
        except DriverError as error:
            log.warning("%s of %s is left over and cannot be let go yet: %s", entry.money, whose, error)
            return 0
        level = logging.ERROR if entry.verdict is Verdict.AUTHORIZED else logging.INFO
        log.log(
            level,
            "%s of %s was left over at the provider (%s), now %s: %s",
            entry.money,
            whose,
            entry.verdict,
            outcome.verdict,
            " ".join(f"{name}={value}" for name, value in entry.references.items()),
        )
        return 1

    async def _conclude_others(self, lane: Lane, held: set[SessionId]) -> int:
        """Authorized sessions whose money is not held any more: captured, released or expired elsewhere."""
        concluded = 0
        old = self._now() - timedelta(seconds=self._policy.young_s)
        for session in self._journal.find(SessionQuery(state=State.AUTHORIZED, limit=HELD_AT_ONCE), None):
            others = session.id in held or session.driver != lane.config.driver
            if others or session.needs_lane or session.updated_at > old:
                continue
            try:
                outcome = await lane.driver.inquire(session.request())
            except DriverError as error:
                # One that nobody can tell about, such as a sale of another account, must not hide the rest.
                log.warning("session %s is authorized, and cannot be asked about: %s", session.id, error)
                continue
            if outcome.verdict in {Verdict.PAID, Verdict.RELEASED, Verdict.CANCELED}:
                concluded += await self._conclude(session, outcome)
        return concluded

    async def _conclude(self, session: Session, outcome: Outcome) -> int:
        verdict = Verdict.PAID if outcome.verdict is Verdict.PAID else Verdict.RELEASED
        facts = outcome_facts(replace(outcome, verdict=verdict))
        try:
            await self._journal.record(session.id, EventKind.CONCLUDED, facts)
        except (ConflictError, IllegalStepError) as error:
            log.info("session %s has just changed: %s", session.id, error)
            return 0
        log.warning("session %s was ended elsewhere: %s (%s)", session.id, verdict, outcome.code or "-")
        return 1


def _quarrel(entry: Entry, session: Session | None) -> str:
    ours = "the journal does not know it" if session is None else f"the journal says {session.state}"
    if session is not None and session.state is State.PAID:
        ours += f" {session.amount_captured}"
    references = " ".join(f"{name}={value}" for name, value in sorted(entry.references.items()))
    return (
        f"session {entry.session}: the provider says {entry.verdict} {entry.money}, {ours} ({references}): "
        "compare both and the till, then correct by hand"
    )

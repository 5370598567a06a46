"""One session's way from where it was found to its end: begin, pay, doubt, ask, settle."""

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

from agent.payments.change import ConflictError
from agent.payments.errors import JournalError
from agent.payments.journal import Journal, Now
from agent.payments.machine import IllegalStepError
from agent.payments.model import EventKind, ReaderState, Session, State, outcome_facts
from agent.payments.policy import LanePolicy
from agent.payments.report import JournalReport
from agent.payments.taking import Taking
from drivers.contract import (
    NEVER_SENT,
    Decision,
    Driver,
    DriverError,
    Kind,
    NotStartedError,
    Outcome,
    ReaderConfig,
    RefusedError,
    SessionId,
    Settlement,
    Verdict,
)

log = logging.getLogger(__name__)

OVERTAKEN_S = 10.0
"""An operator's ruling that overtook us is on the disk within this; else the illegal step is our own bug."""


class Reader(Protocol):
    """What a course needs of the reader it runs on."""

    @property
    def config(self) -> ReaderConfig:
        """Which reader it is."""
        ...

    async def reach(self) -> None:
        """Make sure that the reader is open; raises `DriverError`."""
        ...

    def lost(self) -> None:
        """Something went wrong with it: it must be reached anew before it serves again."""
        ...

    def show(self, state: ReaderState, why: str) -> None:
        """Say how it stands."""
        ...

    def patience(self, seconds: float) -> AbstractAsyncContextManager[None]:
        """At most so many seconds for what is inside, less when the device is to be looked at now."""
        ...


class Course:
    """Looks after one session in one life of the gateway; used once."""

    def __init__(
        self,
        session: SessionId,
        reader: Reader,
        driver: Driver,
        journal: Journal,
        *,
        now: Now,
        policy: LanePolicy,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._name = session
        self._reader = reader
        self._driver = driver
        self._journal = journal
        self._now = now
        self._policy = policy
        self._chance = chance
        self._resumes = 0
        self._rests = 0

    async def run(self, keep: Callable[[Session], bool] = lambda _: True, *, fresh: bool = False) -> Session:
        """Go on until nothing is left to be done, or until `keep` says that it goes on elsewhere.

        `fresh`: it was stored in this life and no driver has seen it, even if it is in flight.
        """
        troubles = 0
        stepped, holds = False, False
        while True:
            try:
                session = self._journal.session(self._name)
                holds = session.on_reader and session.state.holds_reader
                if not session.needs_lane or not keep(session):
                    break
                unseen, fresh = fresh, False
                await self._step(session, fresh=unseen)
                stepped, troubles = True, 0
            except (JournalError, ConflictError) as error:
                # Nothing is told or sent until the disk works; then the owner of the truth is asked.
                level = logging.DEBUG if troubles else logging.ERROR
                log.log(level, "session %s cannot be written down: %s", self._name, error)
                if holds:
                    self._reader.show(ReaderState.IN_DOUBT, f"the journal cannot be written: {error}")
                await asyncio.sleep(self._policy.store.delay_s(troubles, self._chance))
                troubles += 1
            except IllegalStepError as error:
                stepped = True
                await self._overtaken(error)
        if stepped and session.state.ended:
            _say_how_it_ended(session)
        return session

    async def _overtaken(self, error: IllegalStepError) -> None:
        """Wait until somebody else's word has ended the session under our hands; nobody's: it was our bug."""
        try:
            async with asyncio.timeout(OVERTAKEN_S):
                await self._journal.reached(self._name, lambda session: not session.needs_lane)
        except TimeoutError:
            raise error from None

    async def _step(self, session: Session, *, fresh: bool) -> None:
        if session.state is State.OPENED or (fresh and session.state is State.IN_FLIGHT):
            await self._begin(session)
        elif session.state is State.IN_FLIGHT:
            # Nobody in this process drives it: an earlier life did, or the journal failed us in the middle.
            await self._doubt(
                session, "gateway_interrupted", "the gateway was interrupted during the payment"
            )
        elif session.settling is not None:
            await self._settle(session, Decision(session.settling.settlement, session.settling.amount))
        else:
            await self._inquire(session)

    def _left_s(self, session: Session) -> float:
        """Seconds until a customer counts as gone; a clock set back gives nobody more than a turn."""
        deadline = session.created_at + timedelta(seconds=self._policy.payment_timeout_s)
        return min(self._policy.payment_timeout_s, (deadline - self._now()).total_seconds())

    # -- taking the money -----------------------------------------------------------------------------

    async def _begin(self, session: Session) -> None:
        outcome = self._not_wanted(session)
        if outcome is None and session.on_reader:
            try:
                await self._reader.reach()
            except DriverError as error:
                self._reader.show(ReaderState.OFFLINE, str(error))
                outcome = Outcome(Verdict.FAILED, code="reader_unreachable", message=str(error))
            else:
                outcome = self._not_wanted(self._journal.session(self._name))
        if outcome is not None:
            await self._conclude(session, outcome)
            return
        if session.state is State.OPENED:
            facts = handover(self._reader.config)
            session = await self._journal.record(session.id, EventKind.STARTED, facts)
        await self._drive(session)

    def _not_wanted(self, session: Session) -> Outcome | None:
        """Why the reader need not be asked at all."""
        if session.cancel_asked:
            return Outcome(Verdict.CANCELED, code="canceled_by_till", message="canceled before it began")
        if self._left_s(session) <= 0:
            return Outcome(
                Verdict.FAILED, code="not_started", message="the reader could not serve it in time"
            )
        return None

    async def _drive(self, session: Session) -> None:
        """Let the driver take the money; whatever is not certain afterwards is doubt."""
        if session.on_reader:
            self._reader.show(ReaderState.BUSY, f"session {session.id}")
        taking = Taking(
            session,
            self._driver,
            self._journal,
            left_s=self._left_s,
            policy=self._policy,
            chance=self._chance,
        )
        result = await taking.carry_out()
        canceled = self._journal.submitted(session.id).cancel_asked
        match result:
            case Outcome(verdict=Verdict.PENDING | Verdict.UNKNOWN):
                await self._doubt(session, result.code or "unknown_outcome", result.message)
            case Outcome(verdict=Verdict.AUTHORIZED) if canceled:
                # Nobody wants the money that is held: what settles doubt lets it go.
                await self._doubt(session, "canceled", "authorized although its end was asked for")
            case Outcome():
                await self._conclude(session, result)
            case NotStartedError():
                self._reader.lost()
                verdict = Verdict.CANCELED if canceled else Verdict.FAILED
                await self._conclude(session, Outcome(verdict, code=result.code, message=str(result)))
            case _:
                self._reader.lost()
                log.warning("session %s is in doubt: %s", session.id, result)
                await self._doubt(session, result.code, str(result))

    # -- settling doubt -------------------------------------------------------------------------------

    async def _doubt(self, session: Session, code: str, message: str) -> None:
        await self._journal.record(session.id, EventKind.DOUBTED, {"code": code, "message": message})
        self._show_doubt(session, message)

    def _show_doubt(self, session: Session, message: str) -> None:
        if session.on_reader and session.state.holds_reader:
            self._reader.show(ReaderState.IN_DOUBT, f"session {session.id}: {message}")

    async def _inquire(self, session: Session) -> None:
        """Ask the owner of the truth; read-only."""
        self._show_doubt(session, session.message)
        await self._try_to_reach(session)
        try:
            outcome = await self._driver.inquire(session.request())
        except DriverError as error:
            self._reader.lost()
            await self._rest(session, error.code, str(error), session.checks)
        else:
            await self._judge(session, outcome)

    async def _judge(self, session: Session, outcome: Outcome) -> None:
        refund = session.order.kind is Kind.REFUND
        # Somebody may have asked for the end while we asked; no such wish can follow what is concluded now.
        canceled = bool(self._journal.submitted(session.id).cancel_asked)
        match outcome.verdict:
            case Verdict.UNKNOWN:
                await self._rest(session, outcome.code, outcome.message, session.checks)
            case Verdict.FAILED if outcome.code == NEVER_SENT:
                # Nothing has begun, so it may begin now, under the keys it would have had.
                unwanted = self._not_wanted(self._journal.session(self._name))
                if unwanted is None:
                    await self._resume(session, outcome)
                else:
                    await self._conclude(session, outcome if unwanted.verdict is Verdict.FAILED else unwanted)
            case Verdict.PENDING if not refund and (canceled or self._left_s(session) <= 0):
                await self._promise(session, Settlement.RELEASE)
            case Verdict.AUTHORIZED if canceled:
                await self._promise(session, Settlement.RELEASE)
            case Verdict.PENDING:
                await self._resume(session, outcome)
            case _:
                await self._conclude(session, outcome)

    async def _try_to_reach(self, session: Session) -> None:
        """A device must be open to be asked; who asks elsewhere can answer even if the device is gone."""
        if session.on_reader:
            try:
                await self._reader.reach()
            except DriverError as error:
                log.debug("session %s is looked after without its reader: %s", session.id, error)

    async def _resume(self, session: Session, outcome: Outcome) -> None:
        """Let the driver go on; what comes back undecided again and again waits longer each time."""
        if self._resumes > self._rests:
            self._rests += 1
            await self._rest(session, outcome.code, outcome.message, self._rests)
        else:
            self._resumes += 1
            await self._drive(await self._journal.record(session.id, EventKind.RESUMED))

    async def _promise(self, session: Session, settlement: Settlement) -> None:
        await self._journal.record(session.id, EventKind.SETTLING, {"settlement": settlement.value})

    async def _settle(self, session: Session, decision: Decision) -> None:
        """Capture, release or reverse until there is an answer; the promise is already on disk."""
        await self._try_to_reach(session)
        report = JournalReport(self._journal, session.id)
        try:
            outcome = await self._driver.settle(session.request(), decision, report)
        except RefusedError as error:
            if session.state is State.AUTHORIZED:
                await self._conclude(session, _still_held(session, error))
            else:
                await self._rest(session, error.code, str(error), session.checks)
        except DriverError as error:
            self._reader.lost()
            await self._rest(session, error.code, str(error), session.checks)
        else:
            if outcome.verdict in {Verdict.PENDING, Verdict.UNKNOWN}:
                await self._rest(session, outcome.code or "settling", outcome.message, session.checks)
            else:
                await self._conclude(session, outcome)

    async def _conclude(self, session: Session, outcome: Outcome) -> Session:
        if session.state is State.AUTHORIZED and outcome.verdict not in _AFTER_A_HOLD:
            # The hold was there; whatever it is called that ended it, the money is the customer's again.
            outcome = replace(outcome, verdict=Verdict.RELEASED)
        facts = outcome_facts(outcome)
        if session.order.kind is Kind.REFUND and outcome.verdict is Verdict.PAID:
            steps = [(session.id, EventKind.CONCLUDED, facts), given_back(session)]
            return (await self._journal.record_all(steps))[0]
        return await self._journal.record(session.id, EventKind.CONCLUDED, facts)

    async def _rest(self, session: Session, code: str, message: str, tries: int) -> None:
        """Write down when we ask again, and wait for it or for any change of the session."""
        delay_s = self._policy.check.delay_s(tries, self._chance)
        facts = {
            "code": code,
            "message": message,
            "next_check_at": (self._now() + timedelta(seconds=delay_s)).isoformat(),
        }
        checked = await self._journal.record(session.id, EventKind.CHECKED, facts)
        self._show_doubt(session, message)
        async with self._reader.patience(delay_s):
            await self._journal.changed(session.id, checked.seq)


def handover(config: ReaderConfig) -> dict[str, object]:
    """What `STARTED` says: on which reader, as it is now, the session begins."""
    return {"driver": config.driver, "options": dict(config.options)}


_AFTER_A_HOLD = frozenset({Verdict.PAID, Verdict.AUTHORIZED, Verdict.RELEASED})


def given_back(refund: Session) -> tuple[SessionId, EventKind, dict[str, object]]:
    """What a refund that moved money back does to the sale it points at."""
    original = refund.order.refund_of
    assert original is not None
    return original, EventKind.REFUNDED, {"refund": refund.id, "amount": refund.order.money.amount}


def _still_held(session: Session, error: RefusedError) -> Outcome:
    """The money is still held, and the till learns why it could not be moved or let go."""
    return Outcome(
        Verdict.AUTHORIZED,
        code=error.code,
        message=str(error),
        decline_code=error.decline_code,
        amount_authorized=session.amount_authorized,
        amount_tip=session.amount_tip,
    )


def _say_how_it_ended(session: Session) -> None:
    """The one canonical line of a session."""
    order = session.order
    log.info(
        "session %s %s: %s of %s on %s for till %s pos_key=%s authorized=%d captured=%d tip=%s code=%s "
        "decline_code=%s took_s=%.3f checks=%d attempts=%s %s",
        session.id,
        session.state,
        order.kind,
        order.money,
        order.reader,
        order.till,
        order.pos_key,
        session.amount_authorized,
        session.amount_captured,
        "-" if session.amount_tip is None else session.amount_tip,
        session.code or "-",
        session.decline_code or "-",
        (session.updated_at - session.created_at).total_seconds(),
        session.checks,
        ",".join(f"{name}:{number}" for name, number in session.attempts.items()) or "-",
        " ".join(f"{name}={value}" for name, value in session.references.items()),
        extra={"session": session.id, "reader": order.reader},
    )

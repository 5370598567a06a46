"""One reader, one session at a time. A lane settles what is in doubt before it serves anybody else."""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from agent.payments.backoff import Backoff
from agent.payments.errors import JournalError, PaymentsError
from agent.payments.journal import Journal, Now
from agent.payments.model import EventKind, ReaderState, ReaderStatus, Session, State, outcome_facts
from agent.payments.report import JournalReport, SilentReport
from agent.payments.store import ConflictError
from drivers.contract import (
    Capability,
    Decision,
    Driver,
    DriverError,
    Kind,
    NotStartedError,
    Outcome,
    PaymentRequest,
    Progress,
    ReaderConfig,
    ReaderInfo,
    RefusedError,
    SessionId,
    Settlement,
    Verdict,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LanePolicy:
    """How patient a lane is, in seconds."""

    payment_timeout_s: float = 150.0  # a customer who walked away; Stripe documents no limit of its own
    open_timeout_s: float = 30.0
    check: Backoff = field(default=Backoff(0.5, 60.0))  # between two questions about a session in doubt
    reach: Backoff = field(default=Backoff(1.0, 60.0))  # between two tries to reach the reader
    store: Backoff = field(default=Backoff(0.5, 10.0))  # between two tries to write the journal


class Lane:
    """The one place where a reader is used."""

    def __init__(
        self,
        config: ReaderConfig,
        driver: Driver,
        journal: Journal,
        *,
        now: Now,
        location: str = "",
        policy: LanePolicy | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.config = config
        self.location = location
        self._driver = driver
        self._journal = journal
        self._now = now
        self._policy = policy or LanePolicy()
        self._chance = chance
        self._info: ReaderInfo | None = None
        self._queue: asyncio.Queue[SessionId] = asyncio.Queue()
        self._wanted = asyncio.Event()
        self._freed = asyncio.Event()
        self._group: asyncio.TaskGroup | None = None
        self._current: SessionId | None = None
        self._state = ReaderState.CONNECTING
        self._why = "not reached yet"
        self._since_at = now()

    # -- what others see ------------------------------------------------------------------------------

    @property
    def status(self) -> ReaderStatus:
        """How the reader stands now."""
        info = self._info
        return ReaderStatus(
            name=self.config.name,
            driver=self.config.driver,
            location=self.location,
            state=self._state,
            since_at=self._since_at,
            why=self._why,
            capabilities=info.capabilities if info else frozenset(),
            session=self._current,
            device_type=info.device_type if info else "",
            serial_number=info.serial_number if info else "",
        )

    @property
    def busy(self) -> bool:
        """Whether a session uses the reader."""
        return self._current is not None or not self._queue.empty()

    async def idle(self) -> None:
        """Wait until no session uses the reader."""
        while self.busy:
            await self._freed.wait()

    def can(self, capability: Capability) -> bool:
        """Whether the reader can do this; one that was never reached has the benefit of the doubt."""
        return self._info is None or capability in self._info.capabilities

    def _show(self, state: ReaderState, why: str) -> None:
        if (state, why) != (self._state, self._why):
            self._state, self._why, self._since_at = state, why, self._now()

    # -- life -----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Look after what an earlier life left, then serve; ends only by cancellation or by a bug."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for session in self._journal.unsettled():
                    if session.order.reader == self.config.name:
                        self.offer(session)
                await self._serve_in_turn()
        finally:
            self._group = None
            await self._driver.close()

    def offer(self, session: Session) -> None:
        """Give the lane a session that is already in the journal."""
        if session.on_reader and not (session.settling and self.can(Capability.SETTLE_REMOTELY)):
            self._queue.put_nowait(session.id)
            self._wanted.set()
        elif self._group is not None:
            self._group.create_task(self._look_after(session.id), name=f"{self.config.name} {session.id}")

    async def _serve_in_turn(self) -> None:
        if self._queue.empty():
            await self._reach()
        while True:
            if self._queue.empty():
                self._wanted.clear()
                if self._info is not None:
                    self._show(ReaderState.READY, "")
            self._current = await self._queue.get()
            try:
                await self._look_after(self._current)
            finally:
                self._current = None
                self._freed.set()
                self._freed.clear()
            if self._info is None and self._queue.empty():
                await self._reach()

    async def _reach(self) -> None:
        """Try to reach the reader until it answers or a session wants it now."""
        tries = 0
        while self._info is None and self._queue.empty():
            try:
                await self._open()
            except DriverError as error:
                level = logging.DEBUG if tries else logging.WARNING
                log.log(level, "reader %s cannot be reached: %s", self.config.name, error)
                self._show(ReaderState.OFFLINE, str(error))
                await self._pause(self._policy.reach.delay_s(tries, self._chance))
                tries += 1
        if tries and self._info is not None:
            log.info("reader %s is back after %d tries", self.config.name, tries)

    async def _open(self) -> None:
        try:
            async with asyncio.timeout(self._policy.open_timeout_s):
                self._info = await self._driver.open()
        except TimeoutError as error:
            raise NotStartedError(
                f"reader {self.config.name} did not answer within {self._policy.open_timeout_s:g} s",
                code="reader_unreachable",
            ) from error

    async def _pause(self, seconds: float) -> None:
        """Wait, but not when somebody wants the reader."""
        try:
            async with asyncio.timeout(seconds):
                await self._wanted.wait()
        except TimeoutError:
            pass

    # -- one session ----------------------------------------------------------------------------------

    async def _look_after(self, name: SessionId) -> None:
        """Bring a session to its end, whatever state it was found in."""
        troubles = 0
        while True:
            try:
                session = self._journal.session(name)
                if not session.needs_lane:
                    break
                await self._step(session)
                troubles = 0
            except (JournalError, ConflictError) as error:
                # Nothing is told or sent until the disk works; then the owner of the truth is asked.
                level = logging.DEBUG if troubles else logging.ERROR
                log.log(level, "session %s cannot be written down: %s", name, error)
                self._show(ReaderState.IN_DOUBT, f"the journal cannot be written: {error}")
                await asyncio.sleep(self._policy.store.delay_s(troubles, self._chance))
                troubles += 1
        if session.state.ended:
            _say_how_it_ended(session)

    async def _step(self, session: Session) -> None:
        if session.settling is not None:
            await self._settle(session)
        elif session.state is State.OPENED:
            await self._start(session)
        elif session.state is State.IN_FLIGHT:
            # Nobody in this process drives it: an earlier life did, or the journal failed us in the middle.
            await self._doubt(
                session, "gateway_interrupted", "the gateway was interrupted during the payment"
            )
        else:
            await self._inquire(session)

    async def _start(self, session: Session) -> None:
        if session.cancel_asked:
            outcome = Outcome(Verdict.CANCELED, code="canceled_by_till", message="canceled before it began")
        elif self._left_s(session) <= 0:
            outcome = Outcome(
                Verdict.FAILED, code="not_started", message="the reader could not serve it in time"
            )
        else:
            try:
                if self._info is None:
                    await self._open()
            except DriverError as error:
                self._show(ReaderState.OFFLINE, str(error))
                outcome = Outcome(Verdict.FAILED, code="reader_unreachable", message=str(error))
            else:
                facts = {"driver": self.config.driver, "options": dict(self.config.options)}
                await self._drive(await self._journal.record(session.id, EventKind.STARTED, facts))
                return
        await self._conclude(session, outcome)

    def _left_s(self, session: Session) -> float:
        """Seconds until a customer counts as gone."""
        deadline = session.created_at + timedelta(seconds=self._policy.payment_timeout_s)
        return (deadline - self._now()).total_seconds()

    async def _drive(self, session: Session) -> None:
        """Let the driver take the money; whatever is not certain afterwards is doubt."""
        if session.on_reader:
            self._show(ReaderState.BUSY, f"session {session.id}")
        result = await self._pay(session)
        match result:
            case Outcome(verdict=Verdict.PENDING | Verdict.UNKNOWN):
                await self._doubt(session, result.code or "unknown_outcome", result.message)
            case Outcome():
                await self._conclude(session, result)
            case NotStartedError():
                canceled = bool(self._journal.session(session.id).cancel_asked)
                verdict = Verdict.CANCELED if canceled else Verdict.FAILED
                await self._conclude(session, Outcome(verdict, code=result.code, message=str(result)))
            case DriverError():
                log.warning("session %s is in doubt: %s", session.id, result)
                await self._doubt(session, result.code, str(result))

    async def _pay(self, session: Session) -> Outcome | DriverError:
        """The driver's answer, while a wish to cancel or the deadline is passed on to it."""
        request = self._journal.session(session.id).request()
        report = JournalReport(self._journal, session.id)
        trouble: PaymentsError | ConflictError | None = None
        result: Outcome | DriverError | None = None
        async with asyncio.TaskGroup() as group:
            watch = None
            if (
                session.on_reader
            ):  # there is nothing to cancel about a refund, and the prompt is somebody else's
                watch = group.create_task(self._pass_on_cancel(session), name=f"cancel {session.id}")
            try:
                result = await self._driver.pay(request, report)
            except DriverError as error:
                result = error
            except (PaymentsError, ConflictError) as error:
                trouble = error
            finally:
                if watch is not None:
                    watch.cancel()
        if trouble is not None:
            raise trouble
        assert result is not None
        return result

    async def _pass_on_cancel(self, session: Session) -> None:
        try:
            async with asyncio.timeout(max(0.0, self._left_s(session))):
                known = self._journal.session(session.id)
                while not known.cancel_asked:
                    known = await self._journal.changed(session.id, known.seq)
        except TimeoutError:
            try:
                await self._journal.record(session.id, EventKind.CANCEL_ASKED, {"by": "timeout"})
            except JournalError as error:
                log.warning("the end of session %s cannot be written down: %s", session.id, error)
        self._journal.note(session.id, EventKind.PROGRESS, {"step": Progress.CANCELING.value})
        await self._driver.cancel()

    async def _doubt(self, session: Session, code: str, message: str) -> None:
        await self._journal.record(session.id, EventKind.DOUBTED, {"code": code, "message": message})
        self._show(ReaderState.IN_DOUBT, f"session {session.id}: {message}")

    async def _inquire(self, session: Session) -> None:
        """Ask the owner of the truth; read-only."""
        if session.on_reader:
            self._show(ReaderState.IN_DOUBT, f"session {session.id}: {session.message}")
        try:
            if self._info is None:
                await self._open()
            outcome = await self._driver.inquire(session.request())
        except DriverError as error:
            await self._wait_for_next_check(session, error.code, str(error))
            return
        unwanted = bool(session.cancel_asked) or self._left_s(session) <= 0
        match outcome.verdict:
            case Verdict.UNKNOWN:
                await self._wait_for_next_check(session, outcome.code, outcome.message)
            case Verdict.PENDING if session.order.kind is Kind.REFUND:
                await self._resume(session)
            case Verdict.PENDING if unwanted:
                await self._promise_to_settle(session, Settlement.RELEASE)
            case Verdict.AUTHORIZED if session.cancel_asked:
                await self._promise_to_settle(session, Settlement.RELEASE)
            case Verdict.PENDING:
                await self._resume(session)
            case _:
                await self._conclude(session, outcome)

    async def _resume(self, session: Session) -> None:
        await self._drive(await self._journal.record(session.id, EventKind.RESUMED))

    async def _promise_to_settle(self, session: Session, settlement: Settlement) -> None:
        await self._journal.record(session.id, EventKind.SETTLING, {"settlement": settlement.value})

    async def _settle(self, session: Session) -> None:
        """Capture, release or reverse until there is an answer; the promise is already on disk."""
        pending = session.settling
        assert pending is not None
        report = JournalReport(self._journal, session.id)
        decision = Decision(pending.settlement, pending.amount)
        try:
            outcome = await self._driver.settle(session.request(), decision, report)
        except RefusedError as error:
            if session.state is not State.AUTHORIZED:
                await self._wait_for_next_check(session, error.code, str(error))
                return
            outcome = _still_held(session, error)
        except DriverError as error:
            await self._wait_for_next_check(session, error.code, str(error))
            return
        if outcome.verdict in {Verdict.PENDING, Verdict.UNKNOWN}:
            await self._wait_for_next_check(session, outcome.code or "settling", outcome.message)
        else:
            await self._conclude(session, outcome)

    async def _conclude(self, session: Session, outcome: Outcome) -> None:
        facts = outcome_facts(outcome)
        if session.order.kind is Kind.REFUND and outcome.verdict is Verdict.PAID:
            original = session.order.refund_of
            assert original is not None
            given_back = {"refund": session.id, "amount": session.order.money.amount}
            await self._journal.record_all(
                [(session.id, EventKind.CONCLUDED, facts), (original, EventKind.REFUNDED, given_back)]
            )
            return
        await self._journal.record(session.id, EventKind.CONCLUDED, facts)

    async def _wait_for_next_check(self, session: Session, code: str, message: str) -> None:
        """Write down when we ask again, and wait for it or for any change of the session."""
        delay_s = self._policy.check.delay_s(session.checks, self._chance)
        facts = {
            "code": code,
            "message": message,
            "next_check_at": (self._now() + timedelta(seconds=delay_s)).isoformat(),
        }
        checked = await self._journal.record(session.id, EventKind.CHECKED, facts)
        if session.on_reader:
            self._show(ReaderState.IN_DOUBT, f"session {session.id}: {message}")
        try:
            async with asyncio.timeout(delay_s):
                await self._journal.changed(session.id, checked.seq)
        except TimeoutError:
            pass

    async def tidy(self, session: Session) -> None:
        """Take away what a declined sale left at the provider; nobody tried it again."""
        request: PaymentRequest = session.request()
        try:
            outcome = await self._driver.settle(request, Decision(Settlement.RELEASE), SilentReport())
        except DriverError as error:
            log.debug("what session %s left cannot be taken away yet: %s", session.id, error)
            return
        if outcome.verdict in {Verdict.PAID, Verdict.AUTHORIZED}:
            log.critical("declined session %s holds money after all: %s; call support", session.id, outcome)
            return
        if outcome.verdict.final:
            await self._journal.record(session.id, EventKind.TIDIED, outcome_facts(outcome))


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

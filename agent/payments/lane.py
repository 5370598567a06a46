"""One reader, one session at a time. A lane settles what is in doubt before it serves anybody else."""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from agent.payments.course import Course, handover
from agent.payments.errors import JournalError
from agent.payments.journal import Journal, Now
from agent.payments.model import EventKind, ReaderState, ReaderStatus, Session, State, outcome_facts
from agent.payments.patience import Patience, Wait
from agent.payments.policy import LanePolicy
from agent.payments.report import SilentReport
from drivers.contract import (
    Attended,
    Capability,
    Decision,
    Driver,
    DriverError,
    Linked,
    LinkHealth,
    NotStartedError,
    ReaderConfig,
    ReaderInfo,
    SessionId,
    Settlement,
    Verdict,
)

log = logging.getLogger(__name__)


class Lane:
    """The one place where a reader is used.

    Sessions that need the device wait in a queue; what is settled elsewhere (a capture, a refund at the
    provider) goes on beside it.
    """

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
        self._config = config
        self._location = location
        self._driver = driver
        self._journal = journal
        self._now = now
        self._policy = policy or LanePolicy()
        self._chance = chance
        self._info: ReaderInfo | None = None
        self._reached = False
        self._misses = 0
        self._complained = False
        self._reaching = asyncio.Lock()
        self._queue: asyncio.Queue[SessionId] = asyncio.Queue()
        self._early: list[Session] = []  # offered before the lane ran
        self._mine: set[SessionId] = set()
        self._fresh: set[SessionId] = set()  # of those in the queue: no driver has seen them
        self._wanted = asyncio.Event()
        self._patience = Patience()
        self._freed = asyncio.Event()
        self._group: asyncio.TaskGroup | None = None
        self._current: SessionId | None = None
        self._state = ReaderState.CONNECTING
        self._why = "not reached yet"
        self._since_at = now()
        self.cares: set[SessionId] = set()
        """Sessions that are looked after; one set for all lanes of a desk, so that no two share a session."""
        self.held = 0
        """How many sessions are being opened for this lane: it must not go out of service meanwhile."""

    # -- what others see ------------------------------------------------------------------------------

    @property
    def config(self) -> ReaderConfig:
        """Which reader it is."""
        return self._config

    @property
    def driver(self) -> Driver:
        """For what needs no turn at the reader: its books, and settling what was left over in them."""
        return self._driver

    @property
    def status(self) -> ReaderStatus:
        """How the reader stands now."""
        info, link = self._info, self.link
        why = self._why
        if link is not None and link.flapping:
            why = "; ".join(each for each in (why, _flaps(link)) if each)
        return ReaderStatus(
            name=self._config.name,
            driver=self._config.driver,
            location=self._location,
            state=self._state,
            since_at=self._since_at,
            why=why,
            capabilities=info.capabilities if info else frozenset(),
            session=self._current,
            device_type=info.device_type if info else "",
            serial_number=info.serial_number if info else "",
            link=link,
            link_since_at=None if link is None else self._now() - timedelta(seconds=link.for_s),
        )

    @property
    def link(self) -> LinkHealth | None:
        """How its link is; None for a driver that has none of its own."""
        return self._driver.link_health if isinstance(self._driver, Linked) else None

    @property
    def _link_is_out(self) -> bool:
        link = self.link
        return link is not None and not link.up and bool(link.cause)

    @property
    def busy(self) -> bool:
        """Whether a session uses the reader, or waits for it."""
        return self._current is not None or not self._queue.empty()

    @property
    def cared_for(self) -> frozenset[SessionId]:
        """The sessions that this lane looks after, on the reader or beside it."""
        return frozenset(self._mine)

    async def idle(self) -> None:
        """Wait until no session is looked after any more."""
        while self._mine:
            await self._freed.wait()

    def can(self, capability: Capability) -> bool:
        """Whether the reader can do this; one that was never reached has the benefit of the doubt."""
        return self._info is None or capability in self._info.capabilities

    def surely_can(self, capability: Capability) -> bool:
        """Whether the reader was reached and said that it can do this."""
        return self._info is not None and capability in self._info.capabilities

    # -- the reader, as its sessions use it -----------------------------------------------------------

    def show(self, state: ReaderState, why: str) -> None:
        """Say how the reader stands."""
        if (state, why) != (self._state, self._why):
            self._state, self._why, self._since_at = state, why, self._now()

    async def reach(self) -> None:
        """Make sure that the reader is open; raises `DriverError`."""
        async with self._reaching:
            if self._reached:
                return
            try:
                await self._open()
            except DriverError as error:
                # an outage of the link is told by the link, once each way
                told = self._misses or self._link_is_out
                self._complained = self._complained or not told
                level = logging.DEBUG if told else logging.WARNING
                log.log(level, "reader %s cannot be reached: %s", self._config.name, error)
                self._misses += 1
                raise
            if self._misses:
                level = logging.INFO if self._complained else logging.DEBUG
                log.log(level, "reader %s is back after %d tries", self._config.name, self._misses)
            self._reached, self._misses, self._complained = True, 0, False

    async def _open(self) -> None:
        try:
            async with asyncio.timeout(self._policy.open_timeout_s):
                self._info = await self._driver.open()
        except TimeoutError as error:
            raise NotStartedError(
                f"reader {self._config.name} did not answer within {self._policy.open_timeout_s:g} s",
                code="reader_unreachable",
            ) from error

    def lost(self) -> None:
        """Something went wrong with the reader: it must be reached anew before it serves again."""
        self._reached = False

    def patience(self, seconds: float) -> Wait:
        """At most so many seconds for what is inside; `look` ends it at once. Never raises for its end."""
        return self._patience.at_most(seconds)

    def look(self) -> None:
        """Something about the device has changed, such as its cable: look at it now and not in its turn.

        What is under way with it is left alone; the next wait after it is none.
        """
        self._patience.look()

    def let_go(self) -> None:
        """A session that was being opened is there, or will not be."""
        self.held -= 1

    # -- life -----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Look after what an earlier life left, then serve; ends only by cancellation or by a bug."""
        if isinstance(self._driver, Linked):
            self._driver.on_link_end(self.look)
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for session in [*await self._left_behind(), *self._early]:
                    self.offer(session)
                self._early.clear()
                await self._serve_in_turn()
        finally:
            self._group = None
            for session_id in self._mine:
                self.cares.discard(session_id)
            await self._close()

    async def _left_behind(self) -> list[Session]:
        tries = 0
        while True:
            try:
                unsettled = self._journal.unsettled()
                return [each for each in unsettled if each.order.reader == self._config.name]
            except JournalError as error:
                self.show(ReaderState.CONNECTING, str(error))
                await asyncio.sleep(self._policy.store.delay_s(tries, self._chance))
                tries += 1

    async def _close(self) -> None:
        try:
            async with asyncio.timeout(self._policy.close_timeout_s):
                await self._driver.close()
        except (DriverError, TimeoutError) as error:
            log.warning("reader %s was not let go in order: %r", self._config.name, error)

    @property
    def handover(self) -> Mapping[str, Any] | None:
        """What its hand-over says, if the next session can go to the driver as soon as it is stored."""
        idle = self._group is not None and self._reached and not self.busy
        return handover(self._config) if idle else None

    def offer(self, session: Session, *, fresh: bool = False) -> None:
        """Give the lane a session that is in the journal; one that is looked after stays where it is.

        `fresh`: it was stored this moment, so that whatever it says, no driver has seen it.
        """
        if self._group is None:
            self._early.append(session)
            return
        if session.id in self.cares:
            return
        self.cares.add(session.id)
        self._mine.add(session.id)
        if self._needs_reader(session):
            if fresh:
                self._fresh.add(session.id)
            self._queue.put_nowait(session.id)
            self._wanted.set()
        else:
            self._look_after_beside(session.id)

    def _release(self, session: SessionId) -> None:
        self.cares.discard(session)
        self._mine.discard(session)
        self._freed.set()
        self._freed.clear()

    def _needs_reader(self, session: Session) -> bool:
        """Whether the device is needed; for a capture, until it is known to be made elsewhere."""
        if not session.on_reader:
            return False
        return session.state is not State.AUTHORIZED or not self.surely_can(Capability.SETTLE_REMOTELY)

    async def _serve_in_turn(self) -> None:
        while True:
            if self._queue.empty():
                await self._keep_reaching()
                if self._queue.empty():
                    self.show(ReaderState.READY, "")
            await self._serve(await self._next())

    async def _serve(self, session: SessionId | None) -> None:
        if session is None:
            return
        self._current = session
        self.show(ReaderState.BUSY, f"session {session}")
        try:
            await self._look_after(session)
        finally:
            self._current = None

    async def _next(self) -> SessionId | None:
        """The session whose turn it is; None: meanwhile the reader was found to be gone."""
        driver = self._driver
        while isinstance(driver, Attended):
            async with self.patience(driver.check_every_s):
                return await self._queue.get()
            try:
                await driver.check()
            except DriverError as error:
                log.debug("reader %s is gone: %s", self._config.name, error)
                self.show(ReaderState.OFFLINE, str(error))
                self.lost()
                return None
        return await self._queue.get()

    async def _keep_reaching(self) -> None:
        """Try to reach the reader until it answers or a session wants it now."""
        self._wanted.clear()
        while not self._reached and self._queue.empty():
            await self._pause(self._rest_s())
            if self._queue.empty():
                try:
                    await self.reach()
                except DriverError as error:
                    self.show(ReaderState.OFFLINE, str(error))

    def _rest_s(self) -> float:
        """How long not to try: what makes the link knows best how it is; what is behind it, we count."""
        link = self.link
        if link is not None and self._link_is_out:
            return link.rest_s
        return self._policy.reach.delay_s(self._misses - 1, self._chance) if self._misses else 0.0

    async def _pause(self, seconds: float) -> None:
        """Wait, but not when somebody wants the reader."""
        if seconds > 0:
            async with self.patience(seconds):
                await self._wanted.wait()

    def _course(self, session: SessionId) -> Course:
        return Course(
            session,
            self,
            self._driver,
            self._journal,
            now=self._now,
            policy=self._policy,
            chance=self._chance,
        )

    async def _look_after(self, name: SessionId) -> None:
        """On the reader; what does not need it any more goes on beside it."""
        fresh = name in self._fresh
        self._fresh.discard(name)
        session = await self._course(name).run(self._needs_reader, fresh=fresh)
        go_on = self._look_after_beside if session.needs_lane else self._release
        go_on(name)

    def _look_after_beside(self, name: SessionId) -> None:
        assert self._group is not None
        self._group.create_task(self._beside(name), name=f"{self._config.name} {name}")

    async def _beside(self, name: SessionId) -> None:
        await self._course(name).run()
        self._release(name)

    # -- afterwards -----------------------------------------------------------------------------------

    async def tidy(self, session: Session) -> None:
        """Take away what an unpaid sale left at the provider or on the reader."""
        try:
            outcome = await self._driver.settle(
                session.request(), Decision(Settlement.RELEASE), SilentReport()
            )
        except DriverError as error:
            log.debug("what session %s left cannot be taken away yet: %s", session.id, error)
            return
        if outcome.verdict in {Verdict.PAID, Verdict.AUTHORIZED}:
            log.critical("%s session %s holds money after all: %s", session.state, session.id, outcome)
            return
        if outcome.verdict.final:
            await self._journal.record(session.id, EventKind.TIDIED, outcome_facts(outcome))


def _flaps(link: LinkHealth) -> str:
    return f"its link comes and goes ({link.losses} losses lately): look at cable, power and settings"

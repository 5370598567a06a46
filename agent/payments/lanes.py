"""The readers in service: which lane looks after which session, and that none is forgotten."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import TypeVar

from agent.payments.change import ConflictError
from agent.payments.errors import (
    JournalError,
    ReaderBusyError,
    ReaderUnavailableError,
    UnknownReaderError,
)
from agent.payments.journal import Journal, Now
from agent.payments.lane import Lane
from agent.payments.machine import IllegalStepError
from agent.payments.model import EventKind, ReaderState, ReaderStatus, Session, State, outcome_facts
from agent.payments.policy import DeskPolicy
from drivers.contract import Capability, Outcome, ReaderConfig, ReaderName, SessionId, Verdict

log = logging.getLogger(__name__)

_T = TypeVar("_T")

_NOBODY_LEFT = Outcome(
    Verdict.FAILED, code="reader_gone", message="the reader was taken out of service before it began"
)


class Lanes:
    """Every lane of a gateway, by the name of its reader."""

    def __init__(self, journal: Journal, *, now: Now, policy: DeskPolicy) -> None:
        self._journal = journal
        self._now = now
        self._policy = policy
        self._lanes: dict[ReaderName, Lane] = {}
        self._tasks: dict[ReaderName, asyncio.Task[None]] = {}
        self._expected: dict[ReaderName, ReaderStatus] = {}
        self._cares: set[SessionId] = set()
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Run the lanes and their chores; ends by cancellation or by a bug in any of them."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for lane in self._lanes.values():
                    self._start(lane)
                while True:
                    await asyncio.sleep(self._policy.chores_interval_s)
                    await self._gather_strays()
                    await self._tidy()
        finally:
            self._group = None

    async def finish(self, lane: Lane, work: Callable[[], Awaitable[_T]], name: str) -> _T:
        """Do it to its end even if whoever asked for it goes away; the lane stays in service meanwhile.

        Raises what the work raises.
        """
        if self._group is None:
            return await work()
        lane.held += 1
        task = self._group.create_task(_caught(work), name=name)
        task.add_done_callback(lambda _: lane.let_go())
        results, error = await asyncio.shield(task)
        if error is not None:
            raise error
        return results[0]

    # -- coming and going -----------------------------------------------------------------------------

    def adopt(self, lane: Lane) -> None:
        """Put a reader into service; it begins with what an earlier life left undone on it."""
        name = lane.config.name
        if name in self._lanes:
            raise ValueError(f"reader {name} is already in service")
        self._lanes[name] = lane
        self._expected.pop(name, None)
        lane.cares = self._cares
        if self._group is not None:
            self._start(lane)

    def _start(self, lane: Lane) -> None:
        assert self._group is not None
        name = lane.config.name
        self._tasks[name] = self._group.create_task(lane.run(), name=f"lane {name}")

    async def retire(self, name: ReaderName, *, successor: bool = False) -> None:
        """Take a reader out of service; raises `ReaderBusyError` while a session needs it.

        Captures and refunds under way beside it go on with `successor`, another lane about to be adopted
        under this name, or with any other lane of the same kind.
        """
        lane = self.lane(name)
        if lane.busy or lane.held:
            raise ReaderBusyError(name, "a session is under way")
        left = [self._journal.session(each) for each in lane.cared_for]
        if not successor and any(self._beside(each, but=lane) is None for each in left):
            raise ReaderBusyError(name, "a capture or refund is under way, and no other reader can take it")
        del self._lanes[name]
        status = lane.status
        self._expected[name] = ReaderStatus(
            name, status.driver, status.location, ReaderState.CONNECTING, self._now(), "it is being exchanged"
        )
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        if not successor:
            self._offer_strays()

    def expect(self, readers: Iterable[ReaderStatus]) -> None:
        """Readers that are declared but cannot be put into service yet, and why."""
        self._expected = {reader.name: reader for reader in readers if reader.name not in self._lanes}

    # -- who is there ---------------------------------------------------------------------------------

    @property
    def by_name(self) -> Mapping[ReaderName, Lane]:
        """The readers in service."""
        return MappingProxyType(self._lanes)

    def lane(self, name: str) -> Lane:
        """The lane of a reader; raises `ReaderUnavailableError` or `UnknownReaderError`."""
        lane = self._lanes.get(ReaderName(name))
        if lane is not None:
            return lane
        expected = self._expected.get(ReaderName(name))
        if expected is not None:
            raise ReaderUnavailableError(expected.name, expected.why)
        raise UnknownReaderError(name)

    def statuses(self) -> list[ReaderStatus]:
        """Every reader in service or expected, by name."""
        known = self._expected | {name: lane.status for name, lane in self._lanes.items()}
        return [known[name] for name in sorted(known)]

    def status(self, name: str) -> ReaderStatus:
        """One reader; raises `UnknownReaderError`."""
        expected = self._expected.get(ReaderName(name))
        return self.lane(name).status if expected is None else expected

    def committed(self) -> list[ReaderConfig]:
        """Readers without a lane that a session still holds, as they were when it began.

        Whatever the name means by now: what was shown on one device cannot be looked for on another.
        """
        return self._configs(each for each in self._journal.unsettled() if _holds(each))

    def orphans(self) -> list[ReaderConfig]:
        """Readers without a lane that have something to be settled which no other lane can settle."""
        return self._configs(each for each in self._journal.unsettled() if self._beside(each) is None)

    def _configs(self, sessions: Iterable[Session]) -> list[ReaderConfig]:
        configs: dict[ReaderName, ReaderConfig] = {}
        for session in sessions:
            reader = session.order.reader
            if reader not in self._lanes and reader not in configs:
                config = self._as_it_began(session)
                if config is not None:
                    configs[reader] = config
        return list(configs.values())

    def _as_it_began(self, session: Session) -> ReaderConfig | None:
        for event in self._journal.history(session.id):
            if event.kind is EventKind.STARTED:
                options = MappingProxyType(dict(event.facts["options"]))
                return ReaderConfig(session.order.reader, event.facts["driver"], options)
        return None

    # -- who does what --------------------------------------------------------------------------------

    def settling(self, session: Session) -> Lane:
        """The session's own lane, or another of the same kind that needs no device for it.

        Raises `ReaderUnavailableError` or `UnknownReaderError`.
        """
        own = self._lanes.get(session.order.reader)
        if own is not None and own.surely_can(Capability.SETTLE_REMOTELY):
            return own
        beside = self._beside(session)
        if beside is not None:
            return beside
        return self.lane(session.order.reader)

    def _beside(self, session: Session, *, but: Lane | None = None) -> Lane | None:
        """A lane that can settle this without the session's own reader."""
        if _holds(session):
            return None
        driver = session.driver
        if not driver and session.order.refund_of is not None:
            driver = self._journal.session(session.order.refund_of).driver
        for lane in self._lanes.values():
            if (
                lane is not but
                and lane.config.driver == driver
                and lane.surely_can(Capability.SETTLE_REMOTELY)
            ):
                return lane
        return None

    def _offer_strays(self) -> list[Session]:
        """Give every session that nobody looks after to a lane; those that no lane can take."""
        left: list[Session] = []
        for session in self._journal.unsettled():
            if session.id not in self._cares:
                lane = self._lanes.get(session.order.reader) or self._beside(session)
                if lane is None:
                    left.append(session)
                else:
                    lane.offer(session)
        return left

    async def _gather_strays(self) -> None:
        """Nothing is forgotten, whatever happened between a till's request and a lane's."""
        too_old = self._now() - timedelta(seconds=self._policy.stray_s)
        try:
            for session in self._offer_strays():
                if session.state is State.OPENED and session.created_at < too_old:
                    facts = outcome_facts(_NOBODY_LEFT)
                    await self._journal.record(session.id, EventKind.CONCLUDED, facts)
        except (JournalError, ConflictError, IllegalStepError) as error:
            log.debug("looking for what was forgotten waits: %s", error)

    async def _tidy(self) -> None:
        """Take away what unpaid sales left: declined ones once they are too old to be tried again."""
        now = self._now()
        too_old = now - timedelta(seconds=self._policy.retry_window_s + self._policy.chores_interval_s)
        try:
            for session in self._journal.untidied(now, limit=100):
                if not session.ruled and session.created_at >= too_old:
                    continue
                try:
                    lane = self.settling(session)
                except (UnknownReaderError, ReaderUnavailableError) as error:
                    log.debug("tidying up after session %s waits: %s", session.id, error)
                else:
                    await lane.tidy(session)
        except (JournalError, ConflictError) as error:
            log.debug("tidying up waits: %s", error)


def _holds(session: Session) -> bool:
    """Whether the session needs its own reader."""
    return session.on_reader and session.state.holds_reader


async def _caught(work: Callable[[], Awaitable[_T]]) -> tuple[list[_T], Exception | None]:
    """What came of it. An error must not end the group: it belongs to whoever asked."""
    try:
        return [await work()], None
    except Exception as error:  # noqa: BLE001  # handed on as it is
        return [], error

"""The daemon's look at the fleet: what differs is reported, and healed when we are told to."""

import asyncio
import contextlib
import logging
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from agent.documents import Problem
from agent.fleet import bindings as bindings_file
from agent.fleet.actions import Obstacle, Plan
from agent.fleet.app_readers import AppReader, apart, at
from agent.fleet.apply import Executor, Result, Status
from agent.fleet.bindings import Bindings, ReaderBinding, bind
from agent.fleet.contents import Contents
from agent.fleet.contest import Contest
from agent.fleet.errors import FleetError
from agent.fleet.matching import Matches, match
from agent.fleet.model import DesiredState, Kind, ObservedReader, ObservedState
from agent.fleet.observed import WatchedAccount
from agent.fleet.plan import plan
from agent.fleet.scope import WHOLE, Size, narrow, size, suffices
from agent.fleet.sources import Source

JITTER: Final = 0.1
"""The share of the interval by which looks are spread, so that stores do not ask in step."""
MAX_INTERVAL_S: Final = 600.0
"""The longest pause between looks while the account cannot be had."""
WHOLE_S: Final = 86_400.0
"""The whole account is asked for this often at least: a second object with our name may be anywhere in it."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FleetStatus:
    """What is known of the fleet, for health and metrics. `looked_at`: seconds of the reconciler's clock."""

    looked_at: float | None = None
    error: str = ""  # why the last look failed
    problems: tuple[Problem, ...] = ()  # what is wrong with the newest version of the files
    drift: tuple[str, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()
    contested: tuple[str, ...] = ()
    failed: Mapping[str, str] | None = None
    unmanaged: int = 0

    @property
    def in_sync(self) -> bool:
        """Whether the last look succeeded and nothing differed."""
        wrong = self.error or self.problems or self.drift or self.obstacles
        return self.looked_at is not None and not wrong

    @property
    def troubles(self) -> tuple[str, ...]:
        """What somebody has to see to, a sentence each. Drift is none: it may be meant, or be healed."""
        contested = (f"{each} is contested: somebody else keeps changing it" for each in self.contested)
        failed = (f"{name} failed: {why}" for name, why in (self.failed or {}).items())
        obstacles = (f"{each.kind} {each.name}: {each.message}" for each in self.obstacles)
        error = (self.error,) if self.error else ()
        return (*error, *map(str, self.problems), *obstacles, *contested, *failed)


def _ignore(readers: Mapping[str, ReaderBinding]) -> None:
    del readers


class Reconciler:
    """Looks at the account every `interval_s` (spread by a tenth), keeps the bindings, heals if `heal`.

    A look asks for what is declared and where it was found last; for the whole account only at the start,
    after a change of the files, once a day, and when something is not where it was.

    `busy` tells whether a reader (by name) has a sale on it: nothing happens to such a reader. `changed`
    hears of every change of the readers' bindings. `prune` removes readers of ours that are no longer
    declared, at declared Locations only. Nothing is read or written before `restore` or `run`.
    """

    def __init__(
        self,
        source: Source,
        account: WatchedAccount,
        contents: Contents,
        *,
        path: Path,
        interval_s: float = 60.0,
        heal: bool = False,
        prune: bool = False,
        busy: Callable[[str], bool] = lambda _: False,
        changed: Callable[[Mapping[str, ReaderBinding]], None] = _ignore,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        spread: Callable[[], float] = random.random,
        new_nonce: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        self._source = source
        self._account = account
        self._path = path
        self._interval_s = interval_s
        self._heal = heal
        self._prune = prune
        self._changed = changed
        self._clock = clock
        self._spread = spread
        self._new_nonce = new_nonce
        self._nonce = ""
        self._executor = Executor(account, contents, busy=busy, progress=_log_result, sleep=sleep)
        self._contest = Contest(clock)
        self._bindings = Bindings()
        self._apps: tuple[ObservedReader, ...] = ()
        self._restored = False
        self._status = FleetStatus()
        self._whole: tuple[DesiredState, float, Size] | None = None  # the last look at the whole account
        self._unmanaged = 0
        self._failures = 0
        self._poked = asyncio.Event()

    @property
    def status(self) -> FleetStatus:
        """What is known now."""
        return self._status

    @property
    def bindings(self) -> Mapping[str, ReaderBinding]:
        """The readers that were found in the account, by name; from disk before the first look."""
        return self._bindings.readers

    @property
    def desired(self) -> DesiredState | None:
        """The last good desired state."""
        return self._source.read().state

    def app_readers(self, location: str) -> list[AppReader]:
        """The readers at a declared Location that only apps can drive, as of the last look at them."""
        return at(self._apps, location, self.location_id(location))

    def location_id(self, name: str) -> str | None:
        """Stripe's id of a declared Location; None while it has never been found."""
        return self._bindings.locations.get(name)

    def poke(self) -> None:
        """Look now rather than at the end of the interval."""
        self._poked.set()

    def restore(self) -> None:
        """Take the bindings of the last run from disk, so that readers are known without network."""
        self._restored = True
        self._bindings = bindings_file.load(self._path)

    async def run(self) -> None:
        """Look, heal, wait, for ever; ends by cancellation only."""
        if not self._restored:
            self.restore()
        while True:
            self._poked.clear()  # before the look: what changes while it runs is looked at after it
            await self.look()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause_s()):
                    await self._poked.wait()

    def _pause_s(self) -> float:
        pause_s = min(self._interval_s * float(2**self._failures), max(MAX_INTERVAL_S, self._interval_s))
        return pause_s * (1 + JITTER * (2 * self._spread() - 1))

    async def look(self) -> None:
        """One look at files and account; never raises for what may be wrong with either."""
        reading = self._source.read()
        self._note_problems(reading.problems)
        if reading.state is None:
            return
        try:
            found = await self._compare(reading.state)
            self._note_success(found)
            if self._heal and await self._mend(reading.state, found):
                found = await self._compare(reading.state)
        except FleetError as error:
            self._note_failure(str(error))
            return
        self._note_success(found)

    async def _compare(self, desired: DesiredState) -> Plan:
        """What differs, asked as cheaply as is safe."""
        nearby = await self._observe_nearby(desired)
        observed = await self._account.observe() if nearby is None else nearby
        self._bind(match(desired, observed), observed)
        found = plan(desired, observed, prune=self._prune)
        self._note_apps(observed, whole=nearby is None)
        if nearby is None:
            self._whole = (desired, self._clock(), size(observed))
            self._unmanaged = len(found.unmanaged)
        return found

    def _note_apps(self, observed: ObservedState, *, whole: bool) -> None:
        """Keep what apps drive; a narrow look says nothing of Locations whose readers it did not see."""
        seen = {each.location_id for each in observed.readers}
        kept = () if whole else (each for each in self._apps if each.location_id not in seen)
        self._apps = (*kept, *apart(observed.readers))

    async def _observe_nearby(self, desired: DesiredState) -> ObservedState | None:
        """What is declared where it was found last; None when the whole account must be asked."""
        if self._whole is None:
            return None
        known, looked_at, whole = self._whole
        if known is not desired or self._clock() - looked_at >= WHOLE_S:
            return None
        scope = narrow(desired, self._bindings, whole, prune=self._prune)
        if scope == WHOLE:
            return None
        observed = await self._account.observe_at(scope)
        return observed if suffices(desired, match(desired, observed), self._bindings) else None

    async def _mend(self, desired: DesiredState, found: Plan) -> bool:
        """Do what may be done now; whether anything was done."""
        self._contest.look(desired, frozenset((each.kind, each.name) for each in found.actions))
        actions = tuple(each for each in found.actions if self._contest.may(each))
        if not actions:
            return False
        self._nonce = self._nonce or self._new_nonce()
        report = await self._executor.apply(replace(found, actions=actions), self._nonce)
        if not report.count(Status.PUT_OFF):
            self._nonce = ""  # nothing is in the dark, so the next apply is another one
        for result in report.results:
            if result.status is Status.DONE:
                self._contest.healed(desired, result.action)
            elif result.status is Status.FAILED:
                self._contest.gave_up(desired, result.action, result.message)
        return report.count(Status.DONE) > 0

    def _bind(self, matches: Matches, observed: ObservedState) -> None:
        new = bind(matches)
        alive = {each.id for each in observed.readers}
        kept = {
            name: each
            for name, each in self._bindings.readers.items()
            # A reader that could be two is still the one it was.
            if name not in new.readers and matches.obstructed(Kind.READER, name) and each.reader_id in alive
        }
        new = replace(new, readers={**kept, **new.readers})
        if new == self._bindings:
            return
        before, self._bindings = self._bindings, new
        try:
            bindings_file.save(self._path, new)
        except OSError as error:
            log.warning("cannot keep the fleet's bindings in %s: %s", self._path, error.strerror)
        if new.readers != before.readers:
            self._changed(new.readers)

    def _note_problems(self, problems: tuple[Problem, ...]) -> None:
        if problems != self._status.problems:
            for problem in problems:
                log.error("fleet files: %s (the last good version stays in force)", problem)
            if not problems:
                log.info("fleet files: good again")
        self._status = replace(self._status, problems=problems)

    def _note_failure(self, message: str) -> None:
        self._failures = min(self._failures + 1, 10)
        level = logging.DEBUG if self._status.error else logging.WARNING
        log.log(level, "fleet: %s", message)
        self._status = replace(self._status, error=message)

    def _note_success(self, found: Plan) -> None:
        if self._status.error:
            log.info("fleet: the account can be read again")
        self._failures = 0
        contested = self._contest.contested
        drift = tuple(f"{each.verb} {each.kind} {each.name}" for each in found.actions)
        for each in sorted(set(drift) - set(self._status.drift)):
            log.warning("fleet: differs from what is declared: %s", each)
        for each in sorted(set(self._status.drift) - set(drift)):
            log.info("fleet: as declared again: %s", each)
        for obstacle in set(found.obstacles) - set(self._status.obstacles):
            log.warning("fleet: %s %s: %s", obstacle.kind, obstacle.name, obstacle.message)
        names = tuple(sorted(f"{kind} {name}" for kind, name in contested))
        for name in set(names) - set(self._status.contested):
            log.error("fleet: %s is contested: somebody else keeps changing it, so we stop healing it", name)
        self._status = FleetStatus(
            looked_at=self._clock(),
            problems=self._status.problems,
            drift=drift,
            obstacles=found.obstacles,
            contested=names,
            failed={f"{kind} {name}": message for (kind, name), message in self._contest.failed.items()},
            unmanaged=self._unmanaged,
        )


def _log_result(result: Result) -> None:
    action = result.action
    what = f"{action.verb} {action.kind} {action.name}"
    match result.status:
        case Status.STARTED:
            log.debug("fleet: %s", what)
        case Status.DONE:
            log.info("fleet: done: %s", what)
        case Status.FAILED:
            log.error("fleet: failed: %s: %s", what, result.message)
        case Status.PUT_OFF | Status.SKIPPED:
            log.info("fleet: %s: %s: %s", result.status.value, what, result.message)

"""Keeps in service exactly the readers that are declared and found, and changes them only between sales."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from agent.fleet.roster import NOT_REGISTERED, Roster
from agent.payments.errors import JournalError, ReaderBusyError
from agent.payments.journal import Journal, Now
from agent.payments.lane import Lane
from agent.payments.lanes import Lanes
from agent.payments.model import ReaderState, ReaderStatus
from agent.payments.policy import LanePolicy
from drivers.contract import Driver, ReaderConfig, ReaderName
from drivers.registry import RegistryError

log = logging.getLogger(__name__)

UNFIT = "not in service"
"""How the reason begins for which a declared reader has no lane: its driver is missing, broken or refuses."""

REFIT_S = 5.0
"""How often a reader that could not be exchanged because of a sale is looked at again, in seconds."""


class Fitting:
    """Makes the lanes follow the roster."""

    def __init__(
        self,
        lanes: Lanes,
        journal: Journal,
        roster: Callable[[], Roster],
        make: Callable[[ReaderConfig], Driver],
        *,
        now: Now,
        location: str = "",
        policy: LanePolicy | None = None,
        interval_s: float = 60.0,
    ) -> None:
        """`make` raises `RegistryError` for a reader that has no driver."""
        self._lanes = lanes
        self._journal = journal
        self._roster = roster
        self._make = make
        self._now = now
        self._location = location
        self._policy = policy
        self._interval_s = interval_s
        self._broken: dict[ReaderName, str] = {}
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """What is declared or found may have changed: look at once."""
        self._changed.set()

    async def run(self) -> None:
        """Follow the roster until canceled."""
        while True:
            try:
                done = await self.refit()
            except JournalError as error:
                log.warning("the readers in service stay as they are: %s", error)
                done = False
            with suppress(TimeoutError):
                async with asyncio.timeout(self._interval_s if done else REFIT_S):
                    await self._changed.wait()
            self._changed.clear()

    async def refit(self) -> bool:
        """Put readers into service and take others out; whether all is as it shall be.

        A reader that a session still holds stays, or comes back, as it was when the session began.
        """
        wanted = self._roster()
        for name, lane in list(self._lanes.by_name.items()):
            if wanted.configs.get(name) != lane.config:
                with suppress(ReaderBusyError):
                    await self._lanes.retire(name, successor=name in wanted.configs)
        for config in self._lanes.committed():
            self._adopt(config)
        for name, config in wanted.configs.items():
            if name not in self._lanes.by_name:
                self._adopt(config)
        for config in self._lanes.orphans():
            self._adopt(config)
        self._broken = {name: why for name, why in self._broken.items() if name in wanted.configs}
        self._lanes.expect(
            ReaderStatus(
                name=name,
                driver=config.driver,
                location=self._location,
                state=ReaderState.CONNECTING,
                since_at=self._now(),
                why=f"{UNFIT}: {self._broken[name]}" if name in self._broken else NOT_REGISTERED,
            )
            for name, config in {**wanted.waiting, **wanted.configs}.items()
        )
        return {name: lane.config for name, lane in self._lanes.by_name.items()} == {
            name: config for name, config in wanted.configs.items() if name not in self._broken
        }

    def _adopt(self, config: ReaderConfig) -> None:
        name = config.name
        try:
            driver = self._make(config)
        except RegistryError as error:
            if self._broken.get(name) != str(error):
                log.warning("reader %s cannot be put into service: %s", name, error)
            self._broken[name] = str(error)
            return
        self._broken.pop(name, None)
        self._lanes.adopt(
            Lane(
                config,
                driver,
                self._journal,
                now=self._now,
                location=self._location,
                policy=self._policy,
            )
        )
        log.info("reader %s (%s) is in service", name, config.driver)

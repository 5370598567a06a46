"""One call of a driver's `pay`, while a wish to end it and the customer's time are passed on to it."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from agent.payments.change import ConflictError
from agent.payments.errors import JournalError
from agent.payments.journal import Journal
from agent.payments.model import EventKind, Session
from agent.payments.policy import LanePolicy
from agent.payments.report import JournalReport
from drivers.contract import Driver, DriverError, Outcome, Progress

log = logging.getLogger(__name__)


class Taking:
    """Made for one call and used once."""

    def __init__(
        self,
        session: Session,
        driver: Driver,
        journal: Journal,
        *,
        left_s: Callable[[Session], float],
        policy: LanePolicy,
        chance: Callable[[], float],
    ) -> None:
        """`left_s` gives the seconds that a customer still has."""
        self._session = session
        self._driver = driver
        self._journal = journal
        self._left_s = left_s
        self._policy = policy
        self._chance = chance

    async def carry_out(self) -> Outcome | DriverError:
        """The driver's answer. Raises `JournalError` or `ConflictError` if it could not write on the way."""
        session = self._session
        report = JournalReport(self._journal, session.id, session.progress)
        trouble: JournalError | ConflictError | None = None
        result: Outcome | DriverError | None = None
        async with asyncio.TaskGroup() as group:
            watch = None
            if (
                session.on_reader
            ):  # what goes on beside the reader cannot be canceled: its prompt is another's
                watch = group.create_task(self._pass_on_cancel(), name=f"cancel {session.id}")
            try:
                result = await self._driver.pay(session.request(), report)
            except DriverError as error:
                result = error
            except (JournalError, ConflictError) as error:
                trouble = error
            finally:
                if watch is not None:
                    watch.cancel()
        if trouble is not None:
            raise trouble
        assert result is not None
        return result

    async def _pass_on_cancel(self) -> None:
        """Wait until somebody wants the end, or for the deadline; then ask the driver until it hears."""
        await self._wished()
        name = self._session.id
        with suppress(JournalError):
            self._journal.note(name, EventKind.PROGRESS, {"step": Progress.CANCELING.value})
        tries = 0
        while True:
            try:
                await self._driver.cancel()
                return
            except DriverError as error:
                log.debug("session %s cannot be canceled yet: %s", name, error)
            await asyncio.sleep(self._policy.check.delay_s(tries, self._chance))
            tries += 1

    async def _wished(self) -> None:
        """Returns as soon as somebody wants the end, or when the customer's time is over."""
        try:
            async with asyncio.timeout(max(0.0, self._left_s(self._session))):
                await self._heard()
        except TimeoutError:
            await self._time_is_over()

    async def _time_is_over(self) -> None:
        name = self._session.id
        try:
            await self._journal.record(name, EventKind.CANCEL_ASKED, {"by": "timeout"})
        except JournalError as error:
            log.warning("the end of session %s cannot be written down: %s", name, error)

    async def _heard(self) -> None:
        """Wait for the wish, however often the journal cannot be read meanwhile."""
        name = self._session.id
        while True:
            try:
                await self._journal.reached(name, lambda known: bool(known.cancel_asked))
            except JournalError as error:
                log.debug("session %s cannot be read: %s", name, error)
                await asyncio.sleep(self._policy.store.first_s)
            else:
                return

"""A driver's line to the journal: references and attempts are on disk when the call returns."""

from agent.payments.journal import Journal
from agent.payments.model import EventKind
from drivers.contract import Progress, SessionId


class JournalReport:
    """What one driver says of one session, written down."""

    def __init__(self, journal: Journal, session: SessionId, step: Progress | None = None) -> None:
        """`step` is what the customer sees already."""
        self._journal = journal
        self._session = session
        self._step = step

    async def progress(self, step: Progress) -> None:
        """Note what the customer sees, if it is news; not waited for."""
        if step is not self._step:
            self._step = step
            self._journal.note(self._session, EventKind.PROGRESS, {"step": step.value})

    async def reference(self, name: str, value: str) -> None:
        """Make a reference durable; nothing to do if the journal has it."""
        if self._journal.session(self._session).references.get(name) != value:
            await self._journal.record(self._session, EventKind.REFERENCE, {"name": name, "value": value})

    async def attempt(self, operation: str) -> int:
        """Make the next number of an operation durable and return it."""
        number = self._journal.session(self._session).attempts.get(operation, 0) + 1
        await self._journal.record(
            self._session, EventKind.ATTEMPT, {"operation": operation, "number": number}
        )
        return number


class SilentReport:
    """For tidying up after a session has ended: there is nothing more to write about it."""

    async def progress(self, step: Progress) -> None:
        """Nobody watches."""

    async def reference(self, name: str, value: str) -> None:
        """Nobody asks."""

    async def attempt(self, operation: str) -> int:
        """Tidying is one try under one key, repeated until it is answered."""
        del operation
        return 1

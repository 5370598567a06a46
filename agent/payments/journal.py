"""The durable record of every session: events first, states follow. What a call returned is on the disk."""

import asyncio
import base64
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from agent.payments.errors import JournalError, UnknownSessionError
from agent.payments.machine import advance, begin, fold
from agent.payments.model import Event, EventKind, Order, Session, SessionQuery, order_facts
from agent.payments.store import Conflict, ConflictError, Store, Write, owned_references
from agent.payments.writer import GroupWriter, InlineWriter, Writer
from drivers.contract import NOTHING, SessionId

REMEMBERED = 2000
"""Ended sessions kept in memory for tills that ask again; older ones are read from the file."""

_ROW_CHANGES = frozenset(EventKind) - {
    EventKind.ATTEMPT,
    EventKind.REFERENCE,
    EventKind.PROGRESS,
    EventKind.CANCEL_ASKED,
    EventKind.CHECKED,
    EventKind.REFUNDED,
}
"""Events after which the session's row differs; the others are appended and nothing else."""

Now = Callable[[], datetime]
Step = tuple[SessionId, EventKind, Mapping[str, Any]]


class Journal:
    """Sessions as they are on disk: one owner of the event numbers, one queue to the disk."""

    def __init__(
        self,
        path: Path,
        *,
        now: Now,
        inline: bool = False,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        """Open the journal (see `Store` for the errors). `inline` is for virtual time."""
        self._store = Store(path)
        self._now = now
        self._random = random
        self._writer: Writer = (
            InlineWriter(self._store.commit, self._done)
            if inline
            else GroupWriter(self._store.commit, self._done, asyncio.get_running_loop())
        )
        self._heads: dict[SessionId, Session] = {}  # as submitted: the next event follows this
        self._known: OrderedDict[SessionId, Session] = OrderedDict()  # as committed: what others may see
        self._waiters: dict[int, asyncio.Future[None]] = {}  # by id() of the change under way
        self._watchers: dict[SessionId, list[asyncio.Future[None]]] = {}
        self._closed = False
        self.trouble = ""  # why the last change could not be stored; "" when it could

    def close(self) -> None:
        """Finish what was queued and close the file; safe to call twice."""
        if not self._closed:
            self._closed = True
            self._writer.close()
            self._store.close()

    async def open_session(
        self, order: Order, *, references: Mapping[str, str] = NOTHING, on_reader: bool = True
    ) -> Session:
        """A new session for this order, durable on return.

        Raises `ConflictError` when an invariant forbids it, `JournalError` when it is not on disk.
        """
        at = self._now()
        facts = order_facts(order, references=references, on_reader=on_reader)
        event = Event(self._new_id(at), 1, EventKind.OPENED, at, facts)
        session = begin(event)
        owns = owned_references(session.id, references.items())
        retried: tuple[Step, ...] = ()
        if order.retry_of is not None:
            retried = ((order.retry_of, EventKind.RETRIED, {"by": session.id}),)
        also = self._write(retried)
        await self._submit(
            Write((event, *also.events), (session, *also.after), rows=also.rows, opens=True, owns=owns)
        )
        return session

    async def record(
        self, session: SessionId, kind: EventKind, facts: Mapping[str, Any] = NOTHING
    ) -> Session:
        """Append one event; the session after it, durable on return.

        Raises `IllegalStepError` (our bug), `JournalError` (not on disk) or `ConflictError`.
        """
        (after,) = await self.record_all([(session, kind, facts)])
        return after

    async def record_all(self, steps: Sequence[Step]) -> tuple[Session, ...]:
        """Append several events, each of another session, in one transaction: all or none."""
        write = self._write(steps)
        await self._submit(write)
        return write.after

    def note(self, session: SessionId, kind: EventKind, facts: Mapping[str, Any]) -> None:
        """Append an event without waiting for the disk: only for what may be lost."""
        self._writer.submit(self._write([(session, kind, facts)]))

    def session(self, session: str) -> Session:
        """The session as it is on disk; raises `UnknownSessionError`."""
        name = SessionId(session)
        known = self._known.get(name)
        if known is None:
            events = self._store.history(session)
            if not events:
                raise UnknownSessionError(session)
            known = fold(events)
            self._remember(known)
        return known

    async def changed(self, session: SessionId, seq: int) -> Session:
        """The session once it has gone beyond an event number."""
        while (known := self.session(session)).seq <= seq:
            await self._changes(session)
        return known

    async def _changes(self, session: SessionId) -> None:
        watcher: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        watchers = self._watchers.setdefault(session, [])
        watchers.append(watcher)
        try:
            await watcher
        finally:
            if not watcher.done() or watcher.cancelled():
                watchers.remove(watcher)
                if not watchers and self._watchers.get(session) is watchers:
                    del self._watchers[session]

    def history(self, session: str) -> list[Event]:
        """Every event of a session, oldest first; raises `UnknownSessionError`."""
        events = self._store.history(session)
        if not events:
            raise UnknownSessionError(session)
        return events

    def unsettled(self) -> list[Session]:
        """Sessions that a lane must look after, oldest first."""
        return [self.session(name) for name in self._store.unsettled()]

    def untidied(self, before: datetime, limit: int) -> list[Session]:
        """Declined sales nobody tried again whose remains are still at the provider."""
        return [self.session(name) for name in self._store.untidied(before, limit)]

    def by_pos_key(self, till: str, pos_key: str) -> Session | None:
        """The session a till's key belongs to, if any."""
        name = self._store.by_pos_key(till, pos_key)
        return None if name is None else self.session(name)

    def find(self, query: SessionQuery, till: str | None) -> list[Session]:
        """Sessions that match, newest first."""
        return [self.session(name) for name in self._store.find(query, till)]

    def totals(self) -> dict[str, int]:
        """How many sessions there are in each state."""
        return self._store.totals()

    def _new_id(self, at: datetime) -> SessionId:
        """Ids sort by time, so that newest first is a walk along the index."""
        milliseconds = int(at.timestamp() * 1000)
        raw = milliseconds.to_bytes(6, "big") + self._random(9)
        return SessionId("ses_" + base64.b32hexencode(raw).decode("ascii").lower())

    def _write(self, steps: Sequence[Step]) -> Write:
        events: list[Event] = []
        after: list[Session] = []
        rows: list[Session] = []
        owns: tuple[tuple[str, str, SessionId], ...] = ()
        at = self._now()
        for name, kind, facts in steps:
            head = self._heads.get(name) or self.session(name)
            event = Event(name, head.seq + 1, kind, at, facts)
            session = advance(head, event)
            events.append(event)
            after.append(session)
            if kind in _ROW_CHANGES:
                rows.append(session)
            if session.references is not head.references:
                owns += owned_references(name, session.references.items() - head.references.items())
        for session in after:
            self._heads[session.id] = session
        return Write(tuple(events), tuple(after), tuple(rows), owns=owns)

    async def _submit(self, write: Write) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters[id(write)] = waiter
        self._writer.submit(write)
        await waiter

    def _done(self, write: Write, error: Exception | None) -> None:
        """A change is on the disk, or is not: tell who waits. Runs on the event loop."""
        self.trouble = str(error) if isinstance(error, JournalError) else ""
        waiter = self._waiters.pop(id(write), None)
        for session in write.after:
            head = self._heads.get(session.id)
            if error is not None:
                # Whatever was numbered after this event cannot follow any more: begin again from the disk.
                self._heads.pop(session.id, None)
                continue
            if head is not None and head.seq == session.seq:
                del self._heads[session.id]
            self._remember(session)
            for watcher in self._watchers.pop(session.id, ()):
                if not watcher.done():
                    watcher.set_result(None)
        if waiter is None or waiter.done():
            return
        if error is None:
            waiter.set_result(None)
        elif isinstance(error, ConflictError) and error.conflict is Conflict.OTHER:
            waiter.set_exception(JournalError(f"an earlier change was not stored, nor is this one: {error}"))
        else:
            waiter.set_exception(error)

    def _remember(self, session: Session) -> None:
        known = self._known
        before = known.get(session.id)
        if before is not None and before.seq > session.seq:
            return
        known[session.id] = session
        known.move_to_end(session.id)
        while len(known) > REMEMBERED:
            known.popitem(last=False)

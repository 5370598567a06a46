"""The durable record of every session: events first, states follow. What a call returned is on the disk."""

import asyncio
import base64
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from agent.payments.change import (
    ROW_CHANGES,
    Conflict,
    ConflictError,
    EventRow,
    Owned,
    Write,
    event_row,
    owned_references,
    state_row,
)
from agent.payments.errors import JournalError, UnknownSessionError
from agent.payments.machine import IllegalStepError, advance, begin, fold
from agent.payments.model import Event, EventKind, Order, Session, SessionQuery, order_facts
from agent.payments.store import Store
from agent.payments.writer import GroupWriter, InlineWriter, MakeWriter, Pending, Writer
from drivers.contract import NOTHING, SessionId

REMEMBERED = 2000
"""Sessions kept in memory, by their last change; the others are read from the file when asked for."""

RANDOM_BYTES = 9
"""In a session's id, after the six bytes of the time: two gateways never make the same one."""

Now = Callable[[], datetime]
Step = tuple[SessionId, EventKind, Mapping[str, Any]]
Wanted = Callable[[Session], bool]
"""What somebody waits for; cheap and without effects, for it is asked at every change."""


class Watcher(NamedTuple):
    """Somebody who waits for a session to be as wanted."""

    wanted: Wanted
    woken: asyncio.Future[None]


class Journal:
    """Sessions as they are on disk: one owner of the event numbers, one queue to the disk.

    A call that is canceled has not been taken back: what it submitted is still written.
    """

    def __init__(
        self,
        path: Path,
        *,
        now: Now,
        inline: bool = False,
        make_writer: MakeWriter | None = None,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        """Open the journal (see `Store` for the errors). `inline` and `make_writer` are for virtual time."""
        loop = asyncio.get_running_loop()
        self._store = Store(path)
        self._now = now
        self._random = random
        self._chance = b""
        make_writer = make_writer or (InlineWriter if inline else partial(GroupWriter, loop=loop))
        self._writer: Writer = make_writer(self._store.commit, self._done)
        self._loop = loop
        self._heads: dict[SessionId, Session] = {}  # as submitted: the next event follows this
        self._known: OrderedDict[SessionId, Session] = OrderedDict()  # as committed: what others may see
        self._watchers: dict[SessionId, list[Watcher]] = {}
        self._submitted = 0
        self._broken: dict[SessionId, int] = {}  # changes up to this number follow one that was not stored
        self._closed = False
        self.trouble = ""  # why the last change could not be stored; "" when it could

    def close(self) -> None:
        """Finish what was queued and close the file; safe to call twice."""
        if not self._closed:
            self._closed = True
            self._writer.close()
            self._store.close()

    async def open_session(
        self,
        order: Order,
        *,
        references: Mapping[str, str] = NOTHING,
        on_reader: bool = True,
        started: Mapping[str, Any] | None = None,
    ) -> Session:
        """A new session for this order, durable on return; with `started`, handed to its reader so.

        Raises `ConflictError` when an invariant forbids it, `JournalError` when it is not on disk,
        `UnknownSessionError` if it tries again what does not exist.
        """
        at = self._now()
        facts = order_facts(order, references=references, on_reader=on_reader)
        event = Event(self._new_id(at), 1, EventKind.OPENED, at, facts)
        session = begin(event)
        rows: tuple[EventRow, ...] = (event_row(event),)
        if started is not None:
            handed = Event(session.id, 2, EventKind.STARTED, at, started)
            session, rows = advance(session, handed), (*rows, event_row(handed))
        owns = owned_references(session.id, references.items())
        opened = Write((session,), rows, opens=(session,), owns=owns)
        if order.retry_of is not None:
            try:
                retried = self._write([(order.retry_of, EventKind.RETRIED, {"by": session.id})])
            except IllegalStepError as error:
                raise ConflictError(Conflict.RETRY, str(error)) from error
            opened = opened._replace(
                after=(session, *retried.after), events=(*opened.events, *retried.events), rows=retried.rows
            )
        await self._submit(opened)
        return session

    async def record(
        self, session: SessionId, kind: EventKind, facts: Mapping[str, Any] = NOTHING
    ) -> Session:
        """Append one event; the session after it, durable on return.

        Raises `IllegalStepError` (our bug), `JournalError` (not on disk) or `ConflictError`.
        """
        write = self._step(session, kind, facts, self._now())
        await self._submit(write)
        return write.after[0]

    async def record_all(self, steps: Sequence[Step]) -> tuple[Session, ...]:
        """Append several events in one transaction, all or none; the session after each."""
        write = self._write(steps)
        await self._submit(write)
        return write.after

    def note(self, session: SessionId, kind: EventKind, facts: Mapping[str, Any]) -> None:
        """Append an event without waiting for the disk: only for what may be lost."""
        self._hand_over(self._step(session, kind, facts, self._now()), None)

    def session(self, session: str) -> Session:
        """The session as it is on disk; raises `UnknownSessionError`, `JournalError`."""
        name = SessionId(session)
        known = self._known.get(name)
        if known is None:
            events = self.history(session)
            try:
                known = fold(events)
            except (IllegalStepError, LookupError, TypeError, ValueError) as error:
                raise JournalError(
                    f"the events of {session} in {self._store.path} make no session ({error!r}); "
                    "a newer version may have written them, or the file is damaged: keep it, call support"
                ) from error
            self._remember(known)
        return known

    def submitted(self, session: SessionId) -> Session:
        """The session with what is still on its way to the disk: what the next change will follow."""
        return self._heads.get(session) or self.session(session)

    async def changed(self, session: SessionId, seq: int) -> Session:
        """The session once it has gone beyond an event number."""
        return await self.reached(session, lambda known: known.seq > seq)

    async def reached(self, session: SessionId, wanted: Wanted) -> Session:
        """The session once it is as wanted; who waits is woken for nothing else."""
        while not wanted(known := self.session(session)):
            await self._change(session, wanted)
        return known

    async def _change(self, session: SessionId, wanted: Wanted) -> None:
        watcher = Watcher(wanted, self._loop.create_future())
        watchers = self._watchers.setdefault(session, [])
        watchers.append(watcher)
        try:
            await watcher.woken
        finally:
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

    def of_sale(self, till: str, sale: str) -> list[Session]:
        """The sessions that pay one sale of a till together, oldest first."""
        return [self.session(name) for name in self._store.of_sale(till, sale)]

    def by_reference(self, name: str, value: str) -> Session | None:
        """The session that a PaymentIntent, a charge or a refund belongs to, if any."""
        found = self._store.by_reference(name, value)
        return None if found is None else self.session(found)

    def find(self, query: SessionQuery, till: str | None) -> list[Session]:
        """Sessions that match, newest first."""
        return [self.session(name) for name in self._store.find(query, till)]

    def totals(self) -> dict[str, int]:
        """How many sessions there are in each state."""
        return self._store.totals()

    def _new_id(self, at: datetime) -> SessionId:
        """Ids begin with the time, for people who read logs; nothing depends on their order."""
        milliseconds = max(0, int(at.timestamp() * 1000))
        if not self._chance:
            self._chance = self._random(RANDOM_BYTES * 64)  # one call of the system for many ids
        raw = milliseconds.to_bytes(6, "big") + self._chance[:RANDOM_BYTES]
        self._chance = self._chance[RANDOM_BYTES:]
        return SessionId("ses_" + base64.b32hexencode(raw).decode("ascii").lower())

    def _write(self, steps: Sequence[Step]) -> Write:
        """The change that these steps make together; if one of them is illegal, none was made."""
        at = self._now()
        before = {name: self._heads.get(name) for name, _, _ in steps}
        try:
            writes = [self._step(*step, at) for step in steps]
        except BaseException:  # handed on: numbers of events that never were would bar all later ones
            for name, head in before.items():
                if head is None:
                    self._heads.pop(name, None)
                else:
                    self._heads[name] = head
            raise
        return Write(
            after=tuple(session for write in writes for session in write.after),
            events=tuple(row for write in writes for row in write.events),
            rows=tuple(row for write in writes for row in write.rows),
            owns=tuple(owned for write in writes for owned in write.owns),
        )

    def _step(self, name: SessionId, kind: EventKind, facts: Mapping[str, Any], at: datetime) -> Write:
        """The change that one event makes, following what was submitted before it."""
        head = self.submitted(name)
        event = Event(name, head.seq + 1, kind, at, facts)
        session = advance(head, event)
        row = event_row(event)
        self._heads[name] = session
        rows = (state_row(head, session),) if kind in ROW_CHANGES else ()
        owns: tuple[Owned, ...] = ()
        if session.references is not head.references:
            owns = owned_references(name, session.references.items() - head.references.items())
        return Write((session,), (row,), (), rows, owns)

    def _submit(self, write: Write) -> asyncio.Future[None]:
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._hand_over(write, waiter)
        return waiter

    def _hand_over(self, write: Write, waiter: asyncio.Future[None] | None) -> None:
        if self._closed:
            raise JournalError(f"the journal {self._store.path} is closed; nothing was stored")
        self._submitted += 1
        self._writer.submit(Pending(write, self._submitted, waiter))

    def _done(self, batch: Sequence[Pending], results: Sequence[Exception | None]) -> None:
        """Changes are on the disk, or are not: tell who waits. Runs on the event loop."""
        for pending, error in zip(batch, results, strict=True):
            waiter = pending.waiter
            if error is None:
                self.trouble = ""
                self._stored(pending.write)
                if waiter is not None and not waiter.done():
                    waiter.set_result(None)
                continue
            if isinstance(error, JournalError):
                self.trouble = self.trouble or str(error)
            self._not_stored(pending)
            if waiter is not None and not waiter.done():
                waiter.set_exception(error)

    def _stored(self, write: Write) -> None:
        heads = self._heads
        for session in write.after:
            name = session.id
            if heads.get(name) is session:
                del heads[name]
            self._remember(session)
            if self._broken:
                self._broken.pop(name, None)
            for wanted, woken in self._watchers.get(name, ()):
                if not woken.done() and wanted(session):
                    woken.set_result(None)

    def _not_stored(self, pending: Pending) -> None:
        """Begin again from the disk. What was numbered after this change and waits behind it cannot follow
        any more and will be refused too; what begins from now on must not suffer from that. A commit that
        failed may be on the disk all the same, so what is remembered does not count either.
        """
        for session in pending.write.after:
            self._known.pop(session.id, None)
            if pending.number > self._broken.get(session.id, 0):
                self._heads.pop(session.id, None)
                self._broken[session.id] = self._submitted

    def _remember(self, session: Session) -> None:
        known = self._known
        before = known.get(session.id)
        if before is not None and before.seq > session.seq:
            return
        known[session.id] = session
        known.move_to_end(session.id)
        if len(known) > REMEMBERED:
            known.popitem(last=False)

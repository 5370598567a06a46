"""The gateway's disk: what a crash leaves on it, what a power cut leaves, and what it does when it fails."""

import asyncio
import random
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from agent.chaos.world import Life
from agent.payments.errors import JournalError
from agent.payments.store import Store
from agent.payments.writer import Commit, Done, Pending

COMMIT_S = (0.0, 0.004)
"""How long a flush takes."""

ALL_OF_IT = 0.3
"""How often all of a commit is on the disk when the power fails before anybody is told."""

FULL = 2
"""PRAGMA synchronous: a commit returns when the log is on the disk."""


class Files(NamedTuple):
    """The journal's files as they lie on the disk."""

    database: bytes
    log: bytes


def read_files(path: Path) -> Files:
    """What is there now."""
    log = path.with_name(path.name + "-wal")
    return Files(
        path.read_bytes() if path.exists() else b"",
        log.read_bytes() if log.exists() else b"",
    )


def put_files(path: Path, files: Files) -> None:
    """Let exactly this be there."""
    for suffix in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).unlink()
    path.write_bytes(files.database)
    if files.log:
        path.with_name(path.name + "-wal").write_bytes(files.log)


def torn(before: Files, after: Files, chance: random.Random) -> Files:
    """What a power cut in the middle of a commit may leave: the log as far as it came, or all of it."""
    if not before.database or chance.random() < ALL_OF_IT:
        return after
    at = chance.randrange(len(after.log) + 1)
    log = after.log[:at] + (before.log[at:] if len(before.log) > at else b"")
    return Files(before.database, log)


class Disk:
    """What happens to the commits of one life. `told(pending)` hears of what is on the disk."""

    def __init__(
        self,
        path: Path,
        life: Life,
        chance: random.Random,
        told: Callable[[Sequence[Pending]], None],
        fired: Callable[[str], None],
    ) -> None:
        self.path = path
        self._life = life
        self._chance = chance
        self._told = told
        self._fired = fired
        self._found = read_files(path)
        self._queue: list[Pending] = []
        self._due = False
        self._commit: Commit
        self._done: Done
        self._store: Store
        self.doomed = ""
        """"crash" or "power": the next commit is the last thing that happens."""
        self.full_until_s = 0.0
        self.failing = 0
        self.flushless = 0
        self.ghost: Files | None = None
        self.left: Files | None = None

    def make_writer(self, commit: Commit, done: Done) -> "Disk":
        """As `agent.payments.writer.MakeWriter`."""
        store = getattr(commit, "__self__", None)
        assert isinstance(store, Store)
        self._commit, self._done, self._store = commit, done, store
        return self

    # -- the writer -----------------------------------------------------------------------------------

    def submit(self, pending: Pending) -> None:
        """As `Writer.submit`: what comes while the disk is busy goes into one transaction."""
        if self._life.dead:
            return
        self._queue.append(pending)
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_later(self._chance.uniform(*COMMIT_S), self._work)

    def close(self) -> None:
        """As `Writer.close`."""
        if not self._life.dead and self._queue:
            self._work()

    def _work(self) -> None:
        self._due = False
        batch, self._queue = self._queue, []
        if not batch:
            return
        if self.doomed:
            self._die(batch)
            return
        results = self._carry_out(batch)
        stored = [pending for pending, error in zip(batch, results, strict=True) if error is None]
        if stored:
            self._told(stored)
        self._done(batch, results)

    def _carry_out(self, batch: Sequence[Pending]) -> list[Exception | None]:
        writes = [pending.write for pending in batch]
        if asyncio.get_running_loop().time() < self.full_until_s:
            self._fired("disk full")
            return [JournalError("no space left on the simulated disk; nothing was stored") for _ in writes]
        if self.flushless:
            self.flushless -= 1
            self._fired("fsync error")
            self.ghost = self._as_if_stored(writes)
            return [JournalError("the simulated disk failed to flush") for _ in writes]
        if self.failing:
            self.failing -= 1
            self._fired("disk error")
            return self._interrupted(writes)
        self.ghost = None
        return self._commit(writes)

    def _interrupted(self, writes: Sequence[Any]) -> list[Exception | None]:
        """A transaction that fails in its middle: SQLite itself takes it back."""
        writer = connection_of(self._store)
        left = self._chance.randrange(1, 60)

        def tick() -> int:
            nonlocal left
            left -= 1
            return int(left <= 0)

        writer.set_progress_handler(tick, 5)
        try:
            return self._commit(writes)
        finally:
            writer.set_progress_handler(None, 0)

    def _as_if_stored(self, writes: Sequence[Any]) -> Files:
        """The files if the frames reached the disk although nobody was told so."""
        shadow = self.path.with_name("shadow.db")
        put_files(shadow, read_files(self.path))
        store = Store(shadow)
        try:
            store.commit(writes)
            return read_files(shadow)
        finally:
            store.close()

    # -- the end --------------------------------------------------------------------------------------

    def _die(self, batch: Sequence[Pending]) -> None:
        """The end comes before, in or after this commit; nobody is told of it."""
        before = read_files(self.path)
        after = before
        if self._chance.random() < 0.75:
            self._commit([pending.write for pending in batch])
            after = read_files(self.path)
        if self.doomed == "power" and after is not before:
            after = torn(before, after, self._chance) if self._synchronous() >= FULL else self._found
        self.left = after
        self._life.die()

    def what_is_left(self, *, power: bool) -> Files:
        """After a crash all that was written, after a power cut what was flushed; before anything closes."""
        if self.left is not None:
            return self.left
        if power and self._synchronous() < FULL:
            return self._found
        if power and self.ghost is not None and self._chance.random() < 0.5:
            return self.ghost
        return read_files(self.path)

    def put_back(self, files: Files) -> None:
        """Let go of the files as a kernel does for a dead process, and let these be there."""
        if hasattr(self, "_store"):
            self._store.close()
        put_files(self.path, files)

    def _synchronous(self) -> int:
        if not hasattr(self, "_store"):
            return FULL
        (level,) = connection_of(self._store).execute("PRAGMA synchronous").fetchone()
        return int(level)


def connection_of(store: Store) -> sqlite3.Connection:
    """The connection that writes: what it is really set to counts, not what anybody says of it."""
    connection: sqlite3.Connection = vars(store)["_writer"]
    return connection

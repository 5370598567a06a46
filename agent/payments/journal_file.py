"""The journal's file: locked, opened, brought to the present schema; and what its errors mean to people."""

import errno
import fcntl
import os
import sqlite3
from importlib import resources
from pathlib import Path

from agent.payments.errors import JournalError, JournalLockedError, JournalVersionError

APPLICATION_ID = 0x54494C4C
"""Marks a SQLite file as a journal of ours ("TILL"), so that no other program's file is taken for one."""


class JournalFile:
    """An open, locked journal: one connection that writes, one that reads."""

    def __init__(self, path: Path) -> None:
        """Open or create; raises `JournalError` and its kinds with what to do."""
        self.path = path.absolute()
        self._lock = take_lock(self.path)
        try:
            _refuse_lost_database(self.path)
            self.writer = _connect(self.path)
        except BaseException:  # whatever it was: a lock that outlives us would keep the next gateway out
            os.close(self._lock)
            raise
        try:
            _prepare(self.writer, self.path)
            self.reader = sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True, isolation_level=None)
            self.reader.execute("PRAGMA query_only = ON")
        except BaseException as error:  # as above, with the connection
            self.writer.close()
            os.close(self._lock)
            if isinstance(error, sqlite3.Error):
                raise JournalError(explain(self.path, error)) from error
            raise

    def close(self) -> None:
        """Close both connections and let go of the lock; safe to call twice."""
        self.reader.close()
        self.writer.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def take_lock(path: Path) -> int:
    """One gateway a journal: the second refuses, and the kernel frees the lock whatever kills the first."""
    lock_path = path.with_name(path.name + ".lock")
    try:
        lock = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise JournalError(
            f"cannot lock the journal {path} by {lock_path.name}: {error.strerror}; "
            f"the folder {path.parent} must exist and be writable for the gateway's user"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        if error.errno not in {errno.EWOULDBLOCK, errno.EAGAIN}:
            raise JournalError(
                f"cannot lock {lock_path}: {error.strerror}; use a local file system"
            ) from error
        raise JournalLockedError(
            f"another gateway uses the journal {path}; two on one journal are refused: stop the other one"
        ) from error
    return lock


def _refuse_lost_database(path: Path) -> None:
    """SQLite would delete the log of a database that is empty or gone, and the last sales with it."""
    log = path.with_name(path.name + "-wal")
    try:
        empty = path.stat().st_size == 0
    except OSError:
        empty = True
    try:
        logged = log.stat().st_size
    except OSError:
        logged = 0
    if empty and logged:
        raise JournalError(
            f"the journal {path} is empty or missing but its log {log.name} is not; "
            "put the file back beside its log (or move the log away to begin a new journal)"
        )


def _connect(path: Path) -> sqlite3.Connection:
    """The writing connection. The file is created for our user only: it holds sales."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        return sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
    except OSError as error:
        raise JournalError(
            f"cannot open the journal {path}: {error.strerror}; check its owner, its mode and its folder"
        ) from error
    except sqlite3.Error as error:
        raise JournalError(explain(path, error)) from error


def _prepare(writer: sqlite3.Connection, path: Path) -> None:
    """Refuse what is not ours or too new before anything is changed, then make writing safe and possible."""
    steps = schema_steps()
    version = _version(writer, path, len(steps))
    (mode,) = writer.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise JournalError(
            f"the journal {path} cannot use a write-ahead log (mode {mode}); use a local file system"
        )
    # FULL: a commit returns after the log is on the disk. With NORMAL a power cut loses acknowledged commits.
    writer.execute("PRAGMA synchronous = FULL")
    writer.execute("PRAGMA foreign_keys = ON")
    writer.execute("PRAGMA recursive_triggers = ON")  # else REPLACE would remove rows past the triggers
    # SQLite opens a file that it may not write without a word: better to learn it now than at the first sale.
    writer.execute("BEGIN IMMEDIATE")
    writer.execute(f"PRAGMA user_version = {version}")
    writer.execute("ROLLBACK")
    for number, step in enumerate(steps[version:], start=version + 1):
        try:
            writer.executescript(f"BEGIN IMMEDIATE;\n{step}\nPRAGMA user_version = {number};\nCOMMIT;")
        except sqlite3.Error:
            if writer.in_transaction:
                writer.execute("ROLLBACK")
            raise


def _version(writer: sqlite3.Connection, path: Path, newest: int) -> int:
    (version,) = writer.execute("PRAGMA user_version").fetchone()
    (application,) = writer.execute("PRAGMA application_id").fetchone()
    (tables,) = writer.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != APPLICATION_ID and (tables or version or application):
        raise JournalError(
            f"{path} is a database of another program, not a journal; name another file, nothing was changed"
        )
    if version > newest:
        raise JournalVersionError(
            f"the journal {path} has schema {version}, this gateway knows {newest}; "
            "install the newer version again, nothing was changed"
        )
    return int(version)


def schema_steps() -> list[str]:
    """The numbered steps of the schema, first to last."""
    folder = resources.files("agent.payments").joinpath("schema")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [folder.joinpath(name).read_text(encoding="utf-8") for name in names]


_MEANINGS = {
    sqlite3.SQLITE_READONLY: ("is read-only", "check its owner, its mode and the mount"),
    sqlite3.SQLITE_PERM: ("is read-only", "check its owner, its mode and the mount"),
    sqlite3.SQLITE_FULL: ("has no space left", "free space on its disk; nothing was stored"),
    sqlite3.SQLITE_CORRUPT: ("is damaged", "keep the file and its -wal, restore a copy, call support"),
    sqlite3.SQLITE_NOTADB: ("is damaged or no journal", "keep the file, restore a copy, call support"),
    sqlite3.SQLITE_BUSY: ("is being written by another program", "find it with fuser and stop it"),
    sqlite3.SQLITE_CANTOPEN: ("cannot be opened", "check its folder: existing, writable, not full"),
    sqlite3.SQLITE_IOERR: (
        "cannot be read or written",
        "the disk fails or is full: see dmesg and df; a restart shows whether the last change is stored",
    ),
}


def explain(path: Path, error: sqlite3.Error) -> str:
    """What SQLite's error means for the journal, and what to do."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the upper bits tell details
    what, remedy = _MEANINGS.get(code, ("cannot be used", "nothing was stored; the log has the details"))
    return f"the journal {path} {what} ({error}); {remedy}"

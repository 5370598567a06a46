"""The simulator's memory in a file: one transaction a request, so that a kill loses nothing answered."""

import json
import os
import sqlite3
from pathlib import Path
from typing import Final

from drivers.simulators.stripe_api.agenda import Happening
from drivers.simulators.stripe_api.idempotency import Kept
from drivers.simulators.stripe_api.store import Record
from drivers.simulators.stripe_api.world import World

FORMAT: Final = 1
_SCHEMA: Final = """
CREATE TABLE record (account TEXT, kind TEXT, id TEXT, seq INTEGER, body TEXT, hidden TEXT,
                     PRIMARY KEY (account, kind, id)) WITHOUT ROWID;
CREATE TABLE kept (account TEXT, name TEXT, fingerprint TEXT, at REAL, status INTEGER, body BLOB,
                   request TEXT, PRIMARY KEY (account, name)) WITHOUT ROWID;
CREATE TABLE happening (seq INTEGER PRIMARY KEY, at REAL, name TEXT, account TEXT, target TEXT, turn INTEGER,
                        note TEXT);
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
"""


class StateError(Exception):
    """The state file cannot be used; the message says why and what to do."""


class StateFile:
    """One simulator's file; nobody else can have it open at the same time."""

    def __init__(self, path: Path) -> None:
        self._facts: dict[str, str] = {}
        _make_private(path)
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=0.1)
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            (found,) = self._db.execute("PRAGMA user_version").fetchone()
            tables = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if found != FORMAT and (found or tables):
                raise StateError(
                    f"{path} is not a state file of this version of the simulator: use another path"
                )
            if found == 0:
                self._db.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version={FORMAT};COMMIT;")
        except sqlite3.Error as error:
            raise StateError(
                f"cannot use {path} as state file: {error}. Is another simulator using it? Else choose "
                "another path."
            ) from error

    def load(self, world: World) -> None:
        """Put everything that was saved into an empty world, which from now on notes what changes."""
        world.remembers = True
        facts = {name: json.loads(value) for name, value in self._db.execute("SELECT name, value FROM fact")}
        world.seed = facts.get("seed", world.seed)
        world.counter = facts.get("counter", 0)
        world.offset = facts.get("offset", 0.0)
        world.keys.update(facts.get("keys", {}))
        rows = self._db.execute("SELECT account, kind, id, seq, body, hidden FROM record ORDER BY seq")
        for name, kind, identifier, seq, body, hidden in rows:
            record = Record(name, kind, identifier, seq, json.loads(body), json.loads(hidden))
            world.account(name).add(record)
        rows = self._db.execute("SELECT * FROM kept ORDER BY at")
        for name, key, fingerprint, at, status, body, request in rows:
            world.account(name).keys.kept[key] = Kept(fingerprint, at, status, body, request)
        rows = self._db.execute("SELECT at, seq, name, account, target, turn, note FROM happening")
        for row in rows:
            world.agenda.add(Happening(*row))
        world.agenda.changes.clear()

    def save(self, world: World) -> None:
        """Write down what changed since the last time, all or nothing."""
        rings = [account for account in world.accounts.values() if account.keys.changes]
        facts = {"seed": world.seed, "offset": world.offset, "keys": world.keys, "counter": world.counter}
        now = {name: json.dumps(value) for name, value in facts.items()}
        changed = [(name, value) for name, value in now.items() if self._facts.get(name) != value]
        told = world.dirty or rings or world.agenda.changes
        if not told and all(name == "counter" for name, _ in changed):  # it only numbered a request
            return
        self._db.execute("BEGIN")
        self._db.executemany(
            "REPLACE INTO record VALUES (?, ?, ?, ?, ?, ?)",
            [
                (r.account, r.kind, r.id, r.seq, json.dumps(r.body), json.dumps(r.hidden))
                for r in world.dirty.values()
            ],
        )
        for account in rings:
            for key, kept in account.keys.changes.items():
                if kept is None:
                    self._db.execute("DELETE FROM kept WHERE account = ? AND name = ?", (account.name, key))
                else:
                    row = (kept.fingerprint, kept.at, kept.status, kept.body, kept.request_id)
                    self._db.execute(
                        "REPLACE INTO kept VALUES (?, ?, ?, ?, ?, ?, ?)", (account.name, key, *row)
                    )
            account.keys.changes.clear()
        for seq, planned in world.agenda.changes.items():
            if planned is None:
                self._db.execute("DELETE FROM happening WHERE seq = ?", (seq,))
            else:
                plan = (planned.at, planned.name, planned.account, planned.target, planned.turn, planned.note)
                self._db.execute("REPLACE INTO happening VALUES (?, ?, ?, ?, ?, ?, ?)", (seq, *plan))
        self._db.executemany("REPLACE INTO fact VALUES (?, ?)", changed)
        self._facts = now
        self._db.execute("COMMIT")
        world.dirty.clear()
        world.agenda.changes.clear()

    def close(self) -> None:
        """Fold everything into the one file and let it go."""
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()


def _make_private(path: Path) -> None:
    """Make the file, for its owner only: it may hold API keys. SQLite's files beside it follow its mode."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StateError(f"cannot use {path} as state file: {error.strerror}; choose another path") from error

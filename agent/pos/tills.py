"""Who may sell: tills by name, each with one token of which only the hash is stored."""

import fcntl
import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.payments.model import TillName
from agent.secret import Secret

OPERATOR = TillName("operator")
"""The name under which the control socket sells; no till may have it."""

TOKEN_PREFIX = "tg_"  # noqa: S105 - what tokens begin with, so that scanners for leaked keys can find them
TOKEN_BYTES = 32

MAX_RETIRED = 200
"""Hashes of replaced tokens that are kept, so that an old token is told what became of it; oldest first."""

MAX_FILE_BYTES = 1024 * 1024
"""A registry of a store is a few kilobytes: anything larger is not ours and is not read into memory."""

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_HASH = re.compile(r"[0-9a-f]{64}")
_VERSION = 1


class TillRegistryError(Exception):
    """The registry cannot be read or changed as asked; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Till:
    """One register that may sell. Times are UTC; `rotated_at` is None while the first token lives."""

    name: TillName
    created_at: datetime
    rotated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Entry:
    till: Till
    token_sha256: str


@dataclass(frozen=True, slots=True)
class _Registry:
    entries: tuple[_Entry, ...] = ()
    retired: tuple[tuple[str, TillName], ...] = ()  # (token_sha256, till), oldest first


def _utc_now() -> datetime:
    return datetime.now(UTC)


class TillRegistry:
    """The file of tills. Several processes may use it at once: each sees a whole old or a whole new file."""

    def __init__(self, path: Path, *, now: Callable[[], datetime] = _utc_now) -> None:
        self._path = path
        self._now = now
        self._seen: tuple[int, int, int] | None = None
        self._registry = _Registry()

    def add(self, name: str) -> Secret:
        """Make a till and its token, which is never shown again; `TillRegistryError`: bad or taken name."""
        if not _NAME.fullmatch(name):
            raise TillRegistryError(
                f"{name!r} cannot be a till's name: use 1 to 63 of A-Z a-z 0-9 . _ - and begin and end with "
                "a letter or digit"
            )
        if name == OPERATOR:
            raise TillRegistryError(
                f"{name!r} is the name of the control socket; choose another for the till"
            )
        with self._locked() as registry:
            if any(entry.till.name == name for entry in registry.entries):
                raise TillRegistryError(
                    f"till {name!r} exists already; `tillgate till rotate {name}` gives it a new token"
                )
            token = _new_token()
            entry = _Entry(Till(TillName(name), self._now()), _hash(token.reveal()))
            self._write(replace(registry, entries=(*registry.entries, entry)))
        return token

    def list(self) -> Sequence[Till]:
        """Every till, by name."""
        return sorted((entry.till for entry in self._current().entries), key=lambda till: till.name)

    def rotate(self, name: str) -> Secret:
        """A new token for a till; the old one ends at once."""
        with self._locked() as registry:
            old = _entry(registry, name)
            token = _new_token()
            new = _Entry(replace(old.till, rotated_at=self._now()), _hash(token.reveal()))
            entries = tuple(new if entry is old else entry for entry in registry.entries)
            self._write(_Registry(entries, _retire(registry, old)))
        return token

    def revoke(self, name: str) -> None:
        """Forget a till; its token ends at once, its sessions stay in the journal."""
        with self._locked() as registry:
            old = _entry(registry, name)
            entries = tuple(entry for entry in registry.entries if entry is not old)
            self._write(_Registry(entries, _retire(registry, old)))

    def authenticate(self, token: str) -> TillName | None:
        """The till this token belongs to. Every hash is compared in full, whichever matches."""
        digest = _hash(token)
        found: TillName | None = None
        for entry in self._current().entries:
            if hmac.compare_digest(entry.token_sha256, digest):
                found = entry.till.name
        return found

    def retired(self, token: str) -> TillName | None:
        """The till this token belonged to before it was revoked or rotated."""
        digest = _hash(token)
        found: TillName | None = None
        for old, name in self._current().retired:
            if hmac.compare_digest(old, digest):
                found = name
        return found

    def _current(self) -> _Registry:
        """The registry as it is on disk now: one stat when nothing changed."""
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            self._seen, self._registry = None, _Registry()
            return self._registry
        except OSError as error:
            raise TillRegistryError(f"cannot read the tills in {self._path}: {error.strerror}") from error
        mark = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        if mark != self._seen:
            self._registry = _read(self._path)
            self._seen = mark
        return self._registry

    @contextmanager
    def _locked(self) -> Iterator[_Registry]:
        """The registry while no other process changes it."""
        lock = self._path.with_name(self._path.name + ".lock")
        try:
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise TillRegistryError(
                f"cannot change the tills in {self._path}: {lock}: {error.strerror}; run this as the "
                "gateway's user or as root"
            ) from error
        try:
            self._give_away(descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield self._current()
        finally:
            os.close(descriptor)

    def _write(self, registry: _Registry) -> None:
        """Replace the file so that a power cut leaves the old or the new one, never a torn one."""
        text = json.dumps(_document(registry), indent=2) + "\n"
        scratch = self._path.with_name(f".{self._path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                self._give_away(descriptor)
                file.write(text.encode())
                file.flush()
                os.fsync(descriptor)
            scratch.replace(self._path)
            _sync_directory(self._path.parent)
        except OSError as error:
            with suppress(OSError):
                scratch.unlink()
            raise TillRegistryError(
                f"cannot write the tills to {self._path}: {error.strerror}; nothing was changed"
            ) from error

    def _give_away(self, descriptor: int) -> None:
        """Let files that root makes belong to the directory's owner: the daemon must be able to read them."""
        if os.geteuid() == 0:
            owner = self._path.parent.stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)


def _new_token() -> Secret:
    return Secret(TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES))


def _hash(token: str) -> str:
    # A plain hash is enough: the token is 256 random bits, there is nothing to guess.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _entry(registry: _Registry, name: str) -> _Entry:
    for entry in registry.entries:
        if entry.till.name == name:
            return entry
    known = ", ".join(sorted(entry.till.name for entry in registry.entries)) or "none yet"
    raise TillRegistryError(f"there is no till {name!r}; tills: {known}")


def _retire(registry: _Registry, entry: _Entry) -> tuple[tuple[str, TillName], ...]:
    return (*registry.retired, (entry.token_sha256, entry.till.name))[-MAX_RETIRED:]


def _document(registry: _Registry) -> dict[str, Any]:
    tills = {}
    for entry in registry.entries:
        row = {"token_sha256": entry.token_sha256, "created_at": entry.till.created_at.isoformat()}
        if entry.till.rotated_at is not None:
            row["rotated_at"] = entry.till.rotated_at.isoformat()
        tills[entry.till.name] = row
    retired = [{"token_sha256": digest, "till": name} for digest, name in registry.retired]
    return {"version": _VERSION, "tills": tills, "retired": retired}


def _read(path: Path) -> _Registry:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise TillRegistryError(f"cannot read the tills in {path}: {error.strerror}") from error
    if len(data) > MAX_FILE_BYTES:
        raise TillRegistryError(f"{path} is larger than any list of tills: it is not ours")
    try:
        document = json.loads(data)
        version = document["version"]
        if version != _VERSION:
            raise TillRegistryError(
                f"{path} has version {version!r}, this tillgate reads {_VERSION}: another release wrote it"
            )
        entries = tuple(_parse_entry(name, row) for name, row in document["tills"].items())
        retired = tuple((_digest(row), TillName(row["till"])) for row in document.get("retired", []))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise TillRegistryError(
            f"{path} is not a list of tills ({type(error).__name__}: {error}); restore it from a backup, or "
            "move it away and add the tills again"
        ) from error
    return _Registry(entries, retired)


def _parse_entry(name: str, row: dict[str, str]) -> _Entry:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a till's name")
    rotated = row.get("rotated_at")
    till = Till(
        name=TillName(name),
        created_at=datetime.fromisoformat(row["created_at"]),
        rotated_at=None if rotated is None else datetime.fromisoformat(rotated),
    )
    return _Entry(till, _digest(row))


def _digest(row: dict[str, str]) -> str:
    digest = row["token_sha256"]
    if not _HASH.fullmatch(digest):
        raise ValueError("a token's hash is 64 hexadecimal digits")
    return digest


def _sync_directory(path: Path) -> None:
    """Make the new name itself survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

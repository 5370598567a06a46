"""What `tillgate doctor` looks at on this box, read-only: each check names the cause and the fix."""

import ctypes
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote

from agent.documents import ProblemsError
from agent.payments.disk import FORGETFUL, MOUNTS, REMOTE, file_system
from agent.settings import SecretError, Settings, StripeSettings, load, resolve

LEAST_FREE_BYTES = 100 * 1024 * 1024  # a year of sales takes less; below, logs and the journal fight for it
LOW_FREE_BYTES = 1024 * 1024 * 1024
RELEASED = datetime(2026, 1, 1, tzinfo=UTC)  # a clock that is before this has lost its battery

_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_TIMEX_BYTES = 512  # struct timex has 208 on 64-bit Linux; more is harmless


class Result(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: what was found and, where something is wrong, what to do."""

    name: str
    result: Result
    found: str
    fix: str = ""


def ok(name: str, found: str) -> Check:
    """Nothing to do."""
    return Check(name, Result.OK, found)


def warning(name: str, found: str, fix: str) -> Check:
    """It works; it may not for long, or not as meant."""
    return Check(name, Result.WARNING, found, fix)


def problem(name: str, found: str, fix: str) -> Check:
    """It does not work."""
    return Check(name, Result.PROBLEM, found, fix)


def check_config(path: Path) -> tuple[Settings | None, list[Check]]:
    """gateway.yaml; without it nothing else can be looked at."""
    try:
        settings = load(path)
    except ProblemsError as error:
        return None, [
            problem("config", str(each), "correct the file; `tillgate check` reads it again")
            for each in error.problems
        ]
    return settings, [ok("config", f"{path}: gateway {settings.gateway.name} at {settings.location}")]


def check_fleet_files(settings: Settings) -> Iterator[Check]:
    """The files of desired state, and whether they know this gateway's location."""
    from agent.fleet.sources import declared

    if not settings.fleet.paths:
        yield warning("fleet files", "none are named", "name them under `fleet.paths` in gateway.yaml")
        return
    try:
        state = declared(settings.fleet.paths)
    except ProblemsError as error:
        for each in error.problems:
            yield problem("fleet files", str(each), "correct the file; `tillgate check` reads it again")
        return
    here = [each for each in state.readers.values() if each.location == settings.location]
    if settings.location not in state.locations:
        yield problem(
            "fleet files",
            f"no Location is named {settings.location}",
            "correct `location` in gateway.yaml, or declare the Location",
        )
    elif not here:
        yield warning(
            "fleet files", f"no Reader is declared at {settings.location}", "declare one with kind: Reader"
        )
    else:
        yield ok("fleet files", f"{len(here)} readers at {settings.location}")


def check_clock(now: datetime, *, synchronised: bool | None = None) -> Check:
    """Whether the clock can be right: TLS, receipts and the journal's order live by it."""
    if now < RELEASED:
        return problem("clock", f"it says {now:%Y-%m-%d %H:%M} UTC", "set it: `timedatectl set-ntp true`")
    in_step = clock_synchronised() if synchronised is None else synchronised
    if not in_step:
        return warning(
            "clock",
            f"it says {now:%Y-%m-%d %H:%M} UTC and is not synchronised",
            "`timedatectl set-ntp true`, or let chrony or the host keep it",
        )
    return ok("clock", f"{now:%Y-%m-%d %H:%M} UTC, synchronised")


def clock_synchronised() -> bool:
    """What the kernel says (adjtimex(2), read-only: no modes set)."""
    buffer = ctypes.create_string_buffer(_TIMEX_BYTES)
    state: int = ctypes.CDLL(None).adjtimex(buffer)
    return 0 <= state < _TIME_ERROR


def check_disk(directory: Path, mounts: Path = MOUNTS) -> Iterator[Check]:
    """Space and kind of the file system that the journal is on."""
    if not directory.is_dir():
        yield problem(
            "disk",
            f"{directory} does not exist",
            "let systemd make it (StateDirectory=), or `install -d -o tillgate -m 0750` it",
        )
        return
    usage = shutil.disk_usage(directory)
    found = f"{directory}: {usage.free // 2**20} MiB free of {usage.total // 2**20}"
    if usage.free < LEAST_FREE_BYTES:
        yield problem("disk", found, "free space: without it no sale can be written down, so none is taken")
    elif usage.free < LOW_FREE_BYTES:
        yield warning("disk", found, "free space before it runs out")
    else:
        yield ok("disk", found)
    kind = file_system(directory, mounts)
    if kind in FORGETFUL | REMOTE:
        yield problem(
            "file system", f"{directory} is on {kind}", "put the journal on a local disk (`journal.path`)"
        )
    else:
        yield ok("file system", kind or "unknown")


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """The journal, for looking only; raises `sqlite3.Error`."""
    # Without a log the file is complete by itself, and opening it so leaves nothing behind.
    log = path.with_name(path.name + "-wal")
    mode = "mode=ro" if log.exists() and log.stat().st_size else "immutable=1"
    connection = sqlite3.connect(f"file:{quote(str(path))}?{mode}", uri=True)
    try:
        yield connection
    finally:
        connection.close()


def check_journal(path: Path, newest: int) -> Check:
    """The journal's schema, and what waits in it. Reads only; `newest` is the schema we know."""
    if not path.exists():
        return ok("journal", f"{path} is not there yet; the daemon makes it")
    try:
        with reading(path) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version > newest:
                return problem(
                    "journal",
                    f"{path} was written by a newer tillgate (schema {version}, known here: {newest})",
                    "install the newer version again; nothing was changed",
                )
            states = dict(connection.execute("SELECT state, COUNT(*) FROM session GROUP BY state"))
    except sqlite3.Error as error:
        return problem(
            "journal",
            f"{path}: {error}",
            "run this as root or as the gateway's user; if it is damaged, keep the file and restore a copy",
        )
    doubt, total = states.get("in_doubt", 0), sum(states.values())
    found = f"{path}: schema {version}, {total} sessions"
    if doubt:
        return warning(
            "journal",
            f"{found}, {doubt} in doubt",
            "`tillgate sessions --state in_doubt`: the daemon settles them as soon as it can ask",
        )
    return ok("journal", found)


def check_tills(settings: Settings) -> Check:
    """Whether any till may sell."""
    from agent.pos.tills import TillRegistry, TillRegistryError

    try:
        count = len(TillRegistry(settings.tills_path).list())
    except TillRegistryError as error:
        return problem("tills", str(error), "run this as root or as the gateway's user")
    if not count:
        return warning("tills", "no till may sell yet", "`tillgate till add NAME`")
    return ok("tills", f"{count} may sell")


def check_doors(settings: Settings) -> Check:
    """Whether the HTTP door is open to more than this machine."""
    door = settings.doors.http
    if door is None:
        return ok("http door", "shut")
    if door.host in {"127.0.0.1", "::1", "localhost"}:
        return ok("http door", f"{door.host}:{door.port}")
    return warning(
        "http door",
        f"{door.host}:{door.port} is open to the network, without TLS",
        "let it listen on 127.0.0.1 behind a TLS proxy, or keep that network to the tills",
    )


def check_key(stripe: StripeSettings) -> Check:
    """Whether the API key is there and of a kind that can work; it is not shown."""
    try:
        key = resolve(stripe.key).reveal()
    except SecretError as error:
        return problem("stripe key", str(error), "see gateway.yaml, `stripe.key`")
    if key.startswith("pk_"):
        return problem(
            "stripe key", "it is a publishable key (pk_)", "use a restricted key (rk_) or a secret key (sk_)"
        )
    if not key.startswith(("rk_", "sk_")):
        return problem("stripe key", "it does not look like a key of Stripe", "it begins with rk_ or sk_")
    if key != key.strip() or not key.isprintable():
        return problem(
            "stripe key", "it has spaces or line breaks in it", "write the key alone into its file"
        )
    mode = "live" if "_live_" in key[:8] else "test"
    if key.startswith("sk_"):
        return warning(
            "stripe key",
            f"a secret key of {mode} mode: it may do everything",
            "a restricted key (rk_) with Terminal, PaymentIntents, Charges and Refunds is enough",
        )
    return ok("stripe key", f"a restricted key of {mode} mode")


def check_user(path: Path) -> Check:
    """Whether we see what the daemon sees: its files belong to it."""
    if os.geteuid() == 0 or os.access(path, os.R_OK | os.X_OK):
        return ok("user", f"uid {os.geteuid()} may read {path}")
    return warning(
        "user", f"uid {os.geteuid()} may not read {path}", "run this as root or as the gateway's user"
    )

"""What `tillgate doctor` learns about a reader: from the daemon's word, or from itself while none runs."""

import asyncio
import fcntl
import logging
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from agent.cli.checks import Check, ok, problem, reading, warning
from agent.documents import ProblemsError
from agent.settings import Settings
from drivers import registry
from drivers.contract import Driver, DriverError, ReaderConfig

Make = Callable[[ReaderConfig], Driver]

PROBE_S = 40.0
"""A silent serial line needs three tries of 5 s, a terminal that sleeps some seconds to wake up."""

CLOSE_S = 5.0

LOOK = "look at its power, its cable or network, and its `link` in the fleet files"

_FIXES: Mapping[str, str] = {
    "link_absent": "plug it in, or correct its `link`: `ls /dev/serial/by-id` shows what is there",
    "link_no_host": "correct the host's name in its `link`, or its DNS: `getent hosts NAME` asks",
    "link_busy": "end the other program that has the port: `fuser -v PORT` names it",
    "link_denied": "run this as root or as the gateway's user, who must be in the port's group (dialout)",
    "link_refused": "switch ZVT on in the terminal's menu, and correct the port in its `link`",
}
"""By the code of what the driver says."""


def cause_and_fix(text: str, code: str = "") -> tuple[str, str]:
    """Drivers say what is wrong and, after a semicolon, what to do about it."""
    cause, _, fix = text.partition("; ")
    return cause, fix or _FIXES.get(code, LOOK)


async def check_readers(settings: Settings, make: Make | None = None) -> list[Check]:
    """Call each declared reader that has a link of its own, as the daemon does when it starts; sell nothing.

    For a gateway whose daemon does not run. A reader with an unsettled sale is left to the daemon.
    """
    found = _declared(settings)
    if not found or locked(settings.journal.path):
        return []
    held = unsettled(settings.journal.path)
    with _without_logs():
        async with asyncio.TaskGroup() as group:
            calls = [
                group.create_task(_check(each, held, make or _make), name=f"reader {each.name}")
                for each in found
            ]
    return [call.result() for call in calls]


@contextmanager
def _without_logs() -> Iterator[None]:
    """What drivers would warn of is what we are about to say."""
    log = logging.getLogger("drivers")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)


def _declared(settings: Settings) -> list[ReaderConfig]:
    from agent.fleet.roster import roster
    from agent.fleet.sources import declared

    try:
        desired = declared(settings.fleet.paths) if settings.fleet.paths else None
    except ProblemsError:
        return []  # told by the check of the fleet files
    return list(roster(desired, {}, settings.location).configs.values())


def unsettled(path: Path) -> frozenset[str] | None:
    """The readers that a session of the journal still holds; None: it cannot be read."""
    if not path.exists():
        return frozenset()
    try:
        with reading(path) as connection:
            rows = connection.execute("SELECT DISTINCT reader FROM session WHERE holds = 1 OR settling = 1")
            return frozenset(str(name) for (name,) in rows)
    except sqlite3.Error:
        return None


def locked(path: Path) -> bool:
    """Whether a daemon has the journal, wherever its control socket is; tries the lock for a moment."""
    try:
        lock = os.open(path.with_name(path.name + ".lock"), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(lock)
    return False


def _make(config: ReaderConfig) -> Driver:
    return registry.make(config, registry.Services(now=lambda: datetime.now(UTC)))


async def _check(config: ReaderConfig, held: Iterable[str] | None, make: Make) -> Check:
    if held is None:
        return warning(
            f"reader {config.name}",
            "not called: the journal cannot be read, and it may be in the middle of a sale",
            "run this as root or as the gateway's user",
        )
    if config.name in held:
        return warning(
            f"reader {config.name}",
            "not called: it has a sale that is not settled",
            "start the daemon: it settles the sale before anything else",
        )
    return await call(config, make)


async def call(config: ReaderConfig, make: Make = _make) -> Check:
    """Reach one reader and let it go again."""
    name = f"reader {config.name}"
    try:
        driver = make(config)
    except registry.RegistryError as error:
        fix = "correct its `spec` in the fleet files, or install its driver"
        return problem(name, str(error), fix)
    try:
        async with asyncio.timeout(PROBE_S):
            info = await driver.open()
    except TimeoutError:
        return problem(name, f"no answer within {PROBE_S:g} s", LOOK)
    except DriverError as error:
        return problem(name, *cause_and_fix(str(error), error.code))
    finally:
        with suppress(DriverError, TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await driver.close()
    who = " ".join(filter(None, (info.device_type, info.serial_number)))
    return ok(name, f"answers: {who}, {info.details.get('state', 'ready')}")

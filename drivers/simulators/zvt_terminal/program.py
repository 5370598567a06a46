"""What the programs around the simulated terminal share: their options, how they run, how they end."""

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from drivers.links.base import LinkNotOpenedError
from drivers.simulators.fault_list import FAULTS, FaultError, plan_for
from drivers.simulators.faults import Plan
from drivers.simulators.zvt_terminal.customers import CARDS, QUICK
from drivers.simulators.zvt_terminal.memory import Memory, MemoryFileError
from drivers.simulators.zvt_terminal.outcomes import SCRIPTS
from drivers.simulators.zvt_terminal.profiles import INSTANT, PROFILES, ProfileError, profile_named
from drivers.simulators.zvt_terminal.terminal import Terminal

Serving: TypeAlias = Callable[[argparse.Namespace, Terminal, Plan], Awaitable[None]]
"""Makes the terminal callable as the options say, until it is told to stop."""


class StartError(Exception):
    """The program cannot start; the message says why."""


def new_parser(name: str, description: str, **more: Mapping[str, str]) -> argparse.ArgumentParser:
    """A parser without options; its help ends with lists: profiles, faults, amounts, and `more` by title."""
    lists: dict[str, Mapping[str, str]] = {
        "profiles": {profile.name: profile.summary for profile in PROFILES.values()},
        "faults": {fault.name: fault.summary for fault in FAULTS.values()},
        **more,
        "amounts (last two digits; all others are approved)": {
            f"..{digits:02}": script.summary for digits, script in SCRIPTS.items()
        },
    }
    return argparse.ArgumentParser(
        prog=f"tillgate simulate {name}",
        description=description,
        epilog="\n\n".join(_listing(title, rows) for title, rows in lists.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _listing(title: str, rows: Mapping[str, str]) -> str:
    width = max(len(name) for name in rows)
    return "\n".join([f"{title}:", *(f"  {name:{width}}  {text}" for name, text in rows.items())])


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options about the terminal itself and its line."""
    parser.add_argument("--profile", default="standard", metavar="NAME", help="which kind of terminal")
    parser.add_argument("--state", type=Path, metavar="FILE", help="keep the turnover memory in FILE")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME[=ARG]",
        help="what goes wrong on the line; repeatable",
    )
    parser.add_argument("--seed", type=int, default=0, help="the same seed, the same accidents (default: 0)")
    parser.add_argument("--card", choices=sorted(CARDS), help="the card that customers have")
    parser.add_argument("--fast", action="store_true", help="customers and hosts that take no time")


def say(line: str) -> None:
    """A line for whoever waits for it."""
    print(line, flush=True)  # noqa: T201  # a program's output


async def until_stopped(terminal: Terminal, working: Coroutine[None, None, None]) -> None:
    """Work until SIGTERM or SIGINT; SIGUSR1 prints the terminal's ledger."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    loop.add_signal_handler(signal.SIGUSR1, lambda: say(json.dumps(terminal.ledger())))
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(working, name="zvt terminal")
        await stopped.wait()
        serving.cancel()


def run(parser: argparse.ArgumentParser, argv: Sequence[str] | None, serving: Serving) -> int:
    """Serve until told to stop; the exit code: 0 stopped, 1 could not start, 2 wrong usage."""
    try:
        given = parser.parse_args(argv)
    except SystemExit as stop:
        return int(stop.code or 0)
    try:
        profile = profile_named(given.profile)
        plan = plan_for(*given.fault, seed=given.seed)
    except (ProfileError, FaultError) as error:
        return _failed(error, 2)
    try:
        with contextlib.closing(Memory(given.state)) as memory:
            terminal = Terminal(profile, memory, times=INSTANT if given.fast else None, seed=given.seed)
            if given.fast:
                terminal.device.usual = QUICK
            if given.card:
                terminal.device.usual = replace(terminal.device.usual, card=given.card)
            asyncio.run(_serve(serving, given, terminal, plan))
    except (LinkNotOpenedError, MemoryFileError, StartError, OSError) as error:
        return _failed(error, 1)
    return 0


async def _serve(serving: Serving, given: argparse.Namespace, terminal: Terminal, plan: Plan) -> None:
    await serving(given, terminal, plan)


def _failed(error: Exception, code: int) -> int:
    print(error, file=sys.stderr)  # noqa: T201  # a program's error
    return code

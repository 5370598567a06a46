"""`tillgate simulate zvt-terminal`: the simulated terminal as a program of its own."""

import argparse
import asyncio
import contextlib
import json
import re
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from drivers.links.base import LinkNotOpenedError
from drivers.links.tcp import TcpListener
from drivers.simulators.fault_list import FAULTS, FaultError, plan_for
from drivers.simulators.faults import Plan
from drivers.simulators.pty import PtyListener
from drivers.simulators.rfc2217 import Rfc2217Listener
from drivers.simulators.uart import LineSettings
from drivers.simulators.zvt_terminal.customers import CARDS, QUICK
from drivers.simulators.zvt_terminal.memory import Memory, MemoryFileError
from drivers.simulators.zvt_terminal.outcomes import SCRIPTS
from drivers.simulators.zvt_terminal.profiles import INSTANT, PROFILES, ProfileError, profile_named
from drivers.simulators.zvt_terminal.server import serve
from drivers.simulators.zvt_terminal.terminal import Terminal

DEFAULT_PORT = 20007
"""Where terminals listen (PA00P016 chapter 2.2)."""


def _endpoint(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > 0xFFFF or not host:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, such as 127.0.0.1:{DEFAULT_PORT}")
    return host.strip("[]"), int(port)


def _line(text: str) -> LineSettings:
    match = re.fullmatch(r"(\d{2,7})-([5-8])([NEOMS])(1|1\.5|2)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no line, such as 9600-8N2 or 115200-7E1")
    rate, size, parity, stopbits = match.groups()
    return LineSettings(int(rate), int(size), parity, float(stopbits))


def _listing(title: str, rows: dict[str, str]) -> str:
    width = max(len(name) for name in rows)
    return "\n".join([f"{title}:", *(f"  {name:{width}}  {text}" for name, text in rows.items())])


def _arguments() -> argparse.ArgumentParser:
    epilog = "\n\n".join(
        (
            _listing("profiles", {profile.name: profile.summary for profile in PROFILES.values()}),
            _listing("faults", {fault.name: fault.summary for fault in FAULTS.values()}),
            _listing(
                "amounts (last two digits; all others are approved)",
                {f"..{digits:02}": script.summary for digits, script in SCRIPTS.items()},
            ),
        )
    )
    parser = argparse.ArgumentParser(
        prog="tillgate simulate zvt-terminal",
        description="A ZVT terminal for registers to sell at, with a turnover memory of its own. The amount "
        "decides how a payment goes. SIGUSR1 prints what became of each transaction, as one line of JSON.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--tcp", type=_endpoint, metavar="HOST:PORT", help="listen there; port 0 takes any free one"
    )
    where.add_argument("--pty", type=Path, metavar="PATH", help="be a serial port at PATH")
    where.add_argument(
        "--rfc2217",
        type=_endpoint,
        metavar="HOST:PORT",
        help="be a serial port behind a terminal server there",
    )
    parser.add_argument(
        "--line",
        type=_line,
        default=LineSettings(),
        metavar="SETTINGS",
        help="how the terminal's end of that line is set (default: 9600-8N2)",
    )
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
    return parser


def _print(line: str) -> None:
    print(line, flush=True)  # noqa: T201  # what callers wait for


def _listener(given: argparse.Namespace) -> TcpListener | PtyListener | Rfc2217Listener:
    if given.pty:
        return PtyListener(given.pty)
    if given.rfc2217:
        return Rfc2217Listener(TcpListener(*given.rfc2217), given.line)
    return TcpListener(*given.tcp)


async def _run(terminal: Terminal, listener: TcpListener | PtyListener | Rfc2217Listener, plan: Plan) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    loop.add_signal_handler(signal.SIGUSR1, lambda: _print(json.dumps(terminal.ledger())))
    serial = not isinstance(listener, TcpListener)
    # here, outside of any group, so that an address that cannot be used is an error of its own
    await listener.open()

    working = serve(
        terminal,
        listener,
        plan,
        serial=serial,
        ready=lambda: _print(f"listening on {listener.address}"),
    )
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(working, name="zvt terminal")
        await stopped.wait()
        serving.cancel()


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the exit code: 0 stopped, 1 could not start, 2 wrong usage."""
    try:
        given = _arguments().parse_args(argv)
    except SystemExit as stop:
        return int(stop.code or 0)
    try:
        profile = profile_named(given.profile)
        plan = plan_for(*given.fault, seed=given.seed)
    except (ProfileError, FaultError) as error:
        print(error, file=sys.stderr)  # noqa: T201  # a program's error
        return 2
    try:
        with contextlib.closing(Memory(given.state)) as memory:
            terminal = Terminal(profile, memory, times=INSTANT if given.fast else None, seed=given.seed)
            if given.fast:
                terminal.device.usual = QUICK
            if given.card:
                terminal.device.usual = replace(terminal.device.usual, card=given.card)
            asyncio.run(_run(terminal, _listener(given), plan))
    except (LinkNotOpenedError, MemoryFileError, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201  # a program's error
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`tillgate simulate zvt-terminal`: the simulated terminal as a program of its own."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from drivers.links.tcp import TcpListener
from drivers.simulators.faults import Plan
from drivers.simulators.pty import PtyListener
from drivers.simulators.rfc2217 import Rfc2217Listener
from drivers.simulators.uart import LineSettings
from drivers.simulators.zvt_terminal.program import add_options, new_parser, run, say, until_stopped
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


def _arguments() -> argparse.ArgumentParser:
    parser = new_parser(
        "zvt-terminal",
        "A ZVT terminal for registers to sell at, with a turnover memory of its own. The amount "
        "decides how a payment goes. SIGUSR1 prints what became of each transaction, as one line of JSON.",
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
    add_options(parser)
    return parser


def _listener(given: argparse.Namespace) -> TcpListener | PtyListener | Rfc2217Listener:
    if given.pty:
        return PtyListener(given.pty)
    if given.rfc2217:
        return Rfc2217Listener(TcpListener(*given.rfc2217), given.line)
    return TcpListener(*given.tcp)


async def _run(given: argparse.Namespace, terminal: Terminal, plan: Plan) -> None:
    listener = _listener(given)
    # here, outside of any group, so that an address that cannot be used is an error of its own
    await listener.open()
    working = serve(
        terminal,
        listener,
        plan,
        serial=not isinstance(listener, TcpListener),
        ready=lambda: say(f"listening on {listener.address}"),
    )
    await until_stopped(terminal, working)


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the exit code: 0 stopped, 1 could not start, 2 wrong usage."""
    return run(_arguments(), argv, _run)


if __name__ == "__main__":
    sys.exit(main())

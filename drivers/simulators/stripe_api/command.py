"""`tillgate simulate stripe`: the simulated Stripe API as a program of its own."""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from drivers.simulators.stripe_api import courier
from drivers.simulators.stripe_api.core import StripeSimulator
from drivers.simulators.stripe_api.server import serve
from drivers.simulators.stripe_api.settings import SimulatorSettings
from drivers.simulators.stripe_api.state import StateError

RATE_LIMIT = 25
"""Requests a second and operation, as in Stripe's sandboxes."""


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tillgate simulate stripe",
        description="A stateful simulation of Stripe's API for stores. Point any Stripe SDK's base "
        "address at it; every sk_test_... or rk_test_... key opens an account of its own. GET /_sim lists "
        "the controls.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=12111, help="0 takes any free port (default: %(default)s)"
    )
    parser.add_argument("--state", type=Path, metavar="FILE", help="remember everything in FILE")
    parser.add_argument("--seed", type=int, default=0, help="the same seed makes the same ids (default: 0)")
    parser.add_argument(
        "--busy",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="how long an authorisation takes (default: 0)",
    )
    parser.add_argument(
        "--rate-limit", action="store_true", help=f"refuse more than {RATE_LIMIT} requests/s per operation"
    )
    return parser


async def _run(simulator: StripeSimulator, host: str, port: int) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    serving = await serve(simulator, host, port)
    try:
        print(f"listening on {serving.url}", flush=True)  # noqa: T201  # what callers wait for
        async with asyncio.TaskGroup() as group:
            carrying = group.create_task(courier.run(simulator), name="webhook courier")
            await stopped.wait()
            carrying.cancel()
    finally:
        await serving.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the exit code: 0 stopped, 1 could not start, 2 wrong usage."""
    try:
        given = _arguments().parse_args(argv)
    except SystemExit as stop:
        return int(stop.code or 0)
    settings = SimulatorSettings(busy_s=given.busy, rate_limit=RATE_LIMIT if given.rate_limit else None)
    try:
        with contextlib.closing(
            StripeSimulator(settings=settings, seed=given.seed, state=given.state)
        ) as simulator:
            asyncio.run(_run(simulator, given.host, given.port))
    except (OSError, OverflowError) as error:
        print(f"cannot listen on {given.host}:{given.port}: {error}", file=sys.stderr)  # noqa: T201  # a program's error
        return 1
    except StateError as error:
        print(error, file=sys.stderr)  # noqa: T201  # a program's error
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`tillgate simulate ble-terminal`: the simulated ZVT terminal behind a Bluetooth bridge, without a radio."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack

from drivers.links.address import AddressError, BleAddress, parse_address
from drivers.links.ble_profiles import PROFILES
from drivers.simulators.ble_uart import UartListener, UartPeripheral
from drivers.simulators.bluez.daemon import PrivateBus, PrivateBusError
from drivers.simulators.bluez.service import SimulatedBluez
from drivers.simulators.bluez.troubles import TROUBLES, TroubleError, befall, troubles_of
from drivers.simulators.faults import Plan
from drivers.simulators.zvt_terminal.program import (
    StartError,
    add_options,
    new_parser,
    run,
    say,
    until_stopped,
)
from drivers.simulators.zvt_terminal.server import serve
from drivers.simulators.zvt_terminal.terminal import Terminal

ADDRESS = "00:00:5E:00:53:C1"
"""Of the block that is set aside for documentation (RFC 7042, 2.1.2)."""

NAME = "Simulated terminal"


def _address(text: str) -> str:
    try:
        address = parse_address(f"ble://{text}")
    except AddressError:
        address = None
    if not isinstance(address, BleAddress) or address.named:
        raise argparse.ArgumentTypeError(f"{text!r} is no Bluetooth address, such as {ADDRESS}")
    return address.device


def _arguments() -> argparse.ArgumentParser:
    parser = new_parser(
        "ble-terminal",
        "A ZVT terminal behind a Bluetooth LE bridge, for gateways on this machine: a BlueZ of its own on a "
        "private D-Bus. It prints what to set in the gateway's environment, and the reader's link. SIGUSR1 "
        "prints what became of each transaction, as one line of JSON.",
        **{"radio troubles": {trouble.name: trouble.summary for trouble in TROUBLES.values()}},
    )
    parser.add_argument(
        "--gatt", choices=sorted(PROFILES), default="nus", help="the bridge's GATT profile (default: nus)"
    )
    parser.add_argument("--name", default=NAME, help=f"the name it advertises (default: {NAME})")
    parser.add_argument("--address", type=_address, default=ADDRESS, help=f"its address (default: {ADDRESS})")
    parser.add_argument("--pairing", action="store_true", help="refuse who is not paired")
    parser.add_argument("--mtu", type=int, default=247, help="the ATT_MTU it negotiates (default: 247)")
    parser.add_argument("--bare", action="store_true", help="speak without serial frames")
    parser.add_argument("--bus", metavar="ADDRESS", help="use this D-Bus instead of a private one")
    parser.add_argument(
        "--radio",
        action="append",
        default=[],
        metavar="NAME[=ARG]",
        help="what goes wrong with Bluetooth itself; repeatable",
    )
    add_options(parser)
    return parser


async def _run(given: argparse.Namespace, terminal: Terminal, plan: Plan) -> None:
    peripheral = UartPeripheral(given.address, given.name, PROFILES[given.gatt])
    peripheral.mtu = given.mtu
    peripheral.pairing = given.pairing
    listener = UartListener(peripheral)
    try:
        async with AsyncExitStack() as stack:
            troubles = troubles_of(given.radio)
            bus = given.bus or (await stack.enter_async_context(PrivateBus())).address
            bluez = await stack.enter_async_context(SimulatedBluez(bus))
            bluez.add(peripheral)

            def ready() -> None:
                say(f"DBUS_SYSTEM_BUS_ADDRESS={bus}")
                say(f"listening on {listener.address}")

            group = await stack.enter_async_context(asyncio.TaskGroup())
            befalling = [
                group.create_task(befall(bluez, peripheral, trouble, value), name=f"radio {trouble.name}")
                for trouble, value in troubles
            ]
            working = serve(terminal, listener, plan, serial=not given.bare, ready=ready)
            await until_stopped(terminal, working)
            for task in befalling:
                task.cancel()
    except (PrivateBusError, TroubleError) as error:
        raise StartError(str(error)) from error


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the exit code: 0 stopped, 1 could not start, 2 wrong usage."""
    return run(_arguments(), argv, _run)


if __name__ == "__main__":
    sys.exit(main())

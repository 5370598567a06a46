"""A terminal that can be called: over TCP, or plugged in as a serial port."""

import asyncio
import os
import termios
from collections.abc import Callable
from functools import partial
from pathlib import Path

from drivers.contract import Link
from drivers.links.base import Listener
from drivers.simulators.faults import Cut, Plan
from drivers.simulators.faulty import FaultyListener
from drivers.simulators.pty import PtyListener
from drivers.simulators.rfc2217 import Rfc2217Listener
from drivers.simulators.zvt_terminal.terminal import Terminal

SPEEDS = {
    termios.B9600: 9600,
    termios.B19200: 19200,
    termios.B38400: 38400,
    termios.B57600: 57600,
    termios.B115200: 115200,
}


def speed_of(path: Path) -> int:
    """The rate in baud that whoever has the port open has set; 0 for one that no terminal has."""
    port = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        return SPEEDS.get(termios.tcgetattr(port)[4], 0)
    finally:
        os.close(port)


class _Calls(FaultyListener):
    """Calls over a bad line; a cut that keeps the terminal away for a while is a power cut."""

    def __init__(self, listener: Listener, plan: Plan, terminal: Terminal) -> None:
        super().__init__(listener, plan)
        self._terminal = terminal

    async def _cut(self, cut: Cut) -> None:
        if cut.down_s:
            self._terminal.device.reboot()
            self._terminal.device.be_silent(cut.down_s)
        await super()._cut(cut)


async def serve(
    terminal: Terminal,
    listener: Listener,
    plan: Plan | None = None,
    *,
    serial: bool = False,
    ready: Callable[[], None] | None = None,
) -> None:
    """Host the terminal for every caller of `listener`, with the plan's faults, until cancelled.

    `ready` is called once when somebody can call. Errors: `LinkNotOpenedError` when nobody ever can.
    """
    speed: Callable[[], int] | None = None
    match listener:
        case PtyListener(path=path):
            speed = partial(speed_of, path)
        case Rfc2217Listener(uart=uart):

            def speed() -> int:
                return uart.settings.baudrate

        case _:
            pass
    await listener.open()
    try:
        async with _Calls(listener, plan or Plan(), terminal) as calls, asyncio.TaskGroup() as group:
            if ready is not None:
                ready()
            while True:
                link: Link = await calls.accept()
                group.create_task(
                    terminal.host(link, serial=serial, speed=speed), name="zvt terminal's caller"
                )
    finally:
        await listener.close()

"""`python -m bench.air FOLDER`: simulated devices on the air that echo or are terminals; more on ports."""

import asyncio
import signal
import sys
from pathlib import Path

from drivers.links.ble_profiles import PROFILES
from drivers.simulators.ble_uart import UartListener, UartPeripheral
from drivers.simulators.bluez.daemon import PrivateBus
from drivers.simulators.bluez.service import SimulatedBluez
from drivers.simulators.pty import PtyListener
from drivers.simulators.zvt_terminal.customers import QUICK
from drivers.simulators.zvt_terminal.profiles import INSTANT
from drivers.simulators.zvt_terminal.profiles import PROFILES as KINDS
from drivers.simulators.zvt_terminal.server import serve
from drivers.simulators.zvt_terminal.terminal import Terminal

ECHOES = ("00:00:5E:00:53:E0", "00:00:5E:00:53:E1")
TERMINALS = tuple(f"00:00:5E:00:53:{number:02X}" for number in range(21))
NOBODY = "00:00:5E:00:53:FF"
"""An address at which no device ever answers."""
PORTS = tuple(f"port-{number}" for number in range(8))
SILENT = "port-silent"
"""A port behind which nobody speaks."""
NUS = PROFILES["nus"]


class _Echo(UartPeripheral):
    """Notifies what is written, at once."""

    def write(self, uuid: str, value: bytes) -> None:
        del uuid
        if self.central is not None:
            self.central.notify(NUS.notify, value)


def _terminal() -> Terminal:
    terminal = Terminal(KINDS["standard"], times=INSTANT)
    terminal.device.usual = QUICK
    return terminal


async def main() -> None:
    """Print the bus, and be there until SIGTERM."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with PrivateBus() as bus, SimulatedBluez(bus.address) as bluez, asyncio.TaskGroup() as group:
        for address in ECHOES:
            echo = _Echo(address, "Echo", NUS)
            bluez.add(echo)
            echo.appear()
        serving = []
        for address in TERMINALS:
            device = UartPeripheral(address, "Terminal", NUS)
            bluez.add(device)
            work = serve(_terminal(), UartListener(device), serial=True)
            serving.append(group.create_task(work, name=f"terminal {address}"))
        folder, plugged = Path(sys.argv[1]), asyncio.Semaphore(0)
        for name in PORTS:
            port = PtyListener(folder / name)
            work = serve(_terminal(), port, serial=True, ready=plugged.release)
            serving.append(group.create_task(work, name=f"terminal {name}"))
        await PtyListener(folder / SILENT).open()
        for _ in PORTS:
            await plugged.acquire()
        sys.stdout.write(f"{bus.address}\n")
        sys.stdout.flush()
        await stopped.wait()
        for task in serving:
            task.cancel()


if __name__ == "__main__":
    asyncio.run(main())

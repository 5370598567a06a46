"""The serial ports of this machine, and what is plugged in there, as far as the system knows."""

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
PTYS = Path("/dev/pts")
CONSOLES = Path("/sys/class/tty/console/active")

BY_ID = Path("/dev/serial/by-id")
"""Where udev links each serial port by what is plugged in there."""


@dataclass(frozen=True, slots=True)
class Port:
    """One port. `path` is what a reader's link should name: the same device has it at every socket."""

    path: Path
    node: Path
    vendor: str = ""
    product: str = ""
    serial_number: str = ""
    usb: str = ""
    """VENDOR:PRODUCT in hexadecimal; "" for a port that is built in."""

    @property
    def device(self) -> str:
        """What is plugged in, for people."""
        told = " ".join(filter(None, (self.vendor, self.product))) or self.usb
        return told or ("a built-in port" if self.path == self.node else self.path.name)


async def list_ports(by_id: Path = BY_ID) -> list[Port]:
    """Every port, by path; in a thread, since sysfs asks devices. Nothing is opened."""
    return await asyncio.get_running_loop().run_in_executor(None, _list, by_id)


async def holder(node: Path) -> str:
    """Who has a port open, or the system's console on it; "" for nobody whom this user may see.

    A lock tells only of programs that lock: getty, ModemManager and much cash register software do not.
    """
    return await asyncio.get_running_loop().run_in_executor(None, _holder, node)


def _holder(node: Path) -> str:
    if node.parent == PTYS:
        return ""  # a simulated port, which its own device holds open
    with contextlib.suppress(OSError):
        if node.name in CONSOLES.read_text().split():
            return "the system's console"
    for process in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            for opened in (process / "fd").iterdir():
                with contextlib.suppress(OSError):
                    if opened.readlink() == node:
                        name = (process / "comm").read_text().strip()
                        return f"{name} (process {process.name})"
    return ""


def _list(by_id: Path) -> list[Port]:
    ports = {port.node: port for port in _known_to_sysfs()}
    linked = {node: path for path, node in _links(by_id)}
    for node, path in linked.items():
        known = ports.get(node, Port(path, node))
        ports[node] = Port(path, node, known.vendor, known.product, known.serial_number, known.usb)
    return sorted(ports.values(), key=lambda port: str(port.path))


def _links(by_id: Path) -> Iterable[tuple[Path, Path]]:
    if by_id.is_dir():
        # in order, so that of two links to one port always the same is named
        for path in sorted(by_id.iterdir(), reverse=True):
            if not path.name.startswith(".") and path.exists():
                yield path, path.resolve()


def _known_to_sysfs() -> Iterable[Port]:
    # imported here: the daemon itself never lists
    from serial.tools.list_ports import comports

    for each in comports():
        node = Path(each.device)
        usb = f"{each.vid:04x}:{each.pid:04x}" if each.vid is not None and each.pid is not None else ""
        yield Port(node, node, each.manufacturer or "", each.product or "", each.serial_number or "", usb)

"""The serial ports of this machine, and what is plugged in there, as far as the system knows."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

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

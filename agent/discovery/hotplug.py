"""Devices that are plugged in or pulled while the daemon runs: their readers are looked at at once."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from drivers.contract import ReaderConfig
from drivers.links.address import AddressError, SerialAddress, parse_address
from drivers.links.nodes import NodeWatch
from drivers.links.ports import BY_ID

log = logging.getLogger(__name__)

REVIEW_S = 30.0
"""How often is looked which readers there are, in seconds: they change when fleet files do."""


class Lookable(Protocol):
    """A lane, as far as its cable is concerned."""

    @property
    def config(self) -> ReaderConfig:
        """Which reader it is."""
        ...

    def look(self) -> None:
        """Look at the device now."""
        ...


Node = tuple[int, ...]
"""What tells one coming of a device from another; () when it is not there."""


class HotPlug:
    """Makes lanes look when the node of their port comes, goes, or may be opened at last."""

    def __init__(
        self, lanes: Callable[[], Iterable[Lookable]], doors: Iterable[str] = (), by_id: Path = BY_ID
    ) -> None:
        """`lanes` gives the readers in service; `doors` are the addresses where registers call."""
        self._lanes = lanes
        self._doors = frozenset(filter(None, map(_port, doors)))
        self._by_id = by_id
        self._nodes: dict[Path, Node] = {}
        self._told: set[Path] = set()

    async def run(self) -> None:
        """Watch until canceled; where the kernel gives no watch, readers are found by being tried."""
        try:
            async with NodeWatch() as watch:
                while True:
                    # before the look: what comes after it is a change again
                    watch.follow({path.parent for path in self._ports()} | {self._by_id})
                    self.look()
                    with suppress(TimeoutError):
                        async with asyncio.timeout(REVIEW_S):
                            await watch.changed()
        except OSError as error:
            log.warning("devices that are plugged in are not noticed at once: %s", error)

    def look(self) -> None:
        """Compare the nodes with the last look; wake whose node has changed, tell what nobody uses."""
        ports = self._ports()
        nodes = {path: _node(path) for path in ports}
        for path, lanes in ports.items():
            before = self._nodes.get(path)
            if before is not None and before != nodes[path]:
                word = "changed" if before and nodes[path] else "came" if nodes[path] else "is gone"
                for lane in lanes:
                    log.debug("reader %s: %s %s", lane.config.name, path, word)
                    lane.look()
        self._nodes = nodes
        self._tell_strangers(ports)

    def _ports(self) -> dict[Path, list[Lookable]]:
        ports: dict[Path, list[Lookable]] = {}
        for lane in self._lanes():
            path = _port(lane.config.options.get("link", ""))
            if path is not None:
                ports.setdefault(path, []).append(lane)
        return ports

    def _tell_strangers(self, ports: Mapping[Path, object]) -> None:
        """Say once of each device that no reader uses that it is there; again when it came again."""
        used = {path.resolve() for path in (*ports, *self._doors)}
        there = set(self._by_id.iterdir()) if self._by_id.is_dir() else set()
        strangers = {path for path in there if not path.name.startswith(".") and path.resolve() not in used}
        for path in sorted(strangers - self._told):
            log.info("%s is plugged in and no reader uses it; `tillgate readers discover` tells more", path)
        self._told = strangers


def _port(link: str) -> Path | None:
    """The serial port that an address names."""
    try:
        address = parse_address(link, default_port=1)
    except AddressError:
        return None
    return Path(address.path) if isinstance(address, SerialAddress) else None


def _node(path: Path) -> Node:
    try:
        link, node = path.lstat(), path.stat()
    except OSError:
        return ()
    # when it was linked: numbers are used again; and the rights: udev grants them a moment after it is there
    return (
        link.st_ino,
        link.st_ctime_ns,
        node.st_ino,
        node.st_rdev,
        node.st_mode,
        node.st_uid,
        node.st_gid,
    )

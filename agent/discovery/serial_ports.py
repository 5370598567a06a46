"""Serial ports: what is plugged in, and who speaks there."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from agent.discovery.finding import Finding
from agent.discovery.probe import Heard, Speaker, probe
from drivers.links.address import AddressError, SerialAddress, parse_address
from drivers.links.base import Cause, LinkNotOpenedError
from drivers.links.ports import BY_ID, Port, holder, list_ports
from drivers.links.schemes import connect

LINES: tuple[tuple[int, float], ...] = (
    (9600, 2.0),
    (115_200, 1.0),
    (57_600, 1.0),
    (38_400, 1.0),
    (19_200, 1.0),
)
"""Rates and stop bits that are tried, the usual one first (PA00P016 3.1: 9600 baud, 8N2)."""


async def find_ports(
    used: Mapping[str, str], left_alone: Mapping[str, str], *, by_id: Path = BY_ID, ask: bool = True
) -> list[Finding]:
    """Every port; all are asked at once, each only if nobody has it.

    `used` gives the declared readers by link. Readers in `left_alone`, by name, are not asked, for the reason
    given there.
    """
    readers = _by_node(used)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(
                _look(port, readers.get(port.node, ("", None)), left_alone, ask=ask), name=f"port {port.path}"
            )
            for port in await list_ports(by_id)
        ]
    return [task.result() for task in tasks]


def _by_node(used: Mapping[str, str]) -> dict[Path, tuple[str, SerialAddress | None]]:
    nodes: dict[Path, tuple[str, SerialAddress | None]] = {}
    for link, name in used.items():
        try:
            address = parse_address(link, default_port=1)
        except AddressError:
            continue
        if isinstance(address, SerialAddress):
            nodes[Path(address.path).resolve()] = (name, address)
    return nodes


async def _look(
    port: Port,
    declared: tuple[str, SerialAddress | None],
    left_alone: Mapping[str, str],
    *,
    ask: bool,
) -> Finding:
    reader, address = declared
    details = {"node": str(port.node), "usb": port.usb, "serial_number": port.serial_number}
    finding = Finding("serial", str(port.path), port.device, reader=reader, details=details)
    if reader in left_alone:
        return replace(finding, speaks=f"not asked: {left_alone[reader]}")
    if not ask:
        return replace(finding, speaks="not asked")
    who = await holder(port.node)
    if who:
        return replace(finding, speaks=f"not asked: {who} has it")
    lines = [SerialAddress(str(port.path), rate, stopbits=stop) for rate, stop in LINES]
    heard, line = await _ask(lines if address is None else [address])
    finding = replace(finding, speaks=heard.what, details={**details, "terminal_id": heard.terminal_id})
    if heard.speaker is not Speaker.ZVT or line is None:
        return finding
    if line.baudrate != LINES[0][0]:
        finding = replace(finding, speaks=f"{heard.what} (at {line.baudrate} baud)")
    hint = f"zvt-{heard.terminal_id or port.serial_number or port.node.name}"
    return finding if reader else replace(finding, link=str(line), hint=hint)


async def _ask(lines: Sequence[SerialAddress]) -> tuple[Heard, SerialAddress | None]:
    """The best answer at any of these settings, and at which."""
    best = Heard(Speaker.SILENT, "says nothing")
    for line in lines:
        try:
            link = await connect(line)
        except LinkNotOpenedError as error:
            if error.cause is Cause.BUSY:
                return Heard(Speaker.SILENT, "not asked: another program has the port"), None
            return Heard(Speaker.SILENT, f"not asked: {error}"), None
        try:
            heard = await probe(link, framed=True)
        finally:
            await link.close()
        if heard.speaker is Speaker.ZVT:
            return heard, line
        if heard.speaker is Speaker.STRANGER and best.speaker is Speaker.SILENT:
            best = heard
    return best, None

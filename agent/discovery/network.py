"""Terminals on the network: only the addresses that were named are called, few at a time."""

import asyncio
import ipaddress
from collections.abc import Iterable, Mapping, Sequence

from agent.discovery.finding import Finding
from agent.discovery.probe import Speaker, probe
from drivers.links.address import AddressError, TcpAddress, authority, parse_address
from drivers.links.base import Cause, LinkNotOpenedError
from drivers.links.schemes import connect

DEFAULT_PORT = 20007
"""Where ZVT terminals listen (PA00P015 chapter 2.2)."""

TARGETS_MAX = 1024
"""Addresses in one call: a store's network has 254. Keeps a typing error from calling half the internet."""

AT_ONCE = 32
CONNECT_S = 1.5
"""A terminal in the store's own network answers in milliseconds."""


class TargetError(ValueError):
    """A range of addresses that makes no sense, or too many."""


def targets(texts: Iterable[str]) -> list[tuple[str, int]]:
    """Hosts and ports of `CIDR[:PORT]` and `HOST[:PORT]`, in order, none twice. Errors: `TargetError`."""
    found: dict[tuple[str, int], None] = {}
    for text in texts:
        for part in filter(None, (each.strip() for each in text.split(","))):
            for target in _expand(part):
                found[target] = None
                if len(found) > TARGETS_MAX:
                    raise TargetError(f"{part}: more than {TARGETS_MAX} addresses; name a smaller range")
    return list(found)


def _expand(part: str) -> Iterable[tuple[str, int]]:
    if "/" not in part:
        try:
            address = parse_address(f"tcp://{part}", default_port=DEFAULT_PORT)
        except AddressError as error:
            raise TargetError(str(error)) from None
        assert isinstance(address, TcpAddress)
        yield address.host, address.port
        return
    network, colon, port = part.rpartition(":")
    if not colon or "/" in port:
        network, port = part, str(DEFAULT_PORT)
    try:
        hosts = ipaddress.ip_network(network.strip("[]"), strict=False).hosts()
        if not (port.isascii() and port.isdigit() and 0 < int(port) <= 0xFFFF):
            raise ValueError(f"{port!r} is no port")
    except ValueError as error:
        raise TargetError(
            f"{part}: {error}; a range is written as 192.0.2.0/24 or 192.0.2.0/24:20007"
        ) from None
    for host in hosts:
        yield str(host), int(port)


async def find_terminals(
    asked: Sequence[tuple[str, int]],
    used: Mapping[str, str],
    left_alone: Mapping[str, str],
    *,
    ask: bool = True,
) -> list[Finding]:
    """Those of the addresses where somebody listens, in order; see `find_ports` for the rest."""
    readers = _by_endpoint(used)
    turns = asyncio.Semaphore(AT_ONCE)

    async def look(target: tuple[str, int]) -> Finding | None:
        async with turns:
            return await _look(target, readers.get(target, ""), left_alone, ask=ask)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(look(each), name=f"call {authority(*each)}") for each in asked]
    return [found for task in tasks if (found := task.result()) is not None]


def _by_endpoint(used: Mapping[str, str]) -> dict[tuple[str, int], str]:
    readers: dict[tuple[str, int], str] = {}
    for link, name in used.items():
        try:
            address = parse_address(link, default_port=DEFAULT_PORT)
        except AddressError:
            continue
        if isinstance(address, TcpAddress):
            readers[address.host, address.port] = name
    return readers


async def _look(
    target: tuple[str, int], reader: str, left_alone: Mapping[str, str], *, ask: bool
) -> Finding | None:
    where = authority(*target)
    if reader in left_alone:
        return Finding("tcp", where, speaks=f"not asked: {left_alone[reader]}", reader=reader)
    address = TcpAddress(*target)
    try:
        link = await connect(address, timeout_s=CONNECT_S)
    except LinkNotOpenedError as error:
        if error.cause is Cause.NO_HOST:
            return Finding("tcp", where, speaks=str(error), reader=reader)  # a name that nobody knows
        return None
    try:
        if not ask:
            return Finding("tcp", where, speaks="listens; not asked", reader=reader)
        heard = await probe(link, framed=False)
    finally:
        await link.close()
    found = Finding(
        "tcp", where, speaks=heard.what, reader=reader, details={"terminal_id": heard.terminal_id}
    )
    if heard.speaker is not Speaker.ZVT or reader:
        return found
    hint = f"zvt-{heard.terminal_id or where}"
    return Finding("tcp", where, speaks=heard.what, link=str(address), hint=hint, details=found.details)

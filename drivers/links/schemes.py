"""From an address to a link: one table says who opens which scheme."""

import asyncio
from typing import assert_never

from drivers.contract import Link
from drivers.links.address import (
    Address,
    BleAddress,
    MemoryAddress,
    Rfc2217Address,
    SerialAddress,
    TcpAddress,
    parse_address,
)
from drivers.links.base import Cause, LinkNotOpenedError
from drivers.links.memory import MemoryNetwork

CONNECT_TIMEOUT_S = 10.0
"""A terminal on the store's own network answers in milliseconds; one that has to wake up takes seconds."""

BLE_CONNECT_TIMEOUT_S = 40.0
"""A device has to be found first, and may have to be paired; each step of it has a time-out of its own."""


async def connect(
    address: Address | str,
    *,
    timeout_s: float | None = None,
    default_port: int | None = None,
    memory: MemoryNetwork | None = None,
) -> Link:
    """Open a link once, within `timeout_s` seconds (None: as its kind needs).

    Trying again is for `drivers.links.reconnect`.

    `memory` is where `memory://` names are looked up, and serial ports that somebody there stands for.
    Cancelling leaves nothing open.
    Errors: `AddressError` for an address that can never work, `LinkNotOpenedError` else.
    """
    where = parse_address(address, default_port=default_port) if isinstance(address, str) else address
    if timeout_s is None:
        timeout_s = BLE_CONNECT_TIMEOUT_S if isinstance(where, BleAddress) else CONNECT_TIMEOUT_S
    try:
        async with asyncio.timeout(timeout_s):
            return await _open(where, memory)
    except TimeoutError as error:
        message = f"cannot open {where}: no answer within {timeout_s:g} s"
        raise LinkNotOpenedError(message, cause=Cause.TIMEOUT) from error


async def _open(address: Address, memory: MemoryNetwork | None) -> Link:
    # imported here: a store pays only for the kinds of link it has
    match address:
        case SerialAddress(path=path) if memory is not None and memory.stands_for(path):
            return memory.call(MemoryAddress(path))
        case SerialAddress():
            from drivers.links.serial import open_serial

            return await open_serial(address)
        case TcpAddress():
            from drivers.links.tcp import open_tcp

            return await open_tcp(address)
        case Rfc2217Address():
            from drivers.links.rfc2217 import open_rfc2217

            return await open_rfc2217(address)
        case BleAddress():
            from drivers.links.ble import open_ble

            return await open_ble(address)
        case MemoryAddress():
            if memory is None:
                message = f"cannot open {address}: memory:// leads nowhere outside of tests and simulations"
                raise LinkNotOpenedError(message, cause=Cause.UNSUPPORTED)
            return memory.call(address)
        case _:
            assert_never(address)

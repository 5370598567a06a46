"""Serial ports behind a terminal server (RFC 2217), by the optional library serialx."""

import asyncio

from drivers.links.address import Rfc2217Address, authority
from drivers.links.base import Cause, LinkNotOpenedError, cause_of
from drivers.links.stream import StreamLink


async def open_rfc2217(address: Rfc2217Address) -> StreamLink:
    """Connect, agree on the protocol, set up the line. The caller sets the time-out and may cancel.

    Errors: `LinkNotOpenedError`; a permanent one when serialx is not installed.
    """
    try:
        import serialx
    except ImportError as error:
        raise LinkNotOpenedError(
            f"cannot open {address}: rfc2217:// needs the library serialx; install tillgate[rfc2217]",
            cause=Cause.UNSUPPORTED,
        ) from error
    link = StreamLink(str(address))
    try:
        await serialx.create_serial_connection(
            asyncio.get_running_loop(),
            lambda: link,
            f"rfc2217://{authority(address.host, address.port)}",
            address.baudrate,
            serialx.Parity(address.parity),
            serialx.StopBits(address.stopbits),
            byte_size=address.bytesize,
        )
    except (OSError, serialx.SerialException) as error:
        cause = cause_of(error) if isinstance(error, OSError) else Cause.UNSUITED
        # serialx gives up by itself after a while, with an exception that says nothing
        reason = str(error) or "no answer in time"
        raise LinkNotOpenedError(f"cannot open {address}: {reason}", cause=cause) from error
    return link

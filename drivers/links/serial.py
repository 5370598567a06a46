"""Serial ports: opened by pyserial in a thread, exclusively, then carried by the event loop itself."""

import asyncio
import contextlib
import errno
import fcntl
import termios
from typing import TYPE_CHECKING

from drivers.links.address import SerialAddress
from drivers.links.base import Cause, LinkNotOpenedError, cause_of
from drivers.links.descriptor import DescriptorLink

if TYPE_CHECKING:
    from serial import Serial

_HINTS = {
    Cause.ABSENT: "is the cable plugged in?",
    Cause.BUSY: "another program uses the port",
    Cause.DENIED: "the service's user needs the group that owns the port (often dialout)",
    Cause.UNSUITED: "it is no serial port, or not one with these settings",
}


async def open_serial(address: SerialAddress) -> DescriptorLink:
    """Open a port and raise DTR and RTS where it has them; what had come before is thrown away.

    Errors: `LinkNotOpenedError`. Cancelling is safe: a port that opens too late is closed again.
    """
    opening = asyncio.get_running_loop().run_in_executor(None, _open, address)
    try:
        port = await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close_late)
        raise
    return DescriptorLink(port.fileno(), str(address), lambda: _close(port))


def _open(address: SerialAddress) -> "Serial":
    from serial import Serial

    try:
        # raises DTR and RTS and leaves out what a port without modem lines (a pty) answers with ENOTTY
        port = Serial(
            address.path,
            address.baudrate,
            address.bytesize,
            address.parity,
            address.stopbits,
            timeout=0,
            exclusive=True,
        )
    except (OSError, ValueError, termios.error) as error:
        raise _not_opened(address, error) from error
    try:
        _claim(port)
    except (OSError, termios.error) as error:
        _close(port)
        raise _not_opened(address, error) from error
    return port


def _claim(port: "Serial") -> None:
    fd = port.fileno()
    # pyserial's flock keeps out those who ask; this also those who do not, such as ModemManager
    fcntl.ioctl(fd, termios.TIOCEXCL)
    # With VMIN 0 "no byte yet" and "the device is gone" are both an empty read; with VMIN 1 only the latter.
    settings = termios.tcgetattr(fd)
    settings[6][termios.VMIN] = 1
    termios.tcsetattr(fd, termios.TCSANOW, settings)


def _close(port: "Serial") -> None:
    # A port that was pulled answers with errors here, and there is nothing left to be done about it.
    with contextlib.suppress(OSError):
        fcntl.ioctl(port.fileno(), termios.TIOCNXCL)
    with contextlib.suppress(OSError):
        port.close()


def _close_late(opening: "asyncio.Future[Serial]") -> None:
    if not opening.cancelled() and opening.exception() is None:
        _close(opening.result())


def _not_opened(address: SerialAddress, error: Exception) -> LinkNotOpenedError:
    number = error.errno if isinstance(error, OSError) else error.args[0]
    cause = cause_of(OSError(number if isinstance(number, int) else errno.EINVAL, ""))
    hint = _HINTS.get(cause)
    return LinkNotOpenedError(f"cannot open {address}: {error}" + (f" ({hint})" if hint else ""), cause=cause)

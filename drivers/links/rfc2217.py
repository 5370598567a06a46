"""Serial ports behind a terminal server (RFC 2217): a link over any other link."""

import asyncio
import logging

from drivers.links.address import Rfc2217Address, TcpAddress
from drivers.links.base import Breakable, Cause, Endable, LinkLostError, LinkNotOpenedError
from drivers.links.comport import ComPort, ComPortError, Phase
from drivers.links.tcp import open_tcp
from drivers.links.telnet import TelnetError

SETUP_S = 5.0
"""A server answers at once; one that has said nothing in this time does not speak RFC 2217."""

SUSPENDED_S = 10.0
"""How long a server may ask us to wait: its buffer is out after a second at 9600 baud."""

log = logging.getLogger(__name__)


class Rfc2217Link:
    """Bytes through the port of an access server. What the server asks for is answered by `receive`."""

    def __init__(self, inner: Breakable, port: ComPort, name: str) -> None:
        """`inner` is the connection to the server, on which `port` has nothing left to agree upon."""
        self.name = name
        self.port = port
        self._inner = inner
        self._payload = b""
        self._moved = asyncio.Event()
        self._hearing = False
        self._told = False

    @property
    def ended(self) -> bool:
        """Whether the connection to the server is known to be over."""
        return isinstance(self._inner, Endable) and self._inner.ended

    async def send(self, data: bytes) -> None:
        """Hand bytes to the server; waits up to SUSPENDED_S while it takes none. Errors: `LinkLostError`."""
        if self.port.suspended:
            await self._until_resumed()
        await self._inner.send(self.port.send(data))

    async def _until_resumed(self) -> None:
        try:
            async with asyncio.timeout(SUSPENDED_S):
                while self.port.suspended:
                    if not self._hearing:
                        # nobody else would ever hear that it goes on
                        if not await self._hear():
                            break
                    else:
                        self._moved.clear()
                        await self._moved.wait()
        except TimeoutError as error:
            self.abort()
            text = f"{self.name}: the server has taken no bytes for {SUSPENDED_S:g} s"
            raise LinkLostError(text) from error

    async def receive(self) -> bytes:
        """Bytes of the device as they come; b"" when the server closed. Safe to cancel."""
        while not self._payload:
            if not await self._hear():
                return b""
        payload, self._payload = self._payload, b""
        return payload

    async def _hear(self) -> bool:
        """Take what comes next from the server; False: it has closed."""
        self._hearing = True
        try:
            data = await self._inner.receive()
        finally:
            self._hearing = False
            self._moved.set()
        if data:
            await self._take(data)
        return bool(data)

    async def set_up(self) -> bool:
        """Agree on the protocol and the line's settings; False: the server has closed.

        What the device said before is thrown away, as when a port is opened. Errors: `LinkLostError`.
        """
        await self._inner.send(self.port.begin())
        while self.port.phase is not Phase.READY:
            if not await self._hear():
                return False
        self._payload = b""
        return True

    async def _take(self, data: bytes) -> None:
        try:
            payload, reply = self.port.feed(data)
        except (ComPortError, TelnetError) as error:
            self.abort()
            raise LinkLostError(f"{self.name}: {error}", cause=Cause.UNSUITED) from error
        self._payload += payload
        if self.port.line_errors and not self._told:
            self._told = True
            log.warning(
                "%s: the line brings broken bytes (%s); do baud rate, parity and stop bits fit the device's?",
                self.name,
                self.port.line_errors.words,
            )
        if reply:
            await self._inner.send(reply)

    async def close(self) -> None:
        """Let go of the server; the port keeps its settings."""
        await self._inner.close()

    def abort(self) -> None:
        """Let go at once."""
        self._inner.abort()


async def open_rfc2217(address: Rfc2217Address) -> Rfc2217Link:
    """Connect, agree on the protocol, set up the line. The caller sets the time-out and may cancel.

    Errors: `LinkNotOpenedError`.
    """
    server = TcpAddress(address.host, address.port)
    try:
        inner = await open_tcp(server)
    except LinkNotOpenedError as error:
        raise _not_opened(address, str(error).removeprefix(f"cannot open {server}: "), error.cause) from error
    return await negotiate(inner, address)


async def negotiate(inner: Breakable, address: Rfc2217Address) -> Rfc2217Link:
    """Set up the port at the other end of `inner`, which is closed if that fails.

    Errors: `LinkNotOpenedError`, with the server's reason where it gave one.
    """
    port = ComPort(address)
    link = Rfc2217Link(inner, port, str(address))
    try:
        async with asyncio.timeout(SETUP_S):
            if not await link.set_up():
                raise _not_opened(address, f"the server hung up: {port.missing}", Cause.REFUSED)
    except TimeoutError as error:
        inner.abort()
        cause = Cause.UNSUITED if port.phase is Phase.OFFERED else Cause.TIMEOUT
        raise _not_opened(address, f"no answer within {SETUP_S:g} s: {port.missing}", cause) from error
    except LinkLostError as error:
        inner.abort()
        raise _not_opened(address, str(error).removeprefix(f"{address}: "), error.cause) from error
    except BaseException:
        inner.abort()
        raise
    return link


def _not_opened(address: Rfc2217Address, reason: str, cause: Cause) -> LinkNotOpenedError:
    return LinkNotOpenedError(f"cannot open {address}: {reason}", cause=cause)

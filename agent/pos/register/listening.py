"""Where registers call: a TCP port, plain or behind TLS, or a serial port that is ours to open."""

import asyncio
import logging
import random
import ssl
from pathlib import Path

from drivers.contract import LinkError
from drivers.links.address import SerialAddress
from drivers.links.backoff import Backoff
from drivers.links.base import Breakable
from drivers.links.schemes import connect

log = logging.getLogger(__name__)

REOPEN = Backoff(0.5, 10.0)
"""Between two tries to open a serial port: somebody may plug it in any moment."""


class SerialPort:
    """A serial port as a place where one register calls; found again after it was pulled (a `Listener`)."""

    def __init__(self, address: SerialAddress) -> None:
        self.address = address
        self._free = asyncio.Event()
        self._free.set()

    async def accept(self) -> Breakable:
        """The port, once nobody uses it and it can be opened."""
        await self._free.wait()
        tries = 0
        while True:
            try:
                link = await connect(self.address)
            except LinkError as error:
                log.log(logging.DEBUG if tries else logging.WARNING, "the register's port: %s", error)
                await asyncio.sleep(REOPEN.delay_s(tries, random.random))
                tries += 1
                continue
            if tries:
                log.info("%s is back", self.address)
            assert isinstance(link, Breakable)
            self._free.clear()
            return link

    def let_go(self) -> None:
        """The link that was given out is over."""
        self._free.set()

    async def open(self) -> None:
        """Nothing to do: a port that is not there yet may come."""

    async def shut(self) -> None:
        """Nothing to do: the port is opened by `accept`."""

    async def close(self) -> None:
        """Nothing to do: whoever was given the link closes it."""


def server_context(certificate: Path, key: Path, client_ca: Path | None) -> ssl.SSLContext:
    """TLS for registers; with `client_ca` only registers with a certificate of it may call.

    Errors: `ssl.SSLError`, `OSError`.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # an encrypted key must fail here, not ask on a terminal nobody looks at
    context.load_cert_chain(certificate, key, password=lambda: "")
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context

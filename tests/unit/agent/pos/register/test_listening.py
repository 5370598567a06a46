"""Serial ports that come and go; TLS."""

import asyncio
import ssl
from pathlib import Path

import pytest

from agent.pos.register import listening
from agent.pos.register.listening import SerialPort, server_context
from drivers.contract import Link
from drivers.links.address import SerialAddress
from drivers.links.base import Cause, LinkNotOpenedError
from drivers.links.memory import pair

TLS = Path(__file__).parents[4] / "cases" / "tls"


async def test_a_port_is_opened_when_it_is_there_and_free(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = [LinkNotOpenedError("no such port", cause=Cause.ABSENT)] * 2
    opened: list[Link] = []

    async def connect(address: object) -> Link:
        if absent:
            raise absent.pop()
        opened.append(pair()[0])
        return opened[-1]

    monkeypatch.setattr(listening, "connect", connect)
    port = SerialPort(SerialAddress("/dev/ttyUSB0"))
    await port.open()
    async with asyncio.timeout(60):
        assert await port.accept() is opened[0]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(60):
            await port.accept()
    port.let_go()
    assert await port.accept() is opened[1]
    await port.shut()
    await port.close()


def test_certificates_that_do_not_fit() -> None:
    certificate, key = TLS / "terminal.pem", TLS / "terminal.key"
    assert server_context(certificate, key, None).verify_mode is ssl.CERT_NONE
    assert server_context(certificate, key, TLS / "authority.pem").verify_mode is ssl.CERT_REQUIRED
    with pytest.raises(ssl.SSLError):
        server_context(certificate, TLS / "register.key", None)
    with pytest.raises(OSError, match="No such file"):
        server_context(certificate, TLS / "missing", None)

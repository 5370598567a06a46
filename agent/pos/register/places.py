"""From gateway.yaml to the registers of the door: addresses, secrets, certificates."""

import ssl
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from agent.payments.model import TillName
from agent.pos.listening import ListenError
from agent.pos.register.door import Place
from agent.pos.register.listening import SerialPort, server_context
from agent.pos.register.options import RegisterOptions
from agent.pos.register.profiles import PROFILES
from agent.settings import ZvtDoorSettings, locate, resolve
from drivers.contract import ReaderName
from drivers.links.address import SerialAddress, parse_address
from drivers.links.base import Listener
from drivers.links.tcp import TcpListener

MakeListener = Callable[[ZvtDoorSettings], Listener]


def places(doors: Sequence[ZvtDoorSettings], make: MakeListener | None = None) -> list[Place]:
    """The registers of these doors; `make` says otherwise where they call.

    Errors: `ListenError`, `SecretError`.
    """
    listener = make or listener_for
    return [Place(options_of(door), listener(door), door.listen.startswith("serial:")) for door in doors]


def options_of(door: ZvtDoorSettings) -> RegisterOptions:
    """One register as the door needs to know it. Errors: `SecretError`."""
    return RegisterOptions(
        till=TillName(door.till),
        reader=ReaderName(door.reader),
        profile=PROFILES[door.profile],
        password=None if door.password is None else resolve(door.password),
        terminal_id=door.terminal_id or "",
        currencies=door.currencies,
        language=door.language,
        header=door.header,
        contract_number=door.contract_number,
        closing_after_h=door.closing_after_h,
    )


def listener_for(door: ZvtDoorSettings) -> Listener:
    """Where a register calls. Errors: `ListenError`, `SecretError`."""
    if door.listen.startswith("serial:"):
        address = parse_address(door.listen)
        assert isinstance(address, SerialAddress)
        return SerialPort(address)
    parts = urlsplit(door.listen)
    assert parts.hostname is not None
    assert parts.port is not None
    return TcpListener(parts.hostname, parts.port, context=_context(door))


def _context(door: ZvtDoorSettings) -> ssl.SSLContext | None:
    if door.certificate is None or door.key is None:
        return None
    try:
        return server_context(door.certificate, locate(door.key), door.client_ca)
    except (ssl.SSLError, OSError) as error:
        raise ListenError(
            f"{door.listen} of till {door.till}: its certificate cannot be used: {error}; it must be a PEM "
            "file and belong to the key, which must not be encrypted"
        ) from error

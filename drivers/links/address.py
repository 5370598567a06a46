"""Where a link leads, as people write it: `serial:///dev/...?baudrate=9600`, `tcp://HOST:PORT`, and so on."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, TypeAlias
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from drivers.links.ble_profiles import PROFILES, uuid_of


class AddressError(ValueError):
    """An address that leads nowhere: the message says what is wrong with it and what would be right."""


Reader: TypeAlias = Callable[[str], Any]
"""Turns one value of the query into what it means; `ValueError` says what it should be."""


def _one_of(*choices: str) -> Reader:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"is one of {', '.join(choices)}")
        return text

    return read


def _whole(least: int, most: int) -> Reader:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise ValueError(f"is a whole number from {least} to {most}")
        return int(text)

    return read


def _byte_size(text: str) -> int:
    return int(str(_one_of("5", "6", "7", "8")(text)))


def _stop_bits(text: str) -> float:
    return float(_one_of("1", "1.5", "2")(text))


def _file(text: str) -> str:
    if not Path(text).is_absolute():
        raise ValueError("is the absolute path of a file")
    return text


_LINE: Mapping[str, Reader] = MappingProxyType(
    {
        "baudrate": _whole(50, 4_000_000),
        "bytesize": _byte_size,
        "parity": _one_of("N", "E", "O", "M", "S"),
        "stopbits": _stop_bits,
    }
)


@dataclass(frozen=True, slots=True)
class SerialAddress:
    """A serial port of this machine; the defaults are those of ZVT terminals: 9600 baud, 8N2."""

    path: str
    baudrate: int = 9600
    bytesize: int = 8
    parity: str = "N"
    stopbits: float = 2.0

    scheme: ClassVar[str] = "serial"
    keys: ClassVar[Mapping[str, Reader]] = _LINE

    def __str__(self) -> str:
        return f"serial://{quote(self.path)}{_query(self)}"


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A TCP port; keep-alive probes after `keepalive_idle_s` of silence (0: none)."""

    host: str
    port: int
    keepalive_idle_s: int = 10
    keepalive_interval_s: int = 5
    keepalive_count: int = 3

    scheme: ClassVar[str] = "tcp"
    keys: ClassVar[Mapping[str, Reader]] = MappingProxyType(
        {
            "keepalive_idle_s": _whole(0, 32_767),
            "keepalive_interval_s": _whole(1, 32_767),
            "keepalive_count": _whole(1, 127),
        }
    )

    def __str__(self) -> str:
        return f"{self.scheme}://{authority(self.host, self.port)}{_query(self)}"


@dataclass(frozen=True, slots=True)
class TlsAddress(TcpAddress):
    """A TCP port behind TLS: `ca` and `cert`/`key` are PEM files, `server_name` the name in its certificate.

    Without `ca` the system's authorities decide. A key must not be encrypted.
    """

    ca: str = ""
    cert: str = ""
    key: str = ""
    server_name: str = ""

    scheme: ClassVar[str] = "tls"
    keys: ClassVar[Mapping[str, Reader]] = MappingProxyType(
        {**TcpAddress.keys, "ca": _file, "cert": _file, "key": _file, "server_name": str}
    )


@dataclass(frozen=True, slots=True)
class Rfc2217Address:
    """A serial port behind a terminal server that speaks RFC 2217."""

    host: str
    port: int
    baudrate: int = 9600
    bytesize: int = 8
    parity: str = "N"
    stopbits: float = 2.0

    scheme: ClassVar[str] = "rfc2217"
    keys: ClassVar[Mapping[str, Reader]] = _LINE

    def __str__(self) -> str:
        return f"{self.scheme}://{authority(self.host, self.port)}{_query(self)}"


def _device(text: str) -> str:
    return text.upper() if _BLE_ADDRESS.fullmatch(text) else text


def _truth(text: str) -> bool:
    if text not in {"yes", "no"}:
        raise ValueError("is yes or no")
    return text == "yes"


_BLE_ADDRESS = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}")


@dataclass(frozen=True, slots=True)
class BleAddress:
    """A Bluetooth LE device, by address or by the name it advertises, and how it carries bytes.

    `profile` names one of `ble_profiles.PROFILES`; `service`, `write` and `notify` change a UUID of it.
    `adapter` is hci0, hci1, ... or the adapter's own address; "" is the first that is on. `response` says
    whether writes are confirmed: "auto" where the device can. `chunk` is the longest write in bytes.
    """

    device: str
    profile: str = "nus"
    service: str = ""
    write: str = ""
    notify: str = ""
    adapter: str = ""
    pair: bool = False
    response: str = "auto"
    chunk: int = 244

    scheme: ClassVar[str] = "ble"
    keys: ClassVar[Mapping[str, Reader]] = MappingProxyType(
        {
            "profile": _one_of(*PROFILES),
            "service": uuid_of,
            "write": uuid_of,
            "notify": uuid_of,
            "adapter": _device,
            "pair": _truth,
            "response": _one_of("auto", "yes", "no"),
            "chunk": _whole(20, 512),
        }
    )

    @property
    def named(self) -> bool:
        """Whether `device` is a name; names are not unique, addresses are."""
        return _BLE_ADDRESS.fullmatch(self.device) is None

    def __str__(self) -> str:
        return f"ble://{quote(self.device, safe=':' if not self.named else '')}{_query(self)}"


@dataclass(frozen=True, slots=True)
class MemoryAddress:
    """Somebody who listens in the same process under a name."""

    name: str

    scheme: ClassVar[str] = "memory"
    keys: ClassVar[Mapping[str, Reader]] = MappingProxyType({})

    def __str__(self) -> str:
        return f"memory://{quote(self.name, safe='')}"


Address: TypeAlias = SerialAddress | TcpAddress | TlsAddress | Rfc2217Address | BleAddress | MemoryAddress


def parse_address(text: str, *, default_port: int | None = None) -> Address:
    """The address written in `text`; `default_port` stands in where a network address names none.

    Errors: `AddressError`.
    """
    if "://" not in text:
        raise AddressError(f"{text!r} has no scheme{_likely(text)}")
    try:
        parts = urlsplit(text)
        # what looks like a port in AA:BB:CC:DD:EE:FF is the end of a Bluetooth address
        port = parts.port if parts.scheme != "ble" else None
    except ValueError as error:
        raise AddressError(f"{text!r} is no address: {error}") from None
    if parts.fragment or parts.username is not None:
        raise AddressError(f"{text!r}: neither #... nor USER@ has a meaning here (write # as %23)")
    if parts.scheme == "serial":
        return _serial(text, parts)
    if parts.scheme == "ble":
        return _ble(text, parts)
    if parts.scheme == "memory":
        return _memory(text, parts)
    kind = _NETWORK.get(parts.scheme)
    if kind is None:
        raise AddressError(f"{text!r}: unknown scheme {parts.scheme!r}{_meant(parts.scheme, SCHEMES)}")
    return _network(kind, text, parts, port if port is not None else default_port)


_NETWORK: Mapping[str, type[TcpAddress | TlsAddress | Rfc2217Address]] = MappingProxyType(
    {kind.scheme: kind for kind in (TcpAddress, TlsAddress, Rfc2217Address)}
)

SCHEMES: tuple[str, ...] = ("serial", *_NETWORK, "ble", "memory")
"""Every scheme that `parse_address` knows."""


def _serial(text: str, parts: SplitResult) -> SerialAddress:
    path = unquote(parts.path)
    if parts.netloc:
        raise AddressError(f"{text!r}: a port is a path, so three slashes: serial:///{parts.netloc}{path}")
    if len(path) < 2 or path.endswith("/"):
        raise AddressError(f"{text!r} names no port, as in serial:///dev/serial/by-id/usb-...")
    return SerialAddress(path, **_options(SerialAddress.keys, text, parts))


def _ble(text: str, parts: SplitResult) -> BleAddress:
    if not parts.netloc or parts.path not in ("", "/"):
        raise AddressError(f"{text!r} names no device, as in ble://AA:BB:CC:DD:EE:FF or ble://NAME")
    return BleAddress(_device(unquote(parts.netloc)), **_options(BleAddress.keys, text, parts))


def _memory(text: str, parts: SplitResult) -> MemoryAddress:
    if not parts.netloc or parts.path:
        raise AddressError(f"{text!r}: an address in memory is memory://NAME")
    _options(MemoryAddress.keys, text, parts)
    return MemoryAddress(unquote(parts.netloc))


def _network(
    kind: type[TcpAddress | TlsAddress | Rfc2217Address], text: str, parts: SplitResult, port: int | None
) -> Address:
    if parts.path not in ("", "/"):
        raise AddressError(f"{text!r}: nothing may follow the port but ?KEY=VALUE")
    if not parts.hostname:
        raise AddressError(f"{text!r} names no host, as in {parts.scheme}://192.0.2.7:20007")
    try:
        parts.hostname.encode("idna")
    except UnicodeError as error:
        raise AddressError(f"{text!r}: {parts.hostname!r} cannot be a host's name: {error}") from None
    if not port:
        raise AddressError(f"{text!r} names no port, as in {parts.scheme}://{parts.netloc.rstrip(':')}:20007")
    options = _options(kind.keys, text, parts)
    if bool(options.get("cert")) != bool(options.get("key")):
        raise AddressError(f"{text!r}: a client certificate needs both cert and key")
    return kind(parts.hostname, port, **options)


def _options(keys: Mapping[str, Reader], text: str, parts: SplitResult) -> dict[str, Any]:
    try:
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise AddressError(f"{text!r}: after ? comes KEY=VALUE, several of them joined by &") from None
    options: dict[str, Any] = {}
    for key, value in pairs:
        if key not in keys:
            raise AddressError(f"{text!r}: unknown key {key!r}{_meant(key, keys)}")
        if key in options:
            raise AddressError(f"{text!r} says {key!r} twice")
        try:
            options[key] = keys[key](value)
        except ValueError as error:
            raise AddressError(f"{text!r}: {key} {error}, not {value!r}") from None
    return options


def _meant(word: str, known: Iterable[str]) -> str:
    names = list(known)
    close = get_close_matches(word.lower(), names, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f" (there are: {', '.join(names)})" if names else " (it takes none)"


def _likely(text: str) -> str:
    if text.startswith("/"):
        return f"; did you mean serial://{text}?"
    if ":" in text and not text.endswith(":"):
        return f"; did you mean tcp://{text}?"
    return ", as in serial:///dev/ttyUSB0 or tcp://192.0.2.7:20007"


def authority(host: str, port: int) -> str:
    """HOST:PORT, with the brackets that an IPv6 address needs."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _query(address: Address) -> str:
    said = {
        field.name: getattr(address, field.name)
        for field in fields(address)
        if field.default is not MISSING and getattr(address, field.name) != field.default
    }
    told = {key: _told(value) for key, value in said.items()}
    return f"?{urlencode(told, safe='/:')}" if told else ""


def _told(value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else value

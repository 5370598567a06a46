"""The options of a ZVT reader: where it is, what kind it is, and what it does differently from its kind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from string import hexdigits
from typing import Any

from drivers.contract import ReaderConfig
from drivers.links.address import Address, BleAddress, Rfc2217Address, SerialAddress, parse_address
from drivers.readers.zvt_profiles import PROFILES, STANDARD, Habit, Profile, Reversals
from drivers.readers.zvt_timing import Timing
from drivers.zvt.charset import NUMBERS as NUMBERED
from drivers.zvt.charset import Charset
from drivers.zvt.config import Config
from drivers.zvt.currency import EURO, NUMBERS

SERIAL, BARE = "serial", "bare"
"""Values of the option `framing`."""


class ZvtOptionsError(ValueError):
    """A reader's options do not say where it is, or say what nobody understands."""


@dataclass(frozen=True, slots=True)
class Setup:
    """One terminal as it is to be treated. `currency` is the ISO 4217 number."""

    name: str
    address: Address
    profile: Profile
    password: str = field(repr=False)
    currency: int = EURO
    timing: Timing = field(default_factory=Timing)
    framing: str = ""

    @property
    def framed(self) -> bool:
        """Whether messages travel in serial frames (PA00P016 3.1) instead of bare.

        Unless `framing` says so: as the kind of link has it; a Bluetooth bridge carries a serial line.
        """
        if self.framing:
            return self.framing == SERIAL
        return isinstance(self.address, SerialAddress | Rfc2217Address | BleAddress)

    @property
    def hangs_up(self) -> bool:
        """Whether the other side may end an idle link as a habit: many terminals on a network do."""
        return not isinstance(self.address, SerialAddress | BleAddress)


def _flag(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError("is true or false")
    return text == "true"


def _config(text: str) -> Config:
    if len(text) != 2 or not set(text) <= set(hexdigits):
        raise ValueError("is one byte in hex, such as BE")
    return Config(int(text, 16))


def _charset(text: str) -> Charset | None:
    if text == "auto":
        return None
    try:
        return Charset(text)
    except ValueError:
        raise ValueError(f"is auto or one of {', '.join(Charset)}") from None


def _asked_charset(text: str) -> Charset:
    charset = _charset(text)
    if charset is None or charset not in NUMBERED:
        raise ValueError(f"is one of {', '.join(NUMBERED)}")
    return charset


def _habit(text: str) -> Habit:
    try:
        return Habit(text)
    except ValueError:
        raise ValueError(f"is one of {', '.join(Habit)}") from None


def _reversals(text: str) -> Reversals:
    try:
        return Reversals(text)
    except ValueError:
        raise ValueError(f"is one of {', '.join(Reversals)}") from None


def _password(text: str) -> str:
    if len(text) != 6 or not (text.isascii() and text.isdigit()):
        raise ValueError("has six digits")
    return text


_READERS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "config": ("config", _config),
    "charset": ("charset", _charset),
    "ask_charset": ("ask_charset", _asked_charset),
    "connection": ("habit", _habit),
    "reversals": ("reversals", _reversals),
    **{
        name: (name, _flag)
        for name in (
            "tlv",
            "sequence_ids",
            "unique_ids",
            "status_tlv",
            "repeat_receipt",
            "totals",
            "refunds",
            "pre_authorisation",
            "tips",
        )
    },
}
"""Options that change one thing of the profile: its field, and how the text is read."""

_KNOWN = frozenset(
    {"link", "profile", "password", "currency", "framing", *_READERS, *(each.name for each in fields(Timing))}
)


def setup_of(config: ReaderConfig) -> Setup:
    """What a reader's options mean; raises `ZvtOptionsError`, `AddressError` or `TimingError`."""
    options = config.options
    unknown = sorted(set(options) - _KNOWN)
    if unknown:
        close = get_close_matches(unknown[0], _KNOWN, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else f" (there are: {', '.join(sorted(_KNOWN))})"
        raise ZvtOptionsError(f"unknown options: {', '.join(unknown)}{hint}")
    if not options.get("link"):
        raise ZvtOptionsError(
            "the option 'link' is missing: serial:///dev/..., tcp://HOST, tls://HOST, rfc2217://HOST:PORT or "
            "ble://ADDRESS"
        )
    profile = _profile(options)
    timing = Timing.of(options)
    return Setup(
        name=config.name,
        address=_address(options["link"], profile),
        profile=profile,
        password=_password_of(options, profile),
        currency=_currency(options.get("currency", "eur")),
        timing=timing,
        framing=_framing(options),
    )


def _framing(options: Mapping[str, str]) -> str:
    framing = options.get("framing", "")
    if framing not in {"", SERIAL, BARE}:
        raise ZvtOptionsError(f"framing is {SERIAL} or {BARE}, not {framing!r}")
    return framing


def _profile(options: Mapping[str, str]) -> Profile:
    name = options.get("profile", STANDARD.name)
    profile = PROFILES.get(name)
    if profile is None:
        raise ZvtOptionsError(f"unknown profile {name!r} (there are: {', '.join(PROFILES)})")
    changes: dict[str, Any] = {}
    for option, (attribute, read) in _READERS.items():
        if option in options:
            try:
                changes[attribute] = read(options[option])
            except ValueError as error:
                raise ZvtOptionsError(f"{option} {error}, not {options[option]!r}") from None
    return replace(profile, **changes)


def _password_of(options: Mapping[str, str], profile: Profile) -> str:
    if "password" not in options:
        return profile.password
    try:
        return _password(options["password"])
    except ValueError as error:
        # the value stays out of the message: it is a password
        raise ZvtOptionsError(f"password {error}") from None


def _currency(code: str) -> int:
    number = NUMBERS.get(code.upper())
    if number is None:
        raise ZvtOptionsError(f"unknown currency {code!r} (there are: {', '.join(NUMBERS).lower()})")
    return number


def _address(link: str, profile: Profile) -> Address:
    address = parse_address(link, default_port=profile.port)
    if isinstance(address, SerialAddress | Rfc2217Address):
        # what the address itself says goes before the profile
        if "stopbits=" not in link:
            address = replace(address, stopbits=profile.stopbits)
        if "baudrate=" not in link:
            address = replace(address, baudrate=profile.baudrate)
    return address

"""Desired and observed state as frozen facts, in one notation so that they can be compared. No I/O.

What Stripe calls nested hashes is kept flat here: a path of keys for each value, nothing for what is unset.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePath
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from agent.secret import HIDDEN, Secret

NAME_KEY: Final = "tillgate_name"
"""The metadata key by which a Location or Reader in the account is known as ours."""
CODE_KEY: Final = "tillgate_code"
"""The metadata key that remembers (as a hash) with which code a reader was registered: codes work once."""

CLAIM_KEY: Final = "tillgate_gateway"
"""The metadata key by which a gateway says that it serves a reader. Drivers write it; no plan hangs on it."""

Place: TypeAlias = tuple[str, int, int]
"""File, line, column (from 1) where something was declared."""
NOWHERE: Final[Place] = ("", 0, 0)


class Kind(StrEnum):
    """What fleet files declare."""

    CONFIGURATION = "Configuration"
    LOCATION = "Location"
    READER = "Reader"


class Purpose(StrEnum):
    """What a file is uploaded for (docs.stripe.com/api/files/create, purpose)."""

    SPLASHSCREEN = "terminal_reader_splashscreen"
    WIFI_CERTIFICATE = "terminal_wifi_certificate"
    WIFI_PRIVATE_KEY = "terminal_wifi_private_key"


@dataclass(frozen=True, slots=True)
class SecretValue:
    """A secret by reference (`file:PATH` or `credential:NAME`); the value is there once it was read."""

    reference: str
    value: Secret | None = field(default=None, compare=False)
    place: Place = field(default=NOWHERE, compare=False)

    def __str__(self) -> str:
        return HIDDEN


@dataclass(frozen=True, slots=True)
class Upload:
    """A file whose content must be at Stripe; `sha256` is there once it was read.

    Stripe knows files by its own ids only, so the name under which we upload carries the hash: that is how
    the content behind an id is recognised later without any state of our own.
    """

    purpose: Purpose
    reference: str
    sha256: str = ""
    place: Place = field(default=NOWHERE, compare=False)

    @property
    def filename(self) -> str:
        """The name under which the content is uploaded."""
        suffix = PurePath(self.reference).suffix.lower() if self.purpose is Purpose.SPLASHSCREEN else ".pem"
        return f"tillgate-{self.sha256[:32]}{suffix}"

    def __str__(self) -> str:
        return f"{self.reference.partition(':')[2]} (sha256 {self.sha256[:12]})"


@dataclass(frozen=True, slots=True)
class Reference:
    """An object of this plan whose id is known once it exists."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return self.name


Leaf: TypeAlias = str | int | bool | tuple[int | str, ...] | SecretValue | Secret | Upload | Reference
Key: TypeAlias = tuple[str, ...]
Fields: TypeAlias = Mapping[Key, Leaf]
NO_FIELDS: Final[Fields] = MappingProxyType({})
NO_TEXT: Final[Mapping[str, str]] = MappingProxyType({})


def flatten(nested: Mapping[str, Any], prefix: Key = ()) -> dict[Key, Leaf]:
    """A nested mapping as paths and values; None, "" and empty lists are unset and left out."""
    flat: dict[Key, Leaf] = {}
    for name, value in nested.items():
        key = (*prefix, name)
        if isinstance(value, Mapping):
            flat.update(flatten(value, key))
        elif isinstance(value, list | tuple):
            if value:
                flat[key] = tuple(value)
        elif value is not None and value != "":  # 0 and False are values
            flat[key] = value
    return flat


def nest(flat: Mapping[Key, Any]) -> dict[str, Any]:
    """The inverse of `flatten`."""
    nested: dict[str, Any] = {}
    for key, value in flat.items():
        inner = nested
        for name in key[:-1]:
            inner = inner.setdefault(name, {})
        inner[key[-1]] = list(value) if isinstance(value, tuple) else value
    return nested


@dataclass(frozen=True, slots=True)
class DesiredConfiguration:
    """A Configuration as declared; `id` is set by `export` only.

    `stripe_name` is its name in the account, "" when it is known by its id and may have any name.
    """

    name: str
    stripe_name: str
    sections: Fields = field(default_factory=lambda: NO_FIELDS)
    is_account_default: bool = False
    id: str = ""
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class DesiredLocation:
    """A Location as declared; `configuration` is the name of a Configuration or ""."""

    name: str
    fields: Fields
    configuration: str = ""
    metadata: Mapping[str, str] = field(default_factory=lambda: NO_TEXT)
    id: str = ""
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class DesiredReader:
    """A Reader as declared; `options` are for its driver. Only driver `stripe` has readers in the account."""

    name: str
    location: str
    driver: str = "stripe"
    registration_code: str = ""
    serial_number: str = ""
    label: str | None = None
    metadata: Mapping[str, str] = field(default_factory=lambda: NO_TEXT)
    options: Mapping[str, str] = field(default_factory=lambda: NO_TEXT)
    id: str = ""
    place: Place = field(default=NOWHERE, compare=False)

    @property
    def code_hash(self) -> str:
        """What `CODE_KEY` remembers of the registration code."""
        return hashlib.sha256(self.registration_code.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class DesiredState:
    """What the admins want, by name."""

    configurations: Mapping[str, DesiredConfiguration] = field(default_factory=dict)
    locations: Mapping[str, DesiredLocation] = field(default_factory=dict)
    readers: Mapping[str, DesiredReader] = field(default_factory=dict)

    def leaves(self) -> Iterator[Leaf]:
        """Every value of every Configuration: where references to files and secrets are."""
        for configuration in self.configurations.values():
            yield from configuration.sections.values()


@dataclass(frozen=True, slots=True)
class ObservedConfiguration:
    """A Configuration in the account."""

    id: str
    name: str = ""
    sections: Fields = field(default_factory=lambda: NO_FIELDS)
    is_account_default: bool = False


@dataclass(frozen=True, slots=True)
class ObservedLocation:
    """A Location in the account."""

    id: str
    fields: Fields
    configuration_id: str = ""
    metadata: Mapping[str, str] = field(default_factory=lambda: NO_TEXT)

    @property
    def name(self) -> str:
        """The name we gave it, or ""."""
        return self.metadata.get(NAME_KEY, "")


@dataclass(frozen=True, slots=True)
class ObservedReader:
    """A Reader in the account; `acting`: an action is in progress on it."""

    id: str
    serial_number: str = ""
    device_type: str = ""
    label: str = ""
    location_id: str = ""
    metadata: Mapping[str, str] = field(default_factory=lambda: NO_TEXT)
    acting: bool = field(default=False, compare=False)

    @property
    def name(self) -> str:
        """The name we gave it, or ""."""
        return self.metadata.get(NAME_KEY, "")


def _unclaimed(metadata: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in metadata.items() if key != CLAIM_KEY}


@dataclass(frozen=True, slots=True)
class ObservedState:
    """What is in the account; `files` gives the file name behind each file id that is in use."""

    configurations: tuple[ObservedConfiguration, ...] = ()
    locations: tuple[ObservedLocation, ...] = ()
    readers: tuple[ObservedReader, ...] = ()
    files: Mapping[str, str] = field(default_factory=lambda: NO_TEXT)

    def fingerprint(self) -> str:
        """A hash of everything a plan depends on. Secrets are left out: a hash of a weak one tells it."""
        facts: list[Any] = [
            sorted([c.id, c.name, c.is_account_default, _plain(c.sections)] for c in self.configurations),
            sorted(
                [x.id, x.configuration_id, _plain(x.fields), sorted(x.metadata.items())]
                for x in self.locations
            ),
            sorted(
                [r.id, r.serial_number, r.label, r.location_id, sorted(_unclaimed(r.metadata).items())]
                for r in self.readers
            ),
            sorted(self.files.items()),
        ]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _plain(fields: Fields) -> list[list[str]]:
    return sorted([*key, repr(value)] for key, value in fields.items())

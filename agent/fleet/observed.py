"""The live account, read as facts and written by kind: all that this package knows of Stripe's client."""

from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from typing import Any, Final, Protocol

from agent.fleet.errors import PermanentError, TemporaryError
from agent.fleet.model import (
    Key,
    Kind,
    Leaf,
    ObservedConfiguration,
    ObservedLocation,
    ObservedReader,
    ObservedState,
    Purpose,
    flatten,
)
from agent.fleet.scope import WHOLE, Scope
from agent.secret import Secret
from agent.stripe.errors import RequestRefusedError, StripeError
from agent.stripe.objects import Configuration, Location, Reader
from agent.stripe.terminal import Terminal

SECRET_KEYS: Final = frozenset({"password", "private_key_file_password", "admin_menu_passcode"})
FILE_KEYS: Final = frozenset(
    {"splashscreen", "ca_certificate_file", "client_certificate_file", "private_key_file"}
)
SECTIONS: Final = frozenset(
    {
        "bbpos_wisepad3",
        "bbpos_wisepos_e",
        "cellular",
        "offline",
        "reader_security",
        "reboot_window",
        "stripe_s700",
        "stripe_s710",
        "stripe_t600",
        "tipping",
        "verifone_m425",
        "verifone_p400",
        "verifone_p630",
        "verifone_ux700",
        "verifone_v660p",
        "wifi",
    }
)
"""The sections that can be declared; those that Stripe adds later are left alone."""

_MISSING: Final = "resource_missing"


class Account(Protocol):
    """What the fleet needs of an account. Errors are `PermanentError` or `TemporaryError`, nothing else."""

    async def observe(self) -> ObservedState:
        """Everything that can be declared, as it is now."""
        ...

    async def acting(self, reader: str) -> bool:
        """Whether an action is in progress on a reader (by id); False for one that is gone."""
        ...

    async def create(self, kind: Kind, params: Mapping[str, Any], key: str) -> str:
        """Make an object (register a reader); gives its id."""
        ...

    async def update(self, kind: Kind, identifier: str, params: Mapping[str, Any], key: str) -> None:
        """Change an object; "" unsets."""
        ...

    async def delete(self, kind: Kind, identifier: str) -> None:
        """Remove an object; one that is gone already is no error."""
        ...

    async def upload(self, purpose: Purpose, filename: str, content: bytes, key: str) -> str:
        """Store a file; gives its id."""
        ...


class WatchedAccount(Account, Protocol):
    """An account that may be asked for a part of it."""

    async def observe_at(self, scope: Scope) -> ObservedState:
        """What a scope covers, as it is now; Locations that are gone are not in it."""
        ...


class StripeAccount:
    """An account at Stripe."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._filenames: dict[str, str] = {}  # a file's name never changes, so each is asked for once

    async def observe(self) -> ObservedState:
        """Everything that can be declared, as it is now: three lists, and each file in use once."""
        return await self.observe_at(WHOLE)

    async def observe_at(self, scope: Scope) -> ObservedState:
        """What a scope covers, as it is now; Locations that are gone are not in it."""
        with _translated("read the account"):
            configurations = (
                [_configuration(each) for each in await self._terminal.list_configurations()]
                if scope.configurations
                else []
            )
            locations = [_location(each) for each in await self._locations(scope.locations)]
            alive = {each.id for each in locations}
            readers = [_reader(each) for each in await self._readers(scope.readers_at, alive)]
            files = {
                identifier: await self._filename(identifier)
                for each in configurations
                for identifier in _files(each.sections)
            }
        return ObservedState(tuple(configurations), tuple(locations), tuple(readers), files)

    async def _locations(self, ids: Sequence[str] | None) -> list[Location]:
        if ids is None:
            return await self._terminal.list_locations()
        found: list[Location] = []
        for identifier in ids:
            try:
                live = await self._terminal.retrieve_location(identifier)
            except RequestRefusedError as error:
                if error.code != _MISSING:
                    raise
            else:
                found += [] if live.deleted else [live]
        return found

    async def _readers(self, at: Sequence[str] | None, alive: Set[str]) -> list[Reader]:
        if at is None:
            return await self._terminal.list_readers()
        return [
            reader
            for location in at
            if location in alive  # Stripe refuses to list the readers of a Location that is gone
            for reader in await self._terminal.list_readers(location=location)
        ]

    async def acting(self, reader: str) -> bool:
        """Whether an action is in progress on a reader (by id); False for one that is gone."""
        try:
            with _translated(f"read reader {reader}"):
                found = await self._terminal.retrieve_reader(reader)
        except PermanentError as error:
            if error.code == _MISSING:
                return False
            raise
        return _acting(found)

    async def create(self, kind: Kind, params: Mapping[str, Any], key: str) -> str:
        """Make an object (register a reader); gives its id."""
        with _translated(f"create the {kind}"):
            match kind:
                case Kind.CONFIGURATION:
                    return (await self._terminal.create_configuration(params, key=key)).id
                case Kind.LOCATION:
                    return (await self._terminal.create_location(params, key=key)).id
                case Kind.READER:
                    return (await self._terminal.register_reader(params, key=key)).id

    async def update(self, kind: Kind, identifier: str, params: Mapping[str, Any], key: str) -> None:
        """Change an object; "" unsets."""
        with _translated(f"update {identifier}"):
            match kind:
                case Kind.CONFIGURATION:
                    await self._terminal.update_configuration(identifier, params, key=key)
                case Kind.LOCATION:
                    await self._terminal.update_location(identifier, params, key=key)
                case Kind.READER:
                    await self._terminal.update_reader(identifier, params, key=key)

    async def delete(self, kind: Kind, identifier: str) -> None:
        """Remove an object; one that is gone already is no error."""
        try:
            with _translated(f"delete {identifier}"):
                match kind:
                    case Kind.CONFIGURATION:
                        await self._terminal.delete_configuration(identifier)
                    case Kind.LOCATION:
                        await self._terminal.delete_location(identifier)
                    case Kind.READER:
                        await self._terminal.delete_reader(identifier)
        except PermanentError as error:
            if error.code != _MISSING:
                raise

    async def upload(self, purpose: Purpose, filename: str, content: bytes, key: str) -> str:
        """Store a file; gives its id."""
        with _translated(f"upload {filename}"):
            stored = await self._terminal.upload_file(purpose, filename, content, key=key)
        self._filenames[stored.id] = filename
        return stored.id

    async def _filename(self, identifier: str) -> str:
        if identifier not in self._filenames:
            try:
                self._filenames[identifier] = (await self._terminal.retrieve_file(identifier)).filename
            except RequestRefusedError as error:
                if error.code != _MISSING:
                    raise
                self._filenames[identifier] = ""
        return self._filenames[identifier]


@contextmanager
def _translated(what: str) -> Iterator[None]:
    """Stripe's errors as ours; the one place where it is decided which of them pass."""
    try:
        yield
    except StripeError as error:
        message = f"could not {what}: {error}"
        if error.permanent:
            raise PermanentError(message, code=error.code) from error
        raise TemporaryError(message) from error


def _configuration(live: Configuration) -> ObservedConfiguration:
    sections: dict[Key, Leaf] = {}
    for key, value in flatten({n: v for n, v in live.sections.items() if n in SECTIONS}).items():
        sections[key] = Secret(str(value)) if key[-1] in SECRET_KEYS else value
    return ObservedConfiguration(live.id, live.name, sections, bool(live.is_account_default))


def _location(live: Location) -> ObservedLocation:
    fields = flatten(
        {
            "display_name": live.display_name,
            "display_name_kana": live.display_name_kana,
            "display_name_kanji": live.display_name_kanji,
            # In Japan `address` only repeats the country: it cannot be declared there.
            "address": {} if live.address_kana or live.address_kanji else live.address,
            "address_kana": live.address_kana,
            "address_kanji": live.address_kanji,
            "phone": live.phone,
        }
    )
    return ObservedLocation(live.id, fields, live.configuration_overrides, dict(live.metadata))


def _reader(live: Reader) -> ObservedReader:
    return ObservedReader(
        live.id,
        live.serial_number,
        live.device_type,
        live.label,
        live.location,
        dict(live.metadata),
        _acting(live),
    )


def _acting(live: Reader) -> bool:
    return live.action is not None and live.action.status == "in_progress"


def _files(sections: Mapping[Key, Leaf]) -> Sequence[str]:
    return [str(value) for key, value in sections.items() if key[-1] in FILE_KEYS]

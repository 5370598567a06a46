"""A live account as fleet files whose plan is empty. Secrets are not in the files: they refer to them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from agent.fleet.desired import API_VERSION
from agent.fleet.matching import STRIPE
from agent.fleet.model import (
    Kind,
    ObservedConfiguration,
    ObservedLocation,
    ObservedReader,
    ObservedState,
    nest,
)
from agent.secret import Secret

SECRETS_DIRECTORY: Final = "secrets"
_OWN_PREFIX: Final = "tillgate_"
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?")
_NO_NAME: Final = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Export:
    """Documents in the order of their dependence, the secrets they refer to, and what could not be said."""

    documents: tuple[Mapping[str, Any], ...]
    secrets: Mapping[str, Secret] = field(default_factory=dict)  # by the path in the reference
    remarks: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The documents as YAML."""
        return yaml.dump_all(
            self.documents, Dumper=_Dumper, sort_keys=False, allow_unicode=True, explicit_start=True
        )


class _Dumper(yaml.SafeDumper):
    """Quotes what other readers of YAML would take for something else than text; uses no aliases."""

    def ignore_aliases(self, data: object) -> bool:
        del data
        return True


def export(observed: ObservedState) -> Export:
    """The account as documents. Objects that do not carry our name are tied to them by their id."""
    secrets: dict[str, Secret] = {}
    remarks: list[str] = []
    configuration_names = _names(
        (each.id, "account-default" if each.is_account_default else each.name)
        for each in observed.configurations
    )
    stripe_names = [each.name for each in observed.configurations if not each.is_account_default]
    location_names = _names(
        (each.id, each.name or str(each.fields.get(("display_name",), ""))) for each in observed.locations
    )
    reader_names = _names((each.id, each.name or each.label) for each in observed.readers)
    documents = [  # oldest first, as people would have written them
        _configuration(each, configuration_names[each.id], stripe_names.count(each.name) > 1, secrets)
        for each in reversed(observed.configurations)
        if each.sections or not each.is_account_default
    ]
    documents += [
        _location(each, location_names[each.id], configuration_names) for each in reversed(observed.locations)
    ]
    for reader in reversed(observed.readers):
        location = location_names.get(reader.location_id)
        if location is None:
            remarks.append(f"reader {reader.id} ({reader.label}) has no Location and was left out")
        else:
            documents.append(_reader(reader, reader_names[reader.id], location))
    return Export(tuple(documents), secrets, tuple(remarks))


def _names(wished: Iterable[tuple[str, str]]) -> dict[str, str]:
    """A valid name for each id, as near as can be to what is wished, no two alike."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for identifier, wish in wished:
        stem = wish if _NAME.fullmatch(wish) else _NO_NAME.sub("-", wish.lower()).strip("-")[:50].strip("-")
        stem = stem or _NO_NAME.sub("-", identifier.lower())
        name, number = stem, 1
        while name in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name)
        names[identifier] = name
    return names


def _document(kind: Kind, name: str, identifier: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {"name": name} | ({"id": identifier} if identifier else {})
    return {"apiVersion": API_VERSION, "kind": kind.value, "metadata": metadata, "spec": dict(spec)}


def _configuration(
    live: ObservedConfiguration, name: str, twin: bool, secrets: dict[str, Secret]
) -> dict[str, Any]:
    sections: dict[tuple[str, ...], Any] = {}
    for key, value in live.sections.items():
        if isinstance(value, Secret):
            path = f"{SECRETS_DIRECTORY}/{name}-{'-'.join(key)}".replace("_", "-")
            secrets[path] = value
            sections[key] = {"file": path}
        else:
            sections[key] = value
    if live.is_account_default:
        return _document(Kind.CONFIGURATION, name, "", {"is_account_default": True, **nest(sections)})
    spec = nest(sections)
    if live.name and live.name != name:
        spec = {"name": live.name, **spec}
    unnamed = twin or not live.name
    return _document(Kind.CONFIGURATION, name, live.id if unnamed else "", spec)


def _location(live: ObservedLocation, name: str, configurations: Mapping[str, str]) -> dict[str, Any]:
    spec = nest(live.fields)
    if live.configuration_id in configurations:
        spec["configuration"] = configurations[live.configuration_id]
    return _document(
        Kind.LOCATION, name, "" if live.name == name else live.id, spec | _metadata(live.metadata)
    )


def _reader(live: ObservedReader, name: str, location: str) -> dict[str, Any]:
    spec: dict[str, Any] = {"location": location, "driver": STRIPE}
    if live.serial_number:
        spec["serial_number"] = live.serial_number
    if live.label:
        spec["label"] = live.label
    return _document(Kind.READER, name, "" if live.name == name else live.id, spec | _metadata(live.metadata))


def _metadata(metadata: Mapping[str, str]) -> dict[str, Any]:
    others = {key: value for key, value in metadata.items() if not key.startswith(_OWN_PREFIX)}
    return {"metadata": others} if others else {}

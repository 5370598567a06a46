"""An account in memory: keeps what it is told as Stripe would, counts what is asked, fails on order."""

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agent.fleet.errors import PermanentError
from agent.fleet.model import (
    Kind,
    Leaf,
    ObservedConfiguration,
    ObservedLocation,
    ObservedReader,
    ObservedState,
    Purpose,
    flatten,
)
from agent.fleet.observed import SECRET_KEYS
from agent.fleet.scope import Scope
from agent.secret import Secret

PREFIXES = {Kind.CONFIGURATION: "tmc_", Kind.LOCATION: "tml_", Kind.READER: "tmr_"}


class FakeAccount:
    """`merges`: an update of a section merges into what is there (else it takes its place).

    `faults` are raised, first come first, by the calls ("create", "observe", ...) they stand under.
    """

    def __init__(self, *, merges: bool = True) -> None:
        self.merges = merges
        self.objects: dict[Kind, dict[str, dict[str, Any]]] = {kind: {} for kind in Kind}
        self.files: dict[str, str] = {}
        self.faults: dict[str, list[Exception]] = {}
        self.calls: list[str] = []
        self.keys: list[str] = []
        self.active: set[str] = set()
        self._count = 0

    def put(self, kind: Kind, **fields: Any) -> str:
        """Something that others made."""
        return self._add(kind, fields)

    async def observe(self) -> ObservedState:
        self._say("observe")
        configurations = [
            ObservedConfiguration(
                identifier,
                each.get("name", ""),
                _sections(each),
                each.get("is_account_default", False),
            )
            for identifier, each in self.objects[Kind.CONFIGURATION].items()
        ]
        used = {str(value) for each in configurations for value in each.sections.values()}
        return ObservedState(
            tuple(configurations),
            tuple(
                ObservedLocation(
                    identifier,
                    flatten(
                        {k: v for k, v in each.items() if k not in {"metadata", "configuration_overrides"}}
                    ),
                    each.get("configuration_overrides", ""),
                    dict(each.get("metadata", {})),
                )
                for identifier, each in self.objects[Kind.LOCATION].items()
            ),
            tuple(self._reader(identifier) for identifier in self.objects[Kind.READER]),
            {identifier: name for identifier, name in self.files.items() if identifier in used},
        )

    def _reader(self, identifier: str) -> ObservedReader:
        each = self.objects[Kind.READER][identifier]
        return ObservedReader(
            identifier,
            each.get("serial_number", ""),
            each.get("device_type", "simulated_stripe_s700"),
            each.get("label", ""),
            each.get("location", ""),
            dict(each.get("metadata", {})),
            identifier in self.active,
        )

    async def observe_at(self, scope: Scope) -> ObservedState:
        self._say("nearby")
        whole = await self.observe()
        self.calls.pop()
        locations = [each for each in whole.locations if within(each.id, scope.locations)]
        return replace(
            whole,
            configurations=whole.configurations if scope.configurations else (),
            locations=tuple(locations),
            readers=tuple(each for each in whole.readers if within(each.location_id, scope.readers_at)),
        )

    async def acting(self, reader: str) -> bool:
        self._say("acting", reader)
        return reader in self.active

    async def create(self, kind: Kind, params: Mapping[str, Any], key: str) -> str:
        self._say("create", str(kind), key=key)
        fields = copy.deepcopy(dict(params))
        if kind is Kind.READER:
            if fields["location"] not in self.objects[Kind.LOCATION]:
                raise PermanentError("no such location", code="resource_missing")
            code = fields.pop("registration_code")
            fields.setdefault("serial_number", f"serial-{self._count + 1}")
            fields.setdefault("label", code)
        return self._add(kind, fields)

    async def update(self, kind: Kind, identifier: str, params: Mapping[str, Any], key: str) -> None:
        self._say("update", identifier, key=key)
        live = self.objects[kind][identifier]
        for name, value in copy.deepcopy(dict(params)).items():
            if value == "":
                live.pop(name, None)
            elif isinstance(value, dict) and (self.merges or name == "metadata" or kind is Kind.LOCATION):
                _merge(live.setdefault(name, {}), value)
            else:
                live[name] = value

    async def delete(self, kind: Kind, identifier: str) -> None:
        self._say("delete", identifier)
        self.objects[kind].pop(identifier, None)

    async def upload(self, purpose: Purpose, filename: str, content: bytes, key: str) -> str:
        self._say("upload", filename, key=key)
        self._count += 1
        identifier = f"file_{self._count}"
        self.files[identifier] = filename
        return identifier

    def _add(self, kind: Kind, fields: dict[str, Any]) -> str:
        self._count += 1
        identifier = str(fields.pop("id", f"{PREFIXES[kind]}{self._count}"))
        self.objects[kind][identifier] = fields
        return identifier

    def _say(self, call: str, what: str = "", *, key: str = "") -> None:
        self.calls.append(f"{call} {what}".strip())
        if key:
            self.keys.append(key)
        if self.faults.get(call):
            raise self.faults[call].pop(0)


def within(identifier: str, ids: tuple[str, ...] | None) -> bool:
    """Whether a scope names an id."""
    return ids is None or identifier in ids


def _merge(live: dict[str, Any], new: Mapping[str, Any]) -> None:
    for name, value in new.items():
        if value == "":
            live.pop(name, None)
        elif isinstance(value, dict):
            _merge(live.setdefault(name, {}), value)
        else:
            live[name] = value


def _sections(each: Mapping[str, Any]) -> dict[tuple[str, ...], Leaf]:
    flat = flatten({k: v for k, v in each.items() if k not in {"name", "is_account_default"}})
    return {key: Secret(str(value)) if key[-1] in SECRET_KEYS else value for key, value in flat.items()}

"""An account at Stripe that is three lists, and remembers what was done to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from agent.fleet.errors import PermanentError
from agent.fleet.model import Kind, ObservedState, Purpose


@dataclass
class FakeAccount:
    """What is observed stays as it was given; `refuse` names verbs that fail."""

    state: ObservedState
    acts: frozenset[str] = frozenset()
    refuse: frozenset[str] = frozenset()
    done: list[tuple[str, Kind, str, dict[str, Any]]] = field(default_factory=list)

    async def observe(self) -> ObservedState:
        return replace(self.state)

    async def acting(self, reader: str) -> bool:
        return reader in self.acts

    async def create(self, kind: Kind, params: Mapping[str, Any], key: str) -> str:
        del key
        return self._do("create", kind, "new", params)

    async def update(self, kind: Kind, identifier: str, params: Mapping[str, Any], key: str) -> None:
        del key
        self._do("update", kind, identifier, params)

    async def delete(self, kind: Kind, identifier: str) -> None:
        self._do("delete", kind, identifier, {})

    async def upload(self, purpose: Purpose, filename: str, content: bytes, key: str) -> str:
        raise AssertionError((purpose, filename, len(content), key))

    def _do(self, verb: str, kind: Kind, identifier: str, params: Mapping[str, Any]) -> str:
        if verb in self.refuse:
            raise PermanentError(f"could not {verb} the {kind}: no such code", code="x")
        self.done.append((verb, kind, identifier, dict(params)))
        return identifier

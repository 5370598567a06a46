"""Who wins when somebody else keeps changing what we heal: after a few rounds, the other one."""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from agent.fleet.actions import Action
from agent.fleet.model import DesiredState, Kind

HEALS: Final = 3
WITHIN_S: Final = 3600.0
"""An object healed this often within this time is contested: we report it and leave it alone."""

RETRY_S: Final = 3600.0
"""After this time an action that failed for good is tried again, even if nothing seems to have changed."""

Name: TypeAlias = tuple[Kind, str]


def declared(desired: DesiredState, name: Name) -> object:
    """The declaration of an object; None when there is none."""
    kind, key = name
    match kind:
        case Kind.CONFIGURATION:
            return desired.configurations.get(key)
        case Kind.LOCATION:
            return desired.locations.get(key)
        case Kind.READER:
            return desired.readers.get(key)


class Contest:
    """Remembers what was healed and what failed, and says what may be tried now. `clock` in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._declared: dict[Name, object] = {}
        self._healed: dict[Name, list[float]] = {}
        self._failed: dict[Name, tuple[Action, float, str]] = {}
        self._contested: set[Name] = set()

    @property
    def contested(self) -> frozenset[Name]:
        """The objects that somebody else keeps changing."""
        return frozenset(self._contested)

    @property
    def failed(self) -> Mapping[Name, str]:
        """The objects whose last action failed for good, and why."""
        return {name: message for name, (_, _, message) in self._failed.items()}

    def look(self, desired: DesiredState, differing: frozenset[Name]) -> None:
        """Take note of a look: a new declaration or an end of the difference makes peace."""
        for name in list(self._declared):
            if declared(desired, name) != self._declared[name]:
                self._forget(name)
        self._contested &= differing
        for name in self._failed.keys() - differing:
            del self._failed[name]

    def may(self, action: Action) -> bool:
        """Whether an action may be tried now."""
        name = (action.kind, action.name)
        now = self._clock()
        if name in self._failed:
            failed, at, _ = self._failed[name]
            if failed == action and now - at < RETRY_S:
                return False
        recent = [at for at in self._healed.get(name, ()) if now - at < WITHIN_S]
        if len(recent) >= HEALS:
            self._contested.add(name)
        return name not in self._contested

    def healed(self, desired: DesiredState, action: Action) -> None:
        """Take note that an action was done."""
        name = (action.kind, action.name)
        self._declared[name] = declared(desired, name)
        now = self._clock()
        recent = [at for at in self._healed.get(name, ()) if now - at < WITHIN_S]
        self._healed[name] = [*recent, now]
        self._failed.pop(name, None)

    def gave_up(self, desired: DesiredState, action: Action, message: str) -> None:
        """Take note that an action failed for good."""
        name = (action.kind, action.name)
        self._declared[name] = declared(desired, name)
        self._failed[name] = (action, self._clock(), message)

    def _forget(self, name: Name) -> None:
        self._declared.pop(name, None)
        self._healed.pop(name, None)
        self._failed.pop(name, None)
        self._contested.discard(name)

"""What a plan is made of: actions, obstacles, and what is left alone. Facts only, no I/O."""

from dataclasses import dataclass, field
from enum import StrEnum

from agent.fleet.model import (
    NO_FIELDS,
    NOWHERE,
    Fields,
    Kind,
    Leaf,
    Place,
    Reference,
    SecretValue,
    Upload,
)
from agent.secret import Secret


class Verb(StrEnum):
    """What an action does to its object."""

    CREATE = "create"
    ADOPT = "adopt"  # an object that others made becomes ours (and is changed where it differs)
    UPDATE = "update"
    REGISTER = "register"
    MOVE = "move"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Change:
    """One value that differs; None is "not set"."""

    path: str
    old: Leaf | None
    new: Leaf | None


@dataclass(frozen=True, slots=True)
class Action:
    """One step of a plan, on one object.

    `params` is what Stripe is told ("" unsets), `reset` names sections to unset beforehand, because Stripe
    has no word for removing one key out of a section.
    """

    verb: Verb
    kind: Kind
    name: str
    id: str = ""
    changes: tuple[Change, ...] = ()
    params: Fields = field(default_factory=lambda: NO_FIELDS)
    reset: tuple[str, ...] = ()
    note: str = ""
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a declared object cannot be brought about before people do something."""

    kind: Kind
    name: str
    message: str
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Unmanaged:
    """An object in the account that nobody declared; `ours`: it carries our name.

    `here`: a reader at a declared Location, so that the files in hand speak for it.
    """

    kind: Kind
    id: str
    label: str
    ours: bool = False
    here: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """Actions in the order in which they are done, and what stands in the way of the rest."""

    actions: tuple[Action, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()
    unmanaged: tuple[Unmanaged, ...] = ()
    observed: str = ""  # fingerprint of the state that this plan was made for

    @property
    def empty(self) -> bool:
        """Whether everything declared is as declared."""
        return not self.actions and not self.obstacles


def shown(value: Leaf | None) -> str | int | bool | list[int | str] | None:
    """A value as people may see it: secrets stay hidden, files and objects go by their names."""
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, SecretValue | Secret | Upload | Reference):
        return str(value)
    return value

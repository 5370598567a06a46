"""Which object in the account is the declared one. When in doubt: none, and people are told. No I/O.

In order: the id that `export` wrote, a reader's serial number, the name we left in its metadata, and last
(adoption of what others made) an unmistakable look: never a guess between two.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar

from agent.fleet.actions import Obstacle
from agent.fleet.model import (
    DesiredConfiguration,
    DesiredLocation,
    DesiredReader,
    DesiredState,
    Fields,
    Kind,
    ObservedConfiguration,
    ObservedLocation,
    ObservedReader,
    ObservedState,
    Place,
)

STRIPE: str = "stripe"


class _Declared(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def place(self) -> Place: ...


class _Live(Protocol):
    @property
    def id(self) -> str: ...


D = TypeVar("D", bound=_Declared)
O = TypeVar("O", bound=_Live)  # noqa: E741  # observed, beside D for desired
Rule: TypeAlias = Callable[[D, O], bool]


@dataclass(frozen=True, slots=True)
class Matches:
    """The live object of each declared one, by name; those not in here do not exist or are obstructed."""

    configurations: Mapping[str, ObservedConfiguration]
    locations: Mapping[str, ObservedLocation]
    readers: Mapping[str, ObservedReader]
    obstacles: tuple[Obstacle, ...]

    def obstructed(self, kind: Kind, name: str) -> bool:
        """Whether a declared object has an obstacle."""
        return any(each.kind is kind and each.name == name for each in self.obstacles)


def match(desired: DesiredState, observed: ObservedState) -> Matches:
    """Find the live object of each declared one."""
    obstacles: list[Obstacle] = []
    configurations = _configurations(desired, observed, obstacles)
    locations = _assign(
        Kind.LOCATION,
        desired.locations.values(),
        observed.locations,
        (_same_id, lambda d, o: o.name == d.name, _same_look),
        obstacles,
    )
    readers = _readers(desired, observed, locations, obstacles)
    return Matches(configurations, locations, readers, tuple(obstacles))


def _same_id(declared: _Declared, live: _Live) -> bool:
    return bool(declared.id) and declared.id == live.id


def _configurations(
    desired: DesiredState, observed: ObservedState, obstacles: list[Obstacle]
) -> dict[str, ObservedConfiguration]:
    """Configurations have no metadata: the name is all there is, and Stripe lets it be there twice."""
    ordinary = [each for each in desired.configurations.values() if not each.is_account_default]
    found = _assign(
        Kind.CONFIGURATION,
        ordinary,
        [each for each in observed.configurations if not each.is_account_default],
        (_same_id, _same_stripe_name),
        obstacles,
    )
    live_default = next((each for each in observed.configurations if each.is_account_default), None)
    for declared in desired.configurations.values():
        if declared.is_account_default and live_default is not None:
            found[declared.name] = live_default
    return found


def _same_stripe_name(declared: DesiredConfiguration, live: ObservedConfiguration) -> bool:
    return live.name == (declared.stripe_name or declared.name)


def _same_look(declared: DesiredLocation, live: ObservedLocation) -> bool:
    return not live.name and _look(declared.fields) == _look(live.fields)


def _look(fields: Fields) -> dict[tuple[str, ...], object]:
    return {key: value for key, value in fields.items() if key[0] != "phone"}


def _readers(
    desired: DesiredState,
    observed: ObservedState,
    locations: Mapping[str, ObservedLocation],
    obstacles: list[Obstacle],
) -> dict[str, ObservedReader]:
    ours = {each.id for each in locations.values()}

    def at_its_place(declared: DesiredReader, live: ObservedReader) -> bool:
        location = locations.get(declared.location)
        return location is not None and live.location_id == location.id

    def same_serial(declared: DesiredReader, live: ObservedReader) -> bool:
        return bool(declared.serial_number) and declared.serial_number == live.serial_number

    def same_name(declared: DesiredReader, live: ObservedReader) -> bool:
        other_device = bool(declared.serial_number) and declared.serial_number != live.serial_number
        return live.name == declared.name and not other_device

    def same_name_at_its_place(declared: DesiredReader, live: ObservedReader) -> bool:
        return same_name(declared, live) and at_its_place(declared, live)

    def same_name_at_ours(declared: DesiredReader, live: ObservedReader) -> bool:
        # Another store of the same account may have a till-1 too: its reader must not be moved away.
        return same_name(declared, live) and (live.location_id in ours or not live.location_id)

    def same_label(declared: DesiredReader, live: ObservedReader) -> bool:
        if live.name or declared.serial_number:
            return False
        return live.label == (declared.label or declared.name) and at_its_place(declared, live)

    return _assign(
        Kind.READER,
        [each for each in desired.readers.values() if each.driver == STRIPE],
        observed.readers,
        (_same_id, same_serial, same_name_at_its_place, same_name_at_ours, same_label),
        obstacles,
    )


def _assign(
    kind: Kind,
    declared: Iterable[D],
    observed: Sequence[O],
    rules: Sequence[Rule[D, O]],
    obstacles: list[Obstacle],
) -> dict[str, O]:
    """Give each declared object its live one; a stronger rule is asked for all before a weaker one."""
    found: dict[str, O] = {}
    waiting = list(declared)
    taken: set[str] = set()
    for rule in rules:
        free = [live for live in observed if live.id not in taken]
        options = {each.name: [live for live in free if rule(each, live)] for each in waiting}
        for each in waiting.copy():
            candidates = options[each.name]
            if not candidates:
                continue
            waiting.remove(each)
            rivals = sorted(name for name, theirs in options.items() if candidates[0] in theirs)
            if len(candidates) > 1:
                ids = " and ".join(sorted(live.id for live in candidates))
                message = f"{ids} could both be it: {_ADVICE[kind]}"
                obstacles.append(Obstacle(kind, each.name, message, each.place))
            elif len(rivals) > 1:
                message = f"{candidates[0].id} could be each of {', '.join(rivals)}: {_ADVICE[kind]}"
                obstacles.append(Obstacle(kind, each.name, message, each.place))
            else:
                found[each.name] = candidates[0]
            taken.update(live.id for live in candidates)
    return found


_ADVICE = {
    Kind.CONFIGURATION: "delete or rename one in the account, or say which with `metadata: {name, id}`",
    Kind.LOCATION: "delete one in the account, or say which with `metadata: {name, id}`",
    Kind.READER: "say which with `spec.serial_number` (or `metadata: {name, id}`), or delete one",
}

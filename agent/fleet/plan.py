"""What to do so that the account is as declared: a pure function from two states to a list of actions.

An empty plan is the proof that nothing differs.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from agent.fleet.actions import Action, Change, Obstacle, Plan, Unmanaged, Verb
from agent.fleet.matching import STRIPE, Matches, match
from agent.fleet.model import (
    CLAIM_KEY,
    CODE_KEY,
    NAME_KEY,
    NO_FIELDS,
    DesiredConfiguration,
    DesiredLocation,
    DesiredReader,
    DesiredState,
    Fields,
    Key,
    Kind,
    Leaf,
    ObservedLocation,
    ObservedReader,
    ObservedState,
    Place,
    Reference,
    SecretValue,
    Upload,
)

SIMULATED_PREFIX: Final = "simulated-"
"""Registration codes of simulated readers work any number of times."""

_ADDRESSES: Final = frozenset({"address", "address_kana", "address_kanji"})


def plan(
    desired: DesiredState, observed: ObservedState, *, prune: bool = False, everywhere: bool = False
) -> Plan:
    """Compare, and say what to do. Without `prune` nothing is removed that is no longer declared.

    With it readers at declared Locations are removed, no more: the files may be those of one store among
    many in the account. `everywhere` as well: whatever carries our name, for files of the whole account.
    """
    matches = match(desired, observed)
    draft = _Draft(desired, observed, matches)
    for configuration in desired.configurations.values():
        draft.configuration(configuration)
    for location in desired.locations.values():
        draft.location(location)
    for reader in desired.readers.values():
        if reader.driver == STRIPE:
            draft.reader(reader)
    if prune:
        draft.removals(everywhere=everywhere)
    return Plan(
        tuple(draft.actions),
        tuple(draft.obstacles),
        tuple(_unmanaged(observed, matches)),
        observed.fingerprint(),
    )


def _unmanaged(observed: ObservedState, matches: Matches) -> Iterator[Unmanaged]:
    """What is left when everything declared has found its object."""
    configured = {each.id for each in matches.configurations.values()}
    for configuration in observed.configurations:
        if configuration.id not in configured and not configuration.is_account_default:
            yield Unmanaged(Kind.CONFIGURATION, configuration.id, configuration.name)
    located = {each.id for each in matches.locations.values()}
    for location in observed.locations:
        if location.id not in located:
            label = location.name or str(location.fields.get(("display_name",), ""))
            yield Unmanaged(Kind.LOCATION, location.id, label, bool(location.name))
    registered = {each.id for each in matches.readers.values()}
    for reader in observed.readers:
        if reader.id not in registered:
            label, here = reader.name or reader.label, reader.location_id in located
            yield Unmanaged(Kind.READER, reader.id, label, bool(reader.name), here)


class _Draft:
    """A plan in the making."""

    def __init__(self, desired: DesiredState, observed: ObservedState, matches: Matches) -> None:
        self.actions: list[Action] = []
        self.obstacles: list[Obstacle] = list(matches.obstacles)
        self._desired = desired
        self._observed = observed
        self._matches = matches
        self._ids_by_filename = {name: file_id for file_id, name in observed.files.items()}

    def _obstruct(
        self, kind: Kind, declared: DesiredConfiguration | DesiredLocation | DesiredReader, message: str
    ) -> None:
        self.obstacles.append(Obstacle(kind, declared.name, message, declared.place))

    def _obstructed(self, kind: Kind, name: str) -> bool:
        return any(each.kind is kind and each.name == name for each in self.obstacles)

    def configuration(self, declared: DesiredConfiguration) -> None:
        """Create it, or change the sections that differ."""
        if self._obstructed(Kind.CONFIGURATION, declared.name):
            return
        live = self._matches.configurations.get(declared.name)
        wanted = {key: self._at_stripe(value) for key, value in declared.sections.items()}
        name: dict[Key, Leaf] = {("name",): declared.stripe_name or declared.name}
        if live is None and declared.is_account_default:
            self._obstruct(
                Kind.CONFIGURATION,
                declared,
                "the account has no default Configuration yet: Stripe makes it with the first Location; "
                "plan again then",
            )
        elif live is None:
            self._act(
                Verb.CREATE, Kind.CONFIGURATION, declared.name, NO_FIELDS, name | wanted, place=declared.place
            )
        else:
            changes = list(self._differences(wanted, live.sections))
            params: dict[Key, Leaf] = {}
            if declared.stripe_name not in {"", live.name} and not declared.is_account_default:
                changes.insert(0, ((("name",)), live.name, declared.stripe_name))
                params |= name
            reset: list[str] = []
            for section in dict.fromkeys(key[0] for key, _, _ in changes if key != ("name",)):
                inside = {key: value for key, value in wanted.items() if key[0] == section}
                params |= inside or {(section,): ""}
                if inside and any(key[0] == section and key not in wanted for key in live.sections):
                    reset.append(section)
            if changes:
                self.actions.append(
                    Action(
                        Verb.UPDATE,
                        Kind.CONFIGURATION,
                        declared.name,
                        live.id,
                        _changes(changes),
                        params,
                        tuple(reset),
                        "readers follow within ten minutes",
                        declared.place,
                    )
                )

    def location(self, declared: DesiredLocation) -> None:
        """Create it, or change what differs: its own fields and the Configuration it points at."""
        if self._obstructed(Kind.LOCATION, declared.name):
            return
        wanted: dict[Key, Leaf] = dict(declared.fields)
        if declared.configuration:
            if self._obstructed(Kind.CONFIGURATION, declared.configuration):
                self._obstruct(
                    Kind.LOCATION, declared, f"waits for its Configuration {declared.configuration}"
                )
                return
            configuration = self._matches.configurations.get(declared.configuration)
            wanted["configuration_overrides",] = (
                configuration.id if configuration else Reference(Kind.CONFIGURATION, declared.configuration)
            )
        stamp: dict[Key, Leaf] = {("metadata", key): value for key, value in declared.metadata.items()}
        live = self._matches.locations.get(declared.name)
        if live is None:
            stamp["metadata", NAME_KEY] = declared.name
            self._act(
                Verb.CREATE, Kind.LOCATION, declared.name, NO_FIELDS, wanted | stamp, place=declared.place
            )
            return
        if country := _country_change(declared, live):
            self._obstruct(
                Kind.LOCATION,
                declared,
                f"Stripe cannot change the country of a Location ({country}): declare a new Location under "
                "another name and move its readers there",
            )
            return
        adopts = not declared.id and live.name != declared.name
        if adopts:
            stamp["metadata", NAME_KEY] = declared.name
        present: dict[Key, Leaf] = dict(live.fields) | _labels(live.metadata, stamp)
        if live.configuration_id:
            present["configuration_overrides",] = live.configuration_id
        changes = list(self._differences(wanted | stamp, present))
        if not changes:
            return
        params: dict[Key, Leaf] = {key: "" if new is None else new for key, _, new in changes}
        for name in {key[0] for key in params} & _ADDRESSES:
            params |= {key: value for key, value in wanted.items() if key[0] == name}
        self.actions.append(
            Action(
                Verb.ADOPT if adopts else Verb.UPDATE,
                Kind.LOCATION,
                declared.name,
                live.id,
                _changes(changes, self._configuration_names()),
                params,
                place=declared.place,
            )
        )

    def reader(self, declared: DesiredReader) -> None:
        """Register it, move it (register again), or change its label and metadata."""
        if self._obstructed(Kind.READER, declared.name):
            return
        if self._obstructed(Kind.LOCATION, declared.location):
            self._obstruct(Kind.READER, declared, f"waits for its Location {declared.location}")
            return
        location = self._matches.locations.get(declared.location)
        live = self._matches.readers.get(declared.name)
        if live is None:
            self._register(declared, location)
        elif location is None or live.location_id != location.id:
            self._move(declared, live, location)
        else:
            adopts = not declared.id and live.name != declared.name
            wanted = _reader_fields(declared, stamped=adopts)
            present: dict[Key, Leaf] = _labels(live.metadata, wanted)
            if live.label and declared.label is not None:
                present["label",] = live.label
            changes = list(self._differences(wanted, present))
            if changes:
                self.actions.append(
                    Action(
                        Verb.ADOPT if adopts else Verb.UPDATE,
                        Kind.READER,
                        declared.name,
                        live.id,
                        _changes(changes),
                        {key: new for key, _, new in changes if new is not None},
                        note=f"the reader with serial number {live.serial_number}" if adopts else "",
                        place=declared.place,
                    )
                )

    def _register(self, declared: DesiredReader, location: ObservedLocation | None) -> None:
        if not declared.registration_code:
            self._obstruct(
                Kind.READER,
                declared,
                "is not in the account: let the reader show a registration code (Settings > Generate pairing "
                "code) and put it in `spec.registration_code`",
            )
            return
        params = _registration(declared, location)
        self._act(Verb.REGISTER, Kind.READER, declared.name, NO_FIELDS, params, place=declared.place)

    def _move(self, declared: DesiredReader, live: ObservedReader, location: ObservedLocation | None) -> None:
        here = self._location_names().get(live.location_id, live.location_id) or "no location"
        way = f"from {here} to {declared.location}"
        again = "Stripe cannot move a reader: it is deleted and registered again"
        code = declared.registration_code
        used = not code.startswith(SIMULATED_PREFIX) and live.metadata.get(CODE_KEY) == declared.code_hash
        if not code or used:
            have = "the one in `spec.registration_code` was used before" if used else "there is none"
            self._obstruct(
                Kind.READER,
                declared,
                f"must move {way}. {again}, which needs a fresh registration code, and {have}: let the "
                "reader show one (Settings > Generate pairing code) and put it in `spec.registration_code`",
            )
            return
        # Whoever serves the new location claims it anew.
        kept: dict[Key, Leaf] = {
            ("metadata", key): value for key, value in live.metadata.items() if key != CLAIM_KEY
        }
        if live.label:
            kept["label",] = live.label
        self.actions.append(
            Action(
                Verb.MOVE,
                Kind.READER,
                declared.name,
                live.id,
                (Change("location", here, declared.location),),
                kept | _registration(declared, location),
                note=f"{again}, so it must be showing its registration code now",
                place=declared.place,
            )
        )

    def removals(self, *, everywhere: bool) -> None:
        """Remove what carries our name and is not declared; readers first, for a Location must be empty."""
        leftovers = [
            each
            for each in _unmanaged(self._observed, self._matches)
            if each.ours and (each.here or everywhere)
        ]
        gone = {each.id for each in leftovers if each.kind is Kind.READER}
        gone |= {each.id for each in self.actions if each.verb is Verb.MOVE}
        for each in reversed(leftovers):
            if each.kind is Kind.LOCATION:
                inhabitants = [
                    r.id for r in self._observed.readers if r.location_id == each.id and r.id not in gone
                ]
                if inhabitants:
                    message = f"cannot be removed while it has readers: {', '.join(sorted(inhabitants))}"
                    self.obstacles.append(Obstacle(each.kind, each.label, message))
                    continue
            note = "is at a declared Location" if each.here else "is elsewhere in the account (--everywhere)"
            note = f"{note}, carries our name and is not declared"
            self.actions.append(Action(Verb.REMOVE, each.kind, each.label, each.id, note=note))

    def _act(
        self, verb: Verb, kind: Kind, name: str, present: Fields, wanted: Mapping[Key, Leaf], *, place: Place
    ) -> None:
        names = self._location_names() | self._configuration_names()
        changes = _changes(list(self._differences(wanted, present)), names)
        self.actions.append(Action(verb, kind, name, "", changes, wanted, place=place))

    def _at_stripe(self, value: Leaf) -> Leaf:
        """A file whose content is at Stripe already is just its id."""
        return self._ids_by_filename.get(value.filename, value) if isinstance(value, Upload) else value

    def _differences(
        self, wanted: Mapping[Key, Leaf], present: Mapping[Key, Leaf]
    ) -> Iterator[tuple[Key, Leaf | None, Leaf | None]]:
        for key, new in wanted.items():
            old = present.get(key)
            same = (
                new.value == old if isinstance(new, SecretValue) else self._same_file(new, old) or new == old
            )
            if not same:
                yield key, old, new
        for key, old in present.items():
            if key not in wanted:
                yield key, old, None

    def _same_file(self, new: Leaf, old: Leaf | None) -> bool:
        """Two ids may stand for the same content."""
        if not (isinstance(new, str) and isinstance(old, str)):
            return False
        name = self._observed.files.get(new, "")
        return name.startswith("tillgate-") and name == self._observed.files.get(old)

    def _location_names(self) -> dict[str, str]:
        return {each.id: name for name, each in self._matches.locations.items()}

    def _configuration_names(self) -> dict[str, str]:
        return {each.id: name for name, each in self._matches.configurations.items()}


def _country_change(declared: DesiredLocation, live: ObservedLocation) -> str:
    for name in sorted(_ADDRESSES):
        old, new = live.fields.get((name, "country")), declared.fields.get((name, "country"))
        if old and new and old != new:
            return f"{old} -> {new}"
    return ""


def _labels(metadata: Mapping[str, str], wanted: Mapping[Key, Leaf]) -> dict[Key, Leaf]:
    """The metadata that is declared; other keys are other people's."""
    return {("metadata", key): value for key, value in metadata.items() if ("metadata", key) in wanted}


def _reader_fields(declared: DesiredReader, *, stamped: bool) -> dict[Key, Leaf]:
    fields: dict[Key, Leaf] = {("metadata", key): value for key, value in declared.metadata.items()}
    if declared.label is not None:
        fields["label",] = declared.label
    if stamped:
        fields["metadata", NAME_KEY] = declared.name
    return fields


def _registration(declared: DesiredReader, location: ObservedLocation | None) -> dict[Key, Leaf]:
    fields: dict[Key, Leaf] = {("registration_code",): declared.registration_code}
    fields["location",] = location.id if location else Reference(Kind.LOCATION, declared.location)
    fields |= _reader_fields(declared, stamped=True)
    fields["metadata", CODE_KEY] = declared.code_hash
    return fields


def _changes(
    differences: list[tuple[Key, Leaf | None, Leaf | None]], names: Mapping[str, str] = {}
) -> tuple[Change, ...]:
    def named(value: Leaf | None) -> Leaf | None:
        return names.get(value, value) if isinstance(value, str) else value

    return tuple(Change(".".join(key), named(old), named(new)) for key, old, new in differences)

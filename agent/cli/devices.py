"""Plans for one reader: registered, moved or replaced with a code that is on its screen now. Pure, no I/O.

They are cut out of the plan for the whole fleet, so that a reader done by hand is what `apply` makes of it.
"""

from dataclasses import replace

from agent.cli.errors import CommandError
from agent.fleet.actions import Action, Change, Plan, Verb
from agent.fleet.matching import STRIPE, match
from agent.fleet.model import CLAIM_KEY, DesiredReader, DesiredState, Fields, Kind, ObservedState
from agent.fleet.plan import plan


def declared_reader(desired: DesiredState, name: str) -> DesiredReader:
    """The reader of that name in the fleet files; `CommandError` when Stripe has nothing to do with it."""
    reader = desired.readers.get(name)
    if reader is None:
        known = ", ".join(sorted(desired.readers)) or "none"
        raise CommandError(
            f"the fleet files declare no Reader {name!r}",
            fix=f"declare it there first (kind: Reader); declared are: {known}",
        )
    if reader.driver != STRIPE:
        raise CommandError(
            f"reader {name} is driven by {reader.driver}: there is nothing to register at Stripe",
            fix="what its fleet file says is enough; the daemon reads it",
        )
    return reader


def register(desired: DesiredState, observed: ObservedState, name: str, code: str) -> Plan:
    """Bring a declared reader into the account; an empty plan when it is there as declared."""
    reader = replace(declared_reader(desired, name), registration_code=code)
    return _alone(desired, observed, reader)


def move(desired: DesiredState, observed: ObservedState, name: str, location: str, code: str) -> Plan:
    """Take a reader to another declared location: Stripe deletes it and registers it again."""
    reader = declared_reader(desired, name)
    if location not in desired.locations:
        known = ", ".join(sorted(desired.locations)) or "none"
        raise CommandError(
            f"the fleet files declare no Location {location!r}",
            fix=f"declare it first; declared are: {known}",
        )
    return _alone(desired, observed, replace(reader, location=location, registration_code=code))


def replace_device(desired: DesiredState, observed: ObservedState, name: str, code: str) -> Plan:
    """Put another device in a reader's place: the new one is registered before the old one goes.

    A code that is wrong so leaves everything as it was.
    """
    reader = replace(declared_reader(desired, name), registration_code=code, serial_number="", id="")
    old = match(replace(desired, readers={**desired.readers, name: reader}), observed).readers.get(name)
    if old is None:
        raise CommandError(
            f"no reader {name} is in the account that could be replaced",
            fix=f"`tillgate reader register {name}`",
        )
    without = replace(observed, readers=tuple(each for each in observed.readers if each.id != old.id))
    made = _alone(desired, without, reader)
    note = f"the device that is replaced, serial number {old.serial_number or 'unknown'}"
    removal = Action(Verb.REMOVE, Kind.READER, name, old.id, note=note, place=reader.place)
    return replace(made, actions=(*made.actions, removal) if made.actions else ())


def claim(desired: DesiredState, observed: ObservedState, name: str, gateway: str) -> Plan:
    """Write on a reader that this gateway serves it, whoever did before; an empty plan if it does."""
    reader = declared_reader(desired, name)
    live = match(desired, observed).readers.get(name)
    if live is None:
        raise CommandError(
            f"no reader {name} is in the account that could be claimed",
            fix=f"`tillgate reader register {name}`",
        )
    owner = live.metadata.get(CLAIM_KEY)
    if owner == gateway:
        return Plan()
    change = Change(f"metadata.{CLAIM_KEY}", owner, gateway)
    params: Fields = {("metadata", CLAIM_KEY): gateway}
    note = "it must not sell on it any more" if owner else ""
    action = Action(Verb.UPDATE, Kind.READER, name, live.id, (change,), params, note=note, place=reader.place)
    return Plan((action,))


def _alone(desired: DesiredState, observed: ObservedState, reader: DesiredReader) -> Plan:
    """What the plan for the fleet says about this reader; nothing else is touched."""
    whole = plan(replace(desired, readers={**desired.readers, reader.name: reader}), observed)
    for action in whole.actions:
        if action.kind is Kind.LOCATION and action.name == reader.location and action.verb is Verb.CREATE:
            raise CommandError(
                f"Location {reader.location} is declared and not in the account yet",
                fix="`tillgate apply` first",
            )

    def ours(each: object) -> bool:
        return getattr(each, "kind", None) is Kind.READER and getattr(each, "name", "") == reader.name

    return replace(
        whole,
        actions=tuple(each for each in whole.actions if ours(each)),
        obstacles=tuple(each for each in whole.obstacles if ours(each)),
        unmanaged=(),
    )

"""How much of the account a look has to ask for: no more than it takes to see what is declared. No I/O.

All stores of an account share Stripe's read allocation (docs.stripe.com/rate-limits), and one look of each
must not list what the others have.
"""

from dataclasses import dataclass
from typing import Final

from agent.fleet.bindings import Bindings
from agent.fleet.matching import STRIPE, Matches
from agent.fleet.model import DesiredState, Kind, ObservedState
from agent.stripe.listing import PAGE_SIZE


@dataclass(frozen=True, slots=True)
class Scope:
    """What to ask for: Locations by id, the readers at Locations of these ids; None stands for all."""

    configurations: bool = True
    locations: tuple[str, ...] | None = None
    readers_at: tuple[str, ...] | None = None


WHOLE: Final = Scope()


@dataclass(frozen=True, slots=True)
class Size:
    """How many pages a list of all Locations and one of all readers take."""

    locations: int
    readers: int


def size(observed: ObservedState) -> Size:
    """The size of a whole account."""
    return Size(_pages(len(observed.locations)), _pages(len(observed.readers)))


def _pages(count: int) -> int:
    return max(1, -(-count // PAGE_SIZE))


def narrow(desired: DesiredState, bindings: Bindings, whole: Size, *, prune: bool) -> Scope:
    """The cheapest questions that show everything declared; `WHOLE` while anything was never found.

    To `prune` the readers at all declared Locations have to be seen, else only where some are declared.
    """
    readers = [each for each in desired.readers.values() if each.driver == STRIPE]
    lost = desired.locations.keys() - bindings.locations.keys()
    if lost or any(each.name not in bindings.readers for each in readers):
        return WHOLE
    homes = desired.locations.keys() if prune else {each.location for each in readers}
    locations = tuple(bindings.locations[name] for name in sorted(desired.locations))
    readers_at = tuple(bindings.locations[name] for name in sorted(homes))
    return Scope(
        bool(desired.configurations),
        locations if len(locations) <= whole.locations else None,
        readers_at if len(readers_at) <= whole.readers else None,
    )


def suffices(desired: DesiredState, matches: Matches, bindings: Bindings) -> bool:
    """Whether a narrow look found everything as it was bound by a whole one, so that no other could be it.

    Configurations are always listed whole, so what they say holds in any case.
    """
    if any(each.kind is not Kind.CONFIGURATION for each in matches.obstacles):
        return False
    located = {name: live.id for name, live in matches.locations.items()}
    found = {name: live.id for name, live in matches.readers.items()}
    return all(located.get(name) == bindings.locations[name] for name in desired.locations) and all(
        found.get(each.name) == bindings.readers[each.name].reader_id
        for each in desired.readers.values()
        if each.driver == STRIPE
    )

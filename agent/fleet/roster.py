"""Which readers this gateway serves: declared for its location, bound to what was found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from agent.fleet.bindings import ReaderBinding
from agent.fleet.model import DesiredState
from drivers.contract import ReaderConfig, ReaderName

NOT_REGISTERED = "declared, but not registered at Stripe yet: apply the desired state"


@dataclass(frozen=True, slots=True)
class Roster:
    """Readers that can be served, and why others cannot be yet."""

    configs: Mapping[ReaderName, ReaderConfig] = field(default_factory=dict)
    waiting: Mapping[ReaderName, ReaderConfig] = field(default_factory=dict)


def roster(
    desired: DesiredState | None,
    bindings: Mapping[str, ReaderBinding],
    location: str,
    location_id: str | None = None,
) -> Roster:
    """The readers declared for a location; without desired state, those that were known to be there before.

    `location_id` is Stripe's name of the location: the bindings may be about other stores too.
    """
    if desired is None:
        known = {name: each for name, each in bindings.items() if each.location_id == location_id}
        return Roster({ReaderName(name): _stripe(name, each) for name, each in known.items()})
    configs: dict[ReaderName, ReaderConfig] = {}
    waiting: dict[ReaderName, ReaderConfig] = {}
    for reader in desired.readers.values():
        name = ReaderName(reader.name)
        if reader.location != location:
            continue
        if reader.driver != "stripe":
            configs[name] = ReaderConfig(name, reader.driver, MappingProxyType(dict(reader.options)))
        elif reader.name in bindings:
            configs[name] = _stripe(reader.name, bindings[reader.name])
        else:
            waiting[name] = ReaderConfig(name, reader.driver)
    return Roster(configs, waiting)


def _stripe(name: str, binding: ReaderBinding) -> ReaderConfig:
    return ReaderConfig(ReaderName(name), "stripe", MappingProxyType({"reader": binding.reader_id}))

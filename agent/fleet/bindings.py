"""Which Stripe object stands for which declared name, kept on disk so that a start needs no network."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from agent.fleet.matching import Matches

FORMAT: Final = "tillgate-bindings/1"


@dataclass(frozen=True, slots=True)
class ReaderBinding:
    """A reader as Stripe knows it."""

    reader_id: str
    location_id: str
    serial: str = ""
    device_type: str = ""


@dataclass(frozen=True, slots=True)
class Bindings:
    """The readers and Locations that were found, by their names."""

    readers: Mapping[str, ReaderBinding] = field(default_factory=dict)
    locations: Mapping[str, str] = field(default_factory=dict)


def bind(matches: Matches) -> Bindings:
    """The bindings of what was found in the account."""
    readers = {
        name: ReaderBinding(live.id, live.location_id, live.serial_number, live.device_type)
        for name, live in matches.readers.items()
    }
    return Bindings(readers, {name: live.id for name, live in matches.locations.items()})


def load(path: Path) -> Bindings:
    """The bindings that were saved; none when there is no file or it cannot be used: they are found again."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            return Bindings()
        readers = {str(name): ReaderBinding(**each) for name, each in content["readers"].items()}
        return Bindings(readers, {str(name): str(each) for name, each in content["locations"].items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Bindings()


def save(path: Path, bindings: Bindings) -> None:
    """Replace the file in one step: a power cut leaves the old or the new one; `OSError` if it fails."""
    content = {
        "format": FORMAT,
        "readers": {name: asdict(each) for name, each in bindings.readers.items()},
        "locations": dict(bindings.locations),
    }
    new = path.with_name(f"{path.name}.new")
    with new.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)

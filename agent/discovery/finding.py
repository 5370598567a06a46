"""What a discovery found, and the document that adopts it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from agent.fleet.model import DesiredReader


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is or could be a reader. `reader` names the declared one that it is."""

    kind: str  # serial, tcp, bluetooth
    where: str  # a path, an address
    device: str = ""  # what it is, as far as it says without being asked
    speaks: str = ""  # what was found out by listening and asking
    reader: str = ""
    signal: str = ""
    link: str = ""  # of a reader that could be adopted; "" where none could
    hint: str = ""  # a good name for it
    details: dict[str, Any] = field(default_factory=dict)


def by_link(readers: Iterable[DesiredReader]) -> dict[str, str]:
    """The names of declared readers by their links."""
    return {each.options["link"]: each.name for each in readers if "link" in each.options}


def adoption(finding: Finding, location: str, taken: set[str]) -> dict[str, Any]:
    """The document for a fleet file; its name is added to `taken`."""
    base = re.sub(r"[^a-z0-9]+", "-", (finding.hint or finding.kind).lower()).strip("-")[:40] or "reader"
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}-{number}"
    taken.add(name)
    return {
        "apiVersion": "tillgate/v1",
        "kind": "Reader",
        "metadata": {"name": name},
        "spec": {"location": location, "driver": "zvt", "link": finding.link},
    }

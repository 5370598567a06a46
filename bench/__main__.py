"""`python -m bench`: measure tillgate beside a careful script on the official SDK, as a table and as JSON."""

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.figures import Figure, table
from bench.parts import PARTS, QUICK, Effort, run


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"some of: {' '.join(PARTS)} (default: all)")
    parser.add_argument("--json", metavar="FILE", help="where the figures go as JSON; - is the output")
    parser.add_argument("--quick", action="store_true", help="a look in a minute; not for quoting")
    parser.add_argument("--place", type=Path, help="a folder on the disk that journals shall be measured on")
    given = parser.parse_args(argv)
    unknown = sorted(set(given.parts) - set(PARTS))
    if unknown:
        parser.error(f"no such part: {' '.join(unknown)}")
    return given


def machine() -> dict[str, Any]:
    """What it was measured on."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpus": os.cpu_count(),
        "machine": platform.machine(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
        **{name: version(name) for name in ("tillgate", "aiohttp", "pydantic", "stripe")},
    }


def document(found: Sequence[tuple[str, Sequence[Figure]]], where: dict[str, Any]) -> dict[str, Any]:
    """All figures as JSON."""
    return {
        "machine": where,
        "parts": {name: [figure.document() for figure in figures] for name, figures in found},
        "missed": [figure.name for _, figures in found for figure in figures if figure.met is False],
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; 0 also when a target is missed: the table says so."""
    given = _arguments(argv)
    # The processes are measured as they run in a store, where bytecode is cached.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    effort = QUICK if given.quick else Effort()
    where = machine()
    found: list[tuple[str, Sequence[Figure]]] = []
    for name in given.parts or PARTS:
        sys.stderr.write(f"measuring: {name}\n")
        found.append((name, run(name, effort, given.place)))
    told = json.dumps(document(found, where), indent=2)
    if given.json == "-":
        sys.stdout.write(told + "\n")
        return 0
    if given.json:
        Path(given.json).write_text(told + "\n", encoding="utf-8")
    sys.stdout.write(table(found) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

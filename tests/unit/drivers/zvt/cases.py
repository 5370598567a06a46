"""Cases in files, shared by the tests of this package."""

import json
from pathlib import Path
from typing import Any

_CASES = Path(__file__).parents[3] / "cases" / "zvt"


def load(name: str) -> list[dict[str, Any]]:
    """The cases of one file, each with a name of its own."""
    loaded: list[dict[str, Any]] = json.loads((_CASES / name).read_text())
    assert len({case["name"] for case in loaded}) == len(loaded)
    return loaded


def ids(cases: list[dict[str, Any]]) -> list[str]:
    """Names for pytest."""
    return [case["name"] for case in cases]

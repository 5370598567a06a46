"""`tillgate demo`: only the door to it."""

import sys
from types import ModuleType
from typing import Any

import pytest

from agent import cli


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ([], {"keep": False, "speed": 10.0, "seed": 1}),
        (["--keep", "--speed", "2.5", "--seed", "7"], {"keep": True, "speed": 2.5, "seed": 7}),
    ],
)
def test_the_demo_is_told_what_was_asked(
    line: list[str], told: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[dict[str, Any]] = []

    def main(**options: Any) -> int:
        heard.append(options)
        return 1

    demo = ModuleType("agent.demo")
    vars(demo)["main"] = main
    monkeypatch.setitem(sys.modules, "agent.demo", demo)
    assert cli.main(["demo", *line]) == 1
    assert heard == [told]

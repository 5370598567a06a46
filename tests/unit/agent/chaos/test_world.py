"""The world is found by its entry point."""

from typing import Any

from agent.chaos import world
from drivers.simulators.chaos.world import ChaosWorld


def nothing(*_: Any) -> None:
    pass


def test_the_installed_world_is_the_simulators() -> None:
    made: object = world.make(1, {}, note=nothing, leaving=nothing, screens=nothing, heard=nothing)
    assert isinstance(made, ChaosWorld)
    made.loop.close()

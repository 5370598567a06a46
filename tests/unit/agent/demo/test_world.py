"""The world that is found by its entry point."""

from agent.demo.world import World, make


def test_the_installed_world_is_found() -> None:
    world: World = make(speed=10, seed=1)

    loop = world.new_loop()
    try:
        assert world.now().year >= 2026
    finally:
        loop.close()

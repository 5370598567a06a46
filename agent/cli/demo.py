"""`tillgate demo`: the whole product on simulators, in one process."""

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("demo")(demo)


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Go on running when the morning is over.")] = False,
    speed: Annotated[float, typer.Option(min=0.1, max=1000, help="How many times faster than life.")] = 10,
    seed: Annotated[int, typer.Option(help="Another seed, another morning.")] = 1,
) -> None:
    """Sell through a scripted morning on simulated readers; ends with 0 only if the books agree."""
    from agent.demo import main

    raise typer.Exit(main(keep=keep, speed=speed, seed=seed))

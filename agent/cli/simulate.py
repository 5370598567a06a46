"""`tillgate simulate ...`: one simulator on its own. Simulators are found by their entry points."""

import importlib.metadata
from typing import Annotated

import typer

from agent.cli.errors import USAGE, CommandError
from agent.cli.output import OutputOption, print_data

GROUP = "tillgate.simulators"


def register(app: typer.Typer) -> None:
    """Add the verb. All that follows the simulator's name is the simulator's own."""
    passing = {"allow_extra_args": True, "ignore_unknown_options": True, "allow_interspersed_args": False}
    app.command("simulate", context_settings=passing)(simulate)


def simulate(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(help="Which one; without it they are listed.", show_default=False)
    ] = "",
    output: OutputOption = None,
) -> None:
    """Run a simulator: `tillgate simulate stripe --help` tells what it takes."""
    found = {each.name: each for each in importlib.metadata.entry_points(group=GROUP)}
    if not name:
        print_data(
            [{"name": each, "runs": found[each].value} for each in sorted(found)],
            output,
            empty="no simulators are installed",
        )
        return
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise CommandError(f"there is no simulator {name!r}", fix=f"installed: {known}", exit_code=USAGE)
    raise typer.Exit(found[name].load()(list(context.args)) or 0)

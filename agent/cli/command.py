"""Every verb but the fast way into `run`: built when a line needs it, each group by its own module."""

import importlib.metadata
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from typer.main import get_command

from agent import logs
from agent.cli import chaos, demo, doctor, fleet, pay, readers, run, sessions, simulate, till, zvt
from agent.cli.errors import report
from agent.cli.options import CONFIG_VARIABLE, choose, current
from agent.cli.output import OutputOption

GROUPS = (demo, chaos, fleet, pay, sessions, readers, till, doctor, simulate, zvt)


def dispatch(words: Sequence[str]) -> int:
    """Run a line without the options that `hoist` took out, and give its exit code."""
    logs.setup(level=current().log_level or "warning")
    try:
        get_command(build()).main(args=list(words), prog_name="tillgate")
    except SystemExit as end:  # how the library ends every line, also one interrupted by Ctrl-C (130)
        return end.code if isinstance(end.code, int) else 0
    except Exception as error:  # noqa: BLE001 -- the last place where an error can become a message
        return report(error)
    raise AssertionError("the library came back without an exit code")


def version() -> str:
    """The installed version."""
    return importlib.metadata.version("tillgate")


def _print_version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"tillgate {version()}\n")
        raise typer.Exit


def build() -> typer.Typer:
    """The whole command with every verb."""
    app = typer.Typer(
        name="tillgate",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(everywhere)
    app.command("run")(serve)
    for group in GROUPS:
        group.register(app)
    return app


def everywhere(
    output: OutputOption = None,
    # These two are here for the help only: they were taken from wherever they stood on the line before this.
    config: Annotated[
        Path | None,
        typer.Option(help="gateway.yaml; may stand anywhere.", envvar=CONFIG_VARIABLE, show_default=False),
    ] = None,
    log_level: Annotated[
        logs.Level | None,
        typer.Option(help="How much to tell on stderr; may stand anywhere.", show_default=False),
    ] = None,
    show_version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and end.", is_eager=True, callback=_print_version),
    ] = False,
) -> None:
    """Carry every sale between any till and any card reader, and keep the readers as declared."""
    del config, log_level, show_version
    if output is not None:
        choose(replace(current(), output=output))


def serve() -> None:
    """Run the daemon."""
    raise typer.Exit(run.run())

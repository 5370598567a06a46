"""`tillgate till ...`: who may sell. A token is shown once, when it is made."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.options import Format, current
from agent.cli.output import OutputOption, chosen, print_data
from agent.settings import load

if TYPE_CHECKING:
    from agent.pos.tills import TillRegistry
    from agent.secret import Secret

Name = Annotated[str, typer.Argument(metavar="NAME", help="The till's name.")]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    group = typer.Typer(no_args_is_help=True, help="Tills and their tokens.")
    group.command("add")(add)
    group.command("list")(list_tills)
    group.command("rotate")(rotate)
    group.command("revoke")(revoke)
    app.add_typer(group, name="till")


def add(name: Name, output: OutputOption = None) -> None:
    """Let a till sell, and print its token: it is not stored and cannot be shown again."""
    _print_token(name, _registry().add(name), output)


def list_tills(output: OutputOption = None) -> None:
    """List the tills that may sell."""
    print_data(_registry().list(), output, empty="no tills yet: `tillgate till add NAME`")


def rotate(name: Name, output: OutputOption = None) -> None:
    """Give a till a new token; the old one ends at once."""
    _print_token(name, _registry().rotate(name), output)


def revoke(name: Name) -> None:
    """End a till's token. What it sold stays in the journal."""
    _registry().revoke(name)
    sys.stderr.write(f"till {name} may not sell any more\n")


def _registry() -> "TillRegistry":
    from agent.pos.tills import TillRegistry

    return TillRegistry(load(current().config).tills_path)


def _print_token(name: str, token: "Secret", output: Format | None) -> None:
    if chosen(output) is not Format.TABLE:
        print_data({"name": name, "token": token.reveal()}, output)
        return
    sys.stderr.write(f"the token of till {name}, shown this once:\n")
    sys.stdout.write(f"{token.reveal()}\n")

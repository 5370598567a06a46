"""`tillgate chaos`: whole stores in which everything goes wrong, and a judge over the books."""

import sys
from typing import Annotated

import typer

from agent.cli.errors import USAGE, CommandError
from agent.cli.options import Format
from agent.cli.output import OutputOption, chosen, print_data


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("chaos")(chaos)


def chaos(
    seeds: Annotated[str, typer.Option(help="Which worlds, as A..B.")] = "1..100",
    seed: Annotated[int | None, typer.Option(help="One world; with --trace, its timeline.")] = None,
    minutes: Annotated[float | None, typer.Option(min=0.01, help="End after so many minutes.")] = None,
    faults: Annotated[str, typer.Option(help="Which faults: names or groups, all, or none.")] = "all",
    sales: Annotated[int, typer.Option(min=1, max=200, help="About how many sales a world has.")] = 16,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0: one a processor.")] = 0,
    sweeper: Annotated[
        bool, typer.Option("--sweeper", help="Tills forget holds in every world, not in one of ten.")
    ] = False,
    trace: Annotated[bool, typer.Option("--trace", help="Print what happened, moment by moment.")] = False,
    only_faults: Annotated[str, typer.Option(help="With --seed: the numbers of the faults to keep.")] = "",
    only_sales: Annotated[str, typer.Option(help="With --seed: the numbers of the sales to keep.")] = "",
    shuffle: Annotated[bool, typer.Option(help="With --seed: mix the order of what can run.")] = True,
    real: Annotated[
        bool, typer.Option("--real", help="Kill, stop and freeze a real daemon for --minutes (10) instead.")
    ] = False,
    output: OutputOption = None,
) -> None:
    """Play simulated stores with faults, seed by seed; ends with 0 only if no promise was broken."""
    if real:
        raise typer.Exit(_real(10.0 if minutes is None else minutes, 1 if seed is None else seed, output))
    from agent.chaos import command

    request = command.Request(seeds, minutes, faults, sales, workers, sweeper)
    try:
        if seed is not None:
            verdict, text = command.tell(
                seed, request, trace=trace, only_faults=only_faults, only_sales=only_sales, shuffle=shuffle
            )
            sys.stdout.write(f"{text}\n")
            raise typer.Exit(1 if verdict.violations else 0)
        report, text = command.run(request)
    except command.RequestError as error:
        raise CommandError(str(error), exit_code=USAGE) from error
    if chosen(output) is Format.TABLE:
        sys.stdout.write(f"{text}\n")
    else:
        print_data(report.as_data(command.read_faults(faults)), output)
    raise typer.Exit(1 if report.violations else 0)


def _real(minutes: float, seed: int, output: Format | None) -> int:
    from agent.chaos.real import main

    soak = main(minutes, seed)
    if chosen(output) is Format.TABLE:
        sys.stdout.write(f"{soak}\n")
    else:
        print_data(soak.as_data(), output)
    return 1 if soak.violations else 0

"""`tillgate readers` and `tillgate reader ...`: how the readers are, and changing a device."""

import asyncio
import dataclasses
import sys
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli import daemon, fleet
from agent.cli.daemon import AwayError
from agent.cli.discover import discover
from agent.cli.errors import CommandError
from agent.cli.options import Format, current
from agent.cli.output import OutputOption, chosen, print_data
from agent.cli.progress import Steps
from agent.cli.sessions import ask

if TYPE_CHECKING:
    from agent.fleet.actions import Plan
    from agent.fleet.apply import Executor, Report, Result
    from agent.fleet.model import DesiredReader, DesiredState, ObservedState
    from agent.settings import Settings

    Cut = Callable[[DesiredState, ObservedState], Plan]

COLUMNS = (
    "name",
    "driver",
    "location",
    "state",
    "since_at",
    "why",
    "session",
    "device_type",
    "serial_number",
)
FREE = frozenset({"ready", "offline", "connecting"})

Name = Annotated[str, typer.Argument(metavar="NAME", help="The reader's name in the fleet files.")]
Code = Annotated[str, typer.Option(help="The registration code on the reader's screen.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    all_of_them = typer.Typer(invoke_without_command=True)
    all_of_them.callback()(readers)
    all_of_them.command("discover")(discover)
    app.add_typer(all_of_them, name="readers")
    one = typer.Typer(
        no_args_is_help=True, help="Show one reader; register, move, replace or claim its device."
    )
    one.command("show")(show)
    one.command("register")(register_reader)
    one.command("move")(move)
    one.command("replace")(replace)
    one.command("claim")(claim)
    app.add_typer(one, name="reader")


def readers(context: typer.Context, output: OutputOption = None) -> None:
    """List the readers of this gateway, and how they are."""
    if context.invoked_subcommand is not None:
        return
    listed = ask(lambda connected: connected.get("/v1/readers"))
    found = [*listed["data"], *map(_app_reader, listed.get("app_readers", ()))]
    print_data(found, output, columns=COLUMNS, empty="no readers")


def _app_reader(each: Mapping[str, str]) -> dict[str, str]:
    """A reader that is only seen, as a row beside those that can be sold on."""
    return {
        "name": each["label"] or each["serial_number"],
        "driver": "app",
        "location": each["location"],
        "state": "seen",
        "why": f"{each['product']}: only an app with Stripe's SDK can drive it",
        "device_type": each["device_type"],
        "serial_number": each["serial_number"],
    }


def show(name: Name, output: OutputOption = None) -> None:
    """Show one reader and what it can do."""
    print_data(ask(lambda connected: connected.get(f"/v1/readers/{name}")), output)


def register_reader(name: Name, code: Code, yes: Yes = False, output: OutputOption = None) -> None:
    """Register a declared reader at Stripe with the code on its screen."""
    from agent.cli import devices

    _change(name, lambda desired, observed: devices.register(desired, observed, name, code), output, yes=yes)


def move(
    name: Name,
    location: Annotated[str, typer.Argument(metavar="LOCATION", help="A declared Location.")],
    code: Code,
    yes: Yes = False,
    output: OutputOption = None,
) -> None:
    """Take a reader to another location: it is deleted at Stripe and registered again."""
    from agent.cli import devices

    reader = _change(
        name, lambda desired, observed: devices.move(desired, observed, name, location, code), output, yes=yes
    )
    if reader.location != location:
        _remind(reader, f"`spec.location` to {location}", "or the next apply wants to move it back")


def replace(name: Name, code: Code, yes: Yes = False, output: OutputOption = None) -> None:
    """Put another device in this reader's place, with the code on the new one's screen."""
    from agent.cli import devices

    reader = _change(
        name, lambda desired, observed: devices.replace_device(desired, observed, name, code), output, yes=yes
    )
    if reader.serial_number:
        _remind(reader, "`spec.serial_number` to the new device's", "or the next apply looks for the old one")


def claim(name: Name, yes: Yes = False, output: OutputOption = None) -> None:
    """Take a reader over from another gateway, which must have stopped: each reader is served by one."""
    from agent.cli import devices
    from agent.settings import load

    gateway = load(current().config).gateway.name
    _change(name, lambda desired, observed: devices.claim(desired, observed, name, gateway), output, yes=yes)


def _change(name: str, cut: "Cut", output: Format | None, *, yes: bool) -> "DesiredReader":
    """Plan for one reader, show it, ask, carry it out, print the end; `typer.Exit` unless all is done."""
    from agent.cli.devices import declared_reader
    from agent.cli.fleet_view import apply_data
    from agent.fleet.errors import FleetError
    from agent.fleet.sources import declared
    from agent.settings import load

    settings = load(current().config)
    if not settings.fleet.paths:
        raise CommandError("gateway.yaml names no fleet files", fix="name them under `fleet.paths`")
    desired = declared(settings.fleet.paths)
    reader = declared_reader(desired, name)
    try:
        report = asyncio.run(_carry_out(settings, desired, name, cut, yes=yes))
    except FleetError as error:
        raise CommandError(str(error)) from error
    data = apply_data(report)
    if chosen(output) is not Format.TABLE:
        print_data(data, output)
    elif data["results"]:
        print_data(data["results"], output)
    if report.exit_code:
        raise typer.Exit(report.exit_code)
    return reader


async def _carry_out(
    settings: "Settings", desired: "DesiredState", name: str, cut: "Cut", *, yes: bool
) -> "Report":
    from agent.cli.fleet_view import plan_lines
    from agent.fleet.apply import Executor, Report, Status
    from agent.fleet.contents import LocalContents

    async with fleet.account(settings) as account:
        plan = cut(desired, await account.observe())
        for line in plan_lines(plan):
            sys.stderr.write(f"{line}\n")
        if not plan.actions:
            return Report((), plan.obstacles)
        await _refuse_while_selling(settings, name)
        if not yes:
            fleet.confirm()
        with Steps() as say:

            def progress(result: "Result") -> None:
                say(f"{result.action.verb} {result.action.name}: {result.status.value}")

            executor = Executor(account, LocalContents(), progress=progress)
            report = await _one_by_one(executor, plan)
    if report.count(Status.DONE):
        await daemon.tell_to_look(settings)
    return report


async def _one_by_one(executor: "Executor", plan: "Plan") -> "Report":
    """Carry out each action only when the one before it is done: no old device goes without a new one."""
    from agent.fleet.apply import Report, Result, Status

    nonce = uuid.uuid4().hex
    results: list[Result] = []
    for action in plan.actions:
        if all(each.status is Status.DONE for each in results):
            step = dataclasses.replace(plan, actions=(action,), obstacles=())
            results += (await executor.apply(step, nonce)).results
        else:
            results.append(Result(action, Status.SKIPPED, "the step before it was not done"))
    return Report(tuple(results), plan.obstacles)


async def _refuse_while_selling(settings: "Settings", name: str) -> None:
    """Never while a sale is on that reader; without a daemon there is none of ours."""
    try:
        async with daemon.connect(settings) as connected:
            state = (await connected.get(f"/v1/readers/{name}"))["state"]
    except AwayError:
        return
    except CommandError:  # the daemon does not know it yet
        return
    if state not in FREE:
        raise CommandError(f"reader {name} is {state}: a sale is on it", fix="try again when it has ended")


def _remind(reader: "DesiredReader", what: str, why: str) -> None:
    file, line, _ = reader.place
    sys.stderr.write(f"now change {what} in {file}:{line}, {why}\n")

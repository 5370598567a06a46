"""`tillgate check|plan|apply|drift|export`: desired state from the command line."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO, TypeVar

import typer

from agent.cli import daemon
from agent.cli.errors import FAILED, USAGE, CommandError
from agent.cli.options import Format, current
from agent.cli.output import OutputOption, chosen, print_data

if TYPE_CHECKING:
    from agent.fleet.actions import Plan
    from agent.fleet.apply import Report, Result
    from agent.fleet.export import Export
    from agent.fleet.model import DesiredState
    from agent.fleet.observed import Account
    from agent.settings import Settings

T = TypeVar("T")
CHANGES = 2  # of --detailed-exitcode, as terraform has it

Files = Annotated[
    list[Path] | None,
    typer.Option("-f", "--file", help="Fleet file or directory; may be repeated. Else as in gateway.yaml."),
]
Prune = Annotated[
    bool,
    typer.Option(
        "--prune",
        help="Also remove readers at declared Locations that carry our name and are no longer declared.",
    ),
]
Everywhere = Annotated[
    bool,
    typer.Option(
        "--everywhere",
        help="With --prune: remove readers and Locations with our names from the whole account. Only for a "
        "head office whose files declare the whole account: other stores' are removed too.",
    ),
]
DetailedExitCode = Annotated[
    bool, typer.Option("--detailed-exitcode", help="Exit with 2 when there is something to change.")
]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    for verb in (check, plan, apply, drift, export):
        app.command(verb.__name__)(verb)


def check(
    paths: Annotated[list[Path] | None, typer.Argument(metavar="[PATH]...", show_default=False)] = None,
    output: OutputOption = None,
) -> None:
    """Validate gateway and fleet files: every problem with file, line and column; 1 if there is any."""
    from agent.documents import ProblemsError
    from agent.fleet.checking import check as check_files

    files, problems = check_files(paths or [], current().config)
    if chosen(output) is Format.TABLE and problems:
        raise ProblemsError(problems)
    if chosen(output) is Format.TABLE:
        sys.stdout.write(f"{files} file{'s' if files != 1 else ''} checked, no problems\n")
        return
    print_data({"files": files, "problems": problems}, output)
    if problems:
        raise typer.Exit(FAILED)


def plan(
    file: Files = None,
    out: Annotated[Path | None, typer.Option(help="Save the plan for `apply PLAN`.")] = None,
    detailed_exitcode: DetailedExitCode = False,
    prune: Prune = False,
    everywhere: Everywhere = False,
    output: OutputOption = None,
) -> None:
    """Show what `apply` would do. Changes nothing."""
    from agent.cli.fleet_view import plan_data, plan_lines

    _check_prune(prune=prune, everywhere=everywhere)
    made = _ask(_planned(file, prune=prune, everywhere=everywhere))
    if out is not None:
        _save(out, made)
    if chosen(output) is Format.TABLE:
        _write(plan_lines(made))
    else:
        print_data(plan_data(made), output)
    if detailed_exitcode and not made.empty:
        raise typer.Exit(CHANGES)


def apply(
    plan_file: Annotated[
        Path | None,
        typer.Argument(metavar="[PLAN]", help="A plan saved by `plan --out`.", show_default=False),
    ] = None,
    file: Files = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    prune: Prune = False,
    everywhere: Everywhere = False,
    output: OutputOption = None,
) -> None:
    """Make the account as declared; 0 all done, 3 partly, 1 nothing could be done."""
    from agent.cli.fleet_view import apply_data

    if plan_file is not None and (file or prune or everywhere):
        raise CommandError("a saved plan is applied as it is: no -f and no --prune", exit_code=USAGE)
    _check_prune(prune=prune, everywhere=everywhere)
    report = _ask(_applied(plan_file, file, yes=yes, prune=prune, everywhere=everywhere))
    data = apply_data(report)
    if chosen(output) is not Format.TABLE:
        print_data(data, output)
    else:
        if data["results"]:
            print_data(data["results"], output)
        for each in data["obstacles"]:
            sys.stderr.write(f"{each['kind']} {each['name']}: {each['message']}\n")
    raise typer.Exit(report.exit_code)


def drift(
    file: Files = None,
    detailed_exitcode: DetailedExitCode = False,
    output: OutputOption = None,
) -> None:
    """Show what in the account differs from what is declared. Changes nothing."""
    from agent.cli.fleet_view import drift_data, drift_lines

    made = _ask(_planned(file))
    if chosen(output) is Format.TABLE:
        _write(drift_lines(made))
    else:
        print_data(drift_data(made), output)
    if detailed_exitcode and not made.empty:
        raise typer.Exit(CHANGES)


def export(
    out: Annotated[Path | None, typer.Option(help="Directory for fleet.yaml and its secrets.")] = None,
    output: OutputOption = None,
) -> None:
    """Write the live account as fleet files whose plan is empty (to stdout, without secrets, by default)."""
    exported = _ask(_exported())
    for remark in exported.remarks:
        sys.stderr.write(f"{remark}\n")
    if out is not None:
        _write_files(out, exported)
        sys.stderr.write(f"wrote {len(exported.documents)} objects to {out / 'fleet.yaml'}\n")
        return
    if exported.secrets:
        names = ", ".join(exported.secrets)
        sys.stderr.write(f"not shown: {names} (--out DIR writes them to files of their own)\n")
    if chosen(output) is Format.JSON:
        print_data(exported.documents, output)
    else:
        sys.stdout.write(exported.text)


@asynccontextmanager
async def account(settings: "Settings") -> "AsyncIterator[Account]":
    """The account of a gateway.yaml, for as long as one command runs."""
    from agent.fleet.observed import StripeAccount
    from agent.settings import SecretError, StripeSettings, resolve
    from agent.stripe.bucket import Buckets, Rate
    from agent.stripe.client import StripeClient
    from agent.stripe.exchange import PooledExchange
    from agent.stripe.terminal import Terminal

    told = settings.stripe
    if told is None:
        raise CommandError(f"{current().config} has no `stripe` section", fix="say there where the key is")
    try:
        key = resolve(told.key)
    except SecretError as error:
        raise CommandError(str(error)) from error
    # Files go where the API is, unless somebody says otherwise: a simulator serves both.
    files_url = None if told.files_url == StripeSettings.model_fields["files_url"].default else told.files_url
    rate = Rate(told.requests_per_second, 2 * told.requests_per_second)
    async with PooledExchange() as exchange:
        client = StripeClient(
            exchange,
            key,
            base_url=told.base_url,
            files_url=files_url,
            account=told.account,
            buckets=Buckets(per_operation=rate, clock=time.monotonic),
        )
        yield StripeAccount(Terminal(client))


def _settings() -> "Settings":
    from agent.settings import load

    return load(current().config)


def _desired(paths: list[Path] | None, settings: "Settings") -> "DesiredState":
    from agent.fleet import contents
    from agent.fleet.sources import declared

    chosen_paths = paths or list(settings.fleet.paths)
    if not chosen_paths:
        raise CommandError(
            "no fleet files: nothing given with -f, and no `fleet.paths` in gateway.yaml", exit_code=USAGE
        )
    return contents.resolve(declared(chosen_paths), contents.LocalContents())


def _ask(question: Coroutine[Any, Any, T]) -> T:
    """Run what needs the account; its errors become messages."""
    from agent.fleet.errors import FleetError

    try:
        return asyncio.run(question)
    except FleetError as error:
        raise CommandError(str(error)) from error


def _check_prune(*, prune: bool, everywhere: bool) -> None:
    if everywhere and not prune:
        raise CommandError("--everywhere says where --prune removes: give both or neither", exit_code=USAGE)


async def _planned(paths: list[Path] | None, *, prune: bool = False, everywhere: bool = False) -> "Plan":
    from agent.fleet.plan import plan as make_plan

    settings = _settings()
    desired = _desired(paths, settings)
    async with account(settings) as there:
        return make_plan(desired, await there.observe(), prune=prune, everywhere=everywhere)


async def _applied(
    plan_file: Path | None, paths: list[Path] | None, *, yes: bool, prune: bool, everywhere: bool
) -> "Report":
    import uuid

    from agent.cli.fleet_view import plan_lines
    from agent.cli.progress import Steps
    from agent.fleet import plan_file as plan_files
    from agent.fleet.apply import Executor, Report, Status
    from agent.fleet.contents import LocalContents
    from agent.fleet.errors import StalePlanError
    from agent.fleet.plan import plan as make_plan

    settings = _settings()
    saved = None if plan_file is None else plan_files.load(_read(plan_file))
    desired = None if saved else _desired(paths, settings)
    async with account(settings) as there:
        observed = await there.observe()
        if saved is not None:
            made, nonce = saved.plan, saved.nonce
            if made.observed != observed.fingerprint():
                raise StalePlanError(
                    f"{plan_file} is stale: the account has changed since it was made; plan again"
                )
        else:
            assert desired is not None
            made = make_plan(desired, observed, prune=prune, everywhere=everywhere)
            nonce = uuid.uuid4().hex
        _write(plan_lines(made), to=sys.stderr)
        if not made.actions:
            return Report((), made.obstacles)
        if not yes:
            confirm()
        with Steps() as show:

            def progress(result: "Result") -> None:
                act = result.action
                show(f"{act.verb} {act.kind} {act.name}: {result.status.value}")

            report = await Executor(there, LocalContents(), progress=progress).apply(made, nonce)
    if report.count(Status.DONE):
        await daemon.tell_to_look(settings)
    return report


async def _exported() -> "Export":
    from agent.fleet.export import export as make_export

    async with account(_settings()) as there:
        return make_export(await there.observe())


def confirm() -> None:
    """Ask before anything is changed; `CommandError` when the answer is not yes."""
    if not sys.stdin.isatty():
        raise CommandError("nobody is there to ask", fix="say --yes to apply", exit_code=USAGE)
    if not typer.confirm("Do this?", err=True):
        raise CommandError("not applied: nothing was changed")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"cannot read the plan {path}: {error}") from error


def _save(path: Path, made: "Plan") -> None:
    import uuid

    from agent.fleet.plan_file import SavedPlan, save

    path.write_text(save(SavedPlan(made, uuid.uuid4().hex)), encoding="utf-8")


def _write_files(directory: Path, exported: "Export") -> None:
    target = directory / "fleet.yaml"
    if target.exists():
        raise CommandError(f"{target} is there already", fix="choose another directory")
    directory.mkdir(parents=True, exist_ok=True)
    for name, secret in exported.secrets.items():
        path = directory / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(f"{secret.reveal()}\n", encoding="utf-8")
    target.write_text(exported.text, encoding="utf-8")


def _write(lines: Iterable[str], *, to: TextIO | None = None) -> None:
    (to or sys.stdout).write("".join(f"{line}\n" for line in lines))

"""`tillgate readers discover`: what could be a reader, who speaks there, and the document that adopts it."""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent.cli import daemon, probe
from agent.cli.errors import USAGE, CommandError
from agent.cli.options import DEFAULT_CONFIG, Format, current
from agent.cli.output import OutputOption, chosen, print_data
from agent.cli.progress import Steps
from agent.documents import ProblemsError
from agent.settings import Settings, load

if TYPE_CHECKING:
    from agent.discovery.finding import Finding

COLUMNS = ("kind", "where", "device", "speaks", "reader", "signal")
NO_LOCATION = "LOCATION"
DOOR = "a register calls there, see `doors.zvt` in gateway.yaml"

SerialOption = Annotated[bool, typer.Option("--serial", help="Look at the serial ports.")]
BleOption = Annotated[bool, typer.Option("--ble", help="Listen for Bluetooth devices, some seconds long.")]
TcpOption = Annotated[
    list[str] | None,
    typer.Option(
        "--tcp",
        metavar="ADDRESS[,...]",
        help="Call these: 192.0.2.0/24, 192.0.2.0/24:PORT, HOST or HOST:PORT (20007 if no port is named).",
        show_default=False,
    ),
]
QuietOption = Annotated[
    bool, typer.Option("--no-probe", help="Open no port and ask nobody: only list what the system knows.")
]


@dataclass(frozen=True, slots=True)
class Ours:
    """What this gateway has declared already, and what must not be disturbed."""

    location: str = NO_LOCATION
    names: frozenset[str] = frozenset()
    used: Mapping[str, str] = field(default_factory=dict)
    """Declared readers by link."""
    left_alone: Mapping[str, str] = field(default_factory=dict)
    """Readers that are not asked, and why."""
    registered: Mapping[str, str] = field(default_factory=dict)
    """Location by serial number, of Stripe's readers that apps drive."""


def discover(
    serial: SerialOption = False,
    ble: BleOption = False,
    tcp: TcpOption = None,
    no_probe: QuietOption = False,
    output: OutputOption = None,
) -> None:
    """Find what could be a reader, and print the YAML to adopt it. Without options: serial and Bluetooth.

    Asks one question that starts nothing (ZVT 05 01), and never on a port that the running daemon uses. The
    network is called only where --tcp says so.
    """
    from agent.discovery.network import TargetError, targets

    try:
        asked = targets(tcp or ())
    except TargetError as error:
        raise CommandError(str(error), exit_code=USAGE) from error
    everything = not (serial or ble or tcp)
    with Steps() as say:
        found, ours = asyncio.run(
            _find(
                say,
                serial=serial or everything,
                ble=ble or everything,
                only_ble=ble,
                tcp=asked,
                ask=not no_probe,
            )
        )
    _print(found, ours, output)


async def _find(
    say: Steps, *, serial: bool, ble: bool, only_ble: bool, tcp: list[tuple[str, int]], ask: bool
) -> "tuple[list[Finding], Ours]":
    from agent.discovery.bluetooth import find_devices
    from agent.discovery.network import find_terminals
    from agent.discovery.serial_ports import find_ports
    from drivers.links.base import LinkNotOpenedError

    ours = await what_is_ours()
    found: list[Finding] = []
    if serial:
        say("looking at the serial ports")
        found += await find_ports(ours.used, ours.left_alone, ask=ask)
    if tcp:
        say(f"calling {len(tcp)} addresses")
        found += await find_terminals(tcp, ours.used, ours.left_alone, ask=ask)
    if ble:
        say("listening for Bluetooth devices")
        try:
            found += await find_devices(ours.used, ours.registered)
        except LinkNotOpenedError as error:
            if only_ble:
                raise CommandError(str(error)) from error
            sys.stderr.write(f"no Bluetooth: {error}\n")
    return found, ours


async def what_is_ours() -> Ours:
    """From gateway.yaml, the fleet files, the journal and the daemon; nothing without a gateway.yaml."""
    path = current().config
    if path == DEFAULT_CONFIG and not path.exists():
        return Ours()  # a box that is being set up
    settings = load(path)
    return await _declared(settings)


async def _declared(settings: Settings) -> Ours:
    from agent.discovery.finding import by_link
    from agent.fleet.sources import declared

    try:
        readers = declared(settings.fleet.paths).readers if settings.fleet.paths else {}
    except ProblemsError as error:
        raise CommandError(
            f"the fleet files cannot be read, so what is in use is not known: {error}", fix="`tillgate check`"
        ) from error
    used = by_link(each for each in readers.values() if each.location == settings.location)
    doors = {door.listen: f"register {door.till}" for door in settings.doors.zvt}
    return Ours(
        settings.location,
        frozenset(readers),
        {**used, **doors},
        {**_left_alone(settings, used.values()), **dict.fromkeys(doors.values(), DOOR)},
        await _registered(settings),
    )


def _left_alone(settings: Settings, names: Any) -> dict[str, str]:
    """Who must not be asked: a question in the middle of a sale is one too many."""
    if probe.locked(settings.journal.path):
        return {name: f"the running daemon uses it as reader {name}" for name in names}
    held = probe.unsettled(settings.journal.path)
    if held is None:
        return dict.fromkeys(names, "the journal cannot be read, and it may be in the middle of a sale")
    return {name: "it has a sale that is not settled; start the daemon" for name in names if name in held}


async def _registered(settings: Settings) -> dict[str, str]:
    try:
        async with daemon.connect(settings) as connected:
            listed = await connected.get("/v1/readers")
    except CommandError:
        return {}  # no daemon, or none that we may ask: what it knows is an extra
    return {str(each["serial_number"]): str(each["location"]) for each in listed.get("app_readers", ())}


def _print(found: "list[Finding]", ours: Ours, output: Format | None) -> None:
    from agent.discovery.finding import adoption

    taken = set(ours.names)
    documents = {
        number: adoption(each, ours.location, taken) for number, each in enumerate(found) if each.link
    }
    rows = [_row(each, documents.get(number)) for number, each in enumerate(found)]
    print_data(rows, output, columns=COLUMNS, empty="nothing found")
    if chosen(output) is Format.TABLE and documents:
        import yaml

        sys.stdout.write("\n# To adopt them, put these into a fleet file, with names of yours.\n")
        for document in documents.values():
            sys.stdout.write("---\n" + yaml.safe_dump(document, sort_keys=False, allow_unicode=True))


def _row(found: "Finding", document: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "kind": found.kind,
        "where": found.where,
        "device": found.device,
        "speaks": found.speaks,
        "reader": found.reader,
        "signal": found.signal,
        **{name: value for name, value in found.details.items() if value},
        "adopt": document,
    }

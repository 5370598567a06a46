"""`tillgate zvt decode|encode`: the protocol analyser on the command line."""

import json
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent.cli.errors import FAILED
from agent.cli.output import OutputOption, print_data
from drivers.zvt.charset import DEFAULT, Charset
from drivers.zvt.errors import DecodeError, ZvtError

if TYPE_CHECKING:
    from drivers.zvt.analyser import Analyser

SMALLEST_MESSAGE_DIGITS = 6
"""Two bytes of command and one of length: arguments shorter than this are bytes of one message."""

app = typer.Typer(no_args_is_help=True, help="Look into the ZVT protocol.")


def register(app_: typer.Typer) -> None:
    """Add the verbs."""
    app_.add_typer(app, name="zvt")


@app.command("decode")
def decode(
    messages: Annotated[
        list[str] | None,
        typer.Argument(metavar="HEX", show_default=False, help="Messages; else lines of stdin."),
    ] = None,
    serial: Annotated[bool, typer.Option("--serial", help="Frames of a serial line, with CRC.")] = False,
    raw: Annotated[bool, typer.Option("--raw", help="Show card numbers and track data.")] = False,
    stream: Annotated[
        bool, typer.Option("--stream", help="The lines are pieces of a capture, cut anywhere.")
    ] = False,
    dialogue: Annotated[
        bool, typer.Option("--dialogue", help="The lines follow each other: read answers by their command.")
    ] = False,
    charset: Annotated[Charset, typer.Option(help="Character set of printed lines (06 D1).")] = DEFAULT,
    output: OutputOption = None,
) -> None:
    """Print a JSON object for each message; 1 if any is malformed. Card numbers are masked without --raw."""
    from drivers.zvt.analyser import Analyser

    del output  # JSON lines are the one form that `encode` reads back
    analyser = Analyser(serial=serial, raw=raw, dialogue=dialogue, charset=charset)
    lines = _arguments(messages, serial=serial) if messages else _input_lines()
    failed = False
    for found in _stream(analyser, lines) if stream else _each(analyser, lines):
        failed = failed or "error" in found
        _print(json.dumps(found, ensure_ascii=False))
    if failed:
        raise typer.Exit(FAILED)


@app.command("encode")
def encode(
    objects: Annotated[
        list[str] | None,
        typer.Argument(metavar="JSON", show_default=False, help="Objects; else lines of stdin."),
    ] = None,
) -> None:
    """Print the bytes of each JSON object that `decode` prints, as hexadecimal; 1 if any makes no message."""
    from drivers.zvt.analyser import compose

    failed = False
    for number, line in enumerate(objects or _input_lines(), start=1):
        if not line.strip():
            continue
        try:
            text = compose(json.loads(line)).hex().upper()
        except (ZvtError, ValueError, RecursionError) as error:
            failed = True
            sys.stderr.write(f"line {number}: {error}\n")
        else:
            _print(text)
    if failed:
        raise typer.Exit(FAILED)


@app.command("conformance")
def conformance(
    markdown: Annotated[bool, typer.Option("--markdown", help="The table of docs/zvt.md.")] = False,
    output: OutputOption = None,
) -> None:
    """What the ZVT door makes of each command of the standard, and the test that proves it."""
    from agent.pos.register.conformance import TESTS, report, table

    if markdown:
        _print(table().rstrip())
        return
    rows = [
        {
            "command": f"{line.command:04X}",
            "name": line.name,
            "from": "register" if line.from_register else "terminal",
            "support": line.proof.support.value,
            "note": line.proof.note,
            "test": f"{TESTS}/{line.proof.test}",
        }
        for line in report()
    ]
    print_data(rows, output, empty="")


def _print(line: str) -> None:
    """JSON is UTF-8 whatever the screen's encoding: one without umlauts must not end the listing."""
    sys.stdout.buffer.write(line.encode() + b"\n")
    sys.stdout.buffer.flush()


def _input_lines() -> Iterator[str]:
    """Lines of stdin; bytes that are no text become signs that no message has."""
    for line in sys.stdin.buffer:
        yield line.decode("utf-8", errors="replace")


def _arguments(words: list[str], *, serial: bool) -> list[str]:
    """A message an argument, or one message whose bytes are arguments."""
    if serial or any(_digits(word) < SMALLEST_MESSAGE_DIGITS for word in words):
        return [" ".join(words)]
    return words


def _digits(word: str) -> int:
    from drivers.zvt.analyser import read_hex

    try:
        return 2 * len(read_hex(word)[0])
    except DecodeError:
        return SMALLEST_MESSAGE_DIGITS


def _each(analyser: "Analyser", lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        yield from analyser.line(line)


def _stream(analyser: "Analyser", lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    from drivers.zvt.analyser import read_hex

    for line in lines:
        try:
            data, direction = read_hex(line)
        except DecodeError as error:
            yield {"error": error.reason, "position": error.position, "expected": error.expected}
        else:
            yield from analyser.feed(data, direction)
    yield from analyser.finish()

"""Data on stdout: a table for people, JSON or YAML for programs."""

import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any

import typer

from agent.cli.options import Format, current

OutputOption = Annotated[
    Format | None,
    typer.Option("-o", "--output", help="How to print: table, json or yaml.", show_default=False),
]


def chosen(output: Format | str | None = None) -> Format:
    """The format asked for at the verb, else before it, else a table."""
    return current().output if output is None else Format(output)


def print_data(
    data: object,
    output: Format | str | None = None,
    *,
    columns: Sequence[str] = (),
    empty: str = "nothing found",
) -> None:
    """Print to stdout. Tables: a list of mappings has a row each, a mapping has a line for each key.

    `columns` chooses and orders what a table shows; JSON and YAML always show everything. A table without
    rows says `empty` on stderr.
    """
    plain = plainly(data)
    match chosen(output):
        case Format.JSON:
            sys.stdout.write(json.dumps(plain, indent=2, ensure_ascii=False) + "\n")
        case Format.YAML:
            import yaml

            sys.stdout.write(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True))
        case Format.TABLE:
            _print_table(plain, columns, empty)
    sys.stdout.flush()


def plainly(value: object) -> Any:
    """The value as dicts, lists, strings, numbers, booleans and None."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int | float):
        return value
    if isinstance(value, date):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {str(name): plainly(each) for name, each in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((plainly(each) for each in value), key=str)
    if isinstance(value, Sequence):
        return [plainly(each) for each in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plainly(getattr(value, field.name)) for field in dataclasses.fields(value)}
    dump = getattr(value, "model_dump", None)
    return dump(mode="json") if callable(dump) else str(value)


def cell(value: object) -> str:
    """A value in one line of a table."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case dict():
            return " ".join(f"{name}={cell(each)}" for name, each in value.items() if each is not None)
        case list():
            return ", ".join(cell(each) for each in value)
        case _:
            # Nothing from outside may move the cursor of the terminal it is shown on.
            return "".join(letter if letter.isprintable() else " " for letter in str(value))


def _print_table(data: Any, columns: Sequence[str], empty: str) -> None:
    if isinstance(data, dict):
        _print_rows([[name, cell(value)] for name, value in data.items()], [])
        return
    rows = data if isinstance(data, list) else [data]
    if not rows:
        sys.stderr.write(f"{empty}\n")
        return
    if not all(isinstance(row, dict) for row in rows):
        _print_rows([[cell(row)] for row in rows], [])
        return
    names = list(columns) or list(dict.fromkeys(name for row in rows for name in row))
    _print_rows([[cell(row.get(name)) for name in names] for row in rows], names)


def _print_rows(rows: list[list[str]], names: list[str]) -> None:
    titles = [name.replace("_", " ").upper() for name in names]
    if sys.stdout.isatty():
        _print_rich(rows, titles)
        return
    lines = [titles, *rows] if titles else rows
    if not lines:
        return
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    for line in lines:
        padded = [text.ljust(width) for text, width in zip(line, widths, strict=True)]
        sys.stdout.write("  ".join(padded).rstrip() + "\n")


def _print_rich(rows: list[list[str]], titles: list[str]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD if titles else None, show_header=bool(titles), pad_edge=False)
    for title in titles or [""] * len(rows[0] if rows else []):
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*(Text(text) for text in row))
    Console(file=sys.stdout).print(table)

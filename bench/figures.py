"""Figures: how they are taken from samples, judged by their targets, and shown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any


def quantile(samples: Sequence[float], share: float) -> float:
    """The smallest sample that so much of all (0 < share <= 1) do not exceed."""
    if not samples:
        raise ValueError("no samples, no quantile")
    ordered = sorted(samples)
    return ordered[max(0, -(-round(share * len(ordered) * 1e6) // 10**6) - 1)]


def spread(samples: Sequence[float]) -> float:
    """How far the middle half of repeated measurements lies apart, as a share of their median: the noise."""
    middle = quantile(samples, 0.5)
    return (quantile(samples, 0.75) - quantile(samples, 0.25)) / middle if middle else 0.0


@dataclass(frozen=True, slots=True)
class Figure:
    """One number beside what it is compared with. `most` or `least` is the target, if there is one."""

    name: str
    value: float
    unit: str
    beside: float | None = None  # the same of the script, in the same run
    most: float | None = None
    least: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None without one."""
        if self.most is not None:
            return self.value <= self.most
        return None if self.least is None else self.value >= self.least

    @property
    def target(self) -> str:
        """The target in words."""
        if self.most is not None:
            return f"<= {shown(self.most)}"
        return "" if self.least is None else f">= {shown(self.least)}"

    def row(self) -> tuple[str, ...]:
        """As a row of the table."""
        verdict = {True: "met", False: "MISSED", None: ""}[self.met]
        beside = "" if self.beside is None else shown(self.beside)
        return self.name, shown(self.value), beside, self.unit, self.target, verdict, self.note

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "beside": self.beside,
            "target": self.target,
            "met": self.met,
            "note": self.note,
        }


HEAD = ("figure", "tillgate", "beside", "unit", "target", "", "")


def shown(value: float) -> str:
    """Three digits that count, and no more than three behind the point."""
    if value == 0:
        return "0"
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{value:.{digits}f}"


def table(parts: Iterable[tuple[str, Sequence[Figure]]]) -> str:
    """All figures as plain text, columns aligned, a line before each part."""
    sections = [(title, [figure.row() for figure in figures]) for title, figures in parts]
    rows = [HEAD, *(row for _, section in sections for row in section)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = [_line(HEAD, widths)]
    for title, section in sections:
        lines += ["", f"-- {title}", *(_line(row, widths) for row in section)]
    return "\n".join(lines)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        cell.rjust(width) if column in {1, 2} else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()

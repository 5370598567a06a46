"""What the deep tests measured, shown at the end of the run."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Table:
    """Rows under a heading; `str` gives them in columns."""

    title: str
    heads: Sequence[str]
    rows: list[Sequence[object]] = field(default_factory=list)

    def add(self, *cells: object) -> None:
        """One more row."""
        self.rows.append(cells)

    def __str__(self) -> str:
        written = [list(self.heads), *([_text(cell) for cell in row] for row in self.rows)]
        widths = [max(len(row[column]) for row in written) for column in range(len(self.heads))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in written
        ]
        return "\n".join([self.title, *(line.rstrip() for line in lines)])


def _text(cell: object) -> str:
    return f"{cell:.2f}" if isinstance(cell, float) else str(cell)


def quantile(values: Sequence[float], part: float) -> float:
    """The value that `part` of them do not exceed; the nearest that was really measured."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]

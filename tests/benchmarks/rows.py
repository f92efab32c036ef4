"""What a benchmark finds: the rows of the table."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Bar = tuple[Literal["ratio at most", "at most", "at least"], float] | None


@dataclass(frozen=True)
class Unit:
    """How a figure is written: scaled, with so many digits, and a name."""

    name: str
    scale: float = 1.0
    digits: int = 1

    def __call__(self, value: float) -> str:
        return f"{value * self.scale:,.{self.digits}f} {self.name}".rstrip()


MICROSECONDS = Unit("µs", 1e6, 2)
MILLISECONDS = Unit("ms", 1e3)
SECONDS = Unit("s", 1.0, 2)
MEGABYTES = Unit("MB", 1e-6)
POINTS_A_SECOND = Unit("k/s", 1e-3, 0)
A_SECOND = Unit("/s", 1.0, 0)
PERCENT = Unit("%", 100.0, 2)
FILES = Unit("files", 1.0, 0)


@dataclass
class Row:
    """One line: what was done, how long the least that it could take is, and what ModelBox took.

    Attributes:
        work: What was done.
        unit: Of the figures.
        ours: A figure for each round.
        floor: The same, of the floor; empty when there is none.
        against: What the floor is.
        bar: What is to be reached; None for a line that explains another one.
    """

    work: str
    unit: Unit
    ours: Sequence[float]
    floor: Sequence[float] = ()
    against: str = ""
    bar: Bar = None
    benchmark: str = field(default="", compare=False)

    @property
    def median(self) -> float:
        return statistics.median(self.ours)

    @property
    def ratio(self) -> float | None:
        """The median of the rounds' own ratios: what disturbs a whole round disturbs both sides of it."""
        if not self.floor:
            return None
        if len(self.floor) == len(self.ours):
            return statistics.median(a / b for a, b in zip(self.ours, self.floor, strict=True))
        return self.median / statistics.median(self.floor)

    @property
    def reached(self) -> bool | None:
        if self.bar is None:
            return None
        kind, limit = self.bar
        if kind == "ratio at most":
            return self.ratio is not None and self.ratio <= limit
        return self.median <= limit if kind == "at most" else self.median >= limit

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "benchmark": self.benchmark,
            "work": self.work,
            "unit": self.unit.name,
            "scale": self.unit.scale,
            "ours": list(self.ours),
            "floor": list(self.floor),
            "against": self.against,
            "ratio": self.ratio,
            "bar": self.bar,
            "reached": self.reached,
        }


HEADINGS = ("work", "floor", "ModelBox", "ratio", "bar", "reached")


def cells(row: Row) -> tuple[str, ...]:
    """A row as text, in the order of the headings."""
    bar = ""
    if row.bar is not None:
        kind, limit = row.bar
        bar = f"{limit:g}x" if kind == "ratio at most" else f"{'≤' if kind == 'at most' else '≥'} {row.unit(limit)}"
    floor = f"{_figure(row.floor, row.unit)} {row.against}".strip() if row.floor else row.against
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}x"
    reached = "" if row.reached is None else "yes" if row.reached else "NO"
    return row.work, floor, _figure(row.ours, row.unit), ratio, bar, reached


def _figure(values: Sequence[float], unit: Unit) -> str:
    middle = unit(statistics.median(values))
    if len(values) < 2:
        return middle
    low, high = (f"{value * unit.scale:,.{unit.digits}f}" for value in (min(values), max(values)))
    return f"{middle} [{low}-{high}]"


def table(rows: Sequence[Row]) -> str:
    """A Markdown table that is also legible as it is."""
    lines = [HEADINGS, *(cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]

    def text(line: Sequence[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"

    return "\n".join([text(HEADINGS), text(["-" * width for width in widths]), *(text(line) for line in lines[1:])])


def rounds(count: int, floor: Callable[[], float], ours: Callable[[], float]) -> tuple[list[float], list[float]]:
    """The figures of the floor and of ModelBox, taken in turns: A B A B."""
    floors, figures = [], []
    for _ in range(count):
        floors.append(floor())
        figures.append(ours())
    return floors, figures

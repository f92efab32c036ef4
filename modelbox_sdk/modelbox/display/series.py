"""What there is to say about each metric of a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from modelbox.display.sparkline import Dot

if TYPE_CHECKING:
    import pyarrow as pa

    from modelbox import MetricTable

_BUCKETS = 70
"""Stretches of a long series, each drawn by its lowest and its highest point."""


class Series(NamedTuple):
    """One metric.

    Attributes:
        key: Its key.
        points: How many points there are, text and bytes included.
        last: The value of the last point.
        last_step: The step of the last point.
        low: The smallest number; None when there is none.
        high: The largest number; None when there is none.
        dots: Points to draw, a few hundred at most.
    """

    key: str
    points: int
    last: float | str | bytes
    last_step: int
    low: float | None
    high: float | None
    dots: list[Dot]


def series_of(table: MetricTable) -> Iterator[Series]:
    """The metrics of a table, by key."""
    import pyarrow.compute as pc

    arrow = table.to_arrow().combine_chunks()
    start = 0
    for key, points in _runs(arrow):
        run = arrow.slice(start, points)
        start += points
        bounds = pc.min_max(run["value"]).as_py()
        last = run.slice(points - 1).to_pylist()[0]
        value = next((last[name] for name in ("value", "text", "blob") if last.get(name) is not None), float("nan"))
        yield Series(key, points, value, last["step"], bounds["min"], bounds["max"], _dots(run))


def _runs(arrow: pa.Table) -> Iterator[tuple[str, int]]:
    """Keys and how many rows each has: a table is ordered by key."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not len(arrow):
        return
    encoded = pc.run_end_encode(arrow["key"].combine_chunks(), run_end_type=pa.int64())
    start = 0
    for key, end in zip(encoded.values.to_pylist(), encoded.run_ends.to_pylist(), strict=True):
        yield key, end - start
        start = end


def _dots(run: pa.Table) -> list[Dot]:
    import pyarrow.compute as pc

    run = run.select(["step", "value"]).filter(pc.is_valid(run["value"]))
    size = len(run)
    if size <= 4 * _BUCKETS:
        rows = range(size)
    else:
        picked = {0, size - 1}
        for bucket in range(_BUCKETS):
            first, end = bucket * size // _BUCKETS, (bucket + 1) * size // _BUCKETS
            stretch = run["value"].slice(first, end - first)
            bounds = pc.min_max(stretch).as_py()
            picked |= {first + pc.index(stretch, bounds[side]).as_py() for side in ("min", "max")}
        rows = sorted(row for row in picked if row >= 0)  # type: ignore[assignment]
    steps, values = run["step"], run["value"]
    return [Dot(steps[row].as_py(), values[row].as_py()) for row in rows]

"""A table of metric points as HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelbox.display import values
from modelbox.display.card import card, limited
from modelbox.display.markup import Child, Markup, given, number, number_head, table, tag
from modelbox.display.series import series_of
from modelbox.display.sparkline import sparkline

if TYPE_CHECKING:
    import pyarrow as pa

    from modelbox import MetricTable

_END_ROWS = 5
"""Points shown of each end of a table."""


def metrics_html(points: MetricTable) -> str:
    """A summary of each metric, and the first and the last points."""
    fields: list[tuple[str, Child]] = [("points", f"{len(points):,}"), ("metrics", f"{len(points.keys):,}")]
    summary = ("Summary", lambda: summary_table(points, count=True))
    return card("Metrics", points.title, None, fields, [summary, ("Points", lambda: _ends(points.to_arrow()))])


def summary_table(points: MetricTable, *, count: bool) -> Markup | None:
    """The last, the lowest and the highest value of each metric, with its curve; None when there are no points.

    Args:
        points: The metrics.
        count: Also say how many points each has, which a thinned read cannot tell.
    """
    rows: list[list[Child]] = []
    for series in series_of(points):
        counted = [number(f"{series.points:,}")] if count else []
        bounds = [number(values.scalar(bound)) for bound in (series.low, series.high)]
        last = [number(values.point(series.last)), number(series.last_step)]
        rows.append([given(values.shortened(series.key)), sparkline(series.dots), *last, *bounds, *counted])
    if not rows:
        return None
    head = ["", "", *map(number_head, ["last", "at step", "min", "max", *(["points"] if count else [])])]
    return limited(rows, lambda shown: table(head, shown))


def _ends(arrow: pa.Table) -> Markup | None:
    if not len(arrow):
        return None
    left = len(arrow) - 2 * _END_ROWS
    if left <= 0:
        rows = _rows(arrow)
    else:
        between: list[Child] = [tag("td", f"{left:,} points between them", class_="more", colspan=4)]
        rows = [*_rows(arrow.slice(0, _END_ROWS)), between, *_rows(arrow.slice(len(arrow) - _END_ROWS))]
    return table(["key", number_head("step"), "wallclock", number_head("value")], rows)


def _rows(arrow: pa.Table) -> list[list[Child]]:
    rows: list[list[Child]] = []
    for row in arrow.to_pylist():
        value = next((row[name] for name in ("value", "text", "blob") if row.get(name) is not None), float("nan"))
        key = given(values.shortened(row["key"]))
        rows.append([key, number(row["step"]), values.moment(row["wallclock"]), number(values.point(value))])
    return rows

"""Metric tables as HTML, and their small curves."""

from __future__ import annotations

import datetime
import math
import re
from typing import Any

import pyarrow as pa
import pytest

from modelbox.display import metrics_html
from modelbox.display.series import series_of
from modelbox.display.sparkline import Dot, sparkline
from modelbox.objects import MetricTable
from modelbox.points import RESULT_SCHEMA

START = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)


def table_of(points: dict[str, list[Any]], steps: dict[str, list[int]] | None = None) -> MetricTable:
    """A table with these values by key, at steps 0, 1, ... unless others are given."""
    rows = []
    for key in sorted(points, key=str.encode):
        for step, value in zip((steps or {}).get(key, range(len(points[key]))), points[key], strict=True):
            column = {float: "value", str: "text", bytes: "blob"}[type(value)]
            rows.append({"key": key, "step": step, "wallclock": START, column: value})
    return MetricTable(pa.Table.from_pylist(rows, schema=RESULT_SCHEMA), title="run")


def coordinates(svg: str) -> list[tuple[float, float]]:
    found = re.findall(r"(?:[ML]|cx=\")(-?[\d.]+)(?: |\" cy=\")(-?[\d.]+)", svg)
    return [(float(x), float(y)) for x, y in found]


def test_summary_of_each_metric() -> None:
    loss, tags, blob = series_of(table_of({"a": [3.0, 1.0, 2.0], "b": ["x", "y"], "c": [b"12"]}))
    assert (loss.points, loss.last, loss.last_step, loss.low, loss.high) == (3, 2.0, 2, 1.0, 3.0)
    assert (tags.points, tags.last, tags.low, tags.dots) == (2, "y", None, [])
    assert blob.last == b"12"


def test_nan_counts_neither_as_minimum_nor_as_maximum() -> None:
    (series,) = series_of(table_of({"a": [math.nan, 2.0, math.nan, 5.0, math.nan]}))
    assert (series.low, series.high) == (2.0, 5.0)
    assert math.isnan(series.last)  # type: ignore[arg-type]
    (series,) = series_of(table_of({"a": [math.nan]}))
    assert "NaN" in metrics_html(table_of({"a": [math.nan]}))
    assert "<svg" not in metrics_html(table_of({"a": [math.nan]}))


def test_a_long_series_keeps_its_extremes_and_ends() -> None:
    values = [float(i % 97) for i in range(20_000)]
    values[777], values[15_555], values[-1] = -1e6, 1e6, 3.5
    (series,) = series_of(table_of({"a": values}))
    assert len(series.dots) <= 142
    assert {Dot(0, 0.0), Dot(777, -1e6), Dot(15_555, 1e6), Dot(19_999, 3.5)} <= set(series.dots)
    assert series.dots == sorted(series.dots)


@pytest.mark.parametrize("gap", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_a_gap(gap: float) -> None:
    svg = sparkline([Dot(0, 1.0), Dot(1, 2.0), Dot(2, gap), Dot(3, 1.0), Dot(4, 2.0), Dot(5, gap), Dot(6, 1.0)])
    assert svg.count("<path") == 2
    assert svg.count("<circle") == 1


@pytest.mark.parametrize(
    "dots",
    [
        [Dot(0, 1.0)],
        [Dot(0, 5.0), Dot(1, 5.0)],
        [Dot(-(2**63), -1.7e308), Dot(2**63 - 1, 1.7e308)],
        [Dot(0, 1.0), Dot(0, 2.0), Dot(0, 3.0)],
        [Dot(0, 0.0), Dot(1, 5e-324)],
    ],
    ids=["one", "flat", "huge", "no steps", "tiny"],
)
def test_curves_stay_in_their_frame(dots: list[Dot]) -> None:
    found = coordinates(sparkline(dots))
    assert len(found) == len(dots)
    assert all(0 <= x <= 140 and 0 <= y <= 26 for x, y in found)
    assert len({x for x, _ in found}) == len(dots), "points without steps stand side by side"


def test_first_and_last_rows() -> None:
    page = metrics_html(table_of({"loss": [float(i) for i in range(1000)]}))
    assert "990 points between them" in page
    assert "2026-03-01 12:00:00 UTC" in page
    page = metrics_html(table_of({"loss": [1.0, 2.0], "note": ["hello"], "tensor": [bytes(99)]}))
    assert "between them" not in page
    assert "hello" in page
    assert "99 bytes" in page


def test_many_metrics() -> None:
    page = metrics_html(table_of({f"layer{i:03}/norm": [1.0] for i in range(80)}))
    assert "and 30 more" in page


def test_an_empty_table() -> None:
    page = metrics_html(MetricTable(RESULT_SCHEMA.empty_table(), title="run"))
    assert ">0<" in page
    assert "<table" not in page

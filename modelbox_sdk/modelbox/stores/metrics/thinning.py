"""Fewer points of long series, for curves that look the same.

Each series is cut into buckets of equal numbers of points, and each bucket keeps its minimum and its maximum; the first and the
last point of the series are kept too. That is M4 (Jugel, Jerzak, Hackenbroich, Markl: "M4: A Visualization-Oriented Time Series
Data Aggregation", PVLDB 7(10), 2014) without the ends of the inner buckets, which leaves twice as many buckets for as many points
and never loses an extreme.
"""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from modelbox.columns import integers
from modelbox.stores.metrics.order import int64

_AT_ONCE = 1 << 20
"""Rows that are looked at together, so that memory does not grow with the number of series."""


def thin(table: pa.Table, max_points: int) -> pa.Table:
    """At most ``max_points`` points of each key, with the first, the last, the minimum and the maximum of each.

    NaN is no extreme. A bucket without a number, of NaN, text or bytes, keeps one point.

    Args:
        table: Points in order, with keys as a dictionary, the same in all chunks.
        max_points: 4 or more.
    """
    if len(table) <= max_points:  # also a table without chunks, which has no keys to look at
        return table
    runs = _series(table["key"])
    if all(end - start <= max_points for start, end in runs):
        return table
    kept: list[pa.Array] = []
    for first, last in _spans(runs):
        start, end = runs[first][0], runs[last - 1][1]
        values = table["value"].slice(start, end - start).combine_chunks()
        inside = [(low - start, high - start) for low, high in runs[first:last]]
        kept.append(pc.add(_kept_rows(values, inside, max_points), int64(start)))
    return table.take(pa.chunked_array(kept))


def _series(keys: pa.ChunkedArray) -> list[tuple[int, int]]:
    """The first row of each series, and the row after its last."""
    codes = pa.chunked_array([chunk.indices for chunk in keys.chunks]).combine_chunks()
    ends = [0, *pc.run_end_encode(codes, run_end_type=pa.int64()).run_ends.to_pylist()]
    return list(itertools.pairwise(ends))


def _spans(runs: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Neighbouring series with some million rows together, as a range of ``runs``."""
    first = 0
    for i, (_, end) in enumerate(runs):
        if end - runs[first][0] >= _AT_ONCE or i == len(runs) - 1:
            yield first, i + 1
            first = i + 1


def _kept_rows(values: pa.Array, runs: list[tuple[int, int]], max_points: int) -> pa.Array:
    """The rows to keep, sorted."""
    values = pc.if_else(pc.is_nan(values), pa.nulls(1, pa.float64())[0], values)
    valid = pc.is_valid(values)
    starts: list[int] = []
    kept: list[int] = []
    for start, end in runs:
        if end - start <= max_points:
            kept += range(start, end)
            starts.append(start)
            continue
        kept += (start, end - 1)
        numbers = pc.any(valid.slice(start + 1, end - start - 2)).as_py()
        buckets = (max_points - 2) // 2 if numbers else max_points - 2
        inner = end - start - 2
        starts.append(start)
        starts += (start + 1 + -(-bucket * inner // buckets) for bucket in range(buckets))
        starts.append(end - 1)
    # Sorted by bucket and value, a bucket is where it was, and goes from its minimum to its maximum, then come the points that are
    # no numbers. (Grouping would do, but pyarrow's imports pandas.)
    buckets_of_rows = array("q")
    for bucket, (start, end) in enumerate(itertools.pairwise([*starts, len(values)])):
        buckets_of_rows.extend(array("q", [bucket]) * (end - start))
    table = pa.table({"bucket": integers(buckets_of_rows), "value": values})
    order = pc.sort_indices(table, sort_keys=[("bucket", "ascending"), ("value", "ascending")])
    firsts = integers(starts)
    numbers_before = pc.cumulative_sum(valid.cast(pa.int64()))
    before_bucket = pc.subtract(numbers_before, valid.cast(pa.int64())).take(firsts)
    upto_bucket = numbers_before.take(integers([*(start - 1 for start in starts[1:]), len(values) - 1]))
    numbers_in_bucket = pc.max_element_wise(pc.subtract(upto_bucket, before_bucket), int64(1))
    lasts = pc.subtract(pc.add(firsts, numbers_in_bucket), int64(1))
    found = [integers(kept), order.take(firsts).cast(pa.int64()), order.take(lasts).cast(pa.int64())]
    return pc.unique(pa.concat_arrays(found)).sort()

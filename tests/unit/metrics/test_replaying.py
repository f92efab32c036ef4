"""Points in the order of logging, when there are more of them than fit into memory, and from stores of earlier versions."""

from __future__ import annotations

import random

import pytest

from modelbox.stores.files import MemoryFiles
from modelbox.stores.metrics.order import ENCODED_SCHEMA
from modelbox.stores.metrics.parquet import ParquetMetricsStore, merging, replaying
from modelbox.stores.metrics.parquet.segment import Segment
from modelbox.testing.metric_points import NOW_US, batch_of, random_points, rows_of


@pytest.fixture
def store() -> ParquetMetricsStore:
    return ParquetMetricsStore(MemoryFiles())


def test_many_runs_in_files(store: ParquetMetricsStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replaying, "_RUN_BYTES", 1 << 10)
    monkeypatch.setattr(replaying, "_PIECE", 7)
    points = {writer: random_points(random.Random(writer), 300, start_us=NOW_US) for writer in ("a", "b")}
    for start in range(0, 300, 50):
        for writer, own in points.items():
            store.append([batch_of(own[start : start + 50], sequence=start, writer=writer)])
    found: dict[str | None, list[object]] = {}
    for writer, table in store.replay("uid-1", [], lambda _: None):
        found.setdefault(writer, []).extend(rows_of(table))
    assert found == {writer: [point.row() for point in own] for writer, own in points.items()}


def test_a_merge_of_a_release_that_did_not_keep_writers(store: ParquetMetricsStore, monkeypatch: pytest.MonkeyPatch) -> None:
    points = random_points(random.Random(1), 200)

    def without_writers(segment: Segment, writer: str | None) -> object:
        return segment.row_groups()

    def fill(first: int, last: int) -> None:
        for start in range(first, last, 10):
            store.append([batch_of(points[start : start + 10], sequence=start, writer=f"w{start % 20}")])
        store.maintain()

    with monkeypatch.context() as patch:
        patch.setattr(Segment, "authored_row_groups", without_writers)
        patch.setattr(merging, "merged", lambda sources, order: (table for source in sources for table in source))
        fill(0, 100)
    fill(100, 200)
    asked = []

    def since(writer: str | None) -> int | None:
        asked.append(writer)
        return points[59].logged_us if writer is None else None

    found: dict[str | None, list[object]] = {}
    for writer, table in store.replay("uid-1", [], since):
        assert table.schema.names == ENCODED_SCHEMA.names
        found.setdefault(writer, []).extend(rows_of(table))
    early = found.pop(None)
    assert early == [point.row() for point in points[60:100]]
    late = [row for rows in found.values() for row in rows]
    assert sorted(late, key=repr) == sorted((point.row() for point in points[100:]), key=repr)
    assert sorted(asked, key=str) == sorted(set(asked), key=str)

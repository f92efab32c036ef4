"""Damaged segments are noticed, and no more is imported than is needed."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modelbox.errors import CorruptStoreError
from modelbox.points import SCHEMA
from modelbox.records import MetricQuery
from modelbox.stores.files import MemoryFiles, PosixFiles
from modelbox.stores.metrics import ParquetMetricsStore
from modelbox.testing.metric_points import NOW_US, Point, batch_of, random_points, rows_of, series

ALL = MetricQuery(uid="uid-1")
SOME = MetricQuery(uid="uid-1", keys=("loss",), start_step=5)


def one_segment(points: list[Point]) -> tuple[MemoryFiles, str, bytes]:
    files = MemoryFiles()
    ParquetMetricsStore(files).append([batch_of(points, sequence=1)])
    (info,) = files.walk("metrics")
    return files, info.path, files.read(info.path)


def all_by_sql(store: ParquetMetricsStore) -> None:
    with duckdb.connect() as connection:
        store.attach(connection, {"uid-1": "one"}, [])
        connection.sql("SELECT max(key), sum(step), max(wallclock), sum(value), max(text), max(blob) FROM metrics").fetchall()


@pytest.mark.parametrize("constant", [False, True])
def test_every_flipped_byte_is_noticed(constant: bool) -> None:
    points = series([0.5] * 300) if constant else random_points(random.Random(1), 300)
    files, path, good = one_segment(points)
    store = ParquetMetricsStore(files)
    wanted = [(query, rows_of(store.read(query))) for query in (ALL, SOME)]
    for i in range(0, len(good), 3):
        damaged = bytearray(good)
        damaged[i] ^= 1 << random.randrange(8)
        files.write(path, bytes(damaged))
        for query, rows in wanted:
            try:
                assert rows_of(store.read(query)) == rows
                assert i < 4, "only the first bytes, which nobody reads, may differ"
            except CorruptStoreError as error:
                assert path in str(error)  # noqa: PT017


def test_a_truncated_file_is_noticed() -> None:
    files, path, good = one_segment(random_points(random.Random(1), 300))
    store = ParquetMetricsStore(files)
    for length in range(0, len(good), 7):
        files.write(path, good[:length])
        with pytest.raises(CorruptStoreError, match=path):
            store.read(SOME)


def test_something_else_under_the_name_of_a_segment() -> None:
    files, path, _ = one_segment(series([1.0]))
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"a": [1]}), sink)
    files.write(path, sink.getvalue().to_pybytes())
    with pytest.raises(CorruptStoreError, match=path):
        ParquetMetricsStore(files).read(ALL)


def test_a_damaged_file_leaves_other_objects_readable() -> None:
    files, path, good = one_segment(series([1.0]))
    store = ParquetMetricsStore(files)
    store.append([batch_of(series([2.0]), sequence=1, uid="uid-2")])
    files.write(path, good[:-1])
    assert store.read(MetricQuery(uid="uid-2")).num_rows == 1


def test_a_damaged_file_is_noticed_by_sql(tmp_path: Path) -> None:
    files = PosixFiles(tmp_path)
    store = ParquetMetricsStore(files)
    store.append([batch_of(random_points(random.Random(1), 2000), sequence=1)])
    (info,) = files.walk("metrics")
    good = files.read(info.path)
    for place in (len(good) // 3, len(good) // 2, len(good) - 50):
        damaged = bytearray(good)
        damaged[place] ^= 1
        files.write(info.path, bytes(damaged))
        with pytest.raises((duckdb.Error, CorruptStoreError)):
            all_by_sql(store)


def test_a_damaged_source_stops_a_merge_and_loses_nothing(tmp_path: Path) -> None:
    files = PosixFiles(tmp_path)
    store = ParquetMetricsStore(files)
    for i in range(8):
        store.append([batch_of(series([1.0], start_us=NOW_US + i), sequence=i)])
    path = "metrics/uid-1/writer-1.3.parquet"
    good = files.read(path)
    files.write(path, good[:100] + b"!" + good[101:])
    with pytest.raises(CorruptStoreError, match=r"writer-1\.3\.parquet"):
        store.maintain()
    files.write(path, good)
    assert store.read(ALL).num_rows == 8
    store.maintain()
    assert store.read(ALL).num_rows == 8


def test_other_readers_read_segments(tmp_path: Path) -> None:
    """Nothing in a file needs us."""
    store = ParquetMetricsStore(PosixFiles(tmp_path))
    points = series([float(i) for i in range(1000)]) + series(["text", b"blob"], key="other")
    store.append([batch_of(points, sequence=1)])
    (path,) = tmp_path.rglob("*.parquet")
    table = pq.read_table(path)
    assert table.schema.equals(SCHEMA)
    with duckdb.connect() as connection:
        found = connection.sql(f"SELECT count(*), sum(value), max(text), typeof(max(wallclock)) FROM '{path}'").fetchall()
    assert found == [(1002, 499500.0, "text", "TIMESTAMP WITH TIME ZONE")]


def test_what_is_empty_takes_no_space() -> None:
    points = series([random.Random(1).gauss(0, 1) for _ in range(20_000)])
    _, _, content = one_segment(points)
    plain = pa.BufferOutputStream()
    table = batch_of(points, sequence=1).points.select(["key", "step", "wallclock", "value"])
    pq.write_table(table, plain, compression="zstd")
    assert len(content) < plain.getvalue().size


def test_reading_and_writing_import_neither_pandas_nor_duckdb(tmp_path: Path) -> None:
    """``pa.array`` and others import pandas where it is installed, for a second."""
    ParquetMetricsStore(PosixFiles(tmp_path)).append([batch_of(series([1.0] * 100), sequence=1)])
    script = f"""
import sys
from modelbox.records import MetricBatch, MetricQuery, Rewind
from modelbox.stores.files import PosixFiles
from modelbox.stores.metrics import ParquetMetricsStore
assert "pyarrow" not in sys.modules
store = ParquetMetricsStore(PosixFiles({str(tmp_path)!r}))
rewinds = (Rewind(80, 2**60),)
table = store.read(MetricQuery(uid="uid-1", keys=("loss", "x"), start_step=0, end_step=90, max_points=5, rewinds=rewinds))
assert 4 <= len(table) <= 5
import pyarrow.parquet as pq
from modelbox.points import SCHEMA
points = pq.ParquetFile({str(tmp_path)!r} + "/metrics/uid-1/writer-1.1.parquet").read().cast(SCHEMA)
for i in range(8):
    store.append([MetricBatch(object_id="o", uid="u", writer="w", sequence=i, points=points)])
store.maintain()
print([name for name in ("pandas", "duckdb", "fsspec") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_after_a_fork(tmp_path: Path) -> None:
    store = ParquetMetricsStore(PosixFiles(tmp_path))
    store.append([batch_of(series([1.0] * 50_000), sequence=1)])
    assert store.read(ALL).num_rows == 50_000
    child = os.fork()
    if child == 0:
        try:
            store.forget_after_fork()
            store.append([batch_of(series([2.0]), sequence=1, writer="child")])
            os._exit(0 if store.read(ALL).num_rows == 50_001 else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store.read(ALL).num_rows == 50_001

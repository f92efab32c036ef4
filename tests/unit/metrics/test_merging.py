"""Merges that are interrupted, doubled, overtaken: no point is ever lost or seen twice."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from storages import Killed, ObservedFiles, failing_after, killed_after

from modelbox.errors import CorruptStoreError, UnavailableError
from modelbox.records import MetricBatch, MetricQuery
from modelbox.stores.files import MemoryFiles, PosixFiles
from modelbox.stores.metrics import ParquetMetricsStore
from modelbox.stores.metrics.parquet import merging, ordered, segment
from modelbox.stores.metrics.parquet.folder import PointsFolder
from modelbox.stores.metrics.parquet.layout import number_of
from modelbox.testing.metric_points import Point, batch_of, expected, random_points, rows_of, series

ALL = MetricQuery(uid="uid-1")


def small_batches(count: int, *, first: int = 0) -> tuple[list[Point], list[MetricBatch]]:
    points = random_points(random.Random(count), count * 3, start_us=10**15 + first * 3)
    return points, [batch_of(points[i * 3 : i * 3 + 3], sequence=first + i) for i in range(count)]


def copy_of(files: MemoryFiles) -> MemoryFiles:
    copy = MemoryFiles()
    for info in files.walk("metrics"):
        copy.write(info.path, files.read(info.path))
    return copy


def rows(files: MemoryFiles) -> list[tuple[object, ...]]:
    return rows_of(ParquetMetricsStore(files).read(ALL))


def names(files: MemoryFiles) -> list[str]:
    return [info.path.rpartition("/")[2] for info in files.files("metrics/uid-1")]


def run(files: MemoryFiles | ObservedFiles, *, take_over_s: float = 0) -> None:
    """What a background thread does."""
    merging.Merger(take_over_s).run(PointsFolder(files, "uid-1"))


def two_generations() -> tuple[list[Point], MemoryFiles]:
    """A folder in which the next merge consumes the results of earlier ones."""
    files = MemoryFiles()
    store = ParquetMetricsStore(files)
    all_points: list[Point] = []
    for generation in range(2):
        points, batches = small_batches(9, first=generation * 100)
        all_points += points
        store.append(batches)
        if generation == 0:
            run(files)
    return all_points, files


def test_killed_after_any_operation() -> None:
    points, base = two_generations()
    wanted = expected(points, ALL)
    operations = 0
    while True:
        files = copy_of(base)
        try:
            run(killed_after(files, operations))
        except Killed:
            assert rows(files) == wanted, f"after {operations} operations"
            run(files)
            assert rows(files) == wanted, f"resumed after {operations} operations"
            assert len(names(files)) == 1
            operations += 1
        else:
            break
    assert operations > 15


def test_killed_again_while_resuming() -> None:
    points, base = two_generations()
    wanted = expected(points, ALL)
    for first in range(0, 30, 4):
        for second in range(0, 30, 5):
            files = copy_of(base)
            for operations in (first, second):
                with contextlib.suppress(Killed):
                    run(killed_after(files, operations))
                assert rows(files) == wanted, f"after {first} and {second} operations"
            run(files)
            assert rows(files) == wanted
            assert len(names(files)) == 1


def test_another_merger_runs_before_any_operation() -> None:
    """Somebody else merges, and more is logged and merged, between any two operations of a merger."""
    points, base = two_generations()
    more, batches = small_batches(8, first=200)
    wanted = expected(points + more, ALL)
    for operation in range(100):
        files = copy_of(base)
        count = 0

        def interfere(name: str, path: str, operation: int = operation, files: MemoryFiles = files) -> None:
            nonlocal count
            count += 1
            if count == operation + 1:
                run(files)
                assert rows(files) == expected(points, ALL)
                ParquetMetricsStore(files).append(batches)
                run(files)
                assert rows(files) == wanted

        run(ObservedFiles(files, interfere))
        if count <= operation:
            break
        assert rows(files) == wanted, f"interfered before operation {operation}"
        run(files)
        assert rows(files) == wanted
        assert all(number_of(name) for name in names(files))
    else:
        pytest.fail("a merge never came to its end")


def test_reading_while_others_merge_before_any_operation() -> None:
    points, base = two_generations()
    wanted = expected(points, ALL)
    for kill_after in (*range(0, 40, 6), 10**6):
        for operation in range(40):
            files = copy_of(base)
            count = 0

            def interfere(
                name: str, path: str, operation: int = operation, kill: int = kill_after, files: MemoryFiles = files
            ) -> None:
                nonlocal count
                count += 1
                if count == operation + 1:
                    with contextlib.suppress(Killed):
                        run(killed_after(files, kill))

            found = ParquetMetricsStore(ObservedFiles(files, interfere)).read(ALL)
            if count <= operation:
                break
            assert rows_of(found) == wanted, f"a merger killed after {kill_after} ran before operation {operation} of a read"


def test_a_listing_in_the_middle_of_deletions() -> None:
    """A scan of a folder may miss both a result that appears behind it and a source that vanishes before it."""
    points, base = two_generations()
    merged = copy_of(base)
    run(merged)
    torn = 0

    class TornListing(ObservedFiles):
        def files(self, folder: str):  # type: ignore[no-untyped-def]
            nonlocal torn
            found = super().files(folder)
            if folder == "metrics/uid-1" and torn < 3:
                torn += 1
                return [info for info in found if number_of(info.path.rpartition("/")[2]) is None]
            return found

    store = ParquetMetricsStore(TornListing(merged, lambda operation, path: None))
    assert rows_of(store.read(ALL)) == expected(points, ALL)
    assert torn == 3


def test_a_result_that_comes_back_from_the_dead() -> None:
    """A slow executor writes its result again after that was merged into another and deleted."""
    points, files = two_generations()
    slow = {info.path: files.read(info.path) for info in files.walk("metrics")}
    run(files)
    dead = [path for path in slow if not path.endswith(".json") and files.size(path) is None]
    assert any(number_of(path.rpartition("/")[2]) for path in dead)
    for path in dead:
        files.write(path, slow[path])
    assert rows(files) == expected(points, ALL)
    ParquetMetricsStore(files).append(small_batches(9)[1])  # batches that were merged long ago
    assert rows(files) == expected(points, ALL)
    run(files)
    assert rows(files) == expected(points, ALL)
    assert len(names(files)) == 1


def test_an_old_intent_created_again_has_no_effect() -> None:
    """Somebody sleeps from before an intent is created until it is so old that it is deleted, and creates it then."""
    all_points, batches = small_batches(130)
    files = MemoryFiles()
    store = ParquetMetricsStore(files)
    store.append(batches[:20])

    def sleep(name: str, path: str) -> None:
        if name == "create":
            for start in range(20, 130, 10):
                store.append(batches[start : start + 10])
                run(files)
            assert files.size(path) is None, "long deleted"

    run(ObservedFiles(files, sleep))
    assert rows(files) == expected(all_points, ALL)
    run(files)
    assert rows(files) == expected(all_points, ALL)
    assert len(files.files("metrics/uid-1/merge")) <= 9


def test_a_fresh_intent_is_left_to_its_creator() -> None:
    points, files = two_generations()
    operations = 0
    while not any(info.path.endswith("00000002.json") for info in files.walk("metrics")):
        operations += 1
        with pytest.raises(Killed):
            run(killed_after(files, operations))
    before = names(files)
    run(files, take_over_s=60)
    assert names(files) == before
    assert rows(files) == expected(points, ALL)
    run(files, take_over_s=0)
    assert len(names(files)) == 1


def test_a_storage_out_of_reach_is_an_error_and_loses_nothing() -> None:
    points, base = two_generations()
    for operations in range(12):
        files = copy_of(base)
        with pytest.raises(UnavailableError):
            run(failing_after(files, operations))
        with pytest.raises(UnavailableError):
            ParquetMetricsStore(failing_after(files, min(operations, 2))).read(ALL)
        run(files)
        assert rows(files) == expected(points, ALL)


def test_missing_files_are_named() -> None:
    _, files = two_generations()
    run(files)
    (result,) = names(files)
    files.delete(f"metrics/uid-1/{result}")
    with pytest.raises(CorruptStoreError, match=result):
        ParquetMetricsStore(files).read(ALL)


def test_a_long_run_leaves_few_files() -> None:
    """A run that delivers a segment every second."""
    files = MemoryFiles()
    store = ParquetMetricsStore(files)
    most = 0
    for sequence in range(1000):
        store.append([batch_of([Point("k", sequence, 10**15 + sequence, float(sequence))], sequence=sequence)])
        if sequence % 10 == 9:
            store.maintain()
            most = max(most, len(list(files.walk("metrics"))))
    assert most < 50
    assert store.read(ALL)["step"].to_pylist() == list(range(1000))


def test_large_segments_are_merged_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments of several row groups that overlap, with long series."""
    monkeypatch.setattr(ordered, "ROW_GROUP", 500)
    monkeypatch.setattr(segment, "ROW_GROUP", 500)
    files = MemoryFiles()
    store = ParquetMetricsStore(files)
    chance = random.Random(1)
    points = []
    for i in range(8):
        found = [Point(f"k{chance.randrange(3)}", n, 10**15 + i * 10**9 + n, float(n)) for n in range(chance.randrange(3000))]
        points += found
        store.append([batch_of(found, sequence=i)])
    run(files)
    (result,) = names(files)
    groups = pq.ParquetFile(pa.BufferReader(files.read(f"metrics/uid-1/{result}"))).metadata.num_row_groups
    assert groups >= len(points) / 1000
    assert rows(files) == expected(points, ALL)
    chosen = MetricQuery(uid="uid-1", keys=("k1",), start_step=700, end_step=1200)
    assert rows_of(store.read(chosen)) == expected(points, chosen)


def test_blobs_make_small_row_groups() -> None:
    files = MemoryFiles()
    store = ParquetMetricsStore(files)
    points = [Point("k", n, 10**15 + n, bytes([n % 256]) * 100_000) for n in range(240)]
    for i in range(8):
        store.append([batch_of(points[i::8], sequence=i)])
    run(files)
    (result,) = names(files)
    assert pq.ParquetFile(pa.BufferReader(files.read(f"metrics/uid-1/{result}"))).metadata.num_row_groups >= 3
    assert rows(files) == expected(points, ALL)


def test_due_takes_the_lowest_full_tier_and_what_is_below() -> None:
    def due(*sizes: int) -> int:
        files = MemoryFiles()
        for i, size in enumerate(sizes):
            files.write(f"metrics/uid-1/w.{i}.parquet", bytes(size))
        return len(merging.due(PointsFolder(files, "uid-1").snapshot()))

    small, medium, large = merging.SIZES[0] // 2, merging.SIZES[1] // 2, merging.SIZES[2] // 2
    assert due(*[small] * 7) == 0
    assert due(*[small] * 8) == 8
    assert due(*[small] * 7, *[medium] * 7, *[large] * 7) == 0
    assert due(*[small] * 7, *[medium] * 8, *[large] * 7) == 15
    assert due(*[small] * 3, *[large] * 8) == 11
    assert due(*[small] * 5000) == 512


def test_a_folder_of_a_posix_file_system(tmp_path: Path) -> None:
    store = ParquetMetricsStore(PosixFiles(tmp_path), take_over_s=0)
    points = series(float(i) for i in range(300))
    for i in range(100):
        store.append([batch_of(points[i * 3 : i * 3 + 3], sequence=i)])
        store.maintain()
    assert rows_of(store.read(ALL)) == expected(points, ALL)
    assert len(list((tmp_path / "metrics" / "uid-1").glob("*.parquet"))) < 16

"""Reading stored points in a fresh process, and the space that they take."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tests.benchmarks.rows import MEGABYTES, SECONDS, Row, rounds
from tests.benchmarks.running import Scale, size_of
from tests.benchmarks.running import run as run_program

KEY = "layer.01/loss"


def run(scale: Scale) -> Iterable[Row]:
    """A million points in 100 keys, and in 3; stored, closed, and read by processes that know nothing yet."""
    with scale.scratch() as folder:
        id = _store(folder, scale.of(10_000, 50), 100)
        yield from _reads(scale, folder, id)
        yield _bytes(folder, "bytes on disk after `close()`, 100 keys")
    if scale.quick:
        return
    with scale.scratch() as folder:
        _store(folder, 333_334, 3)
        yield _bytes(folder, "bytes on disk after `close()`, 3 keys")


def _store(folder: Path, calls: int, keys: int) -> str:
    said = run_program("log_points", folder / "store", calls, keys, "random").said
    points = run_program("read_points", "tidy", folder / "store", said["id"], folder / "tidy.parquet").said["points"]
    assert points == calls * keys, f"{points} points were stored, of {calls * keys}"
    id: str = said["id"]
    return id


def _reads(scale: Scale, folder: Path, id: str) -> Iterable[Row]:
    tidy = folder / "tidy.parquet"

    def wall(*args: object) -> float:
        return run_program("read_points", *args).wall_s

    for _ in range(scale.of(2, 0)):
        wall("modelbox", folder / "store", id, KEY)  # the first compiles what is not compiled yet
    floors, figures = rounds(
        scale.rounds(9), lambda: wall("duckdb", tidy, KEY), lambda: wall("modelbox", folder / "store", id, KEY)
    )
    yield Row(
        "fresh process, 1 M points stored: one key of 10,000",
        SECONDS,
        figures,
        floors,
        "DuckDB, one tidy Parquet file",
        ("ratio at most", 3),
    )
    floors, figures = rounds(scale.rounds(7), lambda: wall("pyarrow", tidy), lambda: wall("modelbox", folder / "store", id, "*"))
    yield Row(
        "fresh process, 1 M points stored: everything to pandas",
        SECONDS,
        figures,
        floors,
        "`read_table().to_pandas()`",
        ("ratio at most", 2),
    )


def _bytes(folder: Path, work: str) -> Row:
    ours, floor = size_of(folder / "store"), (folder / "tidy.parquet").stat().st_size
    return Row(work, MEGABYTES, [ours], [floor], "the same table, pyarrow, zstd", ("ratio at most", 1.2))

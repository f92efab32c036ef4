"""Artifacts into a folder: one large file, and many small ones."""

from __future__ import annotations

import itertools
import os
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from tests.benchmarks.rows import MEGABYTES, SECONDS, Row, rounds
from tests.benchmarks.running import Finished, Scale, fresh, size_of
from tests.benchmarks.running import run as run_program


def run_large(scale: Scale) -> Iterable[Row]:
    """One file of 1 GiB, twice."""
    size = scale.of(1 << 30, 1 << 20)
    with scale.scratch() as folder:
        source, tiny = folder / "large.bin", folder / "tiny.bin"
        _write_random(source, size)
        tiny.write_bytes(b"x")
        done: list[Finished] = []
        hashed: list[float] = []

        def ours() -> float:
            fresh(folder / "copy")
            os.sync()
            done.append(run_program("upload", folder / "store", source))
            stored = size_of(folder / "store")
            assert size <= stored < size + (1 << 20), f"{stored} bytes are stored for {size}"
            fresh(folder / "store")
            os.sync()
            return float(done[-1].said["first_s"])

        def copied() -> float:
            hashed.append(run_program("hash_file", source).said["hashed_s"])
            os.sync()
            return _copied(source, folder / "copy")

        floors, figures = rounds(scale.rounds(5), copied, ours)
        idle = min(run_program("upload", fresh(folder / "store"), tiny).said["peak"] for _ in range(scale.rounds(3)))
    again = [one.said["again_s"] for one in done]
    extra = [one.said["peak"] - idle for one in done]
    yield Row("artifact of 1 GiB into a folder, hashed", SECONDS, figures, floors, "`cp` + `sync`", ("ratio at most", 1.2))
    yield Row("the same: extra memory", MEGABYTES, extra, bar=("at most", 64e6))
    yield Row("the same content again: no second copy", SECONDS, again, hashed, "read + BLAKE3", ("ratio at most", 1.2))


def run_many(scale: Scale) -> Iterable[Row]:
    """1,000 files of 4 KiB as one artifact."""
    with scale.scratch() as folder:
        source = folder / "many"
        for number in range(scale.of(1000, 20)):
            path = source / f"{number % 10}" / f"{number}.bin"
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_random(path, 4096)
        os.sync()
        # Nothing is deleted between the rounds: ext4 looks for inodes past each one that was deleted in the last seconds.
        number = itertools.count()
        floors, figures = rounds(
            scale.rounds(7),
            lambda: _copied(source, folder / f"copy-{next(number)}"),
            lambda: float(run_program("upload", folder / f"store-{next(number)}", source).said["first_s"]),
        )
    yield Row("1,000 files of 4 KiB as one artifact, hashed", SECONDS, figures, floors, "`cp -r` + `sync -f`", ("at most", 0.3))


def _write_random(path: Path, size: int) -> None:
    with open(path, "wb") as file:
        for first in range(0, size, 1 << 20):
            file.write(os.urandom(min(1 << 20, size - first)))


def _copied(source: Path, target: Path) -> float:
    """The time of a copy and of making it durable: what was written by others meanwhile is not waited for with a single file."""
    began = time.perf_counter()
    subprocess.run(["cp", "-r", source, target], check=True)
    subprocess.run(["sync", *(["-f"] if target.is_dir() else []), target], check=True)
    return time.perf_counter() - began

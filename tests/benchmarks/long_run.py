"""A run of ten hours, without the waiting."""

from __future__ import annotations

from collections.abc import Iterable

from tests.benchmarks.rows import FILES, MEGABYTES, Row
from tests.benchmarks.running import Scale
from tests.benchmarks.running import run as run_program


def run(scale: Scale) -> Iterable[Row]:
    """10 keys every 100 ms, into a folder and into a store that the points are sent to every second."""
    hours = 0.005 if scale.quick else 10.0
    for name in ("a folder", "`memory://`"):
        with scale.scratch() as folder:
            store = folder / "store"
            said = run_program("long_run", *((store, hours, store) if name == "a folder" else ("memory://", hours, "-"))).said
        work = f"10 h of 10 keys every 100 ms, into {name}"
        yield Row(f"{work}: most files at once", FILES, [said["most_files"]], bar=("at most", 99))
        yield Row("the same: files at the end", FILES, [said["files_closed"]])
        growth = said["memory_late"] - said["memory_early"]
        # What memory:// holds is its content: that grows, and is not the writer's.
        yield Row(
            "the same: memory, last quarter above the second",
            MEGABYTES,
            [growth],
            bar=("at most", 10e6) if name == "a folder" else None,
        )

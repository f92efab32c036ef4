"""Points a second, from the first call to the end of ``flush()``, and the memory that it takes."""

from __future__ import annotations

from collections.abc import Iterable

from tests.benchmarks.rows import MEGABYTES, POINTS_A_SECOND, SECONDS, Bar, Row, rounds
from tests.benchmarks.running import Finished, Scale, fresh
from tests.benchmarks.running import run as run_program

FLOOR = "pack_into an mmap, fdatasync"


def run(scale: Scale) -> Iterable[Row]:
    """Wide calls, narrow calls, and ten times as many wide ones for the memory."""
    yield from _rate(scale, "100 scalars a call, 10,000 calls, to the end of `flush()`", 10_000, 100, 1e6)
    yield from _rate(scale, "3 scalars a call, 100,000 calls, to the end of `flush()`", 100_000, 3, 4e5)
    yield from _memory(scale)


def _rate(scale: Scale, work: str, full_calls: int, keys: int, bar: float) -> Iterable[Row]:
    calls = scale.of(full_calls, 50)
    with scale.scratch() as folder:
        done: list[Finished] = []

        def ours() -> float:
            done.append(run_program("log_points", fresh(folder / "store"), calls, keys, "plain"))
            return calls * keys / done[-1].said["flushed_s"]

        def floor() -> float:
            said = run_program("log_points", f"floor:{fresh(folder / 'floor')}", calls, keys, "plain").said
            return calls * keys / said["flushed_s"]

        floors, figures = rounds(scale.rounds(5), floor, ours)
    yield Row(work, POINTS_A_SECOND, figures, floors, FLOOR, ("at least", bar))
    yield Row("the same, to the end of `close()`", SECONDS, [one.said["closed_s"] for one in done])


def _memory(scale: Scale) -> Iterable[Row]:
    for calls, name in ((10_000, "1 M points"), (100_000, "10 M points"))[: scale.of(2, 1)]:
        with scale.scratch() as folder:

            def peak(calls: int) -> tuple[float, float]:
                said = run_program("log_points", fresh(folder / "store"), calls, 100, "plain").said
                return said["peak_flushed"], said["peak"]

            idle = [peak(0)[0] for _ in range(scale.rounds(3))]
            busy = [peak(scale.of(calls, 50)) for _ in range(scale.rounds(3))]
        least = min(idle)
        for at, end in ((0, "flush()"), (1, "close()")):
            extra = [figures[at] - least for figures in busy]
            bar: Bar = ("at most", 150e6) if at == 0 else None  # closing merges what has piled up
            yield Row(f"extra memory for {name}, to the end of `{end}`", MEGABYTES, extra, bar=bar)

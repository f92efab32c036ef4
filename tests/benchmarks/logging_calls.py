"""What one log call costs the training loop."""

from __future__ import annotations

from collections.abc import Iterable

from tests.benchmarks.rows import MICROSECONDS, Row
from tests.benchmarks.running import Scale
from tests.benchmarks.running import run as run_program

FLOOR = "a function that packs the same dict into an mmap, with time_ns"
INLINE = "the bare statement, without a call or a dict"
_PAUSE = 600
"""Turns of an empty loop: some 10 µs, in which the background thread gets its turns too."""


def run(scale: Scale) -> Iterable[Row]:
    """Calls one after another, and calls with other work between them; the delivery thread works all the while."""
    for name, calls, pause in (("in a tight loop", 100_000, 0), ("with 10 µs of other work between", 50_000, _PAUSE)):
        with scale.scratch() as folder:
            said = run_program("latency", folder / "store", scale.rounds(5), scale.of(calls, 500), pause).said
        floor, inline, ours = said["called"], said["inline"], said["ours"]
        yield Row(
            f"`log_metrics` of 3 scalars {name}, p50",
            MICROSECONDS,
            [figures["p50"] for figures in ours],
            [figures["p50"] for figures in floor],
            FLOOR,
            ("ratio at most", 4),
        )
        yield Row(
            "the same, against the statement alone",
            MICROSECONDS,
            [figures["p50"] for figures in ours],
            [figures["p50"] for figures in inline],
            INLINE,
        )
        yield Row(
            "the same, p99",
            MICROSECONDS,
            [figures["p99"] for figures in ours],
            [figures["p99"] for figures in floor],
            FLOOR,
            ("at most", 50e-6),
        )
        yield Row(
            "the same, p99.9",
            MICROSECONDS,
            [figures["p999"] for figures in ours],
            [figures["p999"] for figures in floor],
            FLOOR,
        )

"""How soon another process sees a change, and what waiting for one costs."""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Iterable

from tests.benchmarks.rows import MILLISECONDS, PERCENT, Row
from tests.benchmarks.running import Scale, line_of, start

import modelbox


def run(scale: Scale) -> Iterable[Row]:
    """Changes at random moments, from before the call that makes them to when the watcher has them; then nothing for a while."""
    source = random.Random(3)
    with scale.scratch() as folder, modelbox.ModelBoxClient(folder / "store") as client:
        experiment = client.create_experiment("watched")
        watcher = start("watch", folder / "store")
        try:
            assert line_of(watcher) == "ready"
            gaps = [source.uniform(0.01, 0.35) for _ in range(scale.of(120, 3))]
            latencies = [_latency(watcher, experiment, gap) for gap in gaps]
            idle = _cpu_share(watcher.pid, 0.3 if scale.quick else 12.0)
            late = [_latency(watcher, experiment, 3.0 + gap) for gap in gaps[: scale.of(6, 0)]]
            experiment.update_metadata("sent", "end")
            watcher.wait(30)
        finally:
            watcher.kill()
            watcher.communicate()
    latencies.sort()
    yield Row(
        "`watch` from another process, median of 120 changes", MILLISECONDS, [latencies[len(latencies) // 2]], bar=("at most", 0.1)
    )
    yield Row("the same, p99", MILLISECONDS, [latencies[int(len(latencies) * 0.99)]])
    if late:
        yield Row("the same, a change after 3 s without one", MILLISECONDS, late)
    yield Row("a core's share that an idle `watch` uses, over 12 s", PERCENT, [idle], bar=("at most", 0.02))


def _latency(watcher: subprocess.Popen[str], experiment: modelbox.Experiment, gap_s: float) -> float:
    time.sleep(gap_s)
    experiment.update_metadata("sent", time.monotonic_ns())
    return int(line_of(watcher)) / 1e9


def _cpu_share(pid: int, seconds: float) -> float:
    began, before = time.monotonic(), _cpu_s(pid)
    time.sleep(seconds)
    return (_cpu_s(pid) - before) / (time.monotonic() - began)


def _cpu_s(pid: int) -> float:
    """CPU time of all threads, from the scheduler's own count: the ticks in ``stat`` miss what runs shortly."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat") as stat:
            total += int(stat.read().split()[0])
    return total / 1e9

"""Time single calls: of a bare pack into a mapped file, and of ``log_metrics``. Arguments: store, rounds, calls, pause.

There are two floors. ``called`` gets what ``log_metrics`` gets, a dict and a step, and only packs the values with the time.
``inline`` packs three local variables without a call or a dict: no function that logs can come near to it.
"""

import mmap
import os
import struct
import sys
from array import array
from time import perf_counter_ns, time_ns

from report import report

import modelbox

FORMAT = "<qq3d"
SIZE = struct.calcsize(FORMAT)
VALUES = [(i * 0.7071067811865476, 1.0 / (i + 1), i * 1e-4) for i in range(4096)]


def called(memory, calls, work):
    """What the least logger would cost: the same call, which packs the same values into a mapped file."""
    took = array("q", bytes(8 * calls))
    end, at = len(memory) - SIZE, 0

    def log_metrics(metrics, step):
        struct.pack_into(FORMAT, memory, at, time_ns(), step, *metrics.values())

    for step in range(calls):
        loss, accuracy, rate = VALUES[step & 4095]
        began = perf_counter_ns()
        log_metrics({"loss": loss, "accuracy": accuracy, "rate": rate}, step)
        took[step] = perf_counter_ns() - began
        at = at + SIZE if at < end else 0
        for _ in work:
            pass
    return took


def inline(memory, calls, work):
    """The statement alone."""
    took = array("q", bytes(8 * calls))
    end, at = len(memory) - SIZE, 0
    for step in range(calls):
        loss, accuracy, rate = VALUES[step & 4095]
        began = perf_counter_ns()
        struct.pack_into(FORMAT, memory, at, time_ns(), step, loss, accuracy, rate)
        took[step] = perf_counter_ns() - began
        at = at + SIZE if at < end else 0
        for _ in work:
            pass
    return took


def logged(experiment, calls, work):
    """What a user writes, the dict included."""
    took = array("q", bytes(8 * calls))
    for step in range(calls):
        loss, accuracy, rate = VALUES[step & 4095]
        began = perf_counter_ns()
        experiment.log_metrics({"loss": loss, "accuracy": accuracy, "rate": rate}, step)
        took[step] = perf_counter_ns() - began
        for _ in work:
            pass
    return took


def percentiles(took):
    ordered = sorted(took)
    return {name: ordered[min(len(ordered) - 1, int(len(ordered) * share))] / 1e9 for name, share in SHARES.items()}


SHARES = {"p50": 0.5, "p99": 0.99, "p999": 0.999, "max": 1.0}


def main(store, rounds, calls, pause):
    work = range(int(pause))
    with open(f"{store}.floor", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, 4 << 20)
    with open(f"{store}.floor", "r+b") as file:
        memory = mmap.mmap(file.fileno(), 4 << 20)
    client = modelbox.ModelBoxClient(store)
    experiment = client.create_experiment("calls")
    logged(experiment, 100, work)
    found = {"called": [], "inline": [], "ours": []}
    for _ in range(int(rounds)):
        found["called"].append(percentiles(called(memory, int(calls), work)))
        found["inline"].append(percentiles(inline(memory, int(calls), work)))
        found["ours"].append(percentiles(logged(experiment, int(calls), work)))
    report(**found)
    client.close()


main(*sys.argv[1:])

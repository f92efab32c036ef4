"""Log many points, flush and close. Arguments: store or ``floor:FILE``, calls, keys, ``random`` or ``plain``."""

import sys
import time

from report import peak_bytes, report


def values_of(keys, kind):
    """Some dicts to log in turn; of ``random`` ones no two calls get the same values."""
    names = [f"layer.{number:02d}/loss" for number in range(keys)]
    if kind == "plain":
        return [{name: (row * keys + number) * 0.7071067811865476 for number, name in enumerate(names)} for row in range(64)]
    import random

    source = random.Random(7)
    levels = [source.uniform(0.1, 3.0) for _ in names]

    def rows():
        for step in range(sys.maxsize):
            fading = 1.0 / (1.0 + step * 1e-3)
            yield {name: level * fading + source.gauss(0.0, 0.01) for name, level in zip(names, levels, strict=True)}

    return rows()


def bare(path, calls, keys):
    """The floor: the values packed into mapped files, made durable at the end."""
    import mmap
    import os
    import struct

    form = f"<qq{keys}d"
    size = struct.calcsize(form)
    rows = values_of(keys, "plain")
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    os.posix_fallocate(file, 0, size * calls)
    memory = mmap.mmap(file, size * calls)
    began = time.perf_counter()
    for step in range(calls):
        struct.pack_into(form, memory, step * size, time.time_ns(), step, *rows[step & 63].values())
    os.fdatasync(file)
    report(flushed_s=time.perf_counter() - began, peak=peak_bytes())


def main(store, calls, keys, kind):
    calls, keys = int(calls), int(keys)
    if store.startswith("floor:"):
        bare(store.removeprefix("floor:"), calls, keys)
        return
    import modelbox

    client = modelbox.ModelBoxClient(store)
    experiment = client.create_experiment("points")
    rows = values_of(keys, kind)
    began = time.perf_counter()
    if kind == "plain":
        for step in range(calls):
            experiment.log_metrics(rows[step & 63], step=step)
    else:
        for step, row in zip(range(calls), rows, strict=False):
            experiment.log_metrics(row, step=step)
    logged = time.perf_counter()
    client.flush()
    flushed = time.perf_counter()
    peak_flushed = peak_bytes()
    client.close()
    closed = time.perf_counter()
    report(
        logged_s=logged - began,
        flushed_s=flushed - began,
        closed_s=closed - began,
        peak_flushed=peak_flushed,
        peak=peak_bytes(),
        id=experiment.id,
        pandas="pandas" in sys.modules,
    )


main(*sys.argv[1:])
